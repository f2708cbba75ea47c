import {
  type CompiledMapping,
  hasReferences,
  referencedDns,
  sourceAttributes,
} from "../core/compiled-mapping.ts";
import type { Entry } from "../core/entry.ts";
import { allOf, type LdapFilter } from "../core/ldap-filter.ts";
import { type MappedEntry, mapEntry } from "../core/map-entry.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import { clauseAttributes, evaluateScope, type ResolvedScope } from "../core/scope-verdict.ts";
import type { DirectoryQuery, Log } from "../ports.ts";
import { entriesOfType } from "./entries-of-type.ts";
import { type PendingScope, readWithScope } from "./pending-scope.ts";
import { primaryGroupAttributes, readsPrimaryMembers } from "./primary-groups.ts";
import type { References } from "./references.ts";
import type { ServedDirectory } from "./served-directory.ts";

/** What of a read goes into the log, and the time that it is made at. */
export interface ReadOptions {
  readonly log: Log;
  /** Whether `debug` lines may hold values of people. */
  readonly logValues: boolean;
  /** Milliseconds since 1970, when the request came: one time for all of its answer. */
  readonly now: number;
}

export interface ResourceQuery extends ReadOptions {
  readonly served: ServedDirectory;
  readonly scope: PendingScope;
  readonly mapping: CompiledMapping;
  readonly references: References;
  /** Narrows the search; undefined reads all of the resource type. A superset of what is wanted will do. */
  readonly ldapFilter: LdapFilter | undefined;
  /** Decides on the resource itself. */
  readonly matches: (resource: ScimResource) => boolean;
  /** Whether `matches` looks at references, so that they must be there before it is asked. */
  readonly matchesReferences: boolean;
  /** Where to search; where the scope says when not given. */
  readonly bases?: readonly string[];
  /** Is told the id of each entry that refers to something which is not there. */
  readonly onDangling?: (id: string) => void;
}

/**
 * What is in scope of one resource type, mapped, in batches as they were read. Every way of reading goes through
 * here, so that scope holds for all of them.
 * @throws AgentError as `resolveScope` and `readWhole`
 */
export async function* readResources(
  query: ResourceQuery,
  signal: AbortSignal,
): AsyncGenerator<readonly MappedEntry[], void> {
  if (readsMembers(query)) await query.references.primaryGroups.load(signal);
  for (const search of searchesOf(query)) yield* readSearch(query, search, signal);
}

async function* readSearch(
  query: ResourceQuery,
  search: DirectoryQuery,
  signal: AbortSignal,
): AsyncGenerator<readonly MappedEntry[], void> {
  const { references, mapping } = query;
  let isBegun = false;
  let isListing = false;
  for await (const batch of readWithScope(query, search, signal)) {
    const scope = await query.scope.resolved;
    const complete = readsMembers(query)
      ? await references.withPrimaryMembers(batch, signal)
      : batch;
    const wanted = wantedOf(complete, { query, scope });
    const dns = wanted.flatMap((entry) => referencedDns(entry, mapping));
    // A listing takes a search of its own: this one is left for it and begun again, as long as nothing came of it.
    isListing = !isBegun && references.isWorthListing(dns);
    if (isListing) break;
    if (dns.length > 0) await references.resolve(dns, signal);
    reportDangling(wanted, query);
    const mapped = mapWanted(wanted, query);
    if (mapped.length === 0) continue;
    isBegun = true;
    yield mapped;
  }
  if (!isListing) return;
  await references.list(signal);
  yield* readSearch(query, search, signal);
}

/** Whether groups are read with their members, to which those belong that only name the group themselves. */
function readsMembers({ mapping, served }: ResourceQuery): boolean {
  return readsPrimaryMembers(served.directory, mapping);
}

function reportDangling(wanted: readonly Entry[], query: ResourceQuery): void {
  const { references, mapping, onDangling } = query;
  if (onDangling === undefined || !references.hasDangling) return;
  for (const entry of wanted) {
    const dns = referencedDns(entry, mapping);
    if (dns.some((dn) => references.idOf(dn) === undefined)) onDangling(entry.id);
  }
}

/** The organizational units in scope, and the scope groups that are not below one of them. */
function searchesOf(query: ResourceQuery): readonly DirectoryQuery[] {
  const { served, scope, mapping, ldapFilter } = query;
  const { resourceType } = mapping;
  const ofType = entriesOfType(mapping, served.directory);
  const common = {
    ldapFilter: allOf(ldapFilter === undefined ? [ofType] : [ofType, ldapFilter]),
    attributes: [
      ...new Set([
        ...sourceAttributes(mapping),
        ...clauseAttributes(served.scope, resourceType),
        ...(readsMembers(query) ? primaryGroupAttributes(served.directory) : []),
      ]),
    ],
  };
  const bases = query.bases ?? scope.bases;
  const units = bases.map((baseDn) => ({ ...common, baseDn, searchScope: "sub" }) as const);
  if (resourceType !== "Group" || query.bases !== undefined) return units;
  const groups = scope.outsideGroups.map(
    (baseDn) => ({ ...common, baseDn, searchScope: "base" }) as const,
  );
  return [...units, ...groups];
}

/** The entries in scope that may be what was asked for. */
function wantedOf(
  batch: readonly Entry[],
  { query, scope }: { readonly query: ResourceQuery; readonly scope: ResolvedScope },
): readonly Entry[] {
  const { mapping, references, matchesReferences } = query;
  const { resourceType } = mapping;
  const inScope = batch.filter((entry) => evaluateScope(entry, { resourceType, scope }).inScope);
  // Who is in the list is often referred to from it.
  if (hasReferences(mapping)) for (const entry of inScope) references.learn(entry.dn, entry.id);
  if (matchesReferences) return inScope;
  const options = { mapping, idOf: () => undefined, now: query.now };
  return inScope.filter((entry) => isWanted(mapEntry(entry, options), query));
}

function mapWanted(wanted: readonly Entry[], query: ResourceQuery): readonly MappedEntry[] {
  const { mapping, references, matchesReferences } = query;
  const idOf = (dn: string) => references.idOf(dn);
  const { now } = query;
  const mapped = wanted.map((entry) => mapEntry(entry, { mapping, idOf, now }));
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
