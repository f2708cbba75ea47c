import type { Value } from "./matching.ts";
import type { AttributeDescription, AttributeType } from "./schema.ts";

/** An entry as it is given to the server. Names of attributes in any case, with options if need be. */
export interface DirectoryEntry {
  readonly dn: string;
  readonly attributes: Readonly<Record<string, readonly Value[]>>;
}

export interface StoredAttribute extends AttributeDescription {
  readonly values: readonly Value[];
}

/** An entry in the store. Attributes are replaced as a whole, never changed in place. */
export interface StoredEntry {
  /** As slapd spells it, which is not always how it was given: `\\2C` for an escaped comma. */
  dn: string;
  key: string;
  attributes: readonly StoredAttribute[];
  readonly uuid: string;
  csn: string;
  /** GeneralizedTime */
  readonly createTimestamp: string;
  modifyTimestamp: string;
  readonly creatorsName: string;
  modifiersName: string;
  readonly children: Set<StoredEntry>;
  deleted: boolean;
}

/** Values of the attribute without options; empty when there is none. */
export function valuesOf(
  attributes: readonly StoredAttribute[],
  type: AttributeType,
): readonly Value[] {
  for (const attribute of attributes) {
    if (attribute.type === type && attribute.options.length === 0) return attribute.values;
  }
  return [];
}
