/** Change sequence numbers as OpenLDAP writes them: time in microseconds, count, server, modification. */
export class ChangeSequence {
  readonly #now: () => number;
  #lastMs = 0;
  #count = 0;
  #last = "";

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The last one given; empty before the first. */
  get last(): string {
    return this.#last;
  }

  /** Greater than every one before, as text too, even when the clock stands still or goes back. */
  next(): string {
    const ms = Math.max(this.#now(), this.#lastMs);
    this.#count = ms === this.#lastMs ? this.#count + 1 : 0;
    this.#lastMs = ms;
    const time = new Date(ms).toISOString().replace(/[-:TZ]/g, "");
    this.#last = `${time}000Z#${this.#count.toString(16).padStart(6, "0")}#000#000000`;
    return this.#last;
  }
}

/** The modifyTimestamp that belongs to a CSN. */
export function timestampOf(csn: string): string {
  return `${csn.slice(0, 14)}Z`;
}
