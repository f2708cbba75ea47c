import type { ResourceTypeName } from "../scope.ts";
import { type AttributePath, parseAttributePath } from "./attribute-path.ts";
import { badRequest } from "./error.ts";
import type { ScimFilter } from "./filter.ts";
import type { PatchProfile } from "./patch-operation.ts";
import { parsePath, type ScimPath } from "./path.ts";
import { locateAttribute, RESOURCE_TYPES } from "./resource-type.ts";
import type { AttributeDefinition } from "./schema.ts";

export interface PatchOptions {
  readonly resourceType: ResourceTypeName;
  readonly profile: PatchProfile;
}

/** Where an attribute stands in a resource. */
export interface AttributePlace {
  /** URN of the object that holds the attribute; undefined at the top level. */
  readonly extension: string | undefined;
  readonly definition: AttributeDefinition;
}

/** An attribute, one of its sub-attributes, or those of the elements that a filter picks. */
export interface AttributeTarget extends AttributePlace {
  readonly kind: "attribute";
  readonly subDefinition: AttributeDefinition | undefined;
  readonly filter: ScimFilter | undefined;
}

/** All attributes of one schema. */
export interface SchemaTarget {
  readonly kind: "schema";
  /** Undefined for the core schema. */
  readonly extension: string | undefined;
}

export type PatchTarget = AttributeTarget | SchemaTarget;

/**
 * What the path of an operation means. The profile `entra` looks up names without URN in the extensions too, and
 * takes `<URN>.name`, the notation of clients before 2018.
 * @throws ScimError 400: invalidPath (malformed, unknown, or a filter where there are no elements), invalidFilter
 */
export function resolveTarget(text: string, options: PatchOptions): PatchTarget {
  const target = findTarget(parsePath(withColon(text, options)), options);
  if (target === undefined) {
    throw badRequest("invalidPath", `the path names no attribute of a ${options.resourceType}`);
  }
  return target;
}

/**
 * What a name in a set of attributes means: an attribute or a schema's URN; in the profile `entra` any path.
 * @param within - URN of the extension that the set belongs to
 * @returns undefined for what no schema knows, which is to be ignored (RFC 7644 section 3.3)
 * @throws ScimError 400: invalidPath (a path, but not in the profile `entra`), invalidFilter
 */
export function resolveName(
  name: string,
  within: string | undefined,
  options: PatchOptions,
): PatchTarget | undefined {
  const text = within === undefined ? name : `${within}:${name}`;
  const path = parseName(withColon(text, options));
  const target = path === undefined ? undefined : findTarget(path, options);
  if (target === undefined || options.profile === "entra" || target.kind === "schema")
    return target;
  const known = target.definition.name;
  if (name.length === known.length) return target;
  // Silence would lose a value that is evidently meant for an attribute.
  throw badRequest("invalidPath", `a path stands where ${known} should`);
}

function parseName(text: string): ScimPath | undefined {
  return text.includes("[") ? parsePath(text) : parseAttributePath(text);
}

function withColon(text: string, { resourceType, profile }: PatchOptions): string {
  if (profile !== "entra") return text;
  const { schema, extensions } = RESOURCE_TYPES[resourceType];
  const folded = text.toLowerCase();
  for (const { id } of [schema, ...extensions]) {
    if (folded.startsWith(`${id.toLowerCase()}.`)) return `${id}:${text.slice(id.length + 1)}`;
  }
  return text;
}

function findTarget(path: ScimPath, options: PatchOptions): PatchTarget | undefined {
  const located = locateAttribute(options.resourceType, path);
  const { extension, attribute, definition, subAttribute, subDefinition } = located;
  if (options.profile === "rfc7644" && isLoose(path, extension, subAttribute)) return undefined;
  const { filter } = path;
  if (attribute === undefined) {
    return filter === undefined ? { kind: "schema", extension } : undefined;
  }
  if (definition === undefined) return undefined;
  if (subAttribute !== undefined && subDefinition === undefined) return undefined;
  if (filter !== undefined && !(definition.multiValued && definition.type === "complex")) {
    return undefined;
  }
  return { kind: "attribute", extension, definition, subDefinition, filter };
}

/** An extension's attribute without its URN, or `<URN>.name`, whose name comes back as the attribute. */
function isLoose(
  path: AttributePath,
  extension: string | undefined,
  subAttribute: string | undefined,
): boolean {
  return (
    (path.schema === undefined && extension !== undefined) ||
    (path.subAttribute !== undefined && subAttribute === undefined)
  );
}
