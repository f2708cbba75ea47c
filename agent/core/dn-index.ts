import { hash } from "node:crypto";
import { dnKey } from "./dn.ts";

/** Words (32 bits) of a slot: 4 of the hash, 4 of the id. */
const SLOT_WORDS = 8;
/** 2 KB: most answers refer to a few entries, and each has an index of its own. */
const FIRST_SLOTS = 64;
/** Share of filled slots above which the table grows. */
const MAX_LOAD = 0.75;
/** Half of the slots are filled after the table grew: at 32 bytes a slot, an entry takes 64 bytes at most. */
const GROWTH = 1.5;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Ids by DN, for resolving references while a directory is listed. It is the one structure that may grow with the
 * directory: an entry costs 32 bytes for the first 128 bits of the SHA-256 of its `dnKey` and its id, times the
 * free slots of the table. It forgets nothing and refuses to grow past `limit` entries; what it does not hold is
 * looked up in the directory instead.
 */
export class DnIndex {
  readonly #limit: number;
  #table = new Uint32Array(FIRST_SLOTS * SLOT_WORDS);
  #slots = FIRST_SLOTS;
  #size = 0;

  constructor({ limit }: { readonly limit: number }) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes that the table takes. */
  get bytes(): number {
    return this.#table.byteLength;
  }

  /** Remembers the id of an entry; an id that is no UUID, or one entry too many, is left out. */
  add(dn: string, id: string): void {
    if (this.#size >= this.#limit || !UUID.test(id)) return;
    if (this.#size + 1 > this.#slots * MAX_LOAD) this.#grow();
    const slot = new Uint32Array(SLOT_WORDS);
    slot.set(hashOf(dn));
    const hex = id.replaceAll("-", "");
    for (let word = 0; word < 4; word++) {
      slot[4 + word] = Number.parseInt(hex.slice(word * 8, word * 8 + 8), 16);
    }
    if (this.#put(slot)) this.#size++;
  }

  get(dn: string): string | undefined {
    const at = this.#find(hashOf(dn));
    if (!this.#isFilled(at)) return undefined;
    let hex = "";
    for (let word = 4; word < SLOT_WORDS; word++) {
      hex += (this.#table[at + word] ?? 0).toString(16).padStart(8, "0");
    }
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** Offset of the slot with this hash, or of the free one where it belongs (linear probing). */
  #find(hash: Uint32Array): number {
    let slot = (hash[0] ?? 0) % this.#slots;
    for (;;) {
      const at = slot * SLOT_WORDS;
      if (!this.#isFilled(at) || this.#isHash(at, hash)) return at;
      slot = (slot + 1) % this.#slots;
    }
  }

  #isHash(at: number, hash: Uint32Array): boolean {
    const table = this.#table;
    for (let word = 0; word < 4; word++) if (table[at + word] !== hash[word]) return false;
    return true;
  }

  /** `hashOf` never gives a first word of zero. */
  #isFilled(at: number): boolean {
    return this.#table[at] !== 0;
  }

  #put(slot: Uint32Array): boolean {
    const at = this.#find(slot);
    const isNew = !this.#isFilled(at);
    this.#table.set(slot, at);
    return isNew;
  }

  #grow(): void {
    const old = this.#table;
    this.#slots = Math.floor(this.#slots * GROWTH);
    this.#table = new Uint32Array(this.#slots * SLOT_WORDS);
    for (let at = 0; at < old.length; at += SLOT_WORDS) {
      if (old[at] !== 0) this.#put(old.subarray(at, at + SLOT_WORDS));
    }
  }
}

/** A cryptographic hash, since whoever may name entries could otherwise make two of them collide. */
function hashOf(dn: string): Uint32Array {
  const digest = hash("sha256", dnKey(dn), "buffer");
  const words = new Uint32Array(4);
  for (let word = 0; word < 4; word++) words[word] = digest.readUInt32LE(word * 4);
  if (words[0] === 0) words[0] = 1;
  return words;
}
