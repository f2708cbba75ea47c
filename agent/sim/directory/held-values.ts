import type { StoredEntry } from "./entry.ts";
import type { Value } from "./matching.ts";
import { COMPUTED_TYPES, computedAttribute } from "./operational.ts";
import {
  ATTRIBUTE_TYPES,
  type AttributeDescription,
  includesDescription,
  isSubtype,
} from "./schema.ts";
import type { DirectoryStore } from "./store.ts";
import type { Syntax } from "./syntax.ts";

/** Never shown and never matched; a bind and a compare alone read it. */
export const HIDDEN_ATTRIBUTE = "userPassword";

/** One value of an attribute, and the syntax it has. */
export interface HeldValue {
  readonly syntax: Syntax;
  readonly value: Value;
}

/** Finds the values that a description means in any entry; what it includes is worked out once. */
export function valuesReader(
  store: DirectoryStore,
  wanted: AttributeDescription,
): (entry: StoredEntry) => HeldValue[] {
  const included = new Set(ATTRIBUTE_TYPES.filter((type) => isSubtype(type, wanted.type)));
  const computed =
    wanted.options.length > 0 ? [] : COMPUTED_TYPES.filter((type) => included.has(type));
  return (entry) => {
    const held: HeldValue[] = [];
    for (const attribute of entry.attributes) {
      if (!included.has(attribute.type) || !includesDescription(wanted, attribute)) continue;
      for (const value of attribute.values) held.push({ syntax: attribute.type.syntax, value });
    }
    for (const type of computed) {
      for (const value of computedAttribute(store, entry, type)?.values ?? []) {
        held.push({ syntax: type.syntax, value });
      }
    }
    return held;
  };
}

export type ValueTest = (value: Value, syntax: Syntax) => boolean;

export function anyValue(held: readonly HeldValue[], test: ValueTest): boolean {
  return held.some(({ value, syntax }) => test(value, syntax));
}
