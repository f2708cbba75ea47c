import type { StoredAttribute, StoredEntry } from "./entry.ts";
import { HIDDEN_ATTRIBUTE } from "./held-values.ts";
import { COMPUTED_TYPES, computedAttribute } from "./operational.ts";
import type { ResultAttribute } from "./response.ts";
import {
  type AttributeDescription,
  type AttributeType,
  includesDescription,
  isSubtype,
  parseDescription,
  printDescription,
} from "./schema.ts";
import type { DirectoryStore } from "./store.ts";

/** What of an entry goes into the answer. */
export type Selection = (entry: StoredEntry) => ResultAttribute[];

export interface SelectionOptions {
  readonly typesOnly: boolean;
}

/**
 * RFC 4511 section 4.5.1.8: nothing means all user attributes, `*` says so beside names, `1.1` alone means none;
 * `+` means the operational ones (RFC 3673). Names that are not known are passed over.
 */
export function createSelection(
  requested: readonly string[],
  store: DirectoryStore,
  { typesOnly }: SelectionOptions,
): Selection {
  const allUser = requested.length === 0 || requested.includes("*");
  const allOperational = requested.includes("+");
  const named = requested.map(parseDescription).filter((each) => each !== undefined);
  const wants = (type: AttributeType): boolean => (type.operational ? allOperational : allUser);
  const computed = COMPUTED_TYPES.filter(
    (type) =>
      wants(type) || named.some((each) => isSubtype(type, each.type) && each.options.length === 0),
  );
  const selects = rememberPlain((attribute) => {
    if (attribute.type.name === HIDDEN_ATTRIBUTE) return false;
    return wants(attribute.type) || named.some((each) => includesDescription(each, attribute));
  });
  const answer = (attribute: StoredAttribute): ResultAttribute => ({
    description: printDescription(attribute),
    values: typesOnly ? [] : attribute.values,
  });
  return (entry) => {
    const attributes: ResultAttribute[] = [];
    for (const attribute of entry.attributes) {
      if (selects(attribute)) attributes.push(answer(attribute));
    }
    for (const type of computed) {
      const attribute = computedAttribute(store, entry, type);
      if (attribute !== undefined) attributes.push(answer(attribute));
    }
    return attributes;
  };
}

/** Attributes without options, which is nearly all of them, are decided once for each type. */
function rememberPlain(
  decide: (attribute: AttributeDescription) => boolean,
): (attribute: AttributeDescription) => boolean {
  const decided = new Map<AttributeType, boolean>();
  return (attribute) => {
    if (attribute.options.length > 0) return decide(attribute);
    let verdict = decided.get(attribute.type);
    if (verdict === undefined) {
      verdict = decide(attribute);
      decided.set(attribute.type, verdict);
    }
    return verdict;
  };
}
