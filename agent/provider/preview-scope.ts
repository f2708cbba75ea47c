import { referencedDns, sourceAttributes } from "../core/compiled-mapping.ts";
import type { Entry } from "../core/entry.ts";
import { type MappedEntry, mapEntry } from "../core/map-entry.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import {
  clauseAttributes,
  evaluateScope,
  type ResolvedScope,
  type ScopeVerdict,
} from "../core/scope-verdict.ts";
import { entriesOfType } from "./entries-of-type.ts";
import { primaryGroupAttributes, readsPrimaryMembers } from "./primary-groups.ts";
import { readWhole } from "./read-whole.ts";
import { References } from "./references.ts";
import { resolveScope } from "./resolve-scope.ts";
import type { ServedDirectory } from "./served-directory.ts";

/** What the scope says of one entry, and what would be sent of it. */
export interface PreviewedEntry {
  readonly resourceType: ResourceTypeName;
  readonly id: string;
  readonly dn: string;
  readonly verdict: ScopeVerdict;
  /** Of entries in scope, when asked for. */
  readonly mapped?: MappedEntry;
}

export interface PreviewOptions {
  readonly resourceTypes: readonly ResourceTypeName[];
  /** Whether to map what is in scope. */
  readonly payload: boolean;
  /** Told of the scope once it is read. */
  readonly onScope?: (scope: ResolvedScope) => void;
  /** Milliseconds since 1970, for what of the payload depends on the time. */
  readonly now: number;
}

/**
 * The verdict on every entry below the base that the mapping knows, in scope or not. Changes nothing.
 * @throws AgentError as `resolveScope` and `readWhole`
 */
export async function* previewScope(
  served: ServedDirectory,
  options: PreviewOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly PreviewedEntry[], void> {
  const { directory, mappings } = served;
  const scope = await resolveScope(served, signal);
  options.onScope?.(scope);
  const references = new References(directory);
  for (const resourceType of options.resourceTypes) {
    const mapping = mappings[resourceType];
    const readsMembers = options.payload && readsPrimaryMembers(directory, mapping);
    const sources = options.payload ? sourceAttributes(mapping) : [];
    const tokens = readsMembers ? primaryGroupAttributes(directory) : [];
    if (readsMembers) await references.primaryGroups.load(signal);
    const query = {
      baseDn: directory.baseDn,
      searchScope: "sub",
      ldapFilter: entriesOfType(mapping, directory),
      attributes: [
        ...new Set([...sources, ...tokens, ...clauseAttributes(served.scope, resourceType)]),
      ],
    } as const;
    for await (const read of readWhole(directory, query, signal)) {
      const batch = readsMembers ? await references.withPrimaryMembers(read, signal) : read;
      const judged = batch.map((entry) => ({ entry, line: judge(entry, { resourceType, scope }) }));
      if (!options.payload) {
        yield judged.map(({ line }) => line);
        continue;
      }
      // All of the type are read here, so that references between them need not be asked for.
      for (const { dn, id } of batch) references.learn(dn, id);
      const entries = judged.filter(({ line }) => line.verdict.inScope).map(({ entry }) => entry);
      await references.resolve(
        entries.flatMap((entry) => referencedDns(entry, mapping)),
        signal,
      );
      const mappingOptions = {
        mapping,
        idOf: (dn: string) => references.idOf(dn),
        now: options.now,
      };
      yield judged.map(({ entry, line }) =>
        line.verdict.inScope ? { ...line, mapped: mapEntry(entry, mappingOptions) } : line,
      );
    }
  }
}

function judge(
  entry: Entry,
  options: { readonly resourceType: ResourceTypeName; readonly scope: ResolvedScope },
): PreviewedEntry {
  const { id, dn } = entry;
  return { resourceType: options.resourceType, id, dn, verdict: evaluateScope(entry, options) };
}
