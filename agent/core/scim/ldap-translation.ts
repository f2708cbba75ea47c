import type { LdapFilter } from "../ldap-filter.ts";
import type { CompareFilter, PresentFilter, ScimFilter, ValuePathFilter } from "./filter.ts";
import { intersect, type LdapTranslation, loosen, negate, UNKNOWN, unite } from "./ldap-algebra.ts";
import { translatePresence, translateTest } from "./ldap-comparison.ts";
import { type LdapSlot, type LdapSource, type LdapSources, sourceKey } from "./ldap-source.ts";
import { findSubAttribute, type LocatedAttribute, locateAttribute } from "./resource-type.ts";
import type { AttributeDefinition } from "./schema.ts";

export interface LdapTranslationOptions {
  readonly sources: LdapSources;
  /** The filter that finds the entry with this id; undefined when the text cannot be an id. */
  readonly idFilter: (id: string) => LdapFilter | undefined;
}

/**
 * How deep a SCIM filter is translated. What is nested deeper is not asked: servers limit how deep LDAP filters nest, and
 * so does the adapter.
 */
const MAX_DEPTH = 32;

/**
 * Translates a SCIM filter into what a directory can be asked. Parts that it cannot be asked are dropped from `and`,
 * and make `or` and `not` ask for everything.
 * @throws ScimError 400 invalidFilter, as `compileFilter`, though not for all that it refuses
 */
export function toLdapFilter(filter: ScimFilter, options: LdapTranslationOptions): LdapTranslation {
  return translate(filter, options, 1);
}

function translate(
  filter: ScimFilter,
  options: LdapTranslationOptions,
  depth: number,
): LdapTranslation {
  if (depth > MAX_DEPTH) return UNKNOWN;
  switch (filter.kind) {
    case "and":
      return intersect(filter.filters.map((part) => translate(part, options, depth + 1)));
    case "or":
      return unite(filter.filters.map((part) => translate(part, options, depth + 1)));
    case "not":
      return negate(translate(filter.filter, options, depth + 1));
    case "valuePath":
      return translateValuePath(filter, options, depth);
    case "compare":
    case "present":
      return translateAttribute(filter, options);
  }
}

function translateAttribute(
  filter: CompareFilter | PresentFilter,
  options: LdapTranslationOptions,
): LdapTranslation {
  const located = locateAttribute(options.sources.resourceType, filter.path);
  const slots = slotsOf(located, options);
  if (slots === undefined) return UNKNOWN;
  const isPlain =
    located.definition?.multiValued !== true && slots.every(({ fixed }) => fixed === undefined);
  if (filter.kind === "present" || filter.value === null) {
    const present = unite(slots.map((slot) => slotPresence(slot, located)));
    const certain = isPlain ? present : loosen(present);
    if (filter.kind === "present" || filter.operator === "ne") return certain;
    return filter.operator === "eq" ? negate(certain) : UNKNOWN;
  }
  // An absent attribute differs from everything, and so does any other value beside the one that is compared.
  if (filter.operator === "ne" && !isPlain) return UNKNOWN;
  const definition = valueDefinition(located);
  const key = sourceKey(located);
  const found = unite(slots.map((slot) => testSlot(filter, { slot, key, definition })));
  return isPlain ? found : loosen(found);
}

function slotsOf(
  located: LocatedAttribute,
  { sources, idFilter }: LdapTranslationOptions,
): readonly LdapSlot[] | undefined {
  const slots = sources.slotsOf(located);
  if (slots !== undefined) return slots;
  if (located.extension !== undefined || located.attribute !== "id") return undefined;
  const source: LdapSource = { kind: "lookup", filterFor: idFilter };
  return [{ sources: new Map([["", [source]]]), fixed: undefined, opaque: false }];
}

function valueDefinition(located: LocatedAttribute): AttributeDefinition | undefined {
  if (located.subAttribute !== undefined) return located.subDefinition;
  if (located.definition?.type !== "complex") return located.definition;
  return findSubAttribute(located.definition, "value");
}

/** Entries with any value of the attribute, or of its sub-attribute, in this slot. */
function slotPresence(slot: LdapSlot, located: LocatedAttribute): LdapTranslation {
  if (located.subAttribute === undefined) return elementPresence(slot);
  const key = sourceKey(located);
  const sources = slot.sources.get(key);
  return sources === undefined || slot.fixed?.has(key) === true
    ? UNKNOWN
    : unite(sources.map(translatePresence));
}

function elementPresence(slot: LdapSlot): LdapTranslation {
  return unite([...slot.sources.values()].flat().map(translatePresence));
}

/** A test of the values under `key` in one slot. Nothing is known of a key that mapping does not write. */
function testSlot(
  filter: CompareFilter | PresentFilter,
  {
    slot,
    key,
    definition,
  }: { slot: LdapSlot; key: string; definition: AttributeDefinition | undefined },
): LdapTranslation {
  if (slot.opaque) return UNKNOWN;
  const fixed = slot.fixed?.get(key);
  const constants: readonly LdapSource[] =
    fixed === undefined ? [] : [{ kind: "constant", value: fixed }];
  const [first, ...others] = [...(slot.sources.get(key) ?? []), ...constants];
  if (first === undefined) return UNKNOWN;
  if (others.length === 0) return translateTest(filter, first, definition);
  // Which of them is used is not known: what one of them has may not be the value, but the value is one of them.
  return loosen(
    unite([first, ...others].map((source) => translateTest(filter, source, definition))),
  );
}

function holdsWhenAbsent(filter: CompareFilter | PresentFilter): boolean {
  if (filter.kind === "present") return false;
  return filter.value === null ? filter.operator !== "ne" : filter.operator === "ne";
}

/** The filter is asked of each element that mapping writes; any of them may match. */
function translateValuePath(
  { path, filter, test }: ValuePathFilter,
  options: LdapTranslationOptions,
  depth: number,
): LdapTranslation {
  const located = locateAttribute(options.sources.resourceType, path);
  const slots = slotsOf(located, options);
  if (slots === undefined) return UNKNOWN;
  if (test !== undefined && holdsWhenAbsent(test)) return UNKNOWN;
  const element: ScimFilter =
    test === undefined ? filter : { kind: "and", filters: [filter, test] };
  return loosen(
    unite(
      slots.map((slot) => {
        const found = translateElement(element, { slot, definition: located.definition }, depth);
        return found.kind === "everything" ? elementPresence(slot) : found;
      }),
    ),
  );
}

function translateElement(
  filter: ScimFilter,
  options: { readonly slot: LdapSlot; readonly definition: AttributeDefinition | undefined },
  depth: number,
): LdapTranslation {
  if (depth > MAX_DEPTH) return UNKNOWN;
  switch (filter.kind) {
    case "and":
      return intersect(filter.filters.map((part) => translateElement(part, options, depth + 1)));
    case "or":
      return unite(filter.filters.map((part) => translateElement(part, options, depth + 1)));
    case "not":
      return negate(translateElement(filter.filter, options, depth + 1));
    case "valuePath":
      return UNKNOWN;
    case "compare":
    case "present": {
      const { schema, attribute, subAttribute } = filter.path;
      if (schema !== undefined || subAttribute !== undefined) return UNKNOWN;
      return testSlot(filter, {
        slot: options.slot,
        key: attribute.toLowerCase(),
        definition: findSubAttribute(options.definition, attribute),
      });
    }
  }
}
