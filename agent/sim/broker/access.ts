import { covers } from "./address.ts";

/** Tokens that one connection may put. */
const MAX_TOKENS = 1_000;

/** What one connection may use: the tokens it has put, or everything after SASL PLAIN with the key. */
export class Access {
  readonly #expiries = new Map<string, number>();
  #everything = false;

  grantEverything(): void {
    this.#everything = true;
  }

  /** False when the connection has put too many tokens. */
  grant(path: string, expiresAt: number): boolean {
    if (!this.#expiries.has(path) && this.#expiries.size >= MAX_TOKENS) return false;
    this.#expiries.set(path, expiresAt);
    return true;
  }

  /** Whether anything was ever granted. */
  get authenticated(): boolean {
    return this.#everything || this.#expiries.size > 0;
  }

  /** @param path as in `Address.path`; @param now milliseconds since 1970 (UTC) */
  allows(path: string, now: number): boolean {
    if (this.#everything) return true;
    for (const [granted, expiresAt] of this.#expiries) {
      if (expiresAt > now && covers(granted, path)) return true;
    }
    return false;
  }
}
