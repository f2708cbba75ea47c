import { type AttributePath, parseAttributePath, printAttributePath } from "./attribute-path.ts";
import { coerceSimple, type JsonObject } from "./attribute-value.ts";
import { ScimError } from "./error.ts";
import { findByName, KnownSchemas } from "./known-schemas.ts";
import { parsePath, type ScimPath } from "./path.ts";
import { isObject } from "./resource.ts";
import type { AttributeDefinition, SchemaDefinition } from "./schema.ts";
import { GROUP_SCHEMA, USER_SCHEMA } from "./urn.ts";

/** A write, as it goes to a service provider. */
export interface WriteRequest {
  readonly method: string;
  /** Decoded. */
  readonly path: string;
  readonly body: unknown;
}

const CORE_BY_ENDPOINT: ReadonlyMap<string, string> = new Map([
  ["users", USER_SCHEMA],
  ["groups", GROUP_SCHEMA],
]);

/**
 * Common attributes that may be sent: of `meta`, which Entra sends with each new resource, RFC 7643 section 3.1 says that the
 * service provider ignores it.
 */
const SENT_COMMON: ReadonlySet<string> = new Set(["schemas", "externalid", "meta"]);

type Report = (path: string, problem: string) => void;

/**
 * Compares a POST, PUT or PATCH of a user or group with what the service provider says of its schemas (RFC 7643 section
 * 7). What Entra sends to every target passes: booleans as the texts "True" and "False", and in a PATCH the id of the
 * manager as a text instead of an object.
 * @param schemas of the answer to `GET /Schemas`
 * @returns `path: problem`, each once, in the order of the payload; none when nothing is known to be wrong
 */
export function checkPayload(
  { method, path, body }: WriteRequest,
  schemas: readonly SchemaDefinition[],
): readonly string[] {
  const core = coreSchemaOf(path);
  if (core === undefined || !isObject(body)) return [];
  const problems = new Set<string>();
  const report: Report = (at, problem) => problems.add(`${at}: ${problem}`);
  const known = new KnownSchemas(schemas, core);
  if (!known.hasCore) report("schemas", `the target has no schema ${core}`);
  else if (method === "PATCH") checkPatch(body, known, report);
  else if (method === "POST" || method === "PUT") checkResource(body, known, report);
  return [...problems];
}

function coreSchemaOf(path: string): string | undefined {
  for (const segment of path.toLowerCase().split("/").reverse()) {
    const core = CORE_BY_ENDPOINT.get(segment);
    if (core !== undefined) return core;
  }
  return undefined;
}

function checkResource(body: JsonObject, known: KnownSchemas, report: Report): void {
  const names = new Set(Object.keys(body).map((name) => name.toLowerCase()));
  for (const { name } of known.required) {
    if (!names.has(name.toLowerCase())) report(name, "it is required");
  }
  for (const [name, value] of Object.entries(body)) checkMember(name, value, known, report);
}

/** A member of a resource, or of the value of a PATCH operation without path: an attribute or a whole extension. */
function checkMember(name: string, value: unknown, known: KnownSchemas, report: Report): void {
  if (SENT_COMMON.has(name.toLowerCase())) return;
  const schema = known.schema(name);
  if (schema !== undefined) {
    checkExtension(schema, value, report);
    return;
  }
  const path = parseAttributePath(name);
  if (name.includes(":") && isObject(value) && !isPathInto(known, path)) {
    report(name, "the target has no such schema");
  } else if (path === undefined) report(name, "it is no name of an attribute");
  else checkAttribute(path, value, known, report);
}

function isPathInto(known: KnownSchemas, path: AttributePath | undefined): boolean {
  return path?.schema !== undefined && known.schema(path.schema) !== undefined;
}

function checkExtension(schema: SchemaDefinition, value: unknown, report: Report): void {
  if (!isObject(value)) {
    report(schema.id, "it is no object");
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    const at = `${schema.id}:${name}`;
    const definition = findByName(schema.attributes, name);
    if (definition === undefined) report(at, "the target's schema has no such attribute");
    else checkValue(at, definition, inner, report);
  }
}

function checkAttribute(
  path: AttributePath,
  value: unknown,
  known: KnownSchemas,
  report: Report,
): void {
  const at = printAttributePath(path);
  const definition = locate(path, known, report);
  if (definition === undefined) return;
  if (Array.isArray(value) && path.subAttribute !== undefined) {
    for (const each of value) checkValue(at, definition, each, report);
  } else checkValue(at, definition, value, report);
}

/** Says what is unknown on the way. */
function locate(
  path: AttributePath,
  known: KnownSchemas,
  report: Report,
): AttributeDefinition | undefined {
  const at = printAttributePath(path);
  if (path.schema !== undefined && known.schema(path.schema) === undefined) {
    report(at, `the target has no schema ${path.schema}`);
    return undefined;
  }
  const attribute = known.attribute(path.attribute, path.schema);
  if (attribute === undefined) {
    report(at, "the target's schema has no such attribute");
    return undefined;
  }
  if (path.subAttribute === undefined) return attribute;
  const subAttribute = findByName(attribute.subAttributes ?? [], path.subAttribute);
  if (subAttribute === undefined) report(at, "the target's schema has no such sub-attribute");
  if (attribute.mutability !== "readOnly") return subAttribute;
  report(at, "it is read-only");
  return undefined;
}

function checkValue(
  at: string,
  definition: AttributeDefinition,
  value: unknown,
  report: Report,
): void {
  if (definition.mutability === "readOnly") {
    report(at, "it is read-only");
    return;
  }
  if (value === null) {
    if (definition.required) report(at, "it is required, and would be cleared");
    return;
  }
  if (!definition.multiValued) {
    checkOne(at, definition, value, report);
    return;
  }
  // RFC 7644 section 3.5.2: operations add one value of many as such.
  const values = Array.isArray(value) ? value : [value];
  for (const [index, each] of values.entries()) {
    checkOne(Array.isArray(value) ? `${at}[${index}]` : at, definition, each, report);
  }
}

function checkOne(
  at: string,
  definition: AttributeDefinition,
  value: unknown,
  report: Report,
): void {
  if (definition.type !== "complex") {
    if (!fits(definition, value)) report(at, `${typeName(value)} instead of ${definition.type}`);
    return;
  }
  if (!isObject(value)) {
    report(at, `${typeName(value)} instead of an object`);
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    const subAttribute = findByName(definition.subAttributes ?? [], name);
    if (subAttribute === undefined) {
      report(`${at}.${name}`, "the target's schema has no such sub-attribute");
    } else checkValue(`${at}.${name}`, subAttribute, inner, report);
  }
  for (const { name, required, mutability } of definition.subAttributes ?? []) {
    if (!required || mutability === "readOnly") continue;
    if (!Object.keys(value).some((key) => key.toLowerCase() === name.toLowerCase())) {
      report(`${at}.${name}`, "it is required");
    }
  }
}

function fits(definition: AttributeDefinition, value: unknown): boolean {
  if (typeof value === "string" && definition.type === "boolean") {
    return /^(?:true|false)$/i.test(value);
  }
  try {
    return coerceSimple(definition, value, "rfc7644") !== undefined;
  } catch (error) {
    if (error instanceof ScimError) return false;
    throw error;
  }
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value === "") return "an empty text";
  return value === null ? "null" : typeof value;
}

function checkPatch(body: JsonObject, known: KnownSchemas, report: Report): void {
  const operations = body["Operations"];
  if (!Array.isArray(operations)) {
    report("Operations", "it is no list");
    return;
  }
  for (const operation of operations) {
    if (isObject(operation)) checkOperation(operation, known, report);
  }
}

function checkOperation(operation: JsonObject, known: KnownSchemas, report: Report): void {
  const { op, path, value } = operation;
  if (typeof path === "string") {
    checkAtPath(String(op), path, value, known, report);
    return;
  }
  if (!isObject(value)) {
    report("value", "an operation without path needs an object");
    return;
  }
  for (const [name, inner] of Object.entries(value)) checkMember(name, inner, known, report);
}

function checkAtPath(
  op: string,
  text: string,
  value: unknown,
  known: KnownSchemas,
  report: Report,
): void {
  const schema = known.schema(text);
  if (schema !== undefined) {
    if (value !== undefined) checkExtension(schema, value, report);
    return;
  }
  let path: ScimPath;
  try {
    path = parsePath(text);
  } catch (error) {
    if (!(error instanceof ScimError)) throw error;
    report(text, error.message);
    return;
  }
  const definition = locate(path, known, report);
  if (definition === undefined) return;
  if (op.toLowerCase() !== "remove") checkAtDefinition(text, path, definition, value, report);
  else if (definition.mutability === "readOnly") report(text, "it is read-only");
  else if (!isPart(path) && value === undefined && definition.required) {
    report(text, "it is required, and would be cleared");
  }
}

/** Whether a path leads to a part of an attribute only. */
function isPart({ filter, subAttribute }: ScimPath): boolean {
  return filter !== undefined || subAttribute !== undefined;
}

/** A path with a filter picks elements: its value is that of one of them. */
function checkAtDefinition(
  at: string,
  { filter }: ScimPath,
  definition: AttributeDefinition,
  value: unknown,
  report: Report,
): void {
  const inner = findByName(definition.subAttributes ?? [], "value");
  if (typeof value === "string" && inner !== undefined && filter === undefined) {
    if (definition.mutability === "readOnly") report(at, "it is read-only");
    else checkValue(at, inner, value, report);
    return;
  }
  if (filter === undefined || definition.mutability === "readOnly") {
    checkValue(at, definition, value, report);
    return;
  }
  // Entra sends the parts of an element, of which the required ones may stand in the filter.
  const parts = (definition.subAttributes ?? []).map((part) => ({ ...part, required: false }));
  const element =
    definition.type === "complex" ? { ...definition, subAttributes: parts } : definition;
  checkOne(at, element, value, report);
}
