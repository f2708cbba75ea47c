import type { LdapFilter } from "../ldap-filter.ts";
import type { ResourceTypeName } from "../scope.ts";
import { printAttributePath } from "./attribute-path.ts";
import type { FilterLiteral, ScimFilter } from "./filter.ts";
import type { ScimPath } from "./path.ts";
import { type LocatedAttribute, locateAttribute } from "./resource-type.ts";

/** Where the values of a SCIM attribute come from, and what the server can be asked about them. */
export type LdapSource =
  /** The values of an attribute that the server may be asked about, unaltered. */
  | {
      readonly kind: "attribute";
      readonly attribute: string;
      /** The server's equality rule; `none` when it has none, or one that differs: only presence is asked. */
      readonly matching: "caseIgnore" | "caseExact" | "none";
      /** Whether the server has a substrings rule for it. */
      readonly substrings: boolean;
      /**
       * Whether the server decides equality and presence just as SCIM does: the attribute is in its schema, has a
       * syntax that takes any text and one value at most, and mapping leaves none out; every value is printable
       * ASCII without white space. Only then can a negation be asked.
       */
      readonly exact?: boolean;
    }
  /** A generalized time with an ordering rule; whole seconds. Active Directory writes them with a fraction. */
  | { readonly kind: "time"; readonly attribute: string; readonly fraction: boolean }
  /** Always there and always the same. */
  | { readonly kind: "constant"; readonly value: string | number | boolean }
  /** A boolean that is worked out, with the filters that find its two values. */
  | { readonly kind: "boolean"; readonly whenTrue: LdapFilter; readonly whenFalse: LdapFilter }
  /** An id that stands for something else in the directory. */
  | {
      readonly kind: "lookup";
      /** Absent: the value is always there. */
      readonly attribute?: string;
      /** Undefined when no entry can have this value. */
      readonly filterFor: (text: string) => LdapFilter | undefined;
    }
  /** Anything else. The server is not asked. */
  | { readonly kind: "computed" };

/** One thing that mapping writes: `emails[type eq "work"].value` and where it comes from. */
export interface SourcedPath {
  readonly path: ScimPath;
  readonly source: LdapSource;
}

/** What mapping writes into one element of an attribute. */
export interface LdapSlot {
  /** By sub-attribute in lower case; `value` for a complex attribute as a whole, "" for one that is not complex. */
  readonly sources: ReadonlyMap<string, readonly LdapSource[]>;
  /** What the bracket of the path fixes: `type` → `work`. Undefined for elements without a bracket. */
  readonly fixed: ReadonlyMap<string, Exclude<FilterLiteral, null>> | undefined;
  /** Whether the bracket says more than fixed values, so that nothing is certain of the element. */
  readonly opaque: boolean;
}

/** Sources by attribute. */
export interface LdapSources {
  readonly resourceType: ResourceTypeName;
  /** The elements that mapping writes, undefined when the attribute is not known to come from mapping alone. */
  slotsOf(located: LocatedAttribute): readonly LdapSlot[] | undefined;
}

/**
 * Indexes what mapping writes. **All** that is written to an attribute must be listed (as `computed`, if need be) or
 * nothing of it; an attribute that is not listed at all is never asked of the server. An element of a multi-valued
 * attribute is there when any of its sources has a value.
 */
export function indexLdapSources(
  paths: readonly SourcedPath[],
  options: { readonly resourceType: ResourceTypeName },
): LdapSources {
  const { resourceType } = options;
  const byAttribute = new Map<string, Map<string, MutableSlot>>();
  for (const { path, source } of paths) {
    const located = locateAttribute(resourceType, path);
    const slots = getOrAdd(byAttribute, attributeKey(located), () => new Map());
    const bracket = path.filter === undefined ? "" : printCondition(path.filter);
    const slot = getOrAdd(slots, bracket, () => openSlot(path.filter));
    getOrAdd(slot.sources, sourceKey(located), (): LdapSource[] => []).push(source);
  }
  const index = new Map([...byAttribute].map(([key, slots]) => [key, [...slots.values()]]));
  return { resourceType, slotsOf: (located) => index.get(attributeKey(located)) };
}

interface MutableSlot extends LdapSlot {
  readonly sources: Map<string, LdapSource[]>;
}

/** The key of a slot's source for the values that a path compares. */
export function sourceKey({ definition, subAttribute }: LocatedAttribute): string {
  if (subAttribute !== undefined) return subAttribute.toLowerCase();
  return definition?.type === "complex" ? "value" : "";
}

function attributeKey({ extension, attribute }: LocatedAttribute): string {
  return `${extension ?? ""}|${attribute ?? ""}`.toLowerCase();
}

function openSlot(filter: ScimFilter | undefined): MutableSlot {
  const sources = new Map<string, LdapSource[]>();
  if (filter === undefined) return { sources, fixed: undefined, opaque: false };
  const fixed = new Map<string, Exclude<FilterLiteral, null>>();
  return { sources, fixed, opaque: !collectFixed(filter, fixed) };
}

function collectFixed(
  filter: ScimFilter,
  fixed: Map<string, Exclude<FilterLiteral, null>>,
): boolean {
  if (filter.kind === "and") return filter.filters.every((part) => collectFixed(part, fixed));
  if (filter.kind !== "compare" || filter.operator !== "eq") return false;
  if (filter.value === null) return false;
  const key = printAttributePath(filter.path).toLowerCase();
  if (fixed.has(key)) return false;
  fixed.set(key, filter.value);
  return true;
}

/** Equal for brackets that differ in letter case alone; anything finer only makes more slots. */
function printCondition(filter: ScimFilter): string {
  return JSON.stringify(filter).toLowerCase();
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}
