import { BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING } from "./ber-source.ts";

const INITIAL_BYTES = 64 * 1024;

/**
 * Writes BER from the end to the start, so that every length is known when it is written and nothing is moved.
 * What comes last in the message is therefore written first:
 * ```
 * const mark = sink.mark;
 * sink.octets("second"); sink.octets("first");
 * sink.wrap(SEQUENCE, mark);
 * ```
 */
export class BerSink {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #start = INITIAL_BYTES;

  /** Octets written so far; the argument of `wrap`. */
  get mark(): number {
    return this.#bytes.length - this.#start;
  }

  octets(value: string | Uint8Array, tag: number = OCTET_STRING): void {
    const length = typeof value === "string" ? Buffer.byteLength(value) : value.length;
    this.#reserve(length);
    this.#start -= length;
    if (typeof value === "string") this.#bytes.write(value, this.#start);
    else this.#bytes.set(value, this.#start);
    this.#header(tag, length);
  }

  boolean(value: boolean, tag: number = BOOLEAN): void {
    this.#byte(value ? 0xff : 0);
    this.#header(tag, 1);
  }

  /** Any integer of 32 bits, two's complement in the fewest octets (X.690 section 8.3). */
  integer(value: number, tag: number = INTEGER): void {
    let rest = value;
    let length = 0;
    do {
      this.#byte(rest & 0xff);
      rest >>= 8;
      length += 1;
    } while (!(rest === 0 && this.#first < 0x80) && !(rest === -1 && this.#first >= 0x80));
    this.#header(tag, length);
  }

  enumerated(value: number): void {
    this.integer(value, ENUMERATED);
  }

  /** Puts everything written since `mark` into an element. */
  wrap(tag: number, mark: number): void {
    this.#header(tag, this.mark - mark);
  }

  /** A copy of what was written; the sink is empty afterwards. */
  take(): Buffer {
    const message = Buffer.from(this.#bytes.subarray(this.#start));
    this.#start = this.#bytes.length;
    return message;
  }

  get #first(): number {
    return this.#bytes.readUInt8(this.#start);
  }

  #header(tag: number, length: number): void {
    if (length < 0x80) {
      this.#byte(length);
    } else {
      let octets = 0;
      for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) {
        this.#byte(rest % 256);
        octets += 1;
      }
      this.#byte(0x80 | octets);
    }
    this.#byte(tag);
  }

  #byte(value: number): void {
    if (this.#start === 0) this.#reserve(1);
    this.#start -= 1;
    this.#bytes[this.#start] = value;
  }

  #reserve(length: number): void {
    if (this.#start >= length) return;
    const used = this.mark;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, used + length));
    this.#bytes.copy(grown, grown.length - used, this.#start);
    this.#start = grown.length - used;
    this.#bytes = grown;
  }
}
