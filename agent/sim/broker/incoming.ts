import type { AmqpLink } from "./rhea-types.ts";

/** What is kept of a message that is still coming in. */
interface Arrival {
  /** Also of what was cut off. */
  bytes: number;
  /** What it costs to keep. */
  kept: number;
}

/** What a frame costs besides its payload, about. */
const FRAME_BYTES = 128;
const MIN_LIMIT_BYTES = 16 * 1024 * 1024;
const MESSAGES_AT_ONCE = 16;

/** The messages that are coming in on one connection, frame by frame. */
export class Incoming {
  readonly #maxMessageBytes: number;
  readonly #limit: number;
  readonly #arriving = new Map<AmqpLink, Arrival>();
  #kept = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#limit = Math.max(MIN_LIMIT_BYTES, MESSAGES_AT_ONCE * maxMessageBytes);
  }

  /**
   * Counts a frame. False when its message has become too large: what it carries is not to be kept.
   * @throws Error when messages that never end take too much memory
   */
  add(link: AmqpLink, bytes: number): boolean {
    const arrival = this.#arriving.get(link) ?? { bytes: 0, kept: 0 };
    this.#arriving.set(link, arrival);
    arrival.bytes += bytes;
    const fits = arrival.bytes <= this.#maxMessageBytes;
    const cost = FRAME_BYTES + (fits ? bytes : 0);
    arrival.kept += cost;
    this.#kept += cost;
    if (this.#kept > this.#limit) throw new Error("the peer sends messages without an end");
    return fits;
  }

  /** Size in bytes of the message that is now whole, also of what was cut off. */
  take(link: AmqpLink): number {
    const bytes = this.#arriving.get(link)?.bytes ?? 0;
    this.forget(link);
    return bytes;
  }

  forget(link: AmqpLink): void {
    this.#kept -= this.#arriving.get(link)?.kept ?? 0;
    this.#arriving.delete(link);
  }
}
