import {
  type CompiledMapping,
  hasReferences,
  referencedDns,
  sourceAttributes,
} from "../core/compiled-mapping.ts";
import { dnKey, isUnder } from "../core/dn.ts";
import type { Entry } from "../core/entry.ts";
import { allOf, anyOf, type LdapFilter } from "../core/ldap-filter.ts";
import { type MappedEntry, mapEntry } from "../core/map-entry.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import {
  clauseAttributes,
  evaluateScope,
  type ResolvedScope,
  searchBases,
} from "../core/scope-verdict.ts";
import type { DirectoryQuery, Log } from "../ports.ts";
import { readWhole } from "./read-whole.ts";
import type { References } from "./references.ts";
import type { ServedDirectory } from "./served-directory.ts";

/** What of a read goes into the log. */
export interface ReadOptions {
  readonly log: Log;
  /** Whether `debug` lines may hold values of people. */
  readonly logValues: boolean;
}

export interface ResourceQuery extends ReadOptions {
  readonly served: ServedDirectory;
  readonly scope: ResolvedScope;
  readonly mapping: CompiledMapping;
  readonly references: References;
  /** Narrows the search; undefined reads all of the resource type. A superset of what is wanted will do. */
  readonly ldapFilter: LdapFilter | undefined;
  /** Decides on the resource itself. */
  readonly matches: (resource: ScimResource) => boolean;
  /** Whether `matches` looks at references, so that they must be there before it is asked. */
  readonly matchesReferences: boolean;
}

/**
 * What is in scope of one resource type, mapped, in batches as they were read. Every way of reading goes through
 * here, so that scope holds for all of them.
 * @throws AgentError as `readWhole`
 */
export async function* readResources(
  query: ResourceQuery,
  signal: AbortSignal,
): AsyncGenerator<readonly MappedEntry[], void> {
  for (const search of searchesOf(query)) {
    for await (const batch of readWhole(query.served.directory, search, signal)) {
      const mapped = await mapBatch(batch, query, signal);
      if (mapped.length > 0) yield mapped;
    }
  }
}

/** The organizational units in scope, and the scope groups that are not below one of them. */
function searchesOf(query: ResourceQuery): readonly DirectoryQuery[] {
  const { served, scope, mapping, ldapFilter } = query;
  const { resourceType, objectClasses } = mapping;
  const ofType = anyOf(
    objectClasses.map((value) => ({ kind: "equality", attribute: "objectClass", value }) as const),
  );
  const common = {
    ldapFilter: allOf(ldapFilter === undefined ? [ofType] : [ofType, ldapFilter]),
    attributes: [
      ...new Set([...sourceAttributes(mapping), ...clauseAttributes(served.scope, resourceType)]),
    ],
  };
  const bases = searchBases(scope, served.directory.baseDn);
  const units = bases.map((baseDn) => ({ ...common, baseDn, searchScope: "sub" }) as const);
  if (resourceType !== "Group") return units;
  const baseKeys = bases.map(dnKey);
  const outside = scope.groups.filter(({ dn }) => {
    const key = dnKey(dn);
    return !baseKeys.some((baseKey) => isUnder(key, baseKey));
  });
  return [
    ...units,
    ...outside.map(({ dn }) => ({ ...common, baseDn: dn, searchScope: "base" }) as const),
  ];
}

async function mapBatch(
  batch: readonly Entry[],
  query: ResourceQuery,
  signal: AbortSignal,
): Promise<readonly MappedEntry[]> {
  const { scope, mapping, references, matchesReferences } = query;
  const { resourceType } = mapping;
  const inScope = batch.filter((entry) => evaluateScope(entry, { resourceType, scope }).inScope);
  // Who is in the list is often referred to from it.
  if (hasReferences(mapping)) for (const entry of inScope) references.learn(entry.dn, entry.id);
  const wanted = matchesReferences
    ? inScope
    : inScope.filter((entry) =>
        isWanted(mapEntry(entry, { mapping, idOf: () => undefined }), query),
      );
  const dns = wanted.flatMap((entry) => referencedDns(entry, mapping));
  if (dns.length > 0) await references.resolve(dns, signal);
  const idOf = (dn: string) => references.idOf(dn);
  const mapped = wanted.map((entry) => mapEntry(entry, { mapping, idOf }));
  logMapped(mapped, query);
  return matchesReferences ? mapped.filter((candidate) => isWanted(candidate, query)) : mapped;
}

/** An entry that could not be mapped may be what was asked for: it is reported, not left out. */
function isWanted(mapped: MappedEntry, query: ResourceQuery): boolean {
  return mapped.kind === "problem" || query.matches(mapped.resource);
}

function logMapped(mapped: readonly MappedEntry[], { log, logValues }: ReadOptions): void {
  for (const entry of mapped) {
    if (entry.kind === "problem") log.warn("entry.problem", { ...entry.problem });
    else if (logValues) log.debug("entry.mapped", { resource: entry.resource });
    else log.debug("entry.mapped", { id: entry.resource.id });
  }
}
