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
import { describeFiltering, type Filtering } from "./filtering.ts";
import { ldapSourcesOf } from "./ldap-sources.ts";
import type { ResourceQuery } from "./read-resources.ts";
import type { ServedDirectory } from "./served-directory.ts";

/** What is read of one resource type, before the scope is. */
export interface PlannedRead {
  readonly query: Pick<ResourceQuery, "mapping" | "ldapFilter" | "matches" | "matchesReferences">;
  readonly project: (resource: ScimResource) => ScimResource;
  /** Undefined without a filter. */
  readonly filtering?: Filtering;
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
  if (filter === undefined) return planUnfiltered(search, mapping);
  const project = projectionOf(search, resourceType);
  const matches = compileFilter(filter, resourceType);
  const options = {
    sources: ldapSourcesOf(mapping),
    idFilter: (id: string) => served.directory.idFilter(id),
  };
  const translation = toLdapFilter(filter, options);
  if (translation.kind === "nothing") return undefined;
  const used = new Set(attributesIn(filter, resourceType));
  const isReference = ({ target }: CompiledMapping["flows"][number]) =>
    target.isReference && isNamed(target, used);
  const query = {
    mapping: restrictMapping(mapping, neededBy(search, { resourceType, used })),
    ldapFilter: translation.kind === "filter" ? translation.ldapFilter : undefined,
    ...(translation.exact
      ? MATCHES_ALL
      : { matches, matchesReferences: mapping.flows.some(isReference) }),
  };
  return { project, query, filtering: describeFiltering(filter, { ...options, translation }) };
}

/**
 * The same for all resources of a type, and for one that is found by its id.
 * @throws ScimError 400 invalidValue
 */
export function planUnfiltered(
  wanted: Pick<Wanted, "attributes" | "excludedAttributes">,
  mapping: CompiledMapping,
): PlannedRead {
  const { resourceType } = mapping;
  const used: ReadonlySet<string> = new Set();
  const restricted = restrictMapping(mapping, neededBy(wanted, { resourceType, used }));
  return {
    project: projectionOf(wanted, resourceType),
    query: { mapping: restricted, ldapFilter: undefined, ...MATCHES_ALL },
  };
}

/** Nothing to match, so that one mapping of each entry is enough. */
const MATCHES_ALL = { matches: () => true, matchesReferences: true } as const;

function projectionOf(
  wanted: Pick<Wanted, "attributes" | "excludedAttributes">,
  resourceType: ResourceTypeName,
): (resource: ScimResource) => ScimResource {
  const { attributes, excludedAttributes } = wanted;
  if (attributes === undefined && excludedAttributes === undefined) return (resource) => resource;
  return compileProjection(wanted, resourceType);
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
  return (target: FlowTarget): boolean => {
    if (isNamed(target, used)) return true;
    if (attributes.length > 0) return isNamed(target, wanted);
    return !excluded.has(attributeKey(target.extension, target.attribute.name));
  };
}

type FlowTarget = CompiledMapping["flows"][number]["target"];

/** Whether the keys name the attribute, or the whole schema that it is of. */
function isNamed({ extension, attribute }: FlowTarget, keys: ReadonlySet<string>): boolean {
  return (
    keys.has(attributeKey(extension, attribute.name)) ||
    keys.has(attributeKey(extension, undefined))
  );
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
