import {
  type ChangeMark,
  isBehind,
  markOf,
  parseChangeMark,
  startOf,
} from "../../core/change-mark.ts";
import { parseUuid } from "../../core/directory-value/guid.ts";
import { AgentError } from "../../core/error.ts";
import { ChangeSet } from "./change-set.ts";
import { textIn } from "./changed-entry.ts";
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

/**
 * The numbers of changes that entries carry (entryCSN) against the last one of the whole database (contextCSN). Nothing tells
 * what was deleted or moved, so that as soon as anything has changed all ids are listed.
 */
export const entryCsn: DeltaStrategy = {
  name: "entryCsn",

  async mark(run, signal): Promise<Mark> {
    const mark = await readMark(run, signal);
    if (mark === undefined) {
      return {
        usable: false,
        because: "the account cannot read contextCSN of the naming context (overlay syncprov)",
      };
    }
    return {
      usable: true,
      position: { mark },
      because: "the server numbers its changes (contextCSN)",
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
    const changed = await idsSince({ attribute: "entryCSN", value: startOf(before) }, run, signal);
    if (changed === undefined) return TOO_MANY;
    return { kind: "changes", changed, deleted: [], treeChanged: true, complete: false, position };
  },
};

/** How far the database has come. @returns undefined when it does not say */
export async function readMark(
  run: DeltaRun,
  signal: AbortSignal,
): Promise<ChangeMark | undefined> {
  const { contextCsns } = await readContext(run, signal);
  return markOf(contextCsns);
}

/** @throws AgentError `directory.busy` for a server that lacks changes which were read before, from another one */
export function requireUpToDate(
  mark: ChangeMark | undefined,
  since: ChangeMark,
): asserts mark is ChangeMark {
  if (mark !== undefined && !isBehind(mark, since)) return;
  throw new AgentError(
    "directory.busy",
    "the server is behind: it lacks changes that were read before",
    {
      hint: "a replica that has not caught up, or one that was restored; contextCSN of the servers tells",
    },
  );
}

/**
 * Ids of the entries below the base whose attribute has this value or a later one.
 * @returns undefined when there are too many
 * @throws AgentError as `DeltaStrategy.changes`
 */
export async function idsSince(
  { attribute, value }: { readonly attribute: string; readonly value: string },
  run: DeltaRun,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const changes = new ChangeSet();
  const end = await run.search(
    {
      baseDn: run.baseDn,
      searchScope: "sub",
      ldapFilter: { kind: "greaterOrEqual", attribute, value },
      attributes: ["entryUUID"],
      pageSize: run.pageSize,
      onEntry(entry) {
        const id = parseUuid(textIn(entry, "entryUUID") ?? "");
        if (id !== undefined) changes.change(id);
        return !changes.full;
      },
    },
    signal,
  );
  if (end === "left") return undefined;
  requireSuccess(`search by ${attribute}`, end);
  return changes.changed;
}
