import type { DefectName } from "./defects.ts";
import type { FaultPlan } from "./fault-plan.ts";

/** What befalls one request. */
export interface Fault {
  /** Milliseconds to wait before it is carried out; 0 for none. */
  readonly delayMs: number;
  /** To be answered instead of carrying it out. */
  readonly status: number | undefined;
  /** When to cut the connection, if at all. */
  readonly cut: "before" | "after" | undefined;
}

const UINT32 = 2 ** 32;

/** Draws what befalls each request, as a plan has it. */
export class Faults {
  readonly #plan: FaultPlan;
  #state: number;

  constructor(plan: FaultPlan) {
    this.#plan = plan;
    this.#state = plan.seed | 0;
  }

  /** What is wrong with every answer. */
  get defects(): readonly DefectName[] {
    return this.#plan.defects ?? [];
  }

  /** One number is drawn for each rule, so that none of them depends on what another one does. */
  next(): Fault {
    let delayMs = 0;
    let status: number | undefined;
    let cut: Fault["cut"];
    for (const rule of this.#plan.rules) {
      if (this.#draw() >= rule.probability) continue;
      if (rule.kind === "slow") delayMs += rule.ms;
      else if (rule.kind === "status") status ??= rule.status;
      else cut ??= rule.kind === "drop" ? "before" : "after";
    }
    return { delayMs, status, cut };
  }

  /** In [0, 1), as mulberry32 has it. */
  #draw(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / UINT32;
  }
}
