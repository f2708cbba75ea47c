import {
  DOMAIN_SCOPE,
  guidOf,
  hasChildren,
  isTombstone,
  nextUsn,
  readController,
  readDeletions,
  readInvocationId,
  SHOW_DELETED,
} from "./active-directory.ts";
import { ChangeSet } from "./change-set.ts";
import { type ChangedEntry, textIn } from "./changed-entry.ts";
import { readGroupsOf } from "./restored.ts";
import {
  type DeltaRun,
  type DeltaStrategy,
  type Mark,
  NO_POSITION,
  type Position,
  requireSuccess,
  type StrategyChanges,
  TOO_MANY,
} from "./strategy.ts";

/** Object classes of entries that have nothing of interest below them. */
const LEAVES: ReadonlySet<string> = new Set(["user", "group", "contact", "computer"]);
/** Entries of which is asked whether there is something below; more are taken for units. */
const MAX_ASKED = 50;

type UsnPosition = {
  readonly usn: string;
  /** Of the server: numbers of another one say nothing here. */
  readonly invocationId: string;
  readonly namingContext: string;
};

/**
 * The numbers that a domain controller gives to changes (MS-ADTS section 3.1.1.1.9), each server its own. It tells entries and
 * not attributes, and any write counts, so that DirSync is the better way where it is to be had; a global catalog has only this one.
 */
export const usnChanged: DeltaStrategy = {
  name: "usnChanged",

  async mark(run, signal): Promise<Mark> {
    const {
      namingContext,
      highestCommittedUsn: usn,
      serviceName,
    } = await readController(run, signal);
    const invocationId = await readInvocationId(serviceName, run, signal);
    if (usn === undefined || namingContext === undefined || invocationId === undefined) {
      return {
        usable: false,
        because: "the server does not say its number of changes (uSNChanged)",
      };
    }
    return {
      usable: true,
      position: { usn, invocationId, namingContext },
      because: "the server numbers its changes (uSNChanged)",
    };
  },

  async changes(since, run, signal): Promise<StrategyChanges> {
    const position = parsePosition(since);
    if (position === undefined) return NO_POSITION;
    const facts = await readController(run, signal);
    const invocationId = await readInvocationId(facts.serviceName, run, signal);
    const { highestCommittedUsn: usn, namingContext } = facts;
    if (invocationId !== position.invocationId || namingContext !== position.namingContext) {
      return {
        kind: "expired",
        because: "the changes were numbered by another server, or before it was restored",
      };
    }
    if (usn === undefined || BigInt(usn) < BigInt(position.usn)) {
      return { kind: "expired", because: "the server has come less far than before" };
    }
    const next = { ...position, usn };
    const nothing = { kind: "changes", changed: [], deleted: [], position: next } as const;
    if (usn === position.usn) return { ...nothing, treeChanged: false, complete: true };
    return readChanges(position, { next, run }, signal);
  },
};

async function readChanges(
  { usn: sinceUsn, namingContext }: UsnPosition,
  { next, run }: { readonly next: UsnPosition; readonly run: DeltaRun },
  signal: AbortSignal,
): Promise<StrategyChanges> {
  const changes = new ChangeSet();
  const restored: ChangedEntry[] = [];
  const units: string[] = [];
  const end = await run.search(
    {
      baseDn: namingContext,
      searchScope: "sub",
      ldapFilter: { kind: "greaterOrEqual", attribute: "uSNChanged", value: nextUsn(sinceUsn) },
      attributes: ["objectGUID", "objectClass", "isDeleted", "lastKnownParent", "uSNCreated"],
      controls: [SHOW_DELETED, DOMAIN_SCOPE],
      pageSize: run.pageSize,
      onEntry(entry) {
        const id = guidOf(entry);
        if (id === undefined) return true;
        if (isTombstone(entry)) changes.delete(id);
        else {
          changes.change(id);
          if (textIn(entry, "lastKnownParent") !== undefined) restored.push(entry);
          if (units.length <= MAX_ASKED && mayHoldOthers(entry, sinceUsn)) units.push(entry.dn);
        }
        return !changes.full;
      },
    },
    signal,
  );
  if (end === "left") return TOO_MANY;
  requireSuccess("search by uSNChanged", end);
  for (const entry of restored) {
    for (const id of await readGroupsOf(entry, run, signal)) changes.change(id);
  }
  const { visible, ids } = await readDeletions({ namingContext, sinceUsn }, run, signal);
  for (const id of ids) changes.delete(id);
  let treeChanged = units.length > MAX_ASKED;
  for (const dn of treeChanged ? [] : units) {
    treeChanged ||= await hasChildren(dn, run, signal);
  }
  const { changed, deleted } = changes;
  return { kind: "changes", changed, deleted, treeChanged, complete: visible, position: next };
}

/** Whether it was there before and is of a kind that holds others; what is new had nothing below that could have moved. */
function mayHoldOthers(entry: ChangedEntry, sinceUsn: string): boolean {
  const created = textIn(entry, "uSNCreated") ?? "0";
  if (/^\d{1,19}$/.test(created) && BigInt(created) > BigInt(sinceUsn)) return false;
  const classes = entry.attributes.get("objectclass") ?? [];
  return !classes.some((name) => LEAVES.has(name.toString("utf8").toLowerCase()));
}

function parsePosition(position: Position): UsnPosition | undefined {
  const { usn, invocationId, namingContext } = position;
  if (typeof usn !== "string" || typeof invocationId !== "string") return undefined;
  if (typeof namingContext !== "string" || !/^\d{1,19}$/.test(usn)) return undefined;
  return { usn, invocationId, namingContext };
}
