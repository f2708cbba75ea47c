import { BerReader, BerWriter } from "ldapts";
import { enter, readBytes, readInteger } from "../ber-reading.ts";
import type { RequestControl } from "../requests.ts";
import type { LdapResult } from "../result-code.ts";
import {
  type ControllerFacts,
  DOMAIN_SCOPE,
  guidOf,
  hasChildren,
  isTombstone,
  readController,
  readDeletions,
} from "./active-directory.ts";
import { ChangeSet } from "./change-set.ts";
import { type ChangedEntry, textIn } from "./changed-entry.ts";
import { readRestoredGroups } from "./restored.ts";
import {
  type DeltaRun,
  type DeltaStrategy,
  type Mark,
  NO_POSITION,
  type Position,
  type StrategyChanges,
  searchError,
  TOO_MANY,
} from "./strategy.ts";

/** LDAP_SERVER_DIRSYNC_OID, MS-ADTS section 3.1.1.3.4.1.3. */
const DIR_SYNC_OID = "1.2.840.113556.1.4.841";
/** Only what this account may read, and no replication right needed. */
const OBJECT_SECURITY = 0x1;
/** Of attributes with many values only those that came and went. As a signed number: the highest of 32 bits. */
const INCREMENTAL_VALUES = -0x8000_0000;
/** Bytes of one answer at most; Windows has a limit of its own below. */
const MAX_BYTES = 1 << 20;
/** Answers in a row that say "more" and hold nothing: a server that never ends is no progress. */
const MAX_EMPTY_ANSWERS = 1000;
/** Entries that moved, of which is asked whether there is something below; more are taken for units. */
const MAX_ASKED = 50;

/** Tell a place and a life, whatever the mapping reads. */
const ALWAYS = [
  "objectclass",
  "name",
  "isdeleted",
  "member",
  "primarygroupid",
  "useraccountcontrol",
];

/** insufficientAccessRights; unwillingToPerform is Windows' word for the same. */
const NO_RIGHT: ReadonlySet<number> = new Set([50, 8]);
/** unavailableCriticalExtension, unwillingToPerform, protocolError, invalidAttributeSyntax: a cookie that is none. */
const COOKIE_REFUSALS: ReadonlySet<number> = new Set([12, 53, 2, 21, 1]);

interface DirSyncPosition {
  readonly cookie: string;
  readonly objectSecurity: boolean;
  /** Whether this account has ever been told of a deletion; otherwise none may mean that it may not know. */
  readonly tellsDeletions: boolean;
  readonly namingContext: string;
  /** Of the server, before the cookie was given; where deletions are not told they are looked for from here on. */
  readonly usn: string;
}

/**
 * DirSync: the server says what has changed since its own cookie, attribute by attribute, tombstones included. Without the
 * right to replicate it is asked in the name of the account (OBJECT_SECURITY), which mostly hides deletions: those are
 * then read where deleted objects lie, or, where that is not allowed either, found out by a listing of ids.
 */
export const dirSync: DeltaStrategy = {
  name: "dirSync",

  async mark(run, signal): Promise<Mark> {
    const facts = await readController(run, signal);
    const { namingContext } = facts;
    if (!facts.supportedControls.includes(DIR_SYNC_OID)) {
      return { usable: false, because: "the server does not offer the DirSync control" };
    }
    if (namingContext === undefined || facts.highestCommittedUsn === undefined) {
      return { usable: false, because: "the server holds no naming context with the base" };
    }
    for (const objectSecurity of [false, true]) {
      const usn = facts.highestCommittedUsn;
      const position = { cookie: "", objectSecurity, tellsDeletions: false, namingContext, usn };
      // Matches nothing, so that the cookie comes without the entries.
      const end = await follow(position, { run, of: "nothing", onEntry: () => true }, signal);
      if (end.kind === "cookie") {
        const tellsDeletions = await seesTombstones(position, run, signal);
        const right = objectSecurity ? "without" : "with";
        const deletions = tellsDeletions
          ? "and tells this account of deletions"
          : "and has told this account of no deletion so far, so that ids are listed where deleted objects cannot be read";
        return {
          usable: true,
          position: { ...position, tellsDeletions, cookie: end.cookie },
          because: `the server offers DirSync, ${right} the right to replicate, ${deletions}`,
        };
      }
      if (end.kind === "left") break;
      if (NO_RIGHT.has(end.result.code) && !objectSecurity) continue;
      return { usable: false, because: `DirSync was refused (result ${end.result.code})` };
    }
    return { usable: false, because: "DirSync was refused" };
  },

  async changes(since, run, signal): Promise<StrategyChanges> {
    const position = parsePosition(since);
    if (position === undefined) return NO_POSITION;
    const facts = position.tellsDeletions ? undefined : await readController(run, signal);
    let tellsDeletions = position.tellsDeletions;
    const changes = new ChangeSet();
    const moved: ChangedEntry[] = [];
    const onEntry = (entry: ChangedEntry): boolean => {
      const id = guidOf(entry);
      if (id === undefined) return true;
      if (isTombstone(entry)) {
        changes.delete(id);
        tellsDeletions ||= isDeletedObject(entry);
        return !changes.full;
      }
      changes.change(id);
      if (moved.length <= MAX_ASKED && isMoved(entry)) moved.push(entry);
      return !changes.full;
    };
    const end = await follow(position, { run, of: "everything", onEntry }, signal);
    if (end.kind === "left") return TOO_MANY;
    if (end.kind === "refused") {
      const { result } = end;
      if (COOKIE_REFUSALS.has(result.code) || NO_RIGHT.has(result.code)) {
        return {
          kind: "expired",
          because: `the server does not take its cookie any more (result ${result.code})`,
        };
      }
      throw searchError("DirSync", result);
    }
    const restored = await readRestoredGroups(moved, run, signal);
    for (const id of restored) changes.change(id);
    const complete = await addDeletions(changes, { position, facts, run }, signal);
    const treeChanged = await isTreeChanged(moved, run, signal);
    return {
      kind: "changes",
      changed: changes.changed,
      deleted: changes.deleted,
      treeChanged,
      complete,
      position: {
        ...position,
        tellsDeletions,
        cookie: end.cookie,
        usn: facts?.highestCommittedUsn ?? position.usn,
      },
    };
  },
};

/** @returns whether every deletion is known now */
async function addDeletions(
  changes: ChangeSet,
  {
    position,
    facts,
    run,
  }: {
    readonly position: DirSyncPosition;
    readonly facts: ControllerFacts | undefined;
    readonly run: DeltaRun;
  },
  signal: AbortSignal,
): Promise<boolean> {
  if (position.tellsDeletions) return true;
  if (facts?.highestCommittedUsn === position.usn) return true;
  const { namingContext, usn: sinceUsn } = position;
  const { visible, ids } = await readDeletions({ namingContext, sinceUsn }, run, signal);
  for (const id of ids) changes.delete(id);
  return visible;
}

/** An entry that was there before and has another name or place; its parent's id comes with every move. */
function isMoved({ attributes }: ChangedEntry): boolean {
  return attributes.has("name") && !attributes.has("objectclass");
}

async function isTreeChanged(
  moved: readonly ChangedEntry[],
  run: DeltaRun,
  signal: AbortSignal,
): Promise<boolean> {
  if (moved.length > MAX_ASKED) return true;
  for (const { dn } of moved) if (await hasChildren(dn, run, signal)) return true;
  return false;
}

/** Of the folder of deleted objects that is said too. */
function isDeletedObject(entry: ChangedEntry): boolean {
  return textIn(entry, "name")?.includes("\nDEL:") === true;
}

/** Whether any deletion is told to this account, of all that lie there. */
async function seesTombstones(
  position: DirSyncPosition,
  run: DeltaRun,
  signal: AbortSignal,
): Promise<boolean> {
  const onEntry = (entry: ChangedEntry): boolean => !isDeletedObject(entry);
  const end = await follow(position, { run, of: "deletions", onEntry }, signal);
  return end.kind === "left";
}

const EVERY = { kind: "present", attribute: "objectClass" } as const;
const FILTERS = {
  nothing: { kind: "not", filter: EVERY },
  everything: EVERY,
  deletions: { kind: "equality", attribute: "isDeleted", value: "TRUE" },
} as const;

type FollowEnd =
  | { readonly kind: "cookie"; readonly cookie: string }
  | { readonly kind: "refused"; readonly result: LdapResult }
  | { readonly kind: "left" };

/** Asks again as long as the server says that there is more. */
async function follow(
  position: DirSyncPosition,
  {
    run,
    of,
    onEntry,
  }: {
    readonly run: DeltaRun;
    /** Of nothing only the cookie comes. */
    readonly of: keyof typeof FILTERS;
    readonly onEntry: (entry: ChangedEntry) => boolean;
  },
  signal: AbortSignal,
): Promise<FollowEnd> {
  let cookie: Buffer = Buffer.from(position.cookie, "base64");
  for (let empty = 0; empty <= MAX_EMPTY_ANSWERS; ) {
    let entries = 0;
    const end = await run.search(
      {
        baseDn: position.namingContext,
        searchScope: "sub",
        ldapFilter: FILTERS[of],
        attributes: ["objectGUID", ...new Set([...ALWAYS, ...run.interest])],
        controls: [dirSyncControl(position.objectSecurity, cookie), DOMAIN_SCOPE],
        onEntry(entry) {
          entries++;
          return onEntry(entry);
        },
      },
      signal,
    );
    if (end === "left") return { kind: "left" };
    if (end.code !== 0) return { kind: "refused", result: end };
    const answer = parseAnswer(end);
    if (answer === undefined) return { kind: "refused", result: { ...end, code: 12 } };
    if (!answer.more) return { kind: "cookie", cookie: answer.cookie.toString("base64") };
    empty = entries === 0 ? empty + 1 : 0;
    cookie = answer.cookie;
  }
  return { kind: "refused", result: { ...NEVER_ENDS } };
}

const NEVER_ENDS: LdapResult = {
  code: 51,
  matchedDn: "",
  diagnostic: `${MAX_EMPTY_ANSWERS} answers in a row said "more" and held nothing`,
  referrals: [],
  controls: new Map(),
};

function dirSyncControl(objectSecurity: boolean, cookie: Buffer): RequestControl {
  const writer = new BerWriter({ size: cookie.length + 64 });
  writer.startSequence();
  writer.writeInt(INCREMENTAL_VALUES | (objectSecurity ? OBJECT_SECURITY : 0));
  writer.writeInt(MAX_BYTES);
  writer.writeBuffer(cookie, 0x04);
  writer.endSequence();
  return { oid: DIR_SYNC_OID, critical: true, value: writer.buffer };
}

function parseAnswer(
  result: LdapResult,
): { readonly more: boolean; readonly cookie: Buffer } | undefined {
  const control = result.controls.get(DIR_SYNC_OID);
  if (control === undefined || control.length === 0) return undefined;
  const reader = new BerReader(control);
  const end = enter(reader, 0x30, control.length);
  const more = readInteger(reader, 0x02, end) !== 0;
  readInteger(reader, 0x02, end);
  return { more, cookie: readBytes(reader, 0x04, end) };
}

function parsePosition(position: Position): DirSyncPosition | undefined {
  const { cookie, objectSecurity, tellsDeletions, namingContext, usn } = position;
  if (typeof tellsDeletions !== "boolean") return undefined;
  if (typeof cookie !== "string" || typeof objectSecurity !== "boolean") return undefined;
  if (typeof namingContext !== "string" || typeof usn !== "string") return undefined;
  if (!/^\d{1,19}$/.test(usn)) return undefined;
  return { cookie, objectSecurity, tellsDeletions, namingContext, usn };
}
