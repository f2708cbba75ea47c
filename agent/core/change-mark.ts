import { isObject } from "./scim/resource.ts";

/**
 * How far a directory had come: the change sequence number (CSN) of the last change, by the id of the server that made
 * it. A CSN begins with its time, so that CSNs compare as texts (draft-chu-ldap-csn).
 */
export type ChangeMark = Readonly<Record<string, string>>;

/** `<time>#<count>#<server id>#<modification>`, as OpenLDAP writes it. */
const CSN = /^\d{14}\.\d{6}Z#[\da-f]{6}#([\da-f]{3})#[\da-f]{6}$/;
/** OpenLDAP has ids for so many servers. */
const MAX_SERVERS = 4096;

/**
 * The latest CSN of each server.
 * @returns undefined when there is none, or when one of the texts is no CSN
 */
export function markOf(csns: Iterable<string>): ChangeMark | undefined {
  const mark = new Map<string, string>();
  for (const csn of csns) {
    const server = CSN.exec(csn)?.[1];
    if (server === undefined) return undefined;
    const known = mark.get(server);
    if (known === undefined || known < csn) mark.set(server, csn);
  }
  return mark.size === 0 ? undefined : Object.fromEntries(mark);
}

/** Reads a mark that somebody else has kept. @returns undefined when it is none */
export function parseChangeMark(value: unknown): ChangeMark | undefined {
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > MAX_SERVERS) return undefined;
  if (!entries.every(([server, csn]) => CSN.exec(String(csn))?.[1] === server)) return undefined;
  return markOf(entries.map(([, csn]) => String(csn)));
}

/** Where to start reading: what changed since has this CSN or a later one, whichever server made the change. */
export function startOf(mark: ChangeMark): string {
  const [first = ""] = Object.values(mark).sort();
  return first;
}

/** Whether a directory that has come to `now` lacks changes that one at `since` had: a replica that is behind. */
export function isBehind(now: ChangeMark, since: ChangeMark): boolean {
  return Object.entries(since).some(([server, csn]) => (now[server] ?? "") < csn);
}
