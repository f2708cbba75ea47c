import type { Dispatcher, SessionWaiter } from "./dispatcher.ts";
import { NO_SESSION_AVAILABLE, sessionCannotBeLocked } from "./refusal.ts";
import { abandonLink, openLink, refuseLink } from "./rhea-link.ts";
import type { AmqpSender } from "./rhea-types.ts";
import { type FilterValue, filterValue, typedLong } from "./rhea-value.ts";
import type { SessionLock } from "./sessions.ts";

const SESSION_FILTER = "com.microsoft:session-filter";
const TIMEOUT = "com.microsoft:timeout";
const LOCKED_UNTIL = "com.microsoft:locked-until-utc";

/** How long a client waits for the next session when it does not say, and at most. */
const DEFAULT_WAIT_MS = 60_000;
const MAX_WAIT_MS = 600_000;

const TICKS_PER_MS = 10_000n;
const TICKS_AT_1970 = 621_355_968_000_000_000n;

/** .NET ticks: 100 ns since the year 1. */
function ticks(ms: number): bigint {
  return BigInt(Math.trunc(ms)) * TICKS_PER_MS + TICKS_AT_1970;
}

/** The session filter of a receiving link; undefined when it asks for no session. */
export function sessionFilter(link: AmqpSender): FilterValue | undefined {
  const filters = link.source?.filter;
  if (filters === null || filters === undefined || !(SESSION_FILTER in filters)) return undefined;
  return filterValue(filters[SESSION_FILTER]);
}

interface SessionLinkOptions {
  readonly dispatcher: Dispatcher;
  readonly owner: string;
  readonly filter: FilterValue;
  /** The session is had and the link attached. */
  readonly opened: (lock: SessionLock) => void;
}

function open(link: AmqpSender, lock: SessionLock, options: SessionLinkOptions): void {
  // The answer names the session it really is, else the client takes it for refused.
  openLink(link, {
    filter: { [SESSION_FILTER]: options.filter.with(lock.sessionId) },
    properties: { [LOCKED_UNTIL]: typedLong(ticks(lock.lockedUntil)) },
  });
  options.opened(lock);
}

function waitMs(link: AmqpSender): number {
  const asked = link.properties?.[TIMEOUT];
  return typeof asked === "number" ? Math.min(Math.max(asked, 0), MAX_WAIT_MS) : DEFAULT_WAIT_MS;
}

/** Answers the attach only when a session is there or the time is up. */
function waitForSession(link: AmqpSender, options: SessionLinkOptions): () => void {
  const { dispatcher, owner } = options;
  const waiter: SessionWaiter = {
    owner,
    accepted: (lock) => {
      clearTimeout(timer);
      open(link, lock, options);
    },
  };
  const timer = setTimeout(() => {
    dispatcher.removeWaiter(waiter);
    refuseLink(link, NO_SESSION_AVAILABLE);
  }, waitMs(link));
  timer.unref();
  dispatcher.addWaiter(waiter);
  return () => {
    clearTimeout(timer);
    dispatcher.removeWaiter(waiter);
    abandonLink(link);
  };
}

/**
 * Attaches a receiver to the session that its filter names, or to the next one with messages.
 * @returns what ends the waiting when the link goes away before it was answered
 */
export function attachSession(link: AmqpSender, options: SessionLinkOptions): () => void {
  const { value } = options.filter;
  if (typeof value !== "string") return waitForSession(link, options);
  const lock = options.dispatcher.queue.acceptSession(value, options.owner);
  if (lock === undefined) refuseLink(link, sessionCannotBeLocked(value));
  else open(link, lock, options);
  return () => undefined;
}
