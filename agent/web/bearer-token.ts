import { hash, timingSafeEqual } from "node:crypto";
import { AgentError } from "../core/error.ts";
import type { Clock, Log } from "../ports.ts";

/** Guessing 16 characters over HTTP takes longer than anybody lives. */
const MIN_TOKEN_LENGTH = 16;
/** A token that was revoked is let in for so long at most. */
const FRESH_MS = 1_000;

/** RFC 6750 section 2.1, `b64token`. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
/** The scheme in any letter case (RFC 9110 section 11.1). */
const CREDENTIALS = /^bearer +([A-Za-z0-9._~+/-]+=*)[ \t]*$/i;

export interface BearerTokenOptions {
  /** The token as it is now. Asked again and again, so that a rotated one counts without a restart. */
  readonly read: () => Promise<string>;
  readonly clock: Clock;
  readonly log: Log;
}

/** The one token that opens the HTTP face. Only its digest is kept. */
export class BearerToken {
  readonly #options: BearerTokenOptions;
  #digest: Buffer | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #isUnreadable = false;

  constructor(options: BearerTokenOptions) {
    this.#options = options;
  }

  /**
   * Reads the token.
   * @throws AgentError `config.invalid` when it is not there, too short, or cannot stand in a header
   */
  async load(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  /**
   * Whether an `authorization` header holds the token. Answers at once while the token was read a moment ago, and
   * reads it before it refuses one.
   * @throws AgentError as `load`: nobody is let in with a token that cannot be checked
   */
  verify(authorization: string | undefined): boolean | Promise<boolean> {
    const token = CREDENTIALS.exec(authorization ?? "")?.[1];
    if (token === undefined) return false;
    const given = digestOf(token);
    const age = this.#options.clock.now() - this.#readAt;
    if (age >= 0 && age < FRESH_MS && this.#matches(given)) return true;
    return this.#verifyAnew(given);
  }

  async #verifyAnew(given: Buffer): Promise<boolean> {
    try {
      await this.load();
    } catch (error) {
      this.#forget();
      if (!this.#isUnreadable) this.#options.log.error("scim.tokenUnreadable", { error });
      this.#isUnreadable = true;
      throw error;
    }
    this.#isUnreadable = false;
    return this.#matches(given);
  }

  /** Of digests, so that neither time nor length says anything of the token. */
  #matches(given: Buffer): boolean {
    return this.#digest !== undefined && timingSafeEqual(given, this.#digest);
  }

  async #read(): Promise<void> {
    const startedAt = this.#options.clock.now();
    const token = await this.#options.read();
    if (token.length < MIN_TOKEN_LENGTH) {
      throw new AgentError("config.invalid", "scim.token is too short", {
        hint: `take at least ${MIN_TOKEN_LENGTH} random characters: openssl rand -hex 32`,
      });
    }
    if (!TOKEN.test(token)) {
      throw new AgentError("config.invalid", "scim.token cannot stand in an HTTP header", {
        hint: "letters, digits and -._~+/ are what a bearer token is made of: openssl rand -hex 32",
      });
    }
    this.#digest = digestOf(token);
    this.#readAt = startedAt;
  }

  /** Nobody is let in with what can no longer be checked. */
  #forget(): void {
    this.#digest = undefined;
    this.#readAt = Number.NEGATIVE_INFINITY;
  }
}

function digestOf(token: string): Buffer {
  return hash("sha256", token, "buffer");
}
