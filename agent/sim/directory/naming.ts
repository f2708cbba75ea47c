import { applyModification } from "./attribute-set.ts";
import { parseDn, type Rdn, rdnKey } from "./distinguished-name.ts";
import { type StoredAttribute, type StoredEntry, valuesOf } from "./entry.ts";
import { normalizeValue } from "./matching.ts";
import { attributeType } from "./schema.ts";

/** The naming values follow the name: the old ones go first, so that a single-valued attribute can change. */
export function renameAttributes(
  entry: StoredEntry,
  { rdn, deleteOldRdn }: { readonly rdn: Rdn; readonly deleteOldRdn: boolean },
): readonly StoredAttribute[] {
  let attributes = entry.attributes;
  const oldRdn = deleteOldRdn ? (parseDn(entry.dn)[0] ?? []) : [];
  for (const { type, value } of oldRdn) {
    const stays = rdn.some((part) => rdnKey([part]) === rdnKey([{ type, value }]));
    if (stays || !holdsNamingValue(attributes, type, value)) continue;
    attributes = applyModification(attributes, {
      operation: "delete",
      attribute: type,
      values: [value],
    });
  }
  return addNamingValues(attributes, rdn);
}

/** What the name says, the entry holds, as in slapd, whether or not it was given. */
export function addNamingValues(
  attributes: readonly StoredAttribute[],
  rdn: Rdn,
): readonly StoredAttribute[] {
  let held = attributes;
  for (const { type, value } of rdn) {
    if (holdsNamingValue(held, type, value)) continue;
    held = applyModification(held, { operation: "add", attribute: type, values: [value] });
  }
  return held;
}

export function holdsNamingValue(
  attributes: readonly StoredAttribute[],
  name: string,
  value: string,
): boolean {
  const type = attributeType(name);
  if (type === undefined) return false;
  const wanted = normalizeValue(type.syntax, value);
  return valuesOf(attributes, type).some((held) => normalizeValue(type.syntax, held) === wanted);
}
