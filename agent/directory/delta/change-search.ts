import type { BerReader } from "ldapts";
import type { AgentError } from "../../core/error.ts";
import type { LdapConnection } from "../connection.ts";
import { PAGED_RESULTS_OID, parseCookie } from "../paged-search.ts";
import { pagedResults, type SearchRequest, search } from "../requests.ts";
import type { LdapResult } from "../result-code.ts";
import { type ChangedEntry, decodeChangedEntry } from "./changed-entry.ts";

export interface ChangeSearch extends SearchRequest {
  /** @returns false to leave the search: what is still to come is of no use */
  readonly onEntry: (entry: ChangedEntry) => boolean;
  /** The reader stands at the content of an IntermediateResponse. */
  readonly onIntermediate?: (reader: BerReader, end: number) => void;
  /** Entries a page; undefined asks for all at once. */
  readonly pageSize?: number;
}

/** How a search for changes ended; "left" when `onEntry` said so. */
export type ChangeSearchEnd = LdapResult | "left";

const NO_COOKIE = Buffer.alloc(0);

/**
 * A search whose entries, controls and intermediate responses are handed over as they come, in pages where asked for.
 * References are passed over: what lies elsewhere is in no listing of this directory either.
 * @returns the last result, whatever its code
 * @throws AgentError when the connection ends or stays silent; the signal's reason
 */
export async function searchChanges(
  connection: LdapConnection,
  changes: ChangeSearch,
  signal: AbortSignal,
): Promise<ChangeSearchEnd> {
  const { pageSize } = changes;
  if (pageSize === undefined) return searchOnce(connection, changes, signal);
  for (let cookie: Buffer = NO_COOKIE; ; ) {
    const value = pagedResults(pageSize, cookie);
    const paging = { oid: PAGED_RESULTS_OID, critical: true, value };
    const controls = [...(changes.controls ?? []), paging];
    const end = await searchOnce(connection, { ...changes, controls }, signal);
    if (end === "left" || end.code !== 0) return end;
    const control = end.controls.get(PAGED_RESULTS_OID);
    cookie = control === undefined ? NO_COOKIE : parseCookie(control);
    if (cookie.length === 0) return end;
  }
}

function searchOnce(
  connection: LdapConnection,
  changes: ChangeSearch,
  signal: AbortSignal,
): Promise<ChangeSearchEnd> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let waiting = true;
    const settle = (): void => {
      waiting = false;
      signal.removeEventListener("abort", onAbort);
    };
    const leave = (): void => {
      settle();
      connection.abandon(id);
    };
    const onAbort = (): void => {
      leave();
      reject(signal.reason);
    };
    const id = connection.send(search(changes), {
      entry(reader, end, messageEnd) {
        if (changes.onEntry(decodeChangedEntry(reader, end, messageEnd))) return;
        leave();
        resolve("left");
      },
      reference() {},
      intermediate(reader, end) {
        changes.onIntermediate?.(reader, end);
      },
      result(result) {
        settle();
        resolve(result);
      },
      failed(error: AgentError) {
        settle();
        reject(error);
      },
    });
    if (waiting) signal.addEventListener("abort", onAbort);
  });
}
