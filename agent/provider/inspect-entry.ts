import { referencedDns } from "../core/compiled-mapping.ts";
import type { Entry } from "../core/entry.ts";
import { type MappedEntry, mapEntry } from "../core/map-entry.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { type FoundEntry, findEntry } from "./find-entry.ts";
import { type JudgedEntry, judgedAttributes, judgeEntry } from "./judge-entry.ts";
import { readsPrimaryMembers } from "./primary-groups.ts";
import { References } from "./references.ts";
import type { ServedDirectory } from "./served-directory.ts";

export interface InspectionRequest {
  /** What the operator calls the entry: DN, GUID, SID, account name or mail address. */
  readonly name: string;
  readonly resourceType: ResourceTypeName | undefined;
  /** Milliseconds since 1970, for what depends on the time. */
  readonly now: number;
  /** Told what is being done, for whoever waits. */
  readonly onStep: (step: string) => void;
}

/** A DN in the entry that becomes the id of another one. */
export interface EntryReference {
  readonly dn: string;
  /** Undefined when it points at nothing that the account can see; it is then left out of the resource. */
  readonly id: string | undefined;
}

export interface Mapping {
  /** As it was mapped: a group with its primary members. */
  readonly entry: Entry;
  readonly mapped: MappedEntry;
  readonly references: readonly EntryReference[];
}

/** All that there is to say of an entry, values included: for the operator on this machine and nobody else. */
export interface Inspection {
  readonly directory: string;
  readonly baseDn: string;
  readonly entry: Entry;
  /** The attributes by which it was found. */
  readonly foundBy: string;
  readonly judged: JudgedEntry;
  /** What is sent when it is in scope; undefined without a resource type. */
  readonly mapping: Mapping | undefined;
}

/**
 * Finds an entry, judges it by every rule and maps it, in scope or not.
 * @returns what was found when it was not exactly one entry
 * @throws AgentError as `findEntry` and `resolveScope`
 */
export async function inspectEntry(
  served: ServedDirectory,
  { name, resourceType, now, onStep }: InspectionRequest,
  signal: AbortSignal,
): Promise<Inspection | Exclude<FoundEntry, { readonly kind: "one" }>> {
  const { directory, mappings } = served;
  onStep("looking for the entry");
  const attributes = judgedAttributes(served, mappings);
  const found = await findEntry(directory, { text: name, attributes }, signal);
  if (found.kind !== "one") return found;
  const { entry, foundBy } = found;
  onStep("reading the scope");
  const judged = await judgeEntry(served, { entry, resourceType }, signal);
  const { name: directoryName, baseDn } = directory;
  const known = { directory: directoryName, baseDn, entry, foundBy, judged };
  if (judged.resourceType === undefined) return { ...known, mapping: undefined };
  onStep("resolving references");
  return {
    ...known,
    mapping: await mapOne(served, { entry, type: judged.resourceType, now }, signal),
  };
}

async function mapOne(
  { directory, mappings }: ServedDirectory,
  {
    entry: read,
    type,
    now,
  }: { readonly entry: Entry; readonly type: ResourceTypeName; readonly now: number },
  signal: AbortSignal,
): Promise<Mapping> {
  const mapping = mappings[type];
  const references = new References(directory);
  const readsMembers = readsPrimaryMembers(directory, mapping);
  if (readsMembers) await references.primaryGroups.load(signal);
  const entry = readsMembers ? await references.primaryGroups.withMembers(read, signal) : read;
  const dns = referencedDns(entry, mapping);
  if (references.isWorthListing(dns)) await references.list(signal);
  await references.resolve(dns, signal);
  const idOf = (dn: string) => references.idOf(dn);
  return {
    entry,
    mapped: mapEntry(entry, { mapping, idOf, now }),
    references: dns.map((dn) => ({ dn, id: idOf(dn) })),
  };
}
