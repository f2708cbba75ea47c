import type { Backlog } from "./backlog.ts";
import { withApplicationProperties } from "./content.ts";
import { deadLetterEntries, type QueueMessage } from "./message.ts";
import type { MessageStore } from "./message-store.ts";
import type { QueueProperties } from "./queue-contract.ts";
import type { EncodedEntry } from "./value.ts";

interface RetirementOptions {
  readonly name: string;
  readonly properties: QueueProperties;
  readonly store: MessageStore;
  readonly backlog: Backlog;
  readonly now: () => number;
  /** Where dead letters go; undefined in a dead-letter queue. */
  readonly deadLetters: Backlog | undefined;
}

/** What becomes of a message that was not completed: back into the queue, dropped, or dead-lettered. */
export class Retirement {
  readonly #options: RetirementOptions;

  constructor(options: RetirementOptions) {
    this.#options = options;
  }

  change(message: QueueMessage, changes: readonly EncodedEntry[]): void {
    const content = withApplicationProperties(message.content, changes);
    this.#options.store.replaceContent(message, content);
  }

  /** A delivery failed: count it, and give the message back or up. */
  fail(message: QueueMessage): void {
    message.deliveryCount += 1;
    const { maxDeliveryCount } = this.#options.properties;
    if (message.deliveryCount < maxDeliveryCount) {
      this.restore(message);
      return;
    }
    this.deadLetter(
      message,
      "MaxDeliveryCountExceeded",
      `Message could not be consumed after ${maxDeliveryCount} delivery attempts.`,
    );
  }

  /** Gives a message back as it was before it was locked. */
  restore(message: QueueMessage): void {
    if (message.deferred) {
      // Deferred messages expire only when they are asked for.
      message.state = "deferred";
      return;
    }
    if (message.expiresAt <= this.#options.now()) this.expire(message);
    else this.#options.backlog.restore(message);
  }

  expire(message: QueueMessage): void {
    if (this.#options.properties.deadLetteringOnMessageExpiration) {
      const description = "The message expired and was dead lettered.";
      this.deadLetter(message, "TTLExpiredException", description);
      return;
    }
    this.#options.backlog.remove(message);
  }

  deadLetter(
    message: QueueMessage,
    reason: string | undefined,
    description: string | undefined,
  ): void {
    const { name, backlog, deadLetters } = this.#options;
    this.change(message, deadLetterEntries(reason, description));
    backlog.remove(message);
    deadLetters?.adopt({ ...message, deferred: false, deadLetterSource: name });
  }
}
