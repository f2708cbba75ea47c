import { textIn } from "./changed-entry.ts";
import { idsSince } from "./entry-csn.ts";
import {
  type DeltaStrategy,
  type Mark,
  NO_POSITION,
  requireSuccess,
  type StrategyChanges,
  TOO_MANY,
} from "./strategy.ts";

/** Generalized time with whole seconds, as servers write modifyTimestamp (RFC 4512 section 3.4.2). */
const TIMESTAMP = /^\d{14}Z$/;
const EPOCH = "19700101000000Z";

/**
 * The times of the last change that entries carry (modifyTimestamp), for servers that number nothing. A position is the latest
 * time that an entry has, by the server's own clock; times have whole seconds, so that what has that time is read once more.
 * Nothing tells what was deleted, so that all ids are listed each time.
 */
export const modifyTimestamp: DeltaStrategy = {
  name: "modifyTimestamp",

  async mark(run, signal): Promise<Mark> {
    const time = await latest(EPOCH, run, signal);
    if (time === undefined) return { usable: false, because: "no entry shows its modifyTimestamp" };
    const because = "entries show when they were changed (modifyTimestamp)";
    return { usable: true, position: { time }, because };
  },

  async changes(since, run, signal): Promise<StrategyChanges> {
    const { time } = since;
    if (typeof time !== "string" || !TIMESTAMP.test(time)) return NO_POSITION;
    const next = await latest(time, run, signal);
    const value = time;
    const changed = await idsSince({ attribute: "modifyTimestamp", value }, run, signal);
    if (changed === undefined) return TOO_MANY;
    const position = { time: next ?? time };
    return { kind: "changes", changed, deleted: [], treeChanged: true, complete: false, position };
  },
};

type Run = Parameters<DeltaStrategy["mark"]>[0];

/** The latest time among the entries changed since one. */
async function latest(since: string, run: Run, signal: AbortSignal): Promise<string | undefined> {
  let time: string | undefined;
  const end = await run.search(
    {
      baseDn: run.baseDn,
      searchScope: "sub",
      ldapFilter: { kind: "greaterOrEqual", attribute: "modifyTimestamp", value: since },
      attributes: ["modifyTimestamp"],
      pageSize: run.pageSize,
      onEntry(entry) {
        const own = textIn(entry, "modifyTimestamp");
        if (own !== undefined && TIMESTAMP.test(own) && (time === undefined || own > time))
          time = own;
        return true;
      },
    },
    signal,
  );
  requireSuccess("search by modifyTimestamp", end);
  return time;
}
