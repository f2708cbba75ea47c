import type { StoredAttribute } from "./entry.ts";
import { normalizeValue, type Value } from "./matching.ts";
import type { ModificationKind } from "./request.ts";
import { ResultError } from "./result.ts";
import { type AttributeDescription, parseDescription } from "./schema.ts";
import { normalizePlain } from "./syntax.ts";

/** One change of a modify (RFC 4511 section 4.6; increment: RFC 4525). */
export interface Modification {
  readonly operation: ModificationKind;
  readonly attribute: string;
  readonly values: readonly Value[];
}

/** One attribute as it is given. */
export interface GivenAttribute {
  readonly attribute: string;
  readonly values: readonly Value[];
}

/** @throws ResultError undefinedAttributeType, invalidAttributeSyntax, attributeOrValueExists, constraintViolation */
export function createAttributes(given: readonly GivenAttribute[]): readonly StoredAttribute[] {
  const created: StoredAttribute[] = [];
  for (const { attribute, values } of given) {
    const description = writableDescription(attribute);
    const repeated = created.findIndex((each) => sameDescription(each, description));
    const held = created[repeated]?.values ?? [];
    const next = createAttribute(description, addValues(description, held, values));
    if (repeated < 0) created.push(next);
    else created[repeated] = next;
  }
  return created;
}

/**
 * The attributes after one change; the ones given are left as they are.
 * @throws ResultError as `createAttributes`, and noSuchAttribute
 */
export function applyModification(
  attributes: readonly StoredAttribute[],
  { operation, attribute, values }: Modification,
): readonly StoredAttribute[] {
  const description = writableDescription(attribute);
  const position = attributes.findIndex((each) => sameDescription(each, description));
  const held = attributes[position]?.values ?? [];
  const changed = changeValues(description, held, { operation, values });
  if (changed.length === 0) return attributes.filter((_, i) => i !== position);
  const next = createAttribute(description, changed);
  if (position < 0) return [...attributes, next];
  return attributes.map((each, i) => (i === position ? next : each));
}

function writableDescription(attribute: string): AttributeDescription {
  const description = parseDescription(attribute);
  if (description === undefined) {
    throw new ResultError("undefinedAttributeType", `${attribute}: attribute type undefined`);
  }
  if (description.type.readOnly) {
    throw new ResultError("constraintViolation", `${attribute}: no user modification allowed`);
  }
  return description;
}

function sameDescription(a: AttributeDescription, b: AttributeDescription): boolean {
  return a.type === b.type && a.options.join(";") === b.options.join(";");
}

function createAttribute(
  { type, options }: AttributeDescription,
  values: readonly Value[],
): StoredAttribute {
  if (type.singleValued && values.length > 1) {
    throw new ResultError(
      "constraintViolation",
      `${type.name}: attribute cannot have multiple values`,
    );
  }
  return { type, options, values };
}

function changeValues(
  description: AttributeDescription,
  held: readonly Value[],
  { operation, values }: Pick<Modification, "operation" | "values">,
): readonly Value[] {
  const { name } = description.type;
  switch (operation) {
    case "add":
      return addValues(description, held, values);
    case "replace":
      return values.length === 0 ? [] : addValues(description, [], values);
    case "increment":
      return [increment(name, held, values)];
    case "delete":
      return deleteValues(description, held, values);
  }
}

function addValues(
  description: AttributeDescription,
  held: readonly Value[],
  values: readonly Value[],
): readonly Value[] {
  const { name, syntax } = description.type;
  if (values.length === 0) throw new ResultError("invalidAttributeSyntax", `no values for ${name}`);
  const given = values.map((value) => asHeld(description, value));
  const keys = given.map((value) => validKey(description, value));
  if (held.length === 0 && given.length === 1) return given;
  const seen = new Set(held.map((value) => normalizeValue(syntax, value) ?? ""));
  for (const key of keys) {
    if (seen.has(key))
      throw new ResultError("attributeOrValueExists", `${name}: a value already exists`);
    seen.add(key);
  }
  return held.length === 0 ? given : [...held, ...given];
}

function deleteValues(
  description: AttributeDescription,
  held: readonly Value[],
  values: readonly Value[],
): readonly Value[] {
  const { name, syntax } = description.type;
  if (held.length === 0) throw new ResultError("noSuchAttribute", `${name}: no such attribute`);
  if (values.length === 0) return [];
  const kept = new Map(held.map((value) => [normalizeValue(syntax, value) ?? "", value]));
  for (const value of values) {
    if (!kept.delete(validKey(description, value))) {
      throw new ResultError("noSuchAttribute", `${name}: no such value`);
    }
  }
  return [...kept.values()];
}

function validKey({ type }: AttributeDescription, value: Value): string {
  const key = normalizeValue(type.syntax, value);
  // A DirectoryString is of one character or more (RFC 4517 section 3.3.6).
  if (key === undefined || (type.syntax === "text" && value.length === 0)) {
    throw new ResultError("invalidAttributeSyntax", `${type.name}: value is invalid per syntax`);
  }
  return key;
}

function increment(name: string, held: readonly Value[], given: readonly Value[]): string {
  const [value, by] = [held[0], given[0]];
  if (value === undefined) throw new ResultError("noSuchAttribute", `${name}: no such attribute`);
  const start = normalizePlain("integer", value);
  const step = given.length === 1 ? normalizePlain("integer", by ?? "") : undefined;
  if (start === undefined || step === undefined) {
    throw new ResultError(
      "constraintViolation",
      `${name}: increment needs an integer and one step`,
    );
  }
  return String(BigInt(start) + BigInt(step));
}

/** Octets stay octets only where the syntax has them. */
function asHeld({ type }: AttributeDescription, value: Value): Value {
  if (type.syntax === "octets") return typeof value === "string" ? Buffer.from(value) : value;
  if (typeof value === "string") return value;
  const text = Buffer.from(value).toString("utf8");
  if (!Buffer.from(text).equals(value)) {
    throw new ResultError("invalidAttributeSyntax", `${type.name}: value is invalid per syntax`);
  }
  return text;
}
