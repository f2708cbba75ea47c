import { AgentError } from "../core/error.ts";

/** A part as it came, compressed or not. */
export interface StagedPart {
  readonly body: Buffer;
  readonly gzip: boolean;
}

/**
 * Where parts are kept until their answer is whole. A part is settled only after it is staged, so a store that
 * outlives the process loses none.
 */
export interface PartStage {
  /** @throws AgentError when it cannot be kept; the part is then delivered again */
  stage(key: { readonly answer: string; readonly part: number }, part: StagedPart): Promise<void>;
  read(key: { readonly answer: string; readonly part: number }): Promise<StagedPart | undefined>;
  /** Forgets all parts, or those of every answer but one. */
  clear(options?: { readonly except: string }): Promise<void>;
}

/** Bytes that the parts of one request may take in memory, as they came. */
const MAX_STAGED_BYTES = 512 * 1024 * 1024;

/** Keeps the parts of one request in memory: for a command, which has nothing to take up again after it died. */
export class MemoryPartStage implements PartStage {
  readonly #answers = new Map<string, Map<number, StagedPart>>();
  #bytes = 0;

  async stage(
    { answer, part }: { readonly answer: string; readonly part: number },
    staged: StagedPart,
  ): Promise<void> {
    const parts = this.#answers.get(answer) ?? new Map<number, StagedPart>();
    const added = staged.body.length - (parts.get(part)?.body.length ?? 0);
    if (this.#bytes + added > MAX_STAGED_BYTES) {
      throw new AgentError("reply.refused", `the answer has more than ${MAX_STAGED_BYTES} bytes`, {
        hint: "ask for fewer attributes or with a narrower filter",
      });
    }
    this.#answers.set(answer, parts);
    parts.set(part, staged);
    this.#bytes += added;
  }

  async read({ answer, part }: { readonly answer: string; readonly part: number }) {
    return this.#answers.get(answer)?.get(part);
  }

  async clear({ except }: { readonly except?: string } = {}): Promise<void> {
    for (const [answer, parts] of this.#answers) {
      if (answer === except) continue;
      for (const { body } of parts.values()) this.#bytes -= body.length;
      this.#answers.delete(answer);
    }
  }
}
