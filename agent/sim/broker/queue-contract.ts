import type { SessionLock } from "./sessions.ts";
import type { EncodedEntry } from "./value.ts";

/** Which half of a queue is switched off, as a namespace in Azure names it. */
export type QueueStatus = "active" | "disabled" | "sendDisabled" | "receiveDisabled";

/** How a queue behaves. Durations are milliseconds; Infinity means for ever. */
export interface QueueProperties {
  readonly lockDurationMs: number;
  readonly maxDeliveryCount: number;
  readonly defaultTimeToLiveMs: number;
  readonly deadLetteringOnMessageExpiration: boolean;
  readonly requiresDuplicateDetection: boolean;
  readonly duplicateDetectionWindowMs: number;
  readonly requiresSession: boolean;
  readonly status: QueueStatus;
  /** Memory of all its messages, the dead-lettered included, in bytes. */
  readonly maxBytes: number;
}

/** What a queue needs from outside: no clock, randomness or timer of its own. */
export interface QueueEnvironment {
  /** Milliseconds since 1970 (UTC). */
  readonly now: () => number;
  /** A fresh UUID in its text form. */
  readonly createLockToken: () => string;
}

/** What a queue tells the glue around it. */
export interface QueueListener {
  /** There may be something to receive. */
  available(): void;
  /** The lock expired; its holder has to be detached. */
  sessionLost(lock: SessionLock): void;
}

export interface Delivery {
  readonly bytes: Buffer;
  /** Undefined when the message was deleted on receipt. */
  readonly lockToken: string | undefined;
}

export type ReceiveMode = "peekLock" | "receiveAndDelete";

export type Settlement =
  | { readonly kind: "complete" }
  /** Back into the queue without counting: the receiver never looked at it. */
  | { readonly kind: "release" }
  | { readonly kind: "abandon"; readonly properties: readonly EncodedEntry[] }
  | { readonly kind: "defer"; readonly properties: readonly EncodedEntry[] }
  | {
      readonly kind: "deadLetter";
      readonly reason: string | undefined;
      readonly description: string | undefined;
      readonly properties: readonly EncodedEntry[];
    };

/** Which messages to delete without receiving them. */
export interface BatchDelete {
  /** At most this many. */
  readonly count: number;
  /** Only those that were enqueued before this time, in milliseconds since 1970 (UTC). */
  readonly enqueuedBefore: number;
  /** Only those of this session, when given. */
  readonly sessionId: string | undefined;
}

export interface QueueStats {
  readonly active: number;
  readonly locked: number;
  readonly deferred: number;
  readonly scheduled: number;
  readonly deadLettered: number;
  /** Sessions with messages, a lock or a state. */
  readonly sessions: number;
  readonly bytes: number;
}

/** Messages in a dead-letter queue stay until somebody takes them, one by one and without sessions. */
export function deadLetterProperties(properties: QueueProperties): QueueProperties {
  return {
    ...properties,
    maxDeliveryCount: Number.POSITIVE_INFINITY,
    defaultTimeToLiveMs: Number.POSITIVE_INFINITY,
    deadLetteringOnMessageExpiration: false,
    requiresDuplicateDetection: false,
    requiresSession: false,
  };
}

/** Whether this half of a queue is switched off. */
export function isDisabled({ status }: QueueProperties, half: "send" | "receive"): boolean {
  return status === "disabled" || status === `${half}Disabled`;
}
