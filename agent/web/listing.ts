import { Buffer } from "node:buffer";

/** Problems of entries that a listing names; the log has all of them. */
const MAX_PROBLEMS = 100;

/** Of each element, for its place in the chunk. */
const BYTES_PER_ELEMENT = 8;

interface Chunk {
  /** JSON of the elements, with commas between them. */
  readonly json: Buffer;
  /** Where each element ends. */
  readonly ends: readonly number[];
}

/** A whole list as JSON text: pages are cut out of it. */
export class Listing {
  readonly #chunks: Chunk[] = [];
  readonly #problems: string[] = [];
  #total = 0;
  #bytes = 0;

  /** Elements, problems aside. */
  get total(): number {
    return this.#total;
  }

  /** Memory that it takes, nearly. */
  get bytes(): number {
    return this.#bytes;
  }

  /** JSON of entries that could not be mapped. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Appends elements, each as JSON. */
  add(elements: readonly string[]): void {
    if (elements.length === 0) return;
    const json = Buffer.from(elements.join(","), "utf8");
    const ends: number[] = [];
    let end = -1;
    for (const element of elements) {
      end += Buffer.byteLength(element) + 1;
      ends.push(end);
    }
    this.#chunks.push({ json, ends });
    this.#total += elements.length;
    this.#bytes += json.length + ends.length * BYTES_PER_ELEMENT;
  }

  /** Counts elements whose content is not wanted. */
  count(elements: number): void {
    this.#total += elements;
  }

  addProblem(json: string): void {
    if (this.#problems.length >= MAX_PROBLEMS) return;
    this.#problems.push(json);
    this.#bytes += json.length;
  }

  /** JSON of the elements from `offset`, with commas between them. */
  page(offset: number, count: number): readonly Buffer[] {
    const pieces: Buffer[] = [];
    let first = 0;
    for (const { json, ends } of this.#chunks) {
      const from = Math.max(offset - first, 0);
      const to = Math.min(offset + count - first, ends.length);
      first += ends.length;
      if (from >= to) continue;
      if (pieces.length > 0) pieces.push(COMMA);
      // Each element is followed by a comma, which the next one begins after.
      const begin = from === 0 ? 0 : (ends[from - 1] ?? 0) + 1;
      pieces.push(json.subarray(begin, ends[to - 1]));
    }
    return pieces;
  }
}

const COMMA = Buffer.from(",");
