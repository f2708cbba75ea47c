import { AnswerAssembly, type PartHeader, type PartVerdict } from "../core/answer-assembly.ts";
import type { Reply, ReplyProgress } from "../ports.ts";
import { inspectPart, parseDocument, unpackPart } from "./part-body.ts";
import type { PartStage, StagedPart } from "./part-stage.ts";

/** Answers to one request that are kept apart. More of them mean that something is badly wrong. */
const MAX_ANSWERS = 16;

/** The answer to one request while its parts come in. */
export class PendingAnswer {
  readonly #assembly = new AnswerAssembly({ maxAnswers: MAX_ANSWERS });
  readonly #stage: PartStage;
  readonly #onProgress: ((progress: ReplyProgress) => void) | undefined;
  readonly #whole: Promise<Reply>;
  /** What the last part of each answer said: it need not be the one that makes the answer whole. */
  readonly #ends = new Map<string, AnswerEnd>();
  #resolve: (reply: Reply) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #parts = 0;
  #items = 0;

  constructor(options: {
    readonly stage: PartStage;
    readonly onProgress?: ((progress: ReplyProgress) => void) | undefined;
  }) {
    this.#stage = options.stage;
    this.#onProgress = options.onProgress;
    this.#whole = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever gave up waiting no longer looks.
    this.#whole.catch(() => undefined);
  }

  /** Settles when an answer is whole. */
  get whole(): Promise<Reply> {
    return this.#whole;
  }

  /** Ends the waiting: the answer cannot be kept. */
  fail(error: Error): void {
    this.#reject(error);
  }

  /**
   * Takes a part; it is staged when this returns.
   * @param headers the response headers that it came with
   * @throws Error when the part is not what it says, or cannot be staged
   */
  async accept(
    header: PartHeader,
    { part, headers }: { readonly part: StagedPart; readonly headers: ReadonlyMap<string, string> },
  ): Promise<PartVerdict> {
    const body = await inspectPart(part);
    if (this.#assembly.winner === undefined) await this.#stage.stage(header, part);
    const verdict = this.#assembly.accept(header, body);
    if (verdict.kind === "staged" || verdict.kind === "whole") {
      this.#parts++;
      this.#items += body.items;
      this.#onProgress?.({ parts: this.#parts, items: this.#items });
    }
    if (header.end !== undefined && this.#ends.size < MAX_ANSWERS) {
      const { status, end } = header;
      this.#ends.set(header.answer, { status, parts: end.parts, headers });
    }
    const end = this.#ends.get(header.answer);
    if (verdict.kind === "whole" && end !== undefined) {
      await this.#stage.clear({ except: header.answer });
      this.#resolve(this.#toReply(header.answer, end));
    }
    return verdict;
  }

  #toReply(answer: string, { status, parts, headers }: AnswerEnd): Reply {
    const stage = this.#stage;
    return {
      status,
      headers,
      parts,
      documents: async function* () {
        for (let part = 0; part < parts; part++) {
          const staged = await stage.read({ answer, part });
          if (staged === undefined) throw new Error(`part ${part} of a whole answer is gone`);
          yield parseDocument(await unpackPart(staged));
        }
      },
      counts: () => ({ repeated: this.#assembly.repeated, dropped: this.#assembly.dropped }),
      release: () => stage.clear(),
    };
  }
}

interface AnswerEnd {
  readonly status: number;
  readonly parts: number;
  readonly headers: ReadonlyMap<string, string>;
}
