import { allows, RIGHTS, type Right } from "./access-rule.ts";
import { covers } from "./address.ts";

/** Tokens that one connection may have at a time. */
const MAX_TOKENS = 1_000;

export interface Grant {
  /** As in `Address.path`. */
  readonly path: string;
  readonly rights: readonly Right[];
  /** Milliseconds since 1970 (UTC). */
  readonly expiresAt: number;
}

/** What one connection may use: the tokens it has put, or the rights of a policy after SASL PLAIN with its key. */
export class Access {
  readonly #grants = new Map<string, Grant>();
  #nextExpiry = Number.POSITIVE_INFINITY;
  #authenticated = false;

  /** Replaces what was granted for the same path. False when the connection has too many tokens. */
  grant(grant: Grant): boolean {
    if (!this.#grants.has(grant.path) && this.#grants.size >= MAX_TOKENS) return false;
    this.#authenticated = true;
    this.#grants.set(grant.path, grant);
    this.#nextExpiry = Math.min(this.#nextExpiry, grant.expiresAt);
    return true;
  }

  /** Whether anything was ever granted. */
  get authenticated(): boolean {
    return this.#authenticated;
  }

  /** Forgets the tokens that have expired. False when there were none. */
  expire(now: number): boolean {
    if (now < this.#nextExpiry) return false;
    this.#nextExpiry = Number.POSITIVE_INFINITY;
    for (const [path, { expiresAt }] of this.#grants) {
      if (expiresAt <= now) this.#grants.delete(path);
      else this.#nextExpiry = Math.min(this.#nextExpiry, expiresAt);
    }
    return true;
  }

  /** @param path as in `Address.path`; @param now milliseconds since 1970 (UTC) */
  allows(path: string, right: Right, now: number): boolean {
    for (const grant of this.#grants.values()) {
      if (grant.expiresAt > now && allows(grant.rights, right) && covers(grant.path, path)) {
        return true;
      }
    }
    return false;
  }

  /** Whether anything at all is allowed there. */
  allowsSome(path: string, now: number): boolean {
    return RIGHTS.some((right) => this.allows(path, right, now));
  }
}
