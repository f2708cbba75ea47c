import type { PatchMessage } from "../core/scim/patch-operation.ts";
import type { PatchStyle } from "../core/scim/patch-style.ts";
import { isObject, memberReader } from "../core/scim/resource.ts";
import { RESOURCE_TYPES } from "../core/scim/resource-type.ts";
import { ENTERPRISE_USER_SCHEMA, GROUP_SCHEMA, USER_SCHEMA } from "../core/scim/urn.ts";
import type { ResourceTypeName } from "../core/scope.ts";

/** A request of RFC 7644 as the client means it, before it is written for a server. */
export interface ScimRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below the base URL. */
  readonly path: string;
  /** In the order in which they are written. */
  readonly query?: readonly (readonly [name: string, value: string])[];
  readonly body?: Readonly<Record<string, unknown>>;
}

/** Entra names this schema, which no document defines, in every group that it creates. */
const ENTRA_GROUP_SCHEMA =
  "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";

/** Entra never asks for members: it does not read them. */
const WITHOUT_MEMBERS = ["excludedAttributes", "members"] as const;

/** What the target sets itself, and what is set when both ends of a reference are there. */
const NOT_CREATED: Readonly<Record<ResourceTypeName, readonly string[]>> = {
  User: ["schemas", "id", "meta", "groups"],
  Group: ["schemas", "id", "meta", "members"],
};

export function findRequest(
  resourceType: ResourceTypeName,
  lookup: { readonly path: string; readonly value: string },
): ScimRequest {
  const filter = ["filter", equals(lookup.path, lookup.value)] as const;
  return {
    method: "GET",
    path: RESOURCE_TYPES[resourceType].endpoint,
    query: resourceType === "Group" ? [WITHOUT_MEMBERS, filter] : [filter],
  };
}

export function readRequest(resourceType: ResourceTypeName, id: string): ScimRequest {
  return {
    method: "GET",
    path: resourcePath(resourceType, id),
    ...(resourceType === "Group" ? { query: [WITHOUT_MEMBERS] } : {}),
  };
}

/** Entra names the attribute alone, without its schema and `value`. */
export function referenceRequest(
  resourceType: ResourceTypeName,
  id: string,
  reference: { readonly attribute: "manager" | "members"; readonly id: string },
  style: PatchStyle,
): ScimRequest {
  const { attribute } = reference;
  const full = attribute === "manager" ? `${ENTERPRISE_USER_SCHEMA}:manager` : attribute;
  const path = style === "rfc7644" ? `${full}.value` : attribute;
  return {
    method: "GET",
    path: RESOURCE_TYPES[resourceType].endpoint,
    query: [
      ["filter", `${equals("id", id)} and ${equals(path, reference.id)}`],
      ["attributes", "id"],
    ],
  };
}

/**
 * The styles of Entra name the schemas that they know, whatever the resource has, and add the resource type and an
 * empty list of roles.
 */
export function createRequest(
  resourceType: ResourceTypeName,
  resource: Readonly<Record<string, unknown>>,
  style: PatchStyle,
): ScimRequest {
  const left = new Set(NOT_CREATED[resourceType].map((name) => name.toLowerCase()));
  const content: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(resource)) {
    if (left.has(name.toLowerCase())) continue;
    const kept = isObject(value) && name.includes(":") ? withoutManager(value) : value;
    if (hasContent(kept)) content[name] = kept;
  }
  const path = RESOURCE_TYPES[resourceType].endpoint;
  if (style === "rfc7644") {
    const core = RESOURCE_TYPES[resourceType].schema.id;
    const extensions = Object.keys(content).filter((name) => name.includes(":"));
    return { method: "POST", path, body: { schemas: [core, ...extensions], ...content } };
  }
  const isUser = resourceType === "User";
  const known = isUser ? [USER_SCHEMA, ENTERPRISE_USER_SCHEMA] : [GROUP_SCHEMA, ENTRA_GROUP_SCHEMA];
  const roles = isUser && memberReader("roles")(content) === undefined ? { roles: [] } : {};
  const body = { schemas: known, ...content, meta: { resourceType }, ...roles };
  return { method: "POST", path, body };
}

export function patchRequest(
  resourceType: ResourceTypeName,
  id: string,
  message: PatchMessage,
): ScimRequest {
  return { method: "PATCH", path: resourcePath(resourceType, id), body: { ...message } };
}

export function deleteRequest(resourceType: ResourceTypeName, id: string): ScimRequest {
  return { method: "DELETE", path: resourcePath(resourceType, id) };
}

/** @param page `cursor` or `startIndex`, and `count` */
export function listRequest(
  resourceType: ResourceTypeName,
  page: readonly (readonly [name: string, value: string])[],
): ScimRequest {
  return {
    method: "GET",
    path: RESOURCE_TYPES[resourceType].endpoint,
    query: resourceType === "Group" ? [WITHOUT_MEMBERS, ...page] : page,
  };
}

/** @throws RangeError for an id that would be another path */
function resourcePath(resourceType: ResourceTypeName, id: string): string {
  if (id === "" || id === "." || id === "..") throw new RangeError("not an id of a resource");
  return `${RESOURCE_TYPES[resourceType].endpoint}/${encodeURIComponent(id)}`;
}

function equals(path: string, value: string): string {
  return `${path} eq ${JSON.stringify(value)}`;
}

function withoutManager(
  extension: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const rest = Object.entries(extension).filter(
    ([name, value]) => name.toLowerCase() !== "manager" && hasContent(value),
  );
  return Object.fromEntries(rest);
}

/** null, [] and {} say nothing (RFC 7643 section 2.5). */
function hasContent(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
