import { type CompiledMapping, restrictMapping } from "../core/compiled-mapping.ts";
import type { Answer, AnswerElement, ListEnd, ScimRequest } from "../core/exchange.ts";
import { parseAttributePath } from "../core/scim/attribute-path.ts";
import { ScimError } from "../core/scim/error.ts";
import type { ScimFilter } from "../core/scim/filter.ts";
import { compileFilter } from "../core/scim/filter-match.ts";
import { toLdapFilter } from "../core/scim/ldap-translation.ts";
import { parseSearchRequest, type SearchRequest } from "../core/scim/list.ts";
import { compileProjection } from "../core/scim/projection.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import { locateAttribute } from "../core/scim/resource-type.ts";
import { LIST_RESPONSE_MESSAGE } from "../core/scim/urn.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { ldapSourcesOf } from "./ldap-sources.ts";
import { type ReadOptions, type ResourceQuery, readResources } from "./read-resources.ts";
import { References } from "./references.ts";
import { resolveScope } from "./resolve-scope.ts";
import type { ServedDirectory } from "./served-directory.ts";

/** One resource type's part of a search, before the scope is read. */
interface TypeSearch {
  readonly query: Pick<ResourceQuery, "mapping" | "ldapFilter" | "matches" | "matchesReferences">;
  readonly project: (resource: ScimResource) => ScimResource;
}

/**
 * `POST /Users/.search`, `/Groups/.search` and `/.search` (RFC 7644 section 3.4.3). What can be asked of the directory
 * is; every resource is matched again after it was mapped.
 * @throws ScimError 400; the elements throw AgentError as `resolveScope` and `readWhole`
 */
export function searchResources(
  served: ServedDirectory,
  options: ReadOptions & {
    readonly request: ScimRequest;
    readonly types: readonly ResourceTypeName[];
  },
  signal: AbortSignal,
): Answer {
  const search = parseSearchRequest(options.request.body);
  refusePaging(search);
  const searches = options.types.flatMap(
    (resourceType) => planSearch(served, { search, mapping: served.mappings[resourceType] }) ?? [],
  );
  options.log.debug("search.planned", {
    asked: searches.map(({ query }) => ({
      resourceType: query.mapping.resourceType,
      // Values of the filter are values of people.
      pushedDown: query.ldapFilter !== undefined,
    })),
  });
  return {
    kind: "list",
    schema: LIST_RESPONSE_MESSAGE,
    elements: listElements({ served, searches, options }, signal),
  };
}

/** Pages need a process that keeps the list between two requests; any agent may take the next one from the queue. */
function refusePaging({ startIndex = 1, count, cursor }: SearchRequest): void {
  if (startIndex === 1 && count === undefined && cursor === undefined) return;
  throw new ScimError(
    400,
    "there are no pages over the queue: leave out startIndex, count and cursor, and ask with prefer: stream",
    { scimType: "invalidValue" },
  );
}

/** @returns undefined when nothing of this type can match */
function planSearch(
  served: ServedDirectory,
  { search, mapping }: { readonly search: SearchRequest; readonly mapping: CompiledMapping },
): TypeSearch | undefined {
  const { resourceType } = mapping;
  const { filter } = search;
  const project = compileProjection(search, resourceType);
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
  { attributes = [], excludedAttributes = [] }: SearchRequest,
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

async function* listElements(
  plan: {
    readonly served: ServedDirectory;
    readonly searches: readonly TypeSearch[];
    readonly options: ReadOptions;
  },
  signal: AbortSignal,
): AsyncGenerator<readonly AnswerElement[], ListEnd> {
  const { served, searches, options } = plan;
  if (searches.length === 0) return {};
  const scope = await resolveScope(served, signal);
  const references = new References(served.directory);
  for (const { query, project } of searches) {
    for await (const batch of readResources(
      { ...query, served, scope, references, ...options },
      signal,
    )) {
      yield batch.map(
        (mapped): AnswerElement =>
          mapped.kind === "problem"
            ? mapped
            : { kind: "resource", resource: project(mapped.resource) },
      );
    }
  }
  return {};
}
