import { type CompiledMapping, restrictMapping } from "../core/compiled-mapping.ts";
import { parseAttributePath } from "../core/scim/attribute-path.ts";
import type { ScimFilter } from "../core/scim/filter.ts";
import { compileFilter } from "../core/scim/filter-match.ts";
import { toLdapFilter } from "../core/scim/ldap-translation.ts";
import type { SearchRequest } from "../core/scim/list.ts";
import { compileProjection } from "../core/scim/projection.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import { locateAttribute } from "../core/scim/resource-type.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { ldapSourcesOf } from "./ldap-sources.ts";
import type { ResourceQuery } from "./read-resources.ts";
import type { ServedDirectory } from "./served-directory.ts";

/** What is read of one resource type, before the scope is. */
export interface PlannedRead {
  readonly query: Pick<ResourceQuery, "mapping" | "ldapFilter" | "matches" | "matchesReferences">;
  readonly project: (resource: ScimResource) => ScimResource;
}

/** Which resources are wanted, and what of them. */
export type Wanted = Pick<SearchRequest, "filter" | "attributes" | "excludedAttributes">;

/**
 * Works out what to ask of the directory and what to do with what comes.
 * @returns undefined when nothing of this type can match
 * @throws ScimError 400 invalidFilter, invalidValue
 */
export function planRead(
  served: ServedDirectory,
  { search, mapping }: { readonly search: Wanted; readonly mapping: CompiledMapping },
): PlannedRead | undefined {
  const { resourceType } = mapping;
  const { filter } = search;
  const isProjected = search.attributes !== undefined || search.excludedAttributes !== undefined;
  const project = isProjected
    ? compileProjection(search, resourceType)
    : (resource: ScimResource) => resource;
  const matches = filter === undefined ? () => true : compileFilter(filter, resourceType);
  const used = new Set(filter === undefined ? [] : attributesIn(filter, resourceType));
  const restricted = restrictMapping(mapping, neededBy(search, { resourceType, used }));
  const isReference = ({ target }: CompiledMapping["flows"][number]) =>
    target.isReference && used.has(attributeKey(target.extension, target.attribute.name));
  const matchesReferences = mapping.flows.some(isReference);
  const common = { mapping: restricted, matches, matchesReferences };
  if (filter === undefined) {
    // Nothing to match, so that one mapping of each entry is enough.
    return { project, query: { ...common, matchesReferences: true, ldapFilter: undefined } };
  }
  const translation = toLdapFilter(filter, {
    sources: ldapSourcesOf(mapping),
    idFilter: (id) => served.directory.idFilter(id),
  });
  switch (translation.kind) {
    case "nothing":
      return undefined;
    case "everything":
      return { project, query: { ...common, ldapFilter: undefined } };
    case "filter":
      return { project, query: { ...common, ldapFilter: translation.ldapFilter } };
  }
}

/** Which flows are worth reading: what the filter looks at, and what is left after the projection. */
function neededBy(
  { attributes = [], excludedAttributes = [] }: Wanted,
  {
    resourceType,
    used,
  }: { readonly resourceType: ResourceTypeName; readonly used: ReadonlySet<string> },
) {
  const keysOf = (names: readonly string[]) =>
    new Set(names.flatMap((name) => wholeAttributeKey(name, resourceType) ?? []));
  const wanted = keysOf(attributes.map((name) => name.replace(/\.[^.:]*$/, "")));
  const excluded = keysOf(excludedAttributes);
  return ({ extension, attribute }: CompiledMapping["flows"][number]["target"]): boolean => {
    const key = attributeKey(extension, attribute.name);
    if (used.has(key)) return true;
    if (attributes.length > 0)
      return wanted.has(key) || wanted.has(attributeKey(extension, undefined));
    return !excluded.has(key);
  };
}

function attributeKey(extension: string | undefined, attribute: string | undefined): string {
  return `${extension ?? ""}|${attribute ?? ""}`.toLowerCase();
}

/** The key of a path that names a whole attribute or a whole schema; undefined for sub-attributes and non-paths. */
function wholeAttributeKey(name: string, resourceType: ResourceTypeName): string | undefined {
  const path = parseAttributePath(name);
  if (path === undefined) return undefined;
  const { extension, attribute, subAttribute } = locateAttribute(resourceType, path);
  return subAttribute === undefined ? attributeKey(extension, attribute) : undefined;
}

/** Keys of the attributes that a filter looks at. */
function attributesIn(filter: ScimFilter, resourceType: ResourceTypeName): readonly string[] {
  switch (filter.kind) {
    case "and":
    case "or":
      return filter.filters.flatMap((part) => attributesIn(part, resourceType));
    case "not":
      return attributesIn(filter.filter, resourceType);
    case "compare":
    case "present":
    case "valuePath": {
      const { extension, attribute } = locateAttribute(resourceType, filter.path);
      return [attributeKey(extension, attribute)];
    }
  }
}
