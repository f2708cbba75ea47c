import { dnKey, isUnder } from "../../core/dn.ts";
import { ROOT_DSE } from "../named-reads.ts";
import { type DeltaRun, textsIn } from "./strategy.ts";

/** What an OpenLDAP server says of the database that the base is in. */
export interface DatabaseFacts {
  readonly namingContexts: readonly string[];
  readonly supportedControls: readonly string[];
  /** The number of the last change of each server; empty where no overlay syncprov keeps them, or this account may not read. */
  readonly contextCsns: readonly string[];
  /** Whether the base is the top of its database: then nothing can be moved out of it. */
  readonly isWholeDatabase: boolean;
}

/** @throws AgentError as `Directory.read` */
export async function readContext(run: DeltaRun, signal: AbortSignal): Promise<DatabaseFacts> {
  const rootDse = await run.read(ROOT_DSE, ["namingContexts", "supportedControl"], signal);
  const namingContexts = textsIn(rootDse, "namingContexts");
  const base = dnKey(run.baseDn);
  const top = namingContexts.find((dn) => isUnder(base, dnKey(dn)));
  const entry = top === undefined ? undefined : await run.read(top, ["contextCSN"], signal);
  return {
    namingContexts,
    supportedControls: textsIn(rootDse, "supportedControl"),
    contextCsns: textsIn(entry, "contextCSN"),
    isWholeDatabase: top !== undefined && dnKey(top) === base,
  };
}
