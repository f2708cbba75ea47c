import type { AgentError } from "../core/error.ts";
import { EVERY_ENTRY } from "../core/ldap-filter.ts";
import type { AttributeNames } from "./attribute-names.ts";
import { LdapProtocolError } from "./ber-reading.ts";
import type { LdapConnection } from "./connection.ts";
import { decodeEntry, type RawEntry } from "./entry-decoding.ts";
import { search } from "./requests.ts";
import type { LdapResult } from "./result-code.ts";

export interface BaseReadRequest {
  readonly dn: string;
  readonly attributes: readonly string[];
  readonly names: AttributeNames;
  /** Index of the first value, for the rest of an attribute that comes in ranges. */
  readonly from?: number;
}

export interface BaseReadAnswer {
  readonly entry: RawEntry | undefined;
  readonly result: LdapResult;
}

/**
 * One entry by its DN. Any number may be under way on a connection.
 * @throws AgentError when the connection ends or stays silent; the signal's reason
 */
export function readBase(
  connection: LdapConnection,
  request: BaseReadRequest,
  signal: AbortSignal,
): Promise<BaseReadAnswer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let entry: RawEntry | undefined;
    let waiting = true;
    const settle = (): void => {
      waiting = false;
      signal.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => {
      settle();
      connection.abandon(id);
      reject(signal.reason);
    };
    const encoder = search({
      baseDn: request.dn,
      searchScope: "base",
      ldapFilter: EVERY_ENTRY,
      attributes: request.attributes,
    });
    const id = connection.send(encoder, {
      entry(reader, end) {
        if (entry !== undefined) throw new LdapProtocolError("two entries for one name");
        entry = decodeEntry(reader, end, request.names, request.from);
      },
      // The entry lives elsewhere: for this directory there is none.
      reference() {},
      result(result) {
        settle();
        resolve({ entry, result });
      },
      failed(error: AgentError) {
        settle();
        reject(error);
      },
    });
    if (waiting) signal.addEventListener("abort", onAbort);
  });
}
