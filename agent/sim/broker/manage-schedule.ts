import { type MessageContent, parseContent } from "./content.ts";
import { encodeArray, encodeLong, encodeString } from "./encode.ts";
import { refused } from "./manage-messages.ts";
import type { Answer, ManagementContext } from "./management.ts";
import type { ManagementBody } from "./management-body.ts";
import { createMessageId } from "./producer.ts";
import { messageTooLarge } from "./refusal.ts";
import { DecodeError } from "./value.ts";

const LONG = 0x81;
const BAD_REQUEST = 400;
const FORBIDDEN = 403;
const NOT_FOUND = 404;

function scheduledContent(entry: ManagementBody): MessageContent {
  const message = entry.optionalBinary("message");
  if (message === undefined) throw new DecodeError("'message' is missing");
  const content = parseContent(message, createMessageId);
  if (content.scheduledAt === undefined) {
    throw new DecodeError("the message has no x-opt-scheduled-enqueue-time");
  }
  return content;
}

/** com.microsoft:schedule-message */
export function scheduleMessage(body: ManagementBody, context: ManagementContext): Answer {
  const contents = body.maps("messages").map(scheduledContent);
  const size = contents.reduce((sum, content) => sum + content.size, 0);
  if (size > context.maxMessageBytes) {
    return refused(BAD_REQUEST, messageTooLarge(size, context.maxMessageBytes));
  }
  const scheduled = context.queue.schedule(contents);
  if ("condition" in scheduled) return refused(FORBIDDEN, scheduled);
  const numbers = encodeArray(LONG, scheduled.map(encodeLong));
  return { kind: "ok", body: [encodeString("sequence-numbers"), numbers] };
}

/** com.microsoft:cancel-scheduled-message */
export function cancelScheduledMessage(body: ManagementBody, { queue }: ManagementContext): Answer {
  const refusal = queue.cancelScheduled(body.integers("sequence-numbers"));
  return refusal === undefined ? { kind: "ok", body: [] } : refused(NOT_FOUND, refusal);
}
