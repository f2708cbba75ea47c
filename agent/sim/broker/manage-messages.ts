import {
  encodeArray,
  encodeBinary,
  encodeList,
  encodeMap,
  encodeString,
  encodeTimestamp,
  encodeUuid,
} from "./encode.ts";
import { lockTokenBytes, lockTokenOf } from "./lock-token.ts";
import type { Answer, ManagementContext } from "./management.ts";
import type { ManagementBody } from "./management-body.ts";
import type { Settlement } from "./queue-contract.ts";
import {
  MESSAGE_LOCK_LOST,
  MESSAGE_NOT_FOUND,
  type Refusal,
  SESSION_LOCK_LOST,
} from "./refusal.ts";
import { DecodeError } from "./value.ts";

/** What a peek answers at most, in bytes, beyond the first message. */
const MAX_PEEK_BYTES = 1024 * 1024;
const TIMESTAMP = 0x83;

export function refused(status: number, refusal: Refusal): Answer {
  return { kind: "refused", status, refusal };
}

const GONE = 410;
const NOT_FOUND = 404;

/** com.microsoft:renew-lock */
export function renewLock(body: ManagementBody, { queue }: ManagementContext): Answer {
  const expirations: Buffer[] = [];
  for (const token of body.binaries("lock-tokens")) {
    const lockedUntil = queue.renewLock(lockTokenOf(token));
    if (lockedUntil === undefined) return refused(GONE, MESSAGE_LOCK_LOST);
    expirations.push(encodeTimestamp(lockedUntil));
  }
  return { kind: "ok", body: [encodeString("expirations"), encodeArray(TIMESTAMP, expirations)] };
}

/** com.microsoft:peek-message */
export function peekMessage(body: ManagementBody, { queue }: ManagementContext): Answer {
  const messages = queue.peek({
    from: body.integer("from-sequence-number"),
    count: body.integer("message-count"),
    sessionId: body.optionalText("session-id"),
    omitBody: body.flag("omit-message-body"),
    maxBytes: MAX_PEEK_BYTES,
  });
  if (messages.length === 0) return { kind: "empty" };
  const maps = messages.map((message) =>
    encodeMap([encodeString("message"), encodeBinary(message)]),
  );
  return { kind: "ok", body: [encodeString("messages"), encodeList(maps)] };
}

function settlementOf(body: ManagementBody): Settlement {
  const properties = body.properties("properties-to-modify");
  const status = body.text("disposition-status");
  switch (status) {
    case "completed":
      return { kind: "complete" };
    case "abandoned":
      return { kind: "abandon", properties };
    case "defered": // sic
    case "deferred":
      return { kind: "defer", properties };
    case "suspended":
      return {
        kind: "deadLetter",
        reason: body.optionalText("deadletter-reason"),
        description: body.optionalText("deadletter-description"),
        properties,
      };
    default:
      throw new DecodeError(`'disposition-status' is unknown: ${status}`);
  }
}

/** com.microsoft:update-disposition: settles deferred messages, and those whose link is closed. */
export function updateDisposition(body: ManagementBody, { queue }: ManagementContext): Answer {
  const settlement = settlementOf(body);
  for (const token of body.binaries("lock-tokens")) {
    const refusal = queue.settle(lockTokenOf(token), settlement);
    if (refusal !== undefined) return refused(GONE, refusal);
  }
  return { kind: "ok", body: [] };
}

/** com.microsoft:receive-by-sequence-number: receives deferred messages. */
export function receiveBySequenceNumber(
  body: ManagementBody,
  { queue, owner }: ManagementContext,
): Answer {
  const mode = body.integer("receiver-settle-mode") === 0 ? "receiveAndDelete" : "peekLock";
  const sessionId = body.optionalText("session-id");
  const session = sessionId === undefined ? undefined : queue.sessionLock(sessionId, owner);
  if (queue.properties.requiresSession && session === undefined) {
    return refused(GONE, SESSION_LOCK_LOST);
  }
  const received = queue.receiveDeferred(body.integers("sequence-numbers"), mode, session);
  if ("condition" in received) {
    return refused(received === MESSAGE_NOT_FOUND ? NOT_FOUND : GONE, received);
  }
  const maps = received.map(({ bytes, lockToken }) => {
    const token =
      lockToken === undefined
        ? []
        : [encodeString("lock-token"), encodeUuid(lockTokenBytes(lockToken))];
    return encodeMap([encodeString("message"), encodeBinary(bytes), ...token]);
  });
  return { kind: "ok", body: [encodeString("messages"), encodeList(maps)] };
}
