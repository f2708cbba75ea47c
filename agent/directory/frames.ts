import { LdapProtocolError } from "./ber-reading.ts";

/** Takes one whole LDAPMessage: `buffer` from `start` (its tag) to `end`. The bytes are valid during the call only. */
export type FrameSink = (buffer: Buffer, start: number, end: number) => void;

const SEQUENCE = 0x30;
/** Tag, length octet and at most four more. */
const LONGEST_HEADER_BYTES = 6;
/** Pieces of one message that are kept apart; a server that drips single bytes must not cost an object for each. */
const MAX_PIECES = 4096;

/**
 * Cuts a stream of bytes into LDAP messages (RFC 4511 section 5.1: definite lengths only). Bytes of an incomplete
 * message are kept as they came and joined once, when the message is whole, so that a message in a thousand chunks
 * is copied once and not a thousand times.
 */
export class FrameCutter {
  readonly #maxMessageBytes: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Bytes that must be there before another look is of use. */
  #neededBytes = 2;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether a message has begun and not ended. */
  get partial(): boolean {
    return this.#pendingBytes > 0;
  }

  /** @throws LdapProtocolError when the bytes are no LDAP message, or one above the limit */
  push(chunk: Buffer, sink: FrameSink): void {
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes < this.#neededBytes) {
      if (this.#pending.length > MAX_PIECES) this.#pending = [Buffer.concat(this.#pending)];
      return;
    }
    const buffer =
      this.#pending.length === 1 ? chunk : Buffer.concat(this.#pending, this.#pendingBytes);
    let start = 0;
    for (;;) {
      const size = this.#messageBytes(buffer, start);
      if (size === undefined || start + size > buffer.length) {
        this.#neededBytes = size ?? Math.min(buffer.length - start + 1, LONGEST_HEADER_BYTES);
        break;
      }
      sink(buffer, start, start + size);
      start += size;
    }
    this.#pendingBytes = buffer.length - start;
    this.#pending = this.#pendingBytes === 0 ? [] : [buffer.subarray(start)];
  }

  /** Size of the message with its header, or undefined when the header is not all there. */
  #messageBytes(buffer: Buffer, start: number): number | undefined {
    const there = buffer.length - start;
    if (there < 1) return undefined;
    if (buffer[start] !== SEQUENCE) throw new LdapProtocolError("not an LDAP message");
    const first = buffer[start + 1];
    if (first === undefined) return undefined;
    if (first < 0x80) return 2 + first;
    const octets = first & 0x7f;
    if (octets === 0 || octets > 4) throw new LdapProtocolError("length not allowed");
    if (there < 2 + octets) return undefined;
    const length = buffer.readUIntBE(start + 2, octets);
    if (length > this.#maxMessageBytes) {
      throw new LdapProtocolError(
        `message of ${length} bytes is above the limit of ${this.#maxMessageBytes}`,
      );
    }
    return 2 + octets + length;
  }
}
