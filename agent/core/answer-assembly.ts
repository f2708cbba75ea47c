import { createHash } from "node:crypto";

/** What the properties of a reply part say (DESIGN section 4). */
export interface PartHeader {
  /** A GUID for each time that the request was answered. */
  readonly answer: string;
  /** From 0. */
  readonly part: number;
  /** Status of the answer as far as this part knows; the last part's is the answer's. */
  readonly status: number;
  /** Only the last part has it. */
  readonly end?: {
    readonly parts: number;
    readonly items: number;
    /** As `digestOf` makes it. */
    readonly digest: string;
  };
}

/** What a part's body turned out to be. */
export interface PartBody {
  /** SHA-256 of the bytes as they were sent. */
  readonly sha256: Buffer;
  /** Elements of its `Resources`; 0 when it has none. */
  readonly items: number;
}

export type PartVerdict =
  /** New, and not the last that was missing. */
  | { readonly kind: "staged" }
  /** The answer is whole with this part: it is *the* answer. */
  | { readonly kind: "whole" }
  /** The same part of the same answer again. */
  | { readonly kind: "repeated" }
  /** Of another answer than the one that is whole already. */
  | { readonly kind: "late" }
  /** Its answer contradicts itself and can never be whole. */
  | { readonly kind: "broken"; readonly reason: string };

interface Staged {
  readonly parts: Map<number, PartBody>;
  end?: NonNullable<PartHeader["end"]>;
  broken?: string | undefined;
}

/**
 * Digest of an answer: SHA-256, in hex, over the SHA-256 digests (32 bytes each) of its parts' bodies as they were
 * sent, in the order of the parts.
 */
export function digestOf(bodies: Iterable<Pick<PartBody, "sha256">>): string {
  const hash = createHash("sha256");
  for (const { sha256 } of bodies) hash.update(sha256);
  return hash.digest("hex");
}

/**
 * Decides which of the answers to one request is *the* answer. Parts come in any order, more than once, and of
 * several answers when an agent died. Parts of two answers are never combined: the first answer that is whole wins.
 */
export class AnswerAssembly {
  readonly #answers = new Map<string, Staged>();
  readonly #maxAnswers: number;
  #winner: string | undefined;
  #dropped = 0;
  #repeated = 0;

  constructor(options: { readonly maxAnswers: number }) {
    this.#maxAnswers = options.maxAnswers;
  }

  /** The answer that is whole. */
  get winner(): string | undefined {
    return this.#winner;
  }

  /** Parts that came twice. */
  get repeated(): number {
    return this.#repeated;
  }

  /** Answers that will not be used, so far. */
  get dropped(): number {
    const losers = this.#winner === undefined ? 0 : this.#answers.size - 1;
    return losers + this.#dropped;
  }

  accept(header: PartHeader, body: PartBody): PartVerdict {
    const known = this.#answers.get(header.answer);
    const seen = known?.parts.get(header.part);
    if (seen?.sha256.equals(body.sha256) === true) {
      this.#repeated++;
      return { kind: "repeated" };
    }
    if (this.#winner !== undefined) {
      if (known === undefined && this.#answers.size < this.#maxAnswers) {
        this.#answers.set(header.answer, { parts: new Map() });
      }
      return { kind: "late" };
    }
    const staged = known ?? this.#begin(header.answer);
    if (staged === undefined) return { kind: "broken", reason: "too many answers to one request" };
    if (staged.broken !== undefined) return { kind: "broken", reason: staged.broken };
    const problem =
      seen !== undefined ? "two different parts have one number" : addPart(staged, header, body);
    if (problem !== undefined) {
      staged.broken = problem;
      return { kind: "broken", reason: problem };
    }
    if (staged.end === undefined || staged.parts.size < staged.end.parts) return { kind: "staged" };
    staged.broken = contradiction(staged, staged.end);
    if (staged.broken !== undefined) return { kind: "broken", reason: staged.broken };
    this.#winner = header.answer;
    return { kind: "whole" };
  }

  #begin(answer: string): Staged | undefined {
    if (this.#answers.size >= this.#maxAnswers) {
      this.#dropped++;
      return undefined;
    }
    const staged: Staged = { parts: new Map() };
    this.#answers.set(answer, staged);
    return staged;
  }
}

function addPart(staged: Staged, header: PartHeader, body: PartBody): string | undefined {
  if (header.end !== undefined) {
    if (staged.end !== undefined) return "it has two last parts";
    if (header.end.parts !== header.part + 1)
      return "its last part is not the one with the highest number";
    staged.end = header.end;
  }
  staged.parts.set(header.part, body);
  const end = staged.end;
  if (end === undefined) return undefined;
  for (const part of staged.parts.keys())
    if (part >= end.parts) return "it has parts after its last one";
  return undefined;
}

function contradiction(staged: Staged, end: NonNullable<PartHeader["end"]>): string | undefined {
  const bodies = [...staged.parts].sort(([a], [b]) => a - b).map(([, body]) => body);
  if (digestOf(bodies) !== end.digest) return "its digest is wrong";
  const items = bodies.reduce((sum, body) => sum + body.items, 0);
  return items === end.items ? undefined : "it has another number of items than it says";
}
