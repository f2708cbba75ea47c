import { encodeInt, encodeString } from "./encode.ts";
import { refused } from "./manage-messages.ts";
import type { Answer, ManagementContext } from "./management.ts";
import type { ManagementBody } from "./management-body.ts";
import { invalidArgument } from "./refusal.ts";

/** Messages that one request may delete, as in the Premium tier. */
const MAX_DELETED_MESSAGES = 4_000;
const BAD_REQUEST = 400;

/** com.microsoft:batch-delete-messages */
export function batchDeleteMessages(body: ManagementBody, { queue }: ManagementContext): Answer {
  const count = body.integer("message-count");
  if (count < 1 || count > MAX_DELETED_MESSAGES) {
    const reason = `'message-count' has to be between 1 and ${MAX_DELETED_MESSAGES}.`;
    return refused(BAD_REQUEST, invalidArgument(reason));
  }
  const deleted = queue.deleteBatch({
    count,
    enqueuedBefore: body.date("enqueued-time-utc").getTime(),
    sessionId: body.optionalText("session-id"),
  });
  if (deleted === 0) return { kind: "empty" };
  return { kind: "ok", body: [encodeString("message-count"), encodeInt(deleted)] };
}
