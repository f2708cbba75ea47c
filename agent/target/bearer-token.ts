import { AgentError } from "../core/error.ts";
import type { Clock } from "../ports.ts";

/** How long a token is used before it is asked for again, so that a rotated one is found without a refusal. */
const MAX_AGE_MS = 30_000;
/** The token68 of RFC 9110 section 11.2, and whatever else fits into a header. */
const FITS_HEADER = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** @returns undefined for a target that takes requests without a token */
export type ReadToken = () => Promise<string | undefined>;

/** The token that requests go out with. */
export class BearerToken {
  readonly #read: ReadToken;
  readonly #clock: Clock;
  #value: string | undefined;
  #readAt: number | undefined;

  constructor(read: ReadToken, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  /**
   * @param refused the token that the target just refused, to get another one if there is one
   * @throws AgentError `config.invalid` for a token that fits no header; what reading it throws
   */
  async current(refused?: string): Promise<string | undefined> {
    const isFresh = this.#readAt !== undefined && this.#clock.now() - this.#readAt < MAX_AGE_MS;
    if (isFresh && (refused === undefined || refused !== this.#value)) return this.#value;
    const value = await this.#read();
    if (value !== undefined && !FITS_HEADER.test(value)) {
      throw new AgentError(
        "config.invalid",
        "the target's token holds characters that no header has",
        {
          hint: "a line break inside, or a file that is no token",
        },
      );
    }
    this.#value = value;
    this.#readAt = this.#clock.now();
    return value;
  }
}
