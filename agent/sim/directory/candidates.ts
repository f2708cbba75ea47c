import type { StoredEntry } from "./entry.ts";
import type { Filter } from "./filter.ts";
import { normalizeValue } from "./matching.ts";
import { withSubclasses } from "./object-class.ts";
import { ATTRIBUTE_TYPES, isSubtype, parseDescription } from "./schema.ts";
import type { DirectoryStore } from "./store.ts";
import { parseTime, printTime } from "./syntax.ts";

/** Entries that may match; undefined when only reading all of them tells. */
type Candidates = ReadonlySet<StoredEntry> | undefined;

const NOBODY: ReadonlySet<StoredEntry> = new Set();

/** A superset of what the filter matches, out of the indexes. */
export function candidatesOf(filter: Filter, store: DirectoryStore): Candidates {
  switch (filter.kind) {
    case "and":
      return smallest(filter.filters.map((each) => candidatesOf(each, store)));
    case "or":
      return union(filter.filters.map((each) => candidatesOf(each, store)));
    case "equality":
      return equalTo(filter, store);
    case "greaterOrEqual":
      return changedSince(filter, store);
    default:
      return undefined;
  }
}

function smallest(sets: readonly Candidates[]): Candidates {
  let best: Candidates;
  for (const set of sets) {
    if (set !== undefined && (best === undefined || set.size < best.size)) best = set;
  }
  return best;
}

function union(sets: readonly Candidates[]): Candidates {
  const all = new Set<StoredEntry>();
  for (const set of sets) {
    if (set === undefined) return undefined;
    for (const entry of set) all.add(entry);
  }
  return all;
}

function equalTo(
  { attribute, value }: { attribute: string; value: Buffer },
  store: DirectoryStore,
): Candidates {
  const description = parseDescription(attribute);
  if (description === undefined) return NOBODY;
  const { type } = description;
  const wanted = normalizeValue(type.syntax, value);
  if (wanted === undefined) return NOBODY;
  if (type.name === "entryUUID") return only(store.byUuid(wanted));
  if (type.name === "entryDN") return only(store.byKey(wanted));
  if (type.name === "objectClass") {
    return union(withSubclasses(wanted).map((name) => store.index.find(type, name)));
  }
  if (type.name === "memberOf") return membersOf(store, wanted);
  const covered = ATTRIBUTE_TYPES.filter((each) => isSubtype(each, type)).every((each) =>
    store.index.covers(each),
  );
  return covered ? store.index.find(type, wanted) : undefined;
}

function membersOf(store: DirectoryStore, groupKey: string): Candidates {
  const members = new Set<StoredEntry>();
  for (const { type, values } of store.byKey(groupKey)?.attributes ?? []) {
    if (type.name !== "member") continue;
    for (const value of values) {
      const member = store.byKey(normalizeValue("dn", value) ?? "");
      if (member !== undefined) members.add(member);
    }
  }
  return members;
}

function changedSince(
  { attribute, value }: { attribute: string; value: Buffer },
  store: DirectoryStore,
): Candidates {
  const name = parseDescription(attribute)?.type.name;
  if (name === "entryCSN") return store.changes.since(value.toString("utf8"));
  if (name !== "modifyTimestamp") return undefined;
  const epochMs = parseTime(value.toString("utf8"));
  // A CSN starts with the time of its change, so that the plain time sorts before every CSN of that second.
  return epochMs === undefined ? NOBODY : store.changes.since(printTime(epochMs).slice(0, -1));
}

function only(entry: StoredEntry | undefined): Candidates {
  return entry === undefined ? NOBODY : new Set([entry]);
}
