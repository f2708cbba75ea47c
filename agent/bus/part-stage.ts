import { AgentError } from "../core/error.ts";

/** A part as it came, compressed or not. */
export interface StagedPart {
  readonly body: Buffer;
  readonly gzip: boolean;
}

export interface PartKey {
  readonly answer: string;
  readonly part: number;
}

/** Which parts are forgotten: those of every answer but one, or of one alone. */
export type StageSelection = { readonly except: string } | { readonly only: string };

/**
 * Where the parts of one request are kept until its answer is whole. A part is settled only after it is staged, so a
 * store that outlives the process loses none. Calls for one request come one after the other, `read` and `clear` too
 * once the answer is whole.
 */
export interface PartStage {
  /**
   * Keeps a part; it is there to be read when this resolves.
   * @throws AgentError, not retryable (`reply.refused`): it will never be kept, and the request fails with it;
   *   anything else: it cannot be kept now, and is delivered again
   */
  stage(key: PartKey, part: StagedPart): Promise<void>;
  read(key: PartKey): Promise<StagedPart | undefined>;
  /** Forgets all parts, or those selected. */
  clear(selection?: StageSelection): Promise<void>;
}

/** Makes the stage of each request; one for the life of a requester. */
export interface PartStaging {
  open(request: { readonly requestId: string; readonly correlationId: string }): PartStage;
  /** Gives up everything that is still kept. */
  close(): Promise<void>;
}

/** Bytes that the parts of one request may take in memory, as they came. */
const MAX_STAGED_BYTES = 512 * 1024 * 1024;

/** Bytes in use, shared by several stages. */
export interface Budget {
  readonly maxBytes: number;
  usedBytes: number;
}

/** Whether `selection` means this answer. */
export function isSelected(answer: string, selection: StageSelection | undefined): boolean {
  if (selection === undefined) return true;
  return "only" in selection ? answer === selection.only : answer !== selection.except;
}

/** Keeps the parts of one request in memory: for a process which has nothing to take up again after it died. */
export class MemoryPartStage implements PartStage {
  readonly #answers = new Map<string, Map<number, StagedPart>>();
  readonly #budget: Budget;

  constructor(budget: Budget = { maxBytes: MAX_STAGED_BYTES, usedBytes: 0 }) {
    this.#budget = budget;
  }

  async stage({ answer, part }: PartKey, staged: StagedPart): Promise<void> {
    const parts = this.#answers.get(answer) ?? new Map<number, StagedPart>();
    const added = staged.body.length - (parts.get(part)?.body.length ?? 0);
    const { maxBytes, usedBytes } = this.#budget;
    if (usedBytes + added > maxBytes) throw tooLarge(maxBytes, "memory");
    this.#answers.set(answer, parts);
    parts.set(part, staged);
    this.#budget.usedBytes += added;
  }

  async read({ answer, part }: PartKey): Promise<StagedPart | undefined> {
    return this.#answers.get(answer)?.get(part);
  }

  async clear(selection?: StageSelection): Promise<void> {
    for (const [answer, parts] of this.#answers) {
      if (!isSelected(answer, selection)) continue;
      for (const { body } of parts.values()) this.#budget.usedBytes -= body.length;
      this.#answers.delete(answer);
    }
  }
}

/** Keeps the parts of all requests in memory, within one limit for all of them together. */
export class MemoryPartStaging implements PartStaging {
  readonly #budget: Budget;

  /** @param options maxBytes: 512 MiB unless given */
  constructor({ maxBytes = MAX_STAGED_BYTES }: { readonly maxBytes?: number } = {}) {
    this.#budget = { maxBytes, usedBytes: 0 };
  }

  /** Bytes of the parts that are kept now. */
  get usedBytes(): number {
    return this.#budget.usedBytes;
  }

  open(): PartStage {
    return new MemoryPartStage(this.#budget);
  }

  async close(): Promise<void> {}
}

/** @param where "memory", or the folder that is full */
export function tooLarge(maxBytes: number, where: string): AgentError {
  const message = `the answers that are waited for have more than ${maxBytes} bytes in ${where}`;
  return new AgentError("reply.refused", message, {
    hint: "ask for fewer attributes or with a narrower filter, or for less at the same time",
  });
}
