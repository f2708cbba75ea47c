import { printGuid } from "../../core/directory-value/guid.ts";
import { guidOf } from "./active-directory.ts";
import { type ChangedEntry, textIn } from "./changed-entry.ts";
import { type DeltaRun, textsIn } from "./strategy.ts";

/** Groups of one restored entry whose members are told anew. */
const MAX_GROUPS = 1000;

/**
 * The ids of the groups of entries that came back from among the deleted objects. Their memberships come back with them, and no
 * group says so: link values carry the times of before (MS-ADTS section 3.1.1.5.3.7). A restored entry still names the parent
 * that it had.
 * @param moved entries with another name or place, as whatever is restored
 * @throws AgentError as `Directory.read`
 */
export async function readRestoredGroups(
  moved: readonly ChangedEntry[],
  run: DeltaRun,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const entry of moved) {
    const id = guidOf(entry);
    if (id === undefined) continue;
    const attributes = ["lastKnownParent", "memberOf"];
    const found = await run.read(`<GUID=${id}>`, attributes, signal);
    if (textsIn(found, "lastKnownParent").length === 0) continue;
    ids.push(...(await idsOf(textsIn(found, "memberOf").slice(0, MAX_GROUPS), run, signal)));
  }
  return ids;
}

/** The same for an entry that was read with both attributes. */
export async function readGroupsOf(
  entry: ChangedEntry,
  run: DeltaRun,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (textIn(entry, "lastKnownParent") === undefined) return [];
  return readRestoredGroups([entry], run, signal);
}

async function idsOf(
  dns: readonly string[],
  run: DeltaRun,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const dn of dns) {
    const group = await run.read(dn, ["objectGUID"], signal);
    const value = group?.attributes.get("objectguid")?.[0];
    const id = value === undefined || typeof value === "string" ? undefined : printGuid(value);
    if (id !== undefined) ids.push(id);
  }
  return ids;
}
