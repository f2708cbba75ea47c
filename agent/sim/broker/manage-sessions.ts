import {
  encodeBinary,
  encodeInt,
  encodeString,
  encodeStringArray,
  encodeTimestamp,
  NULL,
} from "./encode.ts";
import { refused } from "./manage-messages.ts";
import type { Answer, ManagementContext } from "./management.ts";
import type { ManagementBody } from "./management-body.ts";
import { messageTooLarge, SESSION_LOCK_LOST } from "./refusal.ts";
import type { SessionLock } from "./sessions.ts";

const GONE = 410;
const BAD_REQUEST = 400;
const FORBIDDEN = 403;

function lockOf(
  body: ManagementBody,
  { queue, owner }: ManagementContext,
): SessionLock | undefined {
  return queue.sessionLock(body.text("session-id"), owner);
}

/** com.microsoft:renew-session-lock */
export function renewSessionLock(body: ManagementBody, context: ManagementContext): Answer {
  const lock = lockOf(body, context);
  const lockedUntil = lock === undefined ? undefined : context.queue.renewSession(lock);
  if (lockedUntil === undefined) return refused(GONE, SESSION_LOCK_LOST);
  return { kind: "ok", body: [encodeString("expiration"), encodeTimestamp(lockedUntil)] };
}

/** com.microsoft:get-session-state */
export function sessionState(body: ManagementBody, context: ManagementContext): Answer {
  const lock = lockOf(body, context);
  if (lock === undefined) return refused(GONE, SESSION_LOCK_LOST);
  const state = context.queue.sessionState(lock);
  const encoded = state === undefined ? NULL : encodeBinary(state);
  return { kind: "ok", body: [encodeString("session-state"), encoded] };
}

/** com.microsoft:set-session-state */
export function setSessionState(body: ManagementBody, context: ManagementContext): Answer {
  const lock = lockOf(body, context);
  if (lock === undefined) return refused(GONE, SESSION_LOCK_LOST);
  const state = body.optionalBinary("session-state");
  const size = state?.length ?? 0;
  if (size > context.maxMessageBytes) {
    return refused(BAD_REQUEST, messageTooLarge(size, context.maxMessageBytes));
  }
  // A copy, since the bytes are a window into the request.
  const kept = state === undefined ? undefined : Buffer.from(state);
  const refusal = context.queue.setSessionState(lock, kept);
  return refusal === undefined ? { kind: "ok", body: [] } : refused(FORBIDDEN, refusal);
}

/** com.microsoft:get-message-sessions */
export function getMessageSessions(body: ManagementBody, { queue }: ManagementContext): Answer {
  const skip = Math.max(0, body.integer("skip"));
  const top = Math.max(0, body.integer("top"));
  const since = body.date("last-updated-time").getTime();
  const ids = queue.sessionIds(since).slice(skip, skip + top);
  if (ids.length === 0) return { kind: "empty" };
  return {
    kind: "ok",
    body: [
      encodeString("skip"),
      encodeInt(skip + ids.length),
      encodeString("sessions-ids"),
      encodeStringArray(ids),
    ],
  };
}
