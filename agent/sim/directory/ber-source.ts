/** Bytes that are not BER as LDAP restricts it (RFC 4511 section 5.1). */
export class BerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "BerError";
  }
}

export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const OCTET_STRING = 0x04;
export const ENUMERATED = 0x0a;
export const SEQUENCE = 0x30;
export const SET = 0x31;

/** Lengths above this are refused before they are believed; RFC 4511 knows no number of more than 31 bits. */
const MAX_LENGTH_OCTETS = 4;
const MAX_INTEGER_OCTETS = 4;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface BerHeader {
  readonly tag: number;
  /** Where the contents start. */
  readonly start: number;
  /** How many octets of contents follow. */
  readonly length: number;
}

/**
 * The tag and the length at `offset`, or undefined when more octets are needed to tell.
 * @throws BerError for an indefinite or oversized length
 */
export function readHeader(bytes: Buffer, offset: number, end: number): BerHeader | undefined {
  if (end - offset < 2) return undefined;
  const tag = bytes.readUInt8(offset);
  const first = bytes.readUInt8(offset + 1);
  if (first < 0x80) return { tag, start: offset + 2, length: first };
  const octets = first & 0x7f;
  if (octets === 0) throw new BerError("indefinite length");
  if (octets > MAX_LENGTH_OCTETS) throw new BerError("length of more than four octets");
  if (end - offset - 2 < octets) return undefined;
  return { tag, start: offset + 2 + octets, length: bytes.readUIntBE(offset + 2, octets) };
}

/** Reads the elements of one constructed value, in order, and never past its end. */
export class BerSource {
  readonly #bytes: Buffer;
  readonly #end: number;
  #offset: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#offset >= this.#end;
  }

  /** The tag of the next element, or undefined at the end. */
  get tag(): number | undefined {
    return this.done ? undefined : this.#bytes.readUInt8(this.#offset);
  }

  /** The contents of the next element. @throws BerError when it has another tag or is cut */
  octets(tag: number): Buffer {
    const start = this.#enter(tag);
    return this.#bytes.subarray(start, this.#offset);
  }

  /** @throws BerError also when the octets are not UTF-8 */
  text(tag: number = OCTET_STRING): string {
    return decodeText(this.octets(tag));
  }

  integer(tag: number = INTEGER): number {
    const octets = this.octets(tag);
    if (octets.length === 0 || octets.length > MAX_INTEGER_OCTETS) {
      throw new BerError("integer of no or more than four octets");
    }
    return octets.readIntBE(0, octets.length);
  }

  boolean(tag: number = BOOLEAN): boolean {
    const octets = this.octets(tag);
    if (octets.length !== 1) throw new BerError("boolean of other than one octet");
    return octets.readUInt8(0) !== 0;
  }

  /** The elements inside the next element. */
  inside(tag: number): BerSource {
    const start = this.#enter(tag);
    return new BerSource(this.#bytes, start, this.#offset);
  }

  #enter(tag: number): number {
    const header = readHeader(this.#bytes, this.#offset, this.#end);
    if (header === undefined) throw new BerError("element is cut");
    if (header.tag !== tag) {
      throw new BerError(`expected tag 0x${tag.toString(16)}, found 0x${header.tag.toString(16)}`);
    }
    if (header.length > this.#end - header.start)
      throw new BerError("element is longer than its parent");
    this.#offset = header.start + header.length;
    return header.start;
  }
}

/** @throws BerError when the octets are not UTF-8 */
function decodeText(octets: Uint8Array): string {
  try {
    return UTF8.decode(octets);
  } catch (cause) {
    throw new BerError(`text is not UTF-8 (${String(cause)})`);
  }
}
