import { parseAttributePath } from "../../core/scim/attribute-path.ts";
import { parseDateTime } from "../../core/scim/date-time.ts";
import { badRequest } from "../../core/scim/error.ts";
import { isObject, memberReader, type ScimResource } from "../../core/scim/resource.ts";
import { locateAttribute } from "../../core/scim/resource-type.ts";
import type { AttributeDefinition } from "../../core/scim/schema.ts";
import type { ResourceTypeName } from "../../core/scope.ts";

export type SortOrder = "ascending" | "descending";

/** What a resource is sorted by; undefined when it has nothing there. */
export type SortKey = string | number | undefined;

const readPrimary = memberReader("primary");

/**
 * Compiles `sortBy` for one resource type (RFC 7644 section 3.4.2.3): of several values the primary one counts, else
 * the first.
 * @throws ScimError 400 invalidPath
 */
export function compileSortKey(
  sortBy: string,
  type: ResourceTypeName,
): (resource: ScimResource) => SortKey {
  const path = parseAttributePath(sortBy);
  if (path === undefined) throw badRequest("invalidPath", "sortBy is no attribute path");
  const { extension, attribute, definition, subAttribute, subDefinition } = locateAttribute(
    type,
    path,
  );
  if (attribute === undefined || definition?.returned === "never") return () => undefined;
  const readExtension = extension === undefined ? undefined : memberReader(extension);
  const readAttribute = memberReader(attribute);
  const readInner = memberReader(subAttribute ?? "value");
  const inner =
    subDefinition ?? definition?.subAttributes?.find(({ name }) => name === "value") ?? definition;
  return (resource) => {
    const holder = readExtension === undefined ? resource : readExtension(resource);
    const value = isObject(holder) ? chosen(readAttribute(holder)) : undefined;
    return keyOf(isObject(value) ? readInner(value) : value, inner);
  };
}

/** Compares two keys; what has none comes last when ascending, and first when descending. */
export function compareSortKeys(a: SortKey, b: SortKey, order: SortOrder): number {
  const direction = order === "ascending" ? 1 : -1;
  if (a === b) return 0;
  if (a === undefined) return direction;
  if (b === undefined) return -direction;
  // Types differ only where no schema says what the attribute is.
  if (typeof a !== typeof b) return typeof a === "number" ? -direction : direction;
  return a < b ? -direction : direction;
}

function chosen(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.find((each) => isObject(each) && readPrimary(each) === true) ?? value[0];
}

function keyOf(value: unknown, definition: AttributeDefinition | undefined): SortKey {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "string") return undefined;
  if (definition?.type === "dateTime") return parseDateTime(value);
  return definition?.caseExact === true ? value : value.toLowerCase();
}
