import { type DeliveryFacts, encodeDelivery, type MessageContent } from "./content.ts";
import { encodeString } from "./encode.ts";
import type { EncodedEntry } from "./value.ts";

/** A message in a queue. Times are milliseconds since 1970 (UTC). */
export interface QueueMessage {
  content: MessageContent;
  sequenceNumber: number;
  enqueuedSequenceNumber: number;
  enqueuedAt: number;
  /** Infinity when it never expires. */
  expiresAt: number;
  timeToLiveMs: number | undefined;
  /** Deliveries that failed so far. */
  deliveryCount: number;
  state: "active" | "locked" | "deferred" | "scheduled" | "gone";
  /** A deferred message that is locked becomes deferred again, not active. */
  deferred: boolean;
  readonly deadLetterSource: string | undefined;
}

/** Memory that a message costs besides its bytes. */
const OVERHEAD_BYTES = 512;

export function memoryOf(content: MessageContent): number {
  return content.size + OVERHEAD_BYTES;
}

function factsOf(message: QueueMessage, lockedUntil: number | undefined): DeliveryFacts {
  const waiting = message.state === "scheduled" ? "scheduled" : "active";
  return {
    deliveryCount: message.deliveryCount,
    enqueuedAt: message.enqueuedAt,
    sequenceNumber: message.sequenceNumber,
    enqueuedSequenceNumber: message.enqueuedSequenceNumber,
    state: message.deferred ? "deferred" : waiting,
    timeToLiveMs: message.timeToLiveMs,
    deadLetterSource: message.deadLetterSource,
    lockedUntil,
  };
}

/** The bytes that a receiver gets. */
export function deliver(message: QueueMessage, lockedUntil: number | undefined): Buffer {
  return encodeDelivery(message.content, factsOf(message, lockedUntil));
}

/** The bytes that peek shows. */
export function show(message: QueueMessage, options: { readonly omitBody: boolean }): Buffer {
  return encodeDelivery(message.content, factsOf(message, undefined), options);
}

/** Why a message is in a dead-letter queue, as its application properties. */
export function deadLetterEntries(
  reason: string | undefined,
  description: string | undefined,
): EncodedEntry[] {
  const entries: EncodedEntry[] = [];
  if (reason !== undefined) entries.push({ key: "DeadLetterReason", value: encodeString(reason) });
  if (description !== undefined) {
    entries.push({ key: "DeadLetterErrorDescription", value: encodeString(description) });
  }
  return entries;
}
