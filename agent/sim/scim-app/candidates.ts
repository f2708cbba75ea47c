import type { AttributePath } from "../../core/scim/attribute-path.ts";
import { literalText } from "../../core/scim/comparison.ts";
import type { CompareFilter, ScimFilter } from "../../core/scim/filter.ts";
import { locateAttribute } from "../../core/scim/resource-type.ts";
import type { ResourceTypeName } from "../../core/scope.ts";
import type { IndexedAttribute, ResourceStore } from "./store.ts";
import { memberIds } from "./stored-resource.ts";

const INDEXED: ReadonlySet<string> = new Set<IndexedAttribute>([
  "userName",
  "displayName",
  "externalId",
  "emails",
]);

/**
 * The ids among which all resources are that a filter picks, by the indexes of the store; the filter decides on each.
 * @returns undefined when every resource has to be looked at
 */
export function candidateIds(
  filter: ScimFilter,
  type: ResourceTypeName,
  store: ResourceStore,
): ReadonlySet<string> | undefined {
  switch (filter.kind) {
    case "compare":
      return equalIds(filter, filter.path, type, store);
    case "and": {
      const parts = filter.filters.flatMap((part) => candidateIds(part, type, store) ?? []);
      return parts.reduce<ReadonlySet<string> | undefined>(
        (least, ids) => (least === undefined || ids.size < least.size ? ids : least),
        undefined,
      );
    }
    case "or": {
      const union = new Set<string>();
      for (const part of filter.filters) {
        const ids = candidateIds(part, type, store);
        if (ids === undefined) return undefined;
        for (const id of ids) union.add(id);
      }
      return union;
    }
    case "valuePath": {
      const inner = filter.test ?? filter.filter;
      if (inner.kind !== "compare" || inner.path.subAttribute !== undefined) return undefined;
      const path = { ...filter.path, subAttribute: inner.path.attribute };
      return equalIds(inner, path, type, store);
    }
    default:
      return undefined;
  }
}

function equalIds(
  { operator, value }: CompareFilter,
  path: AttributePath,
  type: ResourceTypeName,
  store: ResourceStore,
): ReadonlySet<string> | undefined {
  const text = literalText(value);
  if (operator !== "eq" || text === undefined) return undefined;
  const { extension, attribute, definition, subAttribute } = locateAttribute(type, path);
  if (extension !== undefined || attribute === undefined || definition === undefined) {
    return undefined;
  }
  const plural = definition.multiValued;
  const reachesValue = subAttribute === undefined || (plural && subAttribute === "value");
  if (!reachesValue) return undefined;
  if (attribute === "id") return new Set([text]);
  if (attribute === "members") return store.groupsOf(text);
  if (attribute === "groups") return membersOf(text, store);
  return isIndexed(attribute) ? store.idsWith(type, attribute, text) : undefined;
}

function membersOf(id: string, store: ResourceStore): ReadonlySet<string> {
  const group = store.get("Group", id);
  return new Set(group === undefined ? [] : memberIds(group.content));
}

function isIndexed(attribute: string): attribute is IndexedAttribute {
  return INDEXED.has(attribute);
}
