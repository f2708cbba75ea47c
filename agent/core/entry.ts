/** One value of an attribute: text, or bytes for the attributes that the dialect names as binary. */
export type Value = string | Uint8Array;

/**
 * An entry as it was read from the directory. Only the attributes that were asked for are there, and an attribute
 * without values is absent.
 */
export interface Entry {
  /** As the server spells it. Compare with `dnKey`, never as text. */
  readonly dn: string;
  /** The directory's own immutable id in lower-case canonical form: `entryUUID`, or `objectGUID` as text. */
  readonly id: string;
  /** The source anchor, the same for the entry's whole life: `mS-DS-ConsistencyGuid` when set, else `id`. */
  readonly anchor: string;
  /** By attribute name in lower case; with a language or another option as `cn;lang-ja`, without `;binary` and ranges. */
  readonly attributes: ReadonlyMap<string, readonly Value[]>;
}

const NONE: readonly Value[] = [];

/** The values of an attribute, in the order the server sent them; empty when it has none. */
export function valuesOf(entry: Entry, attribute: string): readonly Value[] {
  return entry.attributes.get(attribute.toLowerCase()) ?? NONE;
}

/** The values of an attribute that are text. */
export function textsOf(entry: Entry, attribute: string): readonly string[] {
  return valuesOf(entry, attribute).filter((value) => typeof value === "string");
}
