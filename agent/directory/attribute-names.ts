import { parseAttributeDescription } from "../core/directory-value/attribute-description.ts";

/** What an attribute description (RFC 4512 section 2.5) of a response stands for. */
export interface AttributeName {
  /**
   * Lower case, without `;binary` and without the range. Other options stay (`cn;lang-ja`), so that values in
   * another language are never taken for values of the plain attribute.
   */
  readonly name: string;
  readonly binary: boolean;
  /** MS-ADTS section 3.1.1.3.1.3.3: `member;range=0-1499`; no `high` on the last piece (`1500-*`). */
  readonly range: { readonly low: number; readonly high: number | undefined } | undefined;
}

/** Names kept; a server has some thousand attributes at most, but a hostile one could invent more. */
const MAX_NAMES = 4096;
const SLOTS = 1024;
const RANGE = /^range=(\d{1,9})-(\d{1,9}|\*)$/;

interface Slot extends AttributeName {
  readonly bytes: Buffer;
}

/**
 * Attribute names by their bytes. A listing repeats the same few names a million times; looking them up without
 * making a string of each spares a tenth of its time.
 */
export class AttributeNames {
  readonly #binary: ReadonlySet<string>;
  #slots: (Slot[] | undefined)[] = [];
  #size = 0;

  /** @param binary names whose values are bytes, in any case */
  constructor(binary: Iterable<string>) {
    this.#binary = new Set(Array.from(binary, (name) => name.toLowerCase()));
  }

  lookup(buffer: Buffer, start: number, end: number): AttributeName {
    const hash = hashOf(buffer, start, end);
    const slot = this.#slots[hash];
    if (slot !== undefined) {
      for (const candidate of slot) {
        if (sameBytes(candidate.bytes, buffer, start, end)) return candidate;
      }
    }
    return this.#add(hash, Buffer.from(buffer.subarray(start, end)));
  }

  #add(hash: number, bytes: Buffer): AttributeName {
    if (this.#size >= MAX_NAMES) {
      this.#slots = [];
      this.#size = 0;
    }
    const added: Slot = { bytes, ...this.#parse(bytes.toString("utf8")) };
    // Ranges differ from entry to entry, so that keeping them would be of no use.
    if (added.range !== undefined) return added;
    const slot = this.#slots[hash];
    if (slot === undefined) this.#slots[hash] = [added];
    else slot.push(added);
    this.#size++;
    return added;
  }

  #parse(description: string): AttributeName {
    const { type, options } = parseAttributeDescription(description);
    const name = [type];
    let binary = this.#binary.has(type);
    let range: AttributeName["range"];
    for (const option of options) {
      const match = RANGE.exec(option);
      if (match !== null) {
        const [, low, high] = match;
        range = { low: Number(low), high: high === "*" ? undefined : Number(high) };
      } else if (option === "binary") binary = true;
      else name.push(option);
    }
    return { name: name.join(";"), binary, range };
  }
}

function hashOf(buffer: Buffer, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = (hash * 31 + (buffer[at] as number)) | 0;
  return hash & (SLOTS - 1);
}

function sameBytes(bytes: Buffer, buffer: Buffer, start: number, end: number): boolean {
  if (bytes.length !== end - start) return false;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== buffer[start + at]) return false;
  }
  return true;
}
