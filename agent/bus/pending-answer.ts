import { AnswerAssembly, type PartHeader, type PartVerdict } from "../core/answer-assembly.ts";
import type { Reply, ReplyProgress } from "../ports.ts";
import { inspectPart, parseDocument, sha256Of, unpackPart } from "./part-body.ts";
import type { PartStage, StagedPart } from "./part-stage.ts";

/** Answers to one request that are kept apart. More of them mean that something is badly wrong. */
const MAX_ANSWERS = 16;

export interface PendingAnswerOptions {
  readonly stage: PartStage;
  readonly onProgress?: ((progress: ReplyProgress) => void) | undefined;
}

interface ReceivedPart {
  readonly part: StagedPart;
  readonly headers: ReadonlyMap<string, string>;
}

/**
 * The answer to one request while its parts come in. Parts are looked into side by side and then staged one after the
 * other: a part is never written over another one of the same number, and an answer is whole only when all of it is kept.
 */
export class PendingAnswer {
  readonly #assembly = new AnswerAssembly({ maxAnswers: MAX_ANSWERS });
  readonly #stage: PartStage;
  readonly #onProgress: ((progress: ReplyProgress) => void) | undefined;
  readonly #whole: Promise<Reply>;
  /** What the last part of each answer said: it need not be the one that makes the answer whole. */
  readonly #ends = new Map<string, AnswerEnd>();
  #resolve: (reply: Reply) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #isGivenUp = false;
  #parts = 0;
  #items = 0;
  #damage: string | undefined;

  constructor(options: PendingAnswerOptions) {
    this.#stage = options.stage;
    this.#onProgress = options.onProgress;
    this.#whole = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever gave up waiting no longer looks.
    this.#whole.catch(() => undefined);
  }

  /** What it decides by: also says of parts that come later what they are. */
  get assembly(): AnswerAssembly {
    return this.#assembly;
  }

  /** Settles when an answer is whole. */
  get whole(): Promise<Reply> {
    return this.#whole;
  }

  /** What has come of all answers together. */
  get progress(): ReplyProgress {
    return { parts: this.#parts, items: this.#items };
  }

  /** Why an answer that came cannot be used, when one cannot; nothing of its content. */
  get damage(): string | undefined {
    return this.#damage ?? this.#assembly.contradiction;
  }

  /** Remembers that a part could not be read: its answer will not be whole. */
  noteDamage(problem: string): void {
    this.#damage = problem;
  }

  /** Ends the waiting: the answer cannot be kept. */
  fail(error: Error): void {
    this.#reject(error);
  }

  /** Forgets everything; parts that still come are dropped. */
  async giveUp(): Promise<void> {
    this.#isGivenUp = true;
    await this.#turn;
    await this.#stage.clear();
  }

  /**
   * Takes a part; it is staged when this returns.
   * @param received with the response headers that it came with
   * @throws PartUnreadableError when the part is not what it says; what the stage throws when it cannot be kept
   */
  async accept(header: PartHeader, received: ReceivedPart): Promise<PartVerdict> {
    // It only has to be told from one that was seen; what it holds is of no use any more.
    if (this.#assembly.winner !== undefined) {
      return this.#assembly.accept(header, { sha256: sha256Of(received.part.body), items: 0 });
    }
    const body = await inspectPart(received.part);
    const turn = this.#turn.then(() => this.#take(header, { ...received, body }));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #take(
    header: PartHeader,
    {
      part,
      headers,
      body,
    }: ReceivedPart & { readonly body: Parameters<AnswerAssembly["accept"]>[1] },
  ): Promise<PartVerdict> {
    if (this.#isGivenUp) return { kind: "late" };
    const { answer, status, end } = header;
    if (this.#assembly.isWanted(header)) {
      await this.#stage.stage(header, part);
      if (end !== undefined) this.#ends.set(answer, { status, parts: end.parts, headers });
    }
    const verdict = this.#assembly.accept(header, body);
    if (verdict.kind === "broken") {
      this.#ends.delete(answer);
      await this.#stage.clear({ only: answer });
    }
    if (verdict.kind !== "staged" && verdict.kind !== "whole") return verdict;
    this.#parts++;
    this.#items += body.items;
    this.#tellProgress();
    const known = this.#ends.get(answer);
    if (verdict.kind === "whole" && known !== undefined) {
      this.#ends.clear();
      // What is left of the others goes with the answer.
      await this.#stage.clear({ except: answer }).catch(() => undefined);
      this.#resolve(this.#toReply(answer, known));
    }
    return verdict;
  }

  #tellProgress(): void {
    try {
      this.#onProgress?.(this.progress);
    } catch (error) {
      this.#reject(error);
    }
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
