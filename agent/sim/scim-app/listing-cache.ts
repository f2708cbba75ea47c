import { badRequest } from "../../core/scim/error.ts";
import type { StoredResource } from "./stored-resource.ts";

/** What a search found, in its order, for as long as somebody pages through it. */
export type Listing = readonly Pick<StoredResource, "id" | "type">[];

interface CachedListing {
  readonly listing: Listing;
  usedAt: number;
}

/** How long after a page the next one may be asked for, in seconds. */
export const CURSOR_TIMEOUT_SECONDS = 600;
/** Resources in all listings together. */
const MAX_HELD = 2_000_000;
const MAX_LISTINGS = 1000;

/** Remembers listings by a number, and forgets the oldest first. */
export class ListingCache {
  readonly #listings = new Map<number, CachedListing>();
  readonly #now: () => Date;
  #held = 0;
  #last = 0;

  constructor(now: () => Date) {
    this.#now = now;
  }

  add(listing: Listing): number {
    const number = ++this.#last;
    const usedAt = this.#now().getTime();
    this.#listings.set(number, { listing, usedAt });
    this.#held += listing.length;
    for (const [oldest, cached] of this.#listings) {
      const crowded = this.#held > MAX_HELD || this.#listings.size > MAX_LISTINGS;
      if (oldest === number || !(crowded || this.#isExpired(cached))) break;
      this.#delete(oldest, cached);
    }
    return number;
  }

  /** @throws ScimError 400 expiredCursor */
  get(number: number): Listing {
    const cached = this.#listings.get(number);
    if (cached === undefined || this.#isExpired(cached)) {
      throw badRequest("expiredCursor", "the cursor has expired: begin again with an empty one");
    }
    cached.usedAt = this.#now().getTime();
    // The oldest stand first.
    this.#listings.delete(number);
    this.#listings.set(number, cached);
    return cached.listing;
  }

  #isExpired({ usedAt }: CachedListing): boolean {
    return this.#now().getTime() - usedAt > CURSOR_TIMEOUT_SECONDS * 1000;
  }

  #delete(number: number, { listing }: CachedListing): void {
    this.#listings.delete(number);
    this.#held -= listing.length;
  }
}
