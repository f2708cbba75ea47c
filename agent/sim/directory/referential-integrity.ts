import type { StoredAttribute, StoredEntry } from "./entry.ts";
import type { EqualityIndex } from "./equality-index.ts";
import { normalizeValue } from "./matching.ts";
import { knownType } from "./schema.ts";

/** What OpenLDAP's administrators commonly give the refint overlay. */
const REFERRING = [knownType("member"), knownType("manager")];

/** Entries whose `member` or `manager` names the entry with this key. */
export function referrersOf(index: EqualityIndex, key: string): ReadonlySet<StoredEntry> {
  return new Set(REFERRING.flatMap((type) => [...index.find(type, key)]));
}

/**
 * The attributes with the old name replaced, or without it when there is no new one. The last member of a group stays:
 * its schema asks for one, and the overlay leaves what it may not remove.
 */
export function replaceReferences(
  attributes: readonly StoredAttribute[],
  oldKey: string,
  newDn: string | undefined,
): readonly StoredAttribute[] {
  const next: StoredAttribute[] = [];
  for (const attribute of attributes) {
    if (!REFERRING.includes(attribute.type)) {
      next.push(attribute);
      continue;
    }
    const others = attribute.values.filter((value) => normalizeValue("dn", value) !== oldKey);
    if (others.length === attribute.values.length) next.push(attribute);
    else if (newDn !== undefined) next.push({ ...attribute, values: [...others, newDn] });
    else if (others.length > 0) next.push({ ...attribute, values: others });
    else if (attribute.type.name === "member") next.push(attribute);
  }
  return next;
}
