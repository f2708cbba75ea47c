import { BerReader, BerWriter } from "ldapts";
import { printUuid } from "../../core/directory-value/guid.ts";
import { AgentError } from "../../core/error.ts";
import { enter, follows, readBytes, readInteger, readText } from "../ber-reading.ts";
import type { RequestControl } from "../requests.ts";
import type { LdapResult } from "../result-code.ts";
import { ChangeSet } from "./change-set.ts";
import { type ChangedEntry, textIn } from "./changed-entry.ts";
import { readContext } from "./open-ldap.ts";
import {
  type DeltaStrategy,
  type Mark,
  NO_POSITION,
  type StrategyChanges,
  searchError,
  TOO_MANY,
} from "./strategy.ts";

/** RFC 4533 sections 2.2 to 2.5. */
const SYNC_REQUEST_OID = "1.3.6.1.4.1.4203.1.9.1.1";
const SYNC_STATE_OID = "1.3.6.1.4.1.4203.1.9.1.2";
const SYNC_DONE_OID = "1.3.6.1.4.1.4203.1.9.1.3";
const SYNC_INFO_OID = "1.3.6.1.4.1.4203.1.9.1.4";

const REFRESH_ONLY = 1;
/** syncStateValue of section 2.3. */
const PRESENT = 0;
const DELETE = 3;
/** syncRefreshRequired and unwillingToPerform ("consumer state is newer than provider"). */
const REFRESH_REQUIRED = 4096;
const UNWILLING = 53;

const SEQUENCE = 0x30;
const SET = 0x31;
const BOOLEAN = 0x01;
const OCTET_STRING = 0x04;
const ENUMERATED = 0x0a;
/** The choices of syncInfoValue, section 2.5. */
const NEW_COOKIE = 0x80;
const REFRESH_PRESENT = 0xa2;
const SYNC_ID_SET = 0xa3;

/** Characters; a cookie holds a change number for each of at most 4,095 servers. */
const MAX_COOKIE_LENGTH = 262_144;

/**
 * Content synchronization, refreshOnly (RFC 4533): the server names what was added, changed and deleted since the cookie; when
 * it has lost the deletions it names what is present instead, and then only a listing of ids tells who is gone. The first
 * cookie is made of the numbers of the last changes (contextCSN), so that nothing has to be read for it.
 */
export const syncRepl: DeltaStrategy = {
  name: "syncRepl",

  async mark(run, signal): Promise<Mark> {
    const { supportedControls, contextCsns } = await readContext(run, signal);
    if (!supportedControls.includes(SYNC_REQUEST_OID)) {
      return {
        usable: false,
        because: "the server does not offer content synchronization (overlay syncprov)",
      };
    }
    if (contextCsns.length === 0) {
      return { usable: false, because: "the account cannot read contextCSN of the naming context" };
    }
    const cookie = `rid=000,csn=${[...contextCsns].sort().join(";")}`;
    const because = "the server offers content synchronization (RFC 4533)";
    return { usable: true, position: { cookie }, because };
  },

  async changes(since, run, signal): Promise<StrategyChanges> {
    const { cookie } = since;
    if (typeof cookie !== "string" || cookie.length > MAX_COOKIE_LENGTH) return NO_POSITION;
    const { isWholeDatabase } = await readContext(run, signal);
    const told = new ToldChanges();
    const end = await run.search(
      {
        baseDn: run.baseDn,
        searchScope: "sub",
        ldapFilter: { kind: "present", attribute: "objectClass" },
        attributes: ["hasSubordinates"],
        controls: [syncRequest(cookie)],
        onEntry: (entry) => told.entry(entry),
        onIntermediate: (reader, bodyEnd) => told.intermediate(reader, bodyEnd),
      },
      signal,
    );
    if (end === "left") return TOO_MANY;
    if (end.code === REFRESH_REQUIRED) {
      return { kind: "expired", because: "the server has lost the changes since" };
    }
    if (end.code === UNWILLING && /newer/i.test(end.diagnostic)) throw behind();
    if (end.code !== 0) throw searchError("content synchronization", end);
    told.done(end);
    const { changed, deleted } = told.changes;
    // What was moved out of the base is named like what was deleted; so is a unit, whose people then are not named.
    const areDeletions = isWholeDatabase || deleted.length === 0;
    return {
      kind: "changes",
      changed,
      deleted: areDeletions ? deleted : [],
      treeChanged: told.treeChanged,
      complete: areDeletions && !told.hasPresentPhase,
      position: { cookie: told.cookie ?? cookie },
    };
  },
};

function behind(): AgentError {
  return new AgentError(
    "directory.busy",
    "the server is behind: it lacks changes that were read before",
    {
      hint: "a replica that has not caught up, or one that was restored; contextCSN of the servers tells",
    },
  );
}

/** What a server says during a refresh. */
class ToldChanges {
  readonly changes = new ChangeSet();
  cookie: string | undefined;
  hasPresentPhase = false;
  treeChanged = false;

  /** @returns false when there are too many */
  entry(entry: ChangedEntry): boolean {
    const control = entry.controls.get(SYNC_STATE_OID);
    if (control === undefined) return true;
    const reader = new BerReader(control);
    const end = enter(reader, SEQUENCE, control.length);
    const state = readInteger(reader, ENUMERATED, end);
    const id = printUuid(readBytes(reader, OCTET_STRING, end));
    if (follows(reader, OCTET_STRING, end)) this.#keep(readBytes(reader, OCTET_STRING, end));
    if (id === undefined) return true;
    if (state === PRESENT) this.hasPresentPhase = true;
    else if (state === DELETE) this.changes.delete(id);
    else {
      this.changes.change(id);
      if (textIn(entry, "hasSubordinates")?.toUpperCase() === "TRUE") this.treeChanged = true;
    }
    return !this.changes.full;
  }

  intermediate(reader: BerReader, end: number): void {
    if (readText(reader, 0x80, end) !== SYNC_INFO_OID) return;
    if (!follows(reader, 0x81, end)) return;
    const value = readBytes(reader, 0x81, end);
    this.#info(new BerReader(value), value.length);
  }

  done({ controls }: LdapResult): void {
    const control = controls.get(SYNC_DONE_OID);
    // No control: nothing has changed (observed with slapd 2.5), and the old cookie goes on.
    if (control === undefined) return;
    const reader = new BerReader(control);
    const end = enter(reader, SEQUENCE, control.length);
    if (follows(reader, OCTET_STRING, end)) this.#keep(readBytes(reader, OCTET_STRING, end));
    const refreshDeletes = follows(reader, BOOLEAN, end) && readFlag(reader, end);
    // Section 3.3.1: without it, what was not named as present is not in the content any more.
    if (!refreshDeletes) this.hasPresentPhase = true;
  }

  #info(reader: BerReader, limit: number): void {
    const tag = reader.peek();
    if (tag === NEW_COOKIE) {
      this.#keep(readBytes(reader, NEW_COOKIE, limit));
      return;
    }
    if (tag === null) return;
    const end = enter(reader, tag, limit);
    if (follows(reader, OCTET_STRING, end)) this.#keep(readBytes(reader, OCTET_STRING, end));
    if (tag === REFRESH_PRESENT) this.hasPresentPhase = true;
    if (tag !== SYNC_ID_SET) return;
    const refreshDeletes = follows(reader, BOOLEAN, end) && readFlag(reader, end);
    if (!refreshDeletes) {
      this.hasPresentPhase = true;
      return;
    }
    const setEnd = enter(reader, SET, end);
    while (reader.offset < setEnd) {
      const id = printUuid(readBytes(reader, OCTET_STRING, setEnd));
      if (id !== undefined) this.changes.delete(id);
    }
  }

  #keep(cookie: Buffer): void {
    if (cookie.length > 0 && cookie.length <= MAX_COOKIE_LENGTH)
      this.cookie = cookie.toString("utf8");
  }
}

function readFlag(reader: BerReader, end: number): boolean {
  return readInteger(reader, BOOLEAN, end) !== 0;
}

function syncRequest(cookie: string): RequestControl {
  const writer = new BerWriter({ size: Buffer.byteLength(cookie) + 64 });
  writer.startSequence();
  writer.writeEnumeration(REFRESH_ONLY);
  writer.writeString(cookie);
  writer.writeBoolean(false);
  writer.endSequence();
  return { oid: SYNC_REQUEST_OID, critical: true, value: writer.buffer };
}
