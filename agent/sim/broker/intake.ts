import type { Backlog } from "./backlog.ts";
import type { MessageContent } from "./content.ts";
import { DuplicateHistory } from "./duplicates.ts";
import { limitRefusal } from "./limits.ts";
import { memoryOf, type QueueMessage } from "./message.ts";
import type { MessageStore } from "./message-store.ts";
import type { QueueProperties } from "./queue-contract.ts";
import {
  BATCH_EMPTY,
  BATCH_TOO_LONG,
  MESSAGE_NOT_FOUND,
  type Refusal,
  SESSION_ID_MISSING,
} from "./refusal.ts";

/** Messages of one batch at most, as in the Standard tier (github.com/Azure/azure-service-bus/issues/397). */
const MAX_BATCH_MESSAGES = 4_500;

interface IntakeOptions {
  readonly properties: QueueProperties;
  readonly store: MessageStore;
  readonly backlog: Backlog;
  readonly now: () => number;
}

/** How messages come into one queue, now or at a time to come. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #duplicates: DuplicateHistory;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#duplicates = new DuplicateHistory(options.properties.duplicateDetectionWindowMs);
  }

  /** Takes all of these messages or none; those scheduled for later wait, duplicates are dropped. */
  send(contents: readonly MessageContent[]): Refusal | undefined {
    const refused = this.#refusal(contents);
    if (refused !== undefined) return refused;
    const { backlog, now } = this.#options;
    for (const content of contents) {
      if (this.#duplicate(content)) continue;
      if ((content.scheduledAt ?? 0) > now()) backlog.schedule(content);
      else backlog.enqueue(content);
    }
    return undefined;
  }

  /**
   * @returns the sequence number of each message, valid until it is enqueued; a duplicate is dropped, so that its number
   * is that of no message
   */
  schedule(contents: readonly MessageContent[]): Refusal | readonly number[] {
    const refused = this.#refusal(contents);
    if (refused !== undefined) return refused;
    const { store, backlog } = this.#options;
    return contents.map((content) =>
      this.#duplicate(content) ? store.skipSequenceNumber() : backlog.schedule(content),
    );
  }

  /** Removes all of these scheduled messages or none. */
  cancelScheduled(sequenceNumbers: readonly number[]): Refusal | undefined {
    const { store, backlog } = this.#options;
    const messages: QueueMessage[] = [];
    for (const sequenceNumber of new Set(sequenceNumbers)) {
      const message = store.get(sequenceNumber);
      if (message?.state !== "scheduled") return MESSAGE_NOT_FOUND;
      messages.push(message);
    }
    for (const message of messages) backlog.remove(message);
    return undefined;
  }

  /** Forgets the ids whose window is over. */
  prune(): void {
    this.#duplicates.prune(this.#options.now());
  }

  #refusal(contents: readonly MessageContent[]): Refusal | undefined {
    const { properties, store } = this.#options;
    if (contents.length === 0) return BATCH_EMPTY;
    if (contents.length > MAX_BATCH_MESSAGES) return BATCH_TOO_LONG;
    for (const content of contents) {
      const refused = limitRefusal(content);
      if (refused !== undefined) return refused;
      if (properties.requiresSession && content.sessionId === undefined) return SESSION_ID_MISSING;
    }
    return store.overQuota(contents.reduce((sum, content) => sum + memoryOf(content), 0));
  }

  /** Whether the id was seen within the window; remembers it otherwise. */
  #duplicate(content: MessageContent): boolean {
    if (!this.#options.properties.requiresDuplicateDetection) return false;
    const now = this.#options.now();
    if (this.#duplicates.has(content.messageId, now)) return true;
    this.#duplicates.add(content.messageId, now);
    return false;
  }
}
