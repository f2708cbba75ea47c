import { toBoolean } from "./comparison.ts";
import { parseDateTime } from "./date-time.ts";
import { badRequest, type ScimError } from "./error.ts";
import type { PatchProfile } from "./patch-operation.ts";
import { isObject, memberReader } from "./resource.ts";
import { findSubAttribute } from "./resource-type.ts";
import type { AttributeDefinition } from "./schema.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** New values of sub-attributes by their canonical names; undefined unassigns one. */
export type SubAttributeValues = ReadonlyMap<string, unknown>;

const readInner = memberReader("value");

/**
 * A value of a simple attribute. The profile `entra` takes "True" and "False", `{"value": …}` and a list of one
 * around the value, and "" for nothing.
 * @returns undefined when the value unassigns the attribute (RFC 7643 section 2.5)
 * @throws ScimError 400 invalidValue: a value of another type, or "" for an attribute that is required
 */
export function coerceSimple(
  definition: AttributeDefinition,
  value: unknown,
  profile: PatchProfile,
): unknown {
  const bare = profile === "entra" ? unwrapped(value) : value;
  if (isUnassigned(bare, profile)) return undefined;
  const coerced = coerceType(definition, bare, profile);
  if (coerced === undefined || (definition.required && coerced === "")) {
    throw invalidValue(definition);
  }
  return coerced;
}

function coerceType({ type }: AttributeDefinition, value: unknown, profile: PatchProfile): unknown {
  switch (type) {
    case "boolean":
      return profile === "entra" || typeof value === "boolean" ? toBoolean(value) : undefined;
    case "integer":
      return Number.isInteger(value) ? value : undefined;
    case "decimal":
      return typeof value === "number" ? value : undefined;
    case "dateTime":
      return typeof value === "string" && parseDateTime(value) !== undefined ? value : undefined;
    case "string":
    case "reference":
    case "binary":
      return typeof value === "string" ? value : undefined;
    case "complex":
      return undefined;
  }
}

/**
 * A value of a complex attribute or of one element. Sub-attributes that are unknown or read-only are left out. The
 * profile `entra` takes a text for an object with that `value`, a list of one, and a `value` of "" for nothing.
 * @returns undefined when the value unassigns all of it
 * @throws ScimError 400 invalidValue: not an object, or a sub-attribute of another type
 */
export function coerceComplex(
  definition: AttributeDefinition,
  value: unknown,
  profile: PatchProfile,
): SubAttributeValues | undefined {
  const single = profile === "entra" ? onlyElement(value) : value;
  if (isUnassigned(single, profile)) return undefined;
  if (
    profile === "entra" &&
    typeof single === "string" &&
    findSubAttribute(definition, "value") !== undefined
  ) {
    return new Map([["value", single]]);
  }
  if (!isObject(single)) throw invalidValue(definition);
  const values = coerceSubAttributes(definition, single, profile);
  const emptied = profile === "entra" && values.has("value") && values.get("value") === undefined;
  return emptied ? undefined : values;
}

function coerceSubAttributes(
  definition: AttributeDefinition,
  value: JsonObject,
  profile: PatchProfile,
): SubAttributeValues {
  const values = new Map<string, unknown>();
  for (const [name, member] of Object.entries(value)) {
    const sub = findSubAttribute(definition, name);
    if (sub === undefined || sub.mutability === "readOnly") continue;
    values.set(sub.name, coerceSimple(sub, member, profile));
  }
  return values;
}

/**
 * The elements that a value of a multi-valued attribute has: a list, or one element alone. Those with nothing in them
 * are left out.
 * @throws ScimError 400 invalidValue
 */
export function coerceElements(
  definition: AttributeDefinition,
  value: unknown,
  profile: PatchProfile,
): readonly JsonObject[] {
  const elements: JsonObject[] = [];
  for (const each of Array.isArray(value) ? value : [value]) {
    const values = coerceComplex(definition, each, profile);
    if (values === undefined) continue;
    const element = assignedValues(values);
    if (Object.keys(element).length > 0) elements.push(element);
  }
  return elements;
}

/** An object of the values that are assigned. */
export function assignedValues(values: SubAttributeValues): JsonObject {
  return Object.fromEntries([...values].filter(([, value]) => value !== undefined));
}

/** One level only: what is nested deeper is no value. */
function unwrapped(value: unknown): unknown {
  const single = onlyElement(value);
  return isObject(single) ? readInner(single) : single;
}

function onlyElement(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : value;
}

/** null and [] (RFC 7643 section 2.5), and for Entra the empty text. */
function isUnassigned(value: unknown, profile: PatchProfile): boolean {
  if (value === null || (Array.isArray(value) && value.length === 0)) return true;
  return value === "" && profile === "entra";
}

function invalidValue({ name }: AttributeDefinition): ScimError {
  return badRequest("invalidValue", `a value of ${name} has another type`);
}
