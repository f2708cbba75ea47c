export type AttributeType =
  | "string"
  | "boolean"
  | "decimal"
  | "integer"
  | "dateTime"
  | "reference"
  | "binary"
  | "complex";

/** One attribute as RFC 7643 section 7 describes it; it is its own JSON representation. */
export interface AttributeDefinition {
  readonly name: string;
  readonly type: AttributeType;
  readonly multiValued: boolean;
  readonly required: boolean;
  readonly caseExact: boolean;
  readonly mutability: "readOnly" | "readWrite" | "immutable" | "writeOnly";
  readonly returned: "always" | "never" | "default" | "request";
  /** Absent on complex attributes (RFC 7643 erratum 6004). */
  readonly uniqueness?: "none" | "server" | "global";
  /** Of complex attributes; never complex themselves (RFC 7643 erratum 8415). */
  readonly subAttributes?: readonly AttributeDefinition[];
  /** Of references: resource types, or `external` or `uri`. */
  readonly referenceTypes?: readonly string[];
  /** For a person. */
  readonly description?: string;
  /** Every value that there is. */
  readonly canonicalValues?: readonly string[];
}

export interface SchemaDefinition {
  /** The schema's URN. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly attributes: readonly AttributeDefinition[];
}

type Traits = Partial<Omit<AttributeDefinition, "name" | "type" | "subAttributes">>;

function defineAttribute(name: string, type: AttributeType, traits: Traits): AttributeDefinition {
  return {
    name,
    type,
    multiValued: false,
    required: false,
    // RFC 7643 sections 2.3.6 and 2.3.7: binary values and references are case exact.
    caseExact: type === "binary" || type === "reference",
    mutability: "readWrite",
    returned: "default",
    ...(type === "complex" ? {} : { uniqueness: "none" as const }),
    ...traits,
  };
}

export function text(name: string, traits: Traits = {}): AttributeDefinition {
  return defineAttribute(name, "string", traits);
}

export function boolean(name: string): AttributeDefinition {
  return defineAttribute(name, "boolean", {});
}

export function dateTime(name: string, traits: Traits): AttributeDefinition {
  return defineAttribute(name, "dateTime", traits);
}

export function binary(name: string): AttributeDefinition {
  return defineAttribute(name, "binary", {});
}

export function reference(
  name: string,
  referenceTypes: readonly string[],
  traits: Traits = {},
): AttributeDefinition {
  return defineAttribute(name, "reference", { referenceTypes, ...traits });
}

export function complex(
  name: string,
  subAttributes: readonly AttributeDefinition[],
  traits: Traits = {},
): AttributeDefinition {
  return { ...defineAttribute(name, "complex", traits), subAttributes };
}

/** A multi-valued attribute with the sub-attributes of RFC 7643 section 2.4. */
export function plural(
  name: string,
  value: AttributeDefinition = text("value"),
): AttributeDefinition {
  return complex(name, [value, text("display"), text("type"), boolean("primary")], {
    multiValued: true,
  });
}
