import { isObject, memberReader } from "../core/scim/resource.ts";
import type { AttributeDefinition, AttributeType, SchemaDefinition } from "../core/scim/schema.ts";

const MAX_SCHEMAS = 1_000;
const MAX_ATTRIBUTES = 10_000;

type Json = Readonly<Record<string, unknown>>;

const TYPES = [
  ...(["string", "boolean", "decimal", "integer"] as const),
  ...(["dateTime", "reference", "binary", "complex"] as const),
] satisfies readonly AttributeType[];
const MUTABILITIES = ["readOnly", "readWrite", "immutable", "writeOnly"] as const;
const RETURNED = ["always", "never", "default", "request"] as const;

const readResources = memberReader("Resources");
const readAttributes = memberReader("attributes");
const readSubAttributes = memberReader("subAttributes");

/**
 * Reads the answer of `/Schemas`: a list, a bare array or one schema. What a definition does not say is as RFC 7643
 * section 2.2 has it; what has no name or an unknown type is left out.
 * @returns undefined when nothing in it is a schema
 */
export function parseSchemas(body: unknown): readonly SchemaDefinition[] | undefined {
  const elements = elementsOf(body);
  const schemas: SchemaDefinition[] = [];
  for (const element of elements.slice(0, MAX_SCHEMAS)) {
    const schema = parseSchema(element);
    if (schema !== undefined) schemas.push(schema);
  }
  return schemas.length === 0 ? undefined : schemas;
}

function elementsOf(body: unknown): readonly unknown[] {
  if (Array.isArray(body)) return body;
  if (!isObject(body)) return [];
  const resources = readResources(body);
  return Array.isArray(resources) ? resources : [body];
}

function parseSchema(element: unknown): SchemaDefinition | undefined {
  if (!isObject(element)) return undefined;
  const id = textOf(element, "id");
  const attributes = readAttributes(element);
  if (id === undefined || !Array.isArray(attributes)) return undefined;
  return {
    id,
    name: textOf(element, "name") ?? id,
    description: textOf(element, "description") ?? "",
    attributes: parseAttributes(attributes, true),
  };
}

function parseAttributes(
  elements: readonly unknown[],
  mayBeComplex: boolean,
): readonly AttributeDefinition[] {
  return elements
    .slice(0, MAX_ATTRIBUTES)
    .map((element) => (isObject(element) ? parseAttribute(element, mayBeComplex) : undefined))
    .filter((attribute) => attribute !== undefined);
}

/** @param mayBeComplex sub-attributes never are (RFC 7643 erratum 8415), which also bounds the depth */
function parseAttribute(element: Json, mayBeComplex: boolean): AttributeDefinition | undefined {
  const name = textOf(element, "name");
  const type = textOf(element, "type") === undefined ? "string" : wordOf(element, "type", TYPES);
  if (name === undefined || type === undefined) return undefined;
  if (type === "complex" && !mayBeComplex) return undefined;
  const subAttributes = readSubAttributes(element);
  const canonicalValues = textsOf(element, "canonicalValues");
  const referenceTypes = textsOf(element, "referenceTypes");
  return {
    name,
    type,
    multiValued: isTrue(element, "multiValued"),
    required: isTrue(element, "required"),
    caseExact: isTrue(element, "caseExact"),
    mutability: wordOf(element, "mutability", MUTABILITIES) ?? "readWrite",
    returned: wordOf(element, "returned", RETURNED) ?? "default",
    ...(type === "complex"
      ? { subAttributes: parseAttributes(Array.isArray(subAttributes) ? subAttributes : [], false) }
      : {}),
    ...(canonicalValues === undefined ? {} : { canonicalValues }),
    ...(referenceTypes === undefined ? {} : { referenceTypes }),
  };
}

function textOf(element: Json, name: string): string | undefined {
  const value = memberReader(name)(element);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function textsOf(element: Json, name: string): readonly string[] | undefined {
  const value = memberReader(name)(element);
  if (!Array.isArray(value)) return undefined;
  const texts = value.filter((each) => typeof each === "string");
  return texts.length === 0 ? undefined : texts;
}

function isTrue(element: Json, name: string): boolean {
  const value = memberReader(name)(element);
  return value === true || (typeof value === "string" && value.toLowerCase() === "true");
}

function wordOf<T extends string>(element: Json, name: string, words: readonly T[]): T | undefined {
  const folded = textOf(element, name)?.toLowerCase();
  return words.find((word) => word.toLowerCase() === folded);
}
