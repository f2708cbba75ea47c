import { ScimError } from "../core/scim/error.ts";
import type { Clock } from "../ports.ts";
import type { Listing } from "./listing.ts";

export interface ListingCacheOptions {
  /** Memory of all listings together, those that are being read included. */
  readonly maxBytes: number;
  /** How long a listing is kept after its last page was asked for. */
  readonly lifetimeMs: number;
  readonly clock: Clock;
}

/** Small listings take more than their text. */
const MAX_LISTINGS = 256;

/** Listings that clients page through. What is too much pushes out the one that was asked for longest ago. */
export class ListingCache {
  readonly #options: ListingCacheOptions;
  /** In the order of their last use. */
  readonly #kept = new Map<string, { readonly listing: Listing; usedAt: number }>();
  #bytes = 0;

  constructor(options: ListingCacheOptions) {
    this.#options = options;
  }

  /** Of kept listings and of those that are being read. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#kept.size;
  }

  /**
   * Appends JSON to a listing that is being read.
   * @throws ScimError 400 tooMany when it alone is too large, 503 when others that are being read leave no room
   */
  append(
    listing: Listing,
    {
      elements,
      problems,
    }: { readonly elements: readonly string[]; readonly problems: readonly string[] },
  ): void {
    const { maxBytes } = this.#options;
    const before = listing.bytes;
    listing.add(elements);
    for (const problem of problems) listing.addProblem(problem);
    this.#bytes += listing.bytes - before;
    while (this.#bytes > maxBytes && this.#evictOldest());
    if (listing.bytes > maxBytes) throw tooMany();
    if (this.#bytes > maxBytes) {
      throw new ScimError(503, "other lists that are being read leave no room for this one");
    }
  }

  /** Gives back the memory of a listing that is not kept. */
  release(listing: Listing): void {
    this.#bytes -= listing.bytes;
  }

  /** Keeps a listing that was read, in place of what had its name. */
  keep(name: string, listing: Listing): void {
    this.drop(name);
    if (this.#kept.size >= MAX_LISTINGS) this.#evictOldest();
    this.#kept.set(name, { listing, usedAt: this.#options.clock.now() });
  }

  /** The listing of this name, which thereby lives on; undefined when it is gone. */
  use(name: string): Listing | undefined {
    const found = this.#kept.get(name);
    if (found === undefined) return undefined;
    const now = this.#options.clock.now();
    if (this.#isOver(found, now)) {
      this.drop(name);
      return undefined;
    }
    found.usedAt = now;
    this.#kept.delete(name);
    this.#kept.set(name, found);
    return found.listing;
  }

  drop(name: string): void {
    const found = this.#kept.get(name);
    if (found === undefined) return;
    this.#kept.delete(name);
    this.release(found.listing);
  }

  /** Gives back what nobody asked for in time. */
  sweep(): void {
    const now = this.#options.clock.now();
    for (const [name, kept] of this.#kept) if (this.#isOver(kept, now)) this.drop(name);
  }

  #isOver({ usedAt }: { readonly usedAt: number }, now: number): boolean {
    return now - usedAt >= this.#options.lifetimeMs;
  }

  #evictOldest(): boolean {
    const [oldest] = this.#kept.keys();
    if (oldest === undefined) return false;
    this.drop(oldest);
    return true;
  }
}

function tooMany(): ScimError {
  return new ScimError(
    400,
    "the list is too large to be kept for paging: narrow the filter, ask for fewer attributes, or ask over the queue with prefer: stream",
    { scimType: "tooMany" },
  );
}
