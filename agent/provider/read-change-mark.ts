import { type ChangeMark, markOf } from "../core/change-mark.ts";
import { dnKey, isUnder } from "../core/dn.ts";
import { textsOf } from "../core/entry.ts";
import type { Directory } from "../ports.ts";

/**
 * How far the directory has come: `contextCSN` at the top of its naming context, which the overlay syncprov keeps.
 * @returns undefined when it is not there, or this account may not read it
 * @throws AgentError as `Directory.read`
 */
export async function readChangeMark(
  directory: Directory,
  signal: AbortSignal,
): Promise<ChangeMark | undefined> {
  const { namingContexts } = await directory.rootDse(signal);
  const base = dnKey(directory.baseDn);
  const top = namingContexts.find((dn) => dnKey(dn) === base || isUnder(base, dnKey(dn)));
  if (top === undefined) return undefined;
  const entry = await directory.read(top, ["contextCSN"], signal);
  return entry && markOf(textsOf(entry, "contextCSN"));
}
