import type { MessageContent } from "./content.ts";
import { memoryOf, type QueueMessage, show } from "./message.ts";
import { quotaExceeded, type Refusal } from "./refusal.ts";

export interface PeekOptions {
  /** First sequence number to show. */
  readonly from: number;
  readonly count: number;
  /** Bound on the answer, beyond its first message. */
  readonly maxBytes: number;
  readonly sessionId?: string | undefined;
  readonly omitBody?: boolean;
}

/** Memory in use by a queue and its dead-letter queue together. */
export interface Usage {
  bytes: number;
}

/** The messages of one queue by sequence number, and the memory that they take. */
export class MessageStore {
  readonly usage: Usage;
  readonly #name: string;
  readonly #maxBytes: number;
  /** In the order of the sequence numbers. */
  readonly #messages = new Map<number, QueueMessage>();
  #lastSequenceNumber = 0;

  constructor(name: string, maxBytes: number, usage: Usage) {
    this.#name = name;
    this.#maxBytes = maxBytes;
    this.usage = usage;
  }

  get size(): number {
    return this.#messages.size;
  }

  get(sequenceNumber: number): QueueMessage | undefined {
    return this.#messages.get(sequenceNumber);
  }

  /** Why this much more has no room. */
  overQuota(bytes: number): Refusal | undefined {
    if (bytes <= 0 || this.usage.bytes + bytes <= this.#maxBytes) return undefined;
    return quotaExceeded(this.#name, this.usage.bytes, this.#maxBytes);
  }

  /** A message as it is sent, at the end of the queue. */
  create(content: MessageContent, now: number): QueueMessage {
    return this.adopt({
      content,
      sequenceNumber: 0,
      enqueuedSequenceNumber: this.#lastSequenceNumber + 1,
      enqueuedAt: now,
      expiresAt: Number.POSITIVE_INFINITY,
      timeToLiveMs: content.timeToLiveMs,
      deliveryCount: 0,
      state: "active",
      deferred: false,
      deadLetterSource: undefined,
    });
  }

  /** A message of another queue, as a new one at the end of this. */
  adopt(message: QueueMessage): QueueMessage {
    const adopted = { ...message, sequenceNumber: this.#nextSequenceNumber() };
    this.#messages.set(adopted.sequenceNumber, adopted);
    this.usage.bytes += memoryOf(adopted.content);
    return adopted;
  }

  /** Gives a message a new sequence number at the end of the queue. */
  moveToEnd(message: QueueMessage): void {
    this.#messages.delete(message.sequenceNumber);
    message.sequenceNumber = this.#nextSequenceNumber();
    this.#messages.set(message.sequenceNumber, message);
  }

  replaceContent(message: QueueMessage, content: MessageContent): void {
    this.usage.bytes += memoryOf(content) - memoryOf(message.content);
    message.content = content;
  }

  remove(message: QueueMessage): void {
    this.#messages.delete(message.sequenceNumber);
    this.usage.bytes -= memoryOf(message.content);
    message.state = "gone";
  }

  peek(options: PeekOptions, now: number): Buffer[] {
    const shown: Buffer[] = [];
    let bytes = 0;
    for (const message of this.#messages.values()) {
      if (shown.length >= options.count) break;
      if (message.sequenceNumber < options.from) continue;
      const { sessionId } = message.content;
      if (options.sessionId !== undefined && sessionId !== options.sessionId) continue;
      if (message.state === "active" && message.expiresAt <= now) continue;
      const encoded = show(message, { omitBody: options.omitBody ?? false });
      bytes += encoded.length;
      if (shown.length > 0 && bytes > options.maxBytes) break;
      shown.push(encoded);
    }
    return shown;
  }

  /** Messages that wait to be received, in the order of their sequence numbers. */
  *waiting(): Generator<QueueMessage> {
    for (const message of this.#messages.values()) if (message.state === "active") yield message;
  }

  /** A sequence number that no message will have. */
  skipSequenceNumber(): number {
    return this.#nextSequenceNumber();
  }

  /** How many messages are in which state. */
  count(): Record<QueueMessage["state"], number> {
    const count = { active: 0, locked: 0, deferred: 0, scheduled: 0, gone: 0 };
    for (const message of this.#messages.values()) count[message.state] += 1;
    return count;
  }

  #nextSequenceNumber(): number {
    this.#lastSequenceNumber += 1;
    return this.#lastSequenceNumber;
  }
}
