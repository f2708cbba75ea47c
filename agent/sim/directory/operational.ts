import { type StoredAttribute, type StoredEntry, valuesOf } from "./entry.ts";
import { structuralClass } from "./object-class.ts";
import { ATTRIBUTE_TYPES, type AttributeType, knownType } from "./schema.ts";
import type { DirectoryStore } from "./store.ts";

export const SUBSCHEMA_DN = "cn=Subschema";

const NONE: readonly string[] = [];
const MEMBER = knownType("member");
const OBJECT_CLASS = knownType("objectClass");

type Computation = (entry: StoredEntry, store: DirectoryStore) => readonly string[];

/** Attributes that are no part of the entry but follow from it, in the order slapd sends them. */
const COMPUTED: ReadonlyMap<AttributeType, Computation> = new Map<AttributeType, Computation>(
  Object.entries({
    structuralObjectClass: (entry) => {
      const name = structuralClass(valuesOf(entry.attributes, OBJECT_CLASS).map(String));
      return name === undefined ? NONE : [name];
    },
    entryUUID: (entry) => [entry.uuid],
    creatorsName: (entry) => [entry.creatorsName],
    createTimestamp: (entry) => [entry.createTimestamp],
    entryCSN: (entry) => [entry.csn],
    modifiersName: (entry) => [entry.modifiersName],
    modifyTimestamp: (entry) => [entry.modifyTimestamp],
    memberOf: (entry, store) =>
      Array.from(store.index.find(MEMBER, entry.key), (group) => group.dn),
    contextCSN: (entry, store) => (entry.key === store.baseKey ? [store.contextCsn] : NONE),
    entryDN: (entry) => [entry.dn],
    subschemaSubentry: () => [SUBSCHEMA_DN],
    hasSubordinates: (entry) => [entry.children.size > 0 ? "TRUE" : "FALSE"],
  } satisfies Record<string, Computation>).map(([name, compute]) => [knownType(name), compute]),
);

/** What the root DSE and the subschema show too: they are no part of the store and have no id. */
const OF_VIRTUAL_ENTRIES = [
  knownType("structuralObjectClass"),
  knownType("entryDN"),
  knownType("subschemaSubentry"),
  knownType("hasSubordinates"),
];

export const COMPUTED_TYPES: readonly AttributeType[] = ATTRIBUTE_TYPES.filter((type) =>
  COMPUTED.has(type),
);

/** The computed attribute as an attribute; undefined when it has no values here. */
export function computedAttribute(
  store: DirectoryStore,
  entry: StoredEntry,
  type: AttributeType,
): StoredAttribute | undefined {
  if (entry.uuid === "" && !OF_VIRTUAL_ENTRIES.includes(type)) return undefined;
  const values = COMPUTED.get(type)?.(entry, store) ?? NONE;
  return values.length === 0 ? undefined : { type, options: NONE, values };
}
