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

/** Answers other than the one that is used are counted one by one up to this number. */
const MAX_COUNTED_ANSWERS = 1024;
/** Parts of one answer: 100,000 parts of 192 KiB are 19 GB. */
const MAX_PARTS = 100_000;

/**
 * Decides which of the answers to one request is *the* answer. Parts come in any order, more than once, and of
 * several answers when an agent died. Parts of two answers are never combined: the first answer that is whole wins.
 * What it remembers is bounded: a digest for each part of the answers that may still become whole, later of the winner
 * alone, and the names of `MAX_COUNTED_ANSWERS` others.
 */
export class AnswerAssembly {
  readonly #answers = new Map<string, Staged>();
  /** Answers that can no longer become *the* answer, by name, with the reason. */
  readonly #lost = new Map<string, string>();
  readonly #maxAnswers: number;
  readonly #maxParts: number;
  #winner: string | undefined;
  #repeated = 0;
  #contradiction: string | undefined;

  constructor(options: { readonly maxAnswers: number; readonly maxParts?: number }) {
    this.#maxAnswers = options.maxAnswers;
    this.#maxParts = options.maxParts ?? MAX_PARTS;
  }

  /** The answer that is whole. */
  get winner(): string | undefined {
    return this.#winner;
  }

  /** Parts that came twice. */
  get repeated(): number {
    return this.#repeated;
  }

  /** Answers that will not be used, so far; a lower bound from `MAX_COUNTED_ANSWERS` on. */
  get dropped(): number {
    return this.#lost.size;
  }

  /** Why an answer was given up before one was whole: the latest reason. */
  get contradiction(): string | undefined {
    return this.#contradiction;
  }

  /** Whether the part has to be kept: it is new, and its answer may still become *the* answer. */
  isWanted(header: PartHeader): boolean {
    if (this.#winner !== undefined || this.#lost.has(header.answer)) return false;
    const known = this.#answers.get(header.answer);
    if (known === undefined) return this.#answers.size < this.#maxAnswers;
    return !known.parts.has(header.part);
  }

  accept(header: PartHeader, body: PartBody): PartVerdict {
    const known = this.#answers.get(header.answer);
    const seen = known?.parts.get(header.part);
    if (seen?.sha256.equals(body.sha256) === true) {
      this.#repeated++;
      return { kind: "repeated" };
    }
    if (this.#winner !== undefined) {
      if (header.answer !== this.#winner) this.#lose(header.answer, "another answer is whole");
      return { kind: "late" };
    }
    const lost = this.#lost.get(header.answer);
    if (lost !== undefined) return { kind: "broken", reason: lost };
    const staged = known ?? this.#begin(header.answer);
    if (staged === undefined) {
      return this.#break(header.answer, "too many answers to one request");
    }
    const problem =
      seen !== undefined
        ? "two different parts have one number"
        : addPart(staged, header, body, this.#maxParts);
    if (problem !== undefined) return this.#break(header.answer, problem);
    if (staged.end === undefined || staged.parts.size < staged.end.parts) return { kind: "staged" };
    const wrong = contradiction(staged, staged.end);
    if (wrong !== undefined) return this.#break(header.answer, wrong);
    this.#win(header.answer);
    return { kind: "whole" };
  }

  #begin(answer: string): Staged | undefined {
    if (this.#answers.size >= this.#maxAnswers) return undefined;
    const staged: Staged = { parts: new Map() };
    this.#answers.set(answer, staged);
    return staged;
  }

  #break(answer: string, reason: string): PartVerdict {
    this.#contradiction = reason;
    this.#answers.delete(answer);
    this.#lose(answer, reason);
    return { kind: "broken", reason };
  }

  #win(winner: string): void {
    this.#winner = winner;
    for (const answer of [...this.#answers.keys()]) {
      if (answer === winner) continue;
      this.#answers.delete(answer);
      this.#lose(answer, "another answer is whole");
    }
  }

  #lose(answer: string, reason: string): void {
    if (this.#lost.has(answer) || this.#lost.size >= MAX_COUNTED_ANSWERS) return;
    this.#lost.set(answer, reason);
  }
}

function addPart(
  staged: Staged,
  header: PartHeader,
  body: PartBody,
  maxParts: number,
): string | undefined {
  if (header.part >= maxParts) return `it has more than ${maxParts} parts`;
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
