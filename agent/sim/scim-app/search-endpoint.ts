import type { ScimFilter } from "../../core/scim/filter.ts";
import { compileFilter } from "../../core/scim/filter-match.ts";
import { createListResponse, type ListResponseOptions } from "../../core/scim/list.ts";
import { compileProjection } from "../../core/scim/projection.ts";
import type { ScimResource } from "../../core/scim/resource.ts";
import type { ResourceTypeName } from "../../core/scope.ts";
import { candidateIds } from "./candidates.ts";
import { Cursors } from "./cursor.ts";
import { type Listing, ListingCache } from "./listing-cache.ts";
import type { Reply } from "./reply.ts";
import { represent } from "./representation.ts";
import type { SortedSearch } from "./search-request.ts";
import { compareSortKeys, compileSortKey, type SortKey } from "./sorting.ts";
import type { ResourceStore } from "./store.ts";
import type { StoredResource } from "./stored-resource.ts";

export interface SearchEndpointOptions {
  readonly store: ResourceStore;
  /** Resources of one page at most. */
  readonly maxResults: number;
  readonly now: () => Date;
}

/** Of a page that a client does not bound. */
export const DEFAULT_PAGE_SIZE = 100;

const ALL_TYPES: readonly ResourceTypeName[] = ["User", "Group"];

type Project = (resource: ScimResource) => ScimResource;

/** Finds resources and hands them out in pages (RFC 7644 section 3.4.2, RFC 9865). */
export class SearchEndpoint {
  readonly #options: SearchEndpointOptions;
  readonly #cursors = new Cursors();
  readonly #listings: ListingCache;

  constructor(options: SearchEndpointOptions) {
    this.#options = options;
    this.#listings = new ListingCache(options.now);
  }

  /**
   * @param type undefined for all types
   * @throws ScimError 400: invalidFilter, invalidPath, invalidValue, invalidCursor, expiredCursor
   */
  answer(type: ResourceTypeName | undefined, search: SortedSearch, base: string): Reply {
    const types = type === undefined ? ALL_TYPES : [type];
    const projections = new Map(types.map((each) => [each, compileProjection(search, each)]));
    const { cursor } = search;
    const query = `${type ?? ""} ${search.identity}`;
    const found =
      cursor === undefined || cursor === ""
        ? { listing: this.#find(types, search, base), offset: 0 }
        : this.#continue(cursor, query);
    const { listing } = found;
    const { maxResults } = this.#options;
    const count = Math.min(search.count ?? DEFAULT_PAGE_SIZE, maxResults);
    const startIndex = search.startIndex ?? 1;
    const offset = cursor === undefined ? startIndex - 1 : found.offset;
    const page = listing.slice(offset, offset + count);
    const resources = page.flatMap((each) => this.#show(each, base, projections));
    const paging: ListResponseOptions = {
      totalResults: listing.length,
      ...(cursor === undefined
        ? { startIndex }
        : this.#next(listing, { ...found, offset, count }, query)),
    };
    return { status: 200, body: createListResponse(resources, paging) };
  }

  #continue(cursor: string, query: string) {
    const { listing: number, offset } = this.#cursors.open(cursor, query);
    return { number, listing: this.#listings.get(number), offset };
  }

  /** A page without resources leads nowhere, so that whoever asked for none is not sent on for ever. */
  #next(
    listing: Listing,
    { number, offset, count }: { number?: number; offset: number; count: number },
    query: string,
  ): { nextCursor?: string } {
    if (count === 0 || offset + count >= listing.length) return {};
    const kept = number ?? this.#listings.add(listing.map(({ id, type }) => ({ id, type })));
    const place = { listing: kept, offset: offset + count };
    return { nextCursor: this.#cursors.seal(place, query) };
  }

  /** What was deleted since the listing was made is passed over. */
  #show(
    { type, id }: Listing[number],
    base: string,
    projections: ReadonlyMap<ResourceTypeName, Project>,
  ): readonly ScimResource[] {
    const { store } = this.#options;
    const stored = store.get(type, id);
    const project = projections.get(type);
    if (stored === undefined || project === undefined) return [];
    return [project(represent(stored, { store, base }))];
  }

  #find(types: readonly ResourceTypeName[], search: SortedSearch, base: string): Listing {
    const { filter, sortBy, sortOrder } = search;
    const { store } = this.#options;
    const found: StoredResource[] = [];
    const keys = new Map<string, SortKey>();
    for (const type of types) {
      const matches = filter === undefined ? undefined : compileFilter(filter, type);
      const keyOf = sortBy === undefined ? undefined : compileSortKey(sortBy, type);
      for (const stored of this.#candidates(filter, type)) {
        if (matches !== undefined || keyOf !== undefined) {
          const resource = represent(stored, { store, base });
          if (matches !== undefined && !matches(resource)) continue;
          if (keyOf !== undefined) keys.set(stored.id, keyOf(resource));
        }
        found.push(stored);
      }
    }
    if (sortBy === undefined) return found;
    return found.sort((a, b) => compareSortKeys(keys.get(a.id), keys.get(b.id), sortOrder));
  }

  #candidates(filter: ScimFilter | undefined, type: ResourceTypeName): Iterable<StoredResource> {
    const { store } = this.#options;
    const ids = filter === undefined ? undefined : candidateIds(filter, type, store);
    if (ids === undefined) return store.list(type);
    const resources = [...ids].flatMap((id) => store.get(type, id) ?? []);
    return resources.sort((a, b) => a.sequence - b.sequence);
  }
}
