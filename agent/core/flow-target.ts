import { printAttributePath } from "./scim/attribute-path.ts";
import { ScimError } from "./scim/error.ts";
import type { ScimFilter } from "./scim/filter.ts";
import { parsePath, type ScimPath } from "./scim/path.ts";
import { findSubAttribute, locateAttribute } from "./scim/resource-type.ts";
import type { AttributeDefinition } from "./scim/schema.ts";
import type { ResourceTypeName } from "./scope.ts";

/** Where a flow writes, checked against the schema and in canonical spelling. */
export interface FlowTarget {
  /** Canonical text of the path. Two flows with the same one would write to the same place. */
  readonly text: string;
  /** URN of the object that holds the attribute; undefined at the top level. */
  readonly extension: string | undefined;
  readonly attribute: AttributeDefinition;
  /** The member of a complex attribute that takes the value; undefined for a simple attribute. */
  readonly member: AttributeDefinition | undefined;
  /** The members that the path's filter asks for: `[type eq "work"]` makes an element with that type. */
  readonly fixed: Readonly<Record<string, unknown>>;
  /** Whether the value is the DN of another entry, to be written as that entry's id. */
  readonly isReference: boolean;
}

/** The agent sets these from the anchor, or they are not a directory's to set. */
const RESERVED: ReadonlySet<string> = new Set([
  "schemas",
  "id",
  "externalId",
  "meta",
  "password",
  "groups",
]);

/**
 * Checks the target path of a flow.
 * @returns the target, or what is wrong with it and what was expected
 */
export function parseFlowTarget(
  text: string,
  resourceType: ResourceTypeName,
): FlowTarget | { readonly problem: string } {
  const path = parseTargetPath(text);
  if (path === undefined) return { problem: "is no SCIM attribute path" };
  const { filter, ...names } = path;
  const located = locateAttribute(resourceType, names);
  const { definition, extension } = located;
  if (definition === undefined) return { problem: `is not in the schemas of ${resourceType}` };
  if (RESERVED.has(definition.name))
    return { problem: "cannot be mapped: the agent sets it itself, or never reads it" };
  if (definition.mutability === "readOnly") return { problem: "is read-only" };
  if (filter !== undefined && !definition.multiValued)
    return { problem: "has a filter but only one value" };
  const member = findMember(definition, located.subAttribute);
  if (member === "unknown") return { problem: `is not in the schemas of ${resourceType}` };
  if (member === "ambiguous") {
    const names = definition.subAttributes?.map((sub) => sub.name).join(", ");
    return { problem: `needs a sub-attribute: one of ${names}` };
  }
  if (member?.mutability === "readOnly") return { problem: "is read-only" };
  const fixed = filter === undefined ? {} : fixedMembers(filter, definition);
  if (fixed === undefined) return { problem: 'has a filter that is more than eq and "and"' };
  if (!isWellTyped(fixed, definition))
    return { problem: "has a filter with a value of the wrong type" };
  if (member !== undefined && Object.hasOwn(fixed, member.name))
    return { problem: "writes what its filter fixes" };
  const isReference = member?.name === "value" && refersToResources(definition);
  const canonical = canonicalPath({ extension, definition, member, fixed });
  return { text: canonical, extension, attribute: definition, member, fixed, isReference };
}

function parseTargetPath(text: string): ScimPath | undefined {
  try {
    return parsePath(text);
  } catch (error) {
    if (error instanceof ScimError) return undefined;
    throw error;
  }
}

/** Without a sub-attribute a complex attribute stands for its `value` (RFC 7643 section 2.4). */
function findMember(
  definition: AttributeDefinition,
  subAttribute: string | undefined,
): AttributeDefinition | undefined | "unknown" | "ambiguous" {
  if (definition.type !== "complex") return subAttribute === undefined ? undefined : "unknown";
  if (subAttribute !== undefined) return findSubAttribute(definition, subAttribute) ?? "unknown";
  return findSubAttribute(definition, "value") ?? "ambiguous";
}

function fixedMembers(
  filter: ScimFilter,
  definition: AttributeDefinition,
): Record<string, unknown> | undefined {
  if (filter.kind === "and") {
    const parts = filter.filters.map((part) => fixedMembers(part, definition));
    const members = parts.flatMap((part) => (part === undefined ? [] : Object.entries(part)));
    const fixed = Object.fromEntries(members);
    // Fewer than parts: one is no eq, or two are about the same member.
    return Object.keys(fixed).length === parts.length ? fixed : undefined;
  }
  if (filter.kind !== "compare" || filter.operator !== "eq" || filter.value === null)
    return undefined;
  const member = findSubAttribute(definition, filter.path.attribute);
  return member === undefined ? undefined : { [member.name]: filter.value };
}

function isWellTyped(
  fixed: Readonly<Record<string, unknown>>,
  definition: AttributeDefinition,
): boolean {
  return Object.entries(fixed).every(([name, value]) => {
    const isBoolean = findSubAttribute(definition, name)?.type === "boolean";
    return typeof value === (isBoolean ? "boolean" : "string");
  });
}

function refersToResources(definition: AttributeDefinition): boolean {
  const types = findSubAttribute(definition, "$ref")?.referenceTypes ?? [];
  return types.includes("User") || types.includes("Group");
}

function canonicalPath(target: {
  readonly extension: string | undefined;
  readonly definition: AttributeDefinition;
  readonly member: AttributeDefinition | undefined;
  readonly fixed: Readonly<Record<string, unknown>>;
}): string {
  const { extension, definition, member, fixed } = target;
  const conditions = Object.entries(fixed)
    .map(([name, value]) => `${name} eq ${JSON.stringify(value)}`)
    .sort();
  const bracket = conditions.length === 0 ? "" : `[${conditions.join(" and ")}]`;
  const prefix = printAttributePath({
    ...(extension === undefined ? {} : { schema: extension }),
    attribute: definition.name,
  });
  return `${prefix}${bracket}${member === undefined ? "" : `.${member.name}`}`;
}
