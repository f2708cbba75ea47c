import { batchDeleteMessages } from "./manage-deletion.ts";
import {
  peekMessage,
  receiveBySequenceNumber,
  renewLock,
  updateDisposition,
} from "./manage-messages.ts";
import { cancelScheduledMessage, scheduleMessage } from "./manage-schedule.ts";
import {
  getMessageSessions,
  renewSessionLock,
  sessionState,
  setSessionState,
} from "./manage-sessions.ts";
import { ManagementBody } from "./management-body.ts";
import type { Queue } from "./queue.ts";
import { isDisabled } from "./queue-contract.ts";
import { entityDisabled, invalidArgument, notImplemented, type Refusal } from "./refusal.ts";
import type { Request, Response } from "./request.ts";
import { DecodeError } from "./value.ts";

/** Where a request to `<entity>/$management` is carried out, and for whom. */
export interface ManagementContext {
  readonly queue: Queue;
  /** The connection: who holds the locks of sessions. */
  readonly owner: string;
  readonly maxMessageBytes: number;
}

/** What an operation answers: entries of the response body (keys and values in turn), nothing found, or a refusal. */
export type Answer =
  | { readonly kind: "ok"; readonly body: readonly Buffer[] }
  | { readonly kind: "empty" }
  | { readonly kind: "refused"; readonly status: number; readonly refusal: Refusal };

type Operation = (body: ManagementBody, context: ManagementContext) => Answer;

/** Operations that put something into the queue; the others take or look. */
const SENDING: ReadonlySet<string> = new Set([
  "com.microsoft:schedule-message",
  "com.microsoft:cancel-scheduled-message",
]);
const FORBIDDEN = 403;

const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ["com.microsoft:renew-lock", renewLock],
  ["com.microsoft:peek-message", peekMessage],
  ["com.microsoft:update-disposition", updateDisposition],
  ["com.microsoft:receive-by-sequence-number", receiveBySequenceNumber],
  ["com.microsoft:schedule-message", scheduleMessage],
  ["com.microsoft:cancel-scheduled-message", cancelScheduledMessage],
  ["com.microsoft:renew-session-lock", renewSessionLock],
  ["com.microsoft:get-session-state", sessionState],
  ["com.microsoft:set-session-state", setSessionState],
  ["com.microsoft:get-message-sessions", getMessageSessions],
  ["com.microsoft:batch-delete-messages", batchDeleteMessages],
]);

function refusedResponse(status: number, refusal: Refusal): Response {
  return { status, description: refusal.description, errorCondition: refusal.condition };
}

/** Carries out a request to `$management` (AMQP management with Service Bus operations). */
export function manage(request: Request, context: ManagementContext): Response {
  const operation = OPERATIONS.get(request.operation);
  if (operation === undefined) return refusedResponse(501, notImplemented(request.operation));
  const half = SENDING.has(request.operation) ? "send" : "receive";
  const { name, properties } = context.queue;
  if (isDisabled(properties, half)) return refusedResponse(FORBIDDEN, entityDisabled(name));
  try {
    const answer = operation(new ManagementBody(request.body), context);
    switch (answer.kind) {
      case "ok":
        return { status: 200, description: "OK", body: answer.body };
      case "empty":
        return { status: 204, description: "NoContent" };
      case "refused":
        return refusedResponse(answer.status, answer.refusal);
    }
  } catch (error) {
    if (error instanceof DecodeError) return refusedResponse(400, invalidArgument(error.message));
    throw error;
  }
}
