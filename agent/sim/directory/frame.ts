import { BerError, readHeader, SEQUENCE } from "./ber-source.ts";

/** A message above this is refused and its connection closed. slapd takes 16 MiB of an authenticated client too. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** Longest header: tag, length of length, four octets. */
const MAX_HEADER_BYTES = 6;

/** Cuts the octets of a connection into messages, however they arrive. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Octets that must be there before it is worth looking again. */
  #needed = 2;

  /**
   * The messages that are complete now.
   * @throws BerError when what came is no LDAP message, or one larger than `MAX_MESSAGE_BYTES`
   */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const frames: Buffer[] = [];
    // The first octets are judged as soon as they are there: garbage may never be followed by more.
    if (this.#bytes < this.#needed) return frames;
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#bytes);
    let offset = 0;
    for (;;) {
      if (offset < bytes.length && bytes[offset] !== SEQUENCE)
        throw new BerError("not an LDAP message");
      const header = readHeader(bytes, offset, bytes.length);
      if (header === undefined) {
        this.#needed = Math.min(bytes.length - offset + 1, MAX_HEADER_BYTES);
        break;
      }
      const end = header.start + header.length;
      if (end - offset > MAX_MESSAGE_BYTES) throw new BerError("message too large");
      if (end > bytes.length) {
        this.#needed = end - offset;
        break;
      }
      frames.push(bytes.subarray(offset, end));
      offset = end;
    }
    this.#chunks = offset === bytes.length ? [] : [bytes.subarray(offset)];
    this.#bytes = bytes.length - offset;
    return frames;
  }
}
