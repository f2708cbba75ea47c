import type { FaultAction, Moment } from "./fault.ts";
import type { FaultPlan } from "./fault-plan.ts";
import { LINK_DETACH_FORCED, type Refusal, SERVER_BUSY } from "./refusal.ts";

/** What comes next at a moment, and what may come in its place. */
export interface Step {
  readonly go: () => void;
  readonly refuse?: (error: Refusal) => void;
  readonly detach?: (error: Refusal) => void;
  /** It will never be done; frees what was kept for it. */
  readonly skip?: () => void;
  /** Does it once more than is right. */
  readonly twice?: () => void;
  /** Does it while the lock of its message is lost. */
  readonly loseLock?: () => void;
}

/** What a gate can do to its connection. */
export interface WireControls {
  cut(): void;
  cutAll(): void;
  freeze(): void;
  thaw(): void;
  /** Runs work of a later turn; a throw costs the connection. */
  guard(work: () => void): void;
}

interface GateOptions {
  readonly plan: FaultPlan;
  /** Number of the connection. */
  readonly connection: number;
  readonly wire: WireControls;
}

/** Steps that wait to be turned round go on after this long, however many they are. */
const REORDER_MS = 200;

/** Stands between what comes to one connection and what is done about it, so that faults can strike in between. */
export class FaultGate {
  readonly #plan: FaultPlan;
  readonly #connection: number;
  readonly #wire: WireControls;
  #state: "open" | "frozen" | "shut" = "open";
  #held: (() => void)[] = [];
  readonly #turned = new Map<string, (() => void)[]>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor({ plan, connection, wire }: GateOptions) {
    this.#plan = plan;
    this.#connection = connection;
    this.#wire = wire;
  }

  /** Nothing can go wrong now: whoever sees this goes on without asking. */
  get quiet(): boolean {
    return !this.#plan.armed && this.#state === "open";
  }

  pass(moment: Omit<Moment, "connection">, step: Step): void {
    if (this.#state === "shut") return;
    if (this.#state === "frozen") {
      this.#held.push(() => this.pass(moment, step));
      return;
    }
    const action = this.#plan.decide({ ...moment, connection: this.#connection });
    if (action === undefined) step.go();
    else this.#strike(action, moment, step);
  }

  /** @param ms for ever unless given, that is until `thaw()` */
  freeze(ms?: number): void {
    if (this.#state !== "open") return;
    this.#state = "frozen";
    this.#wire.freeze();
    if (ms !== undefined) this.#after(ms, () => this.thaw());
  }

  /** False when it was not frozen. */
  thaw(): boolean {
    if (this.#state !== "frozen") return false;
    this.#state = "open";
    const held = this.#held;
    this.#held = [];
    for (const work of held) this.#later(work);
    // One of them may have frozen or cut it again.
    if (this.#isOpen()) this.#wire.thaw();
    return true;
  }

  /** The connection is gone. */
  shut(): void {
    this.#state = "shut";
    this.#held = [];
    this.#turned.clear();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #isOpen(): boolean {
    return this.#state === "open";
  }

  #strike(action: FaultAction, moment: Omit<Moment, "connection">, step: Step): void {
    switch (action.kind) {
      case "kill":
        this.#wire.cut();
        return;
      case "killAll":
        this.#wire.cutAll();
        return;
      case "freeze":
        this.#held.push(step.go);
        this.freeze(action.ms);
        return;
      case "delay":
        this.#after(action.ms, () => this.#later(step.go));
        return;
      case "drop":
        step.skip?.();
        return;
      case "detachForced":
        step.skip?.();
        step.detach?.(LINK_DETACH_FORCED);
        return;
      case "serverBusy":
        step.refuse?.(SERVER_BUSY);
        return;
      case "refuse":
        step.refuse?.({
          condition: action.condition,
          description: action.description ?? "Refused by an armed fault.",
        });
        return;
      case "reorder":
        this.#turnRound(`${moment.event} ${moment.queue ?? ""}`, step.go, action.window);
        return;
      case "duplicate":
        step.twice?.();
        return;
      case "loseLock":
        step.loseLock?.();
        return;
    }
  }

  #turnRound(lane: string, go: () => void, window: number): void {
    const waiting = this.#turned.get(lane) ?? [];
    waiting.push(go);
    if (waiting.length >= window) {
      this.#turned.delete(lane);
      for (const work of waiting.reverse()) this.#later(work);
      return;
    }
    if (waiting.length > 1) return;
    this.#turned.set(lane, waiting);
    this.#after(REORDER_MS, () => {
      if (this.#turned.get(lane) !== waiting) return;
      this.#turned.delete(lane);
      for (const work of waiting.reverse()) this.#later(work);
    });
  }

  #after(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }

  /** Does what was put off, unless the connection is gone or frozen by now. */
  #later(work: () => void): void {
    if (this.#state === "frozen") this.#held.push(work);
    else if (this.#state === "open") this.#wire.guard(work);
  }
}
