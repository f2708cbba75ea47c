import { candidatesOf } from "./candidates.ts";
import { parentKey } from "./distinguished-name.ts";
import type { StoredEntry } from "./entry.ts";
import { compileFilter } from "./evaluation.ts";
import type { Cursor } from "./paging.ts";
import type { SearchRequest } from "./request.ts";
import type { DirectoryStore } from "./store.ts";

/** Entries looked at before others get their turn. */
const SCAN_BATCH = 1000;

/**
 * Matches below `base`, in the order of the store. Entries that are deleted meanwhile are passed over, entries that
 * are added meanwhile may be met, as in a directory that goes on working.
 */
export function createCursor(
  store: DirectoryStore,
  base: StoredEntry,
  request: SearchRequest,
): Cursor {
  return scan(store, base, request);
}

function* scan(
  store: DirectoryStore,
  base: StoredEntry,
  request: SearchRequest,
): Generator<StoredEntry | undefined, void> {
  const matches = compileFilter(request.filter, store);
  let looked = 0;
  for (const entry of reach(store, base, request)) {
    if (!entry.deleted && inScope(entry, base, request) && matches(entry) === true) {
      yield entry;
      looked = 0;
      continue;
    }
    looked += 1;
    if (looked % SCAN_BATCH === 0) yield undefined;
  }
}

function reach(
  store: DirectoryStore,
  base: StoredEntry,
  { searchScope, filter }: SearchRequest,
): Iterable<StoredEntry> {
  if (searchScope === "base") return [base];
  const candidates = candidatesOf(filter, store);
  // Copied: an index changes while the search goes on.
  if (candidates !== undefined) return [...candidates];
  return searchScope === "one" ? [...base.children] : store.entries();
}

function inScope(entry: StoredEntry, base: StoredEntry, { searchScope }: SearchRequest): boolean {
  switch (searchScope) {
    case "base":
      return entry === base;
    case "one":
      return parentKey(entry.key) === base.key;
    case "sub":
      return entry === base || entry.key.endsWith(`,${base.key}`);
  }
}
