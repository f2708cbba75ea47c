import { isBehind, parseChangeMark, startOf } from "../../core/change-mark.ts";
import { parseUuid } from "../../core/directory-value/guid.ts";
import { dnKey, isUnder } from "../../core/dn.ts";
import { ChangeSet } from "./change-set.ts";
import { type ChangedEntry, textIn } from "./changed-entry.ts";
import { readMark, requireUpToDate } from "./entry-csn.ts";
import { readContext } from "./open-ldap.ts";
import {
  type DeltaRun,
  type DeltaStrategy,
  type Mark,
  NO_POSITION,
  requireSuccess,
  type StrategyChanges,
  TOO_MANY,
} from "./strategy.ts";

/** Where the overlay accesslog writes by convention; slapo-accesslog(5). */
const LOG_BASE = "cn=accesslog";
const SUCCESSFUL = { kind: "equality", attribute: "reqResult", value: "0" } as const;
const WRITES = { kind: "equality", attribute: "objectClass", value: "auditWriteObject" } as const;

/**
 * The change log of the overlay accesslog (slapo-accesslog(5)): each write with its kind and the entryUUID of what it was done
 * to. Whether the log still reaches back is proved by an entry that is as old as the position.
 */
export const accessLog: DeltaStrategy = {
  name: "accessLog",

  async mark(run, signal): Promise<Mark> {
    const { namingContexts } = await readContext(run, signal);
    if (!namingContexts.some((dn) => dnKey(dn) === dnKey(LOG_BASE))) {
      return { usable: false, because: `the server shows no change log (${LOG_BASE})` };
    }
    const mark = await readMark(run, signal);
    if (mark === undefined) {
      return { usable: false, because: "the account cannot read contextCSN of the naming context" };
    }
    const readable = await run.read(LOG_BASE, ["objectClass"], signal);
    if (readable === undefined) {
      return { usable: false, because: `the account may not read the change log (${LOG_BASE})` };
    }
    return {
      usable: true,
      position: { mark },
      because: `the server keeps a change log (${LOG_BASE})`,
    };
  },

  async changes(since, run, signal): Promise<StrategyChanges> {
    const before = parseChangeMark(since["mark"]);
    if (before === undefined) return NO_POSITION;
    const mark = await readMark(run, signal);
    requireUpToDate(mark, before);
    const position = { mark };
    if (!isBehind(before, mark)) {
      return {
        kind: "changes",
        changed: [],
        deleted: [],
        treeChanged: false,
        complete: true,
        position,
      };
    }
    const start = startOf(before);
    if (!(await reachesBack(start, run, signal))) {
      return { kind: "expired", because: "the change log does not reach back that far" };
    }
    const logged = await readLog(start, run, signal);
    if (logged === undefined) return TOO_MANY;
    const treeChanged = await movedOthers(logged.renamed, run, signal);
    const { changed, deleted } = logged.changes;
    return { kind: "changes", changed, deleted, treeChanged, complete: true, position };
  },
};

async function reachesBack(start: string, run: DeltaRun, signal: AbortSignal): Promise<boolean> {
  const end = await run.search(
    {
      baseDn: LOG_BASE,
      searchScope: "one",
      ldapFilter: {
        kind: "and",
        filters: [WRITES, { kind: "lessOrEqual", attribute: "entryCSN", value: start }],
      },
      attributes: ["1.1"],
      pageSize: 1,
      onEntry: () => false,
    },
    signal,
  );
  if (end === "left") return true;
  requireSuccess("search of the change log", end);
  return false;
}

async function readLog(start: string, run: DeltaRun, signal: AbortSignal) {
  const changes = new ChangeSet();
  const renamed: string[] = [];
  const end = await run.search(
    {
      baseDn: LOG_BASE,
      searchScope: "one",
      ldapFilter: {
        kind: "and",
        filters: [
          WRITES,
          SUCCESSFUL,
          { kind: "greaterOrEqual", attribute: "entryCSN", value: start },
        ],
      },
      attributes: ["reqType", "reqDN", "reqEntryUUID", "reqNewSuperior"],
      pageSize: run.pageSize,
      onEntry(entry) {
        const id = parseUuid(textIn(entry, "reqEntryUUID") ?? "");
        if (id === undefined) return true;
        const type = textIn(entry, "reqType");
        if (type === "delete") changes.delete(id);
        else if (concernsBase(entry, run.baseDn)) changes.change(id);
        if (type === "modrdn") renamed.push(id);
        return !changes.full;
      },
    },
    signal,
  );
  if (end === "left") return undefined;
  requireSuccess("search of the change log", end);
  return { changes, renamed };
}

function concernsBase(entry: ChangedEntry, baseDn: string): boolean {
  const base = dnKey(baseDn);
  const places = [textIn(entry, "reqDN"), textIn(entry, "reqNewSuperior")];
  return places.some((dn) => dn !== undefined && isUnder(dnKey(dn), base));
}

/** Renamed entries of which is asked whether there is something below; more are taken for units. */
const MAX_ASKED = 50;

async function movedOthers(
  renamed: readonly string[],
  run: DeltaRun,
  signal: AbortSignal,
): Promise<boolean> {
  if (renamed.length > MAX_ASKED) return true;
  for (const id of renamed) {
    let isLeaf = false;
    const end = await run.search(
      {
        baseDn: run.baseDn,
        searchScope: "sub",
        ldapFilter: { kind: "equality", attribute: "entryUUID", value: id },
        attributes: ["hasSubordinates"],
        onEntry(entry) {
          isLeaf = textIn(entry, "hasSubordinates")?.toUpperCase() === "FALSE";
          return true;
        },
      },
      signal,
    );
    requireSuccess("search by entryUUID", end);
    // Not below the base any more: whatever was below it went along.
    if (!isLeaf) return true;
  }
  return false;
}
