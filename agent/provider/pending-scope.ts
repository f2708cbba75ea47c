import { dnKey, isUnder } from "../core/dn.ts";
import type { Entry } from "../core/entry.ts";
import { prepareScope, type ResolvedScope, searchBases } from "../core/scope-verdict.ts";
import type { DirectoryQuery } from "../ports.ts";
import { readWhole } from "./read-whole.ts";
import { resolveScope } from "./resolve-scope.ts";
import type { ServedDirectory } from "./served-directory.ts";

/** A scope that is being read. Where to search is known from the configuration alone. */
export interface PendingScope {
  /** Where searches have to start to reach everything that can be in scope. */
  readonly bases: readonly string[];
  /** Scope groups that no base reaches. */
  readonly outsideGroups: readonly string[];
  /**
   * What a search has to do with the reading of the scope: nothing when there is nothing to read, be on its way
   * meanwhile, or come after it.
   */
  readonly searches: "at once" | "meanwhile" | "afterwards";
  readonly resolved: Promise<ResolvedScope>;
}

/**
 * Begins to read the scope, anew for each request: a renamed unit or a changed group is noticed by the next one.
 * `resolved` rejects as `resolveScope` throws; a rejection that nobody waits for does no harm.
 */
export function beginScope(served: ServedDirectory, signal: AbortSignal): PendingScope {
  const { directory, scope } = served;
  const groups = scope.groups.map(({ dn }) => ({ dn, members: new Map<string, string>() }));
  const { baseDn } = directory;
  const bases = searchBases(prepareScope(scope, { baseDn, groups }), baseDn);
  const baseKeys = bases.map(dnKey);
  const outsideGroups = scope.groups
    .map(({ dn }) => dn)
    .filter((dn) => !baseKeys.some((baseKey) => isUnder(dnKey(dn), baseKey)));
  const resolved = resolveScope(served, signal);
  resolved.catch(() => undefined);
  return { bases, outsideGroups, searches: whenToSearch(served), resolved };
}

function whenToSearch({ directory, scope }: ServedDirectory): PendingScope["searches"] {
  const { organizationalUnits, groups } = scope;
  // Nested groups and primary members are found by a search, which must not queue behind searches that wait for it.
  const searches = groups.some(({ nested }) => nested || directory.hasPrimaryGroups);
  if (searches) return "afterwards";
  const { include, exclude } = organizationalUnits;
  return groups.length + include.length + exclude.length === 0 ? "at once" : "meanwhile";
}

/**
 * A whole read whose first entry is handed out when the scope is known; both are waited for at the same time. When
 * the scope cannot be had, that is the failure, whatever the search found, and the search is abandoned.
 * @throws AgentError as `resolveScope` and `readWhole`; the signal's reason
 */
export async function* readWithScope(
  { served, scope }: { readonly served: ServedDirectory; readonly scope: PendingScope },
  query: DirectoryQuery,
  signal: AbortSignal,
): AsyncGenerator<readonly Entry[], void> {
  if (scope.searches !== "meanwhile") {
    await scope.resolved;
    yield* readWhole(served.directory, query, signal);
    return;
  }
  signal.throwIfAborted();
  const search = new AbortController();
  const onAbort = () => search.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const batches = readWhole(served.directory, query, search.signal);
  const first = batches.next();
  first.catch(() => undefined);
  try {
    await scope.resolved;
    for (let next = await first; next.done !== true; next = await batches.next()) yield next.value;
  } catch (error) {
    search.abort(error);
    throw error;
  } finally {
    await batches.return();
    signal.removeEventListener("abort", onAbort);
  }
}
