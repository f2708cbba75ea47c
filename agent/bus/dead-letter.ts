/**
 * Why a message is put aside, and what that means. Whoever watches the dead-letter queue finds these words as
 * `DeadLetterReason`, beside those of Service Bus itself.
 */
export const DEAD_LETTER_REASONS = {
  RequestNotJson: "The body of the request is not JSON, or larger than a request may be.",
  RequestIncomplete:
    "The request has no usable method (subject), path (to), messageId or protocol version (http:request).",
  ReplyToMissing: "The request does not say where to answer.",
  ReplyToForbidden: "The request names a reply queue that is not in `bus.replyQueues`.",
  DeliveriesExhausted:
    "The request was delivered more often than `bus.maxDeliveries`: whoever worked on it died. The requester got a 500.",
  PartUnreadable: "On a reply queue: a part of an answer that is not what its properties say.",
} as const satisfies Readonly<Record<string, string>>;

export type DeadLetterReason = keyof typeof DEAD_LETTER_REASONS;
