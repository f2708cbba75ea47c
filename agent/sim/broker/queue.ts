import { Backlog } from "./backlog.ts";
import { type MessageContent, withApplicationProperties } from "./content.ts";
import { DuplicateHistory } from "./duplicates.ts";
import { deadLetterEntries, deliver, memoryOf, type QueueMessage } from "./message.ts";
import { MessageLocks } from "./message-locks.ts";
import { MessageStore, type PeekOptions } from "./message-store.ts";
import {
  type Delivery,
  deadLetterProperties,
  type QueueEnvironment,
  type QueueListener,
  type QueueProperties,
  type QueueStats,
  type ReceiveMode,
  type Settlement,
} from "./queue-contract.ts";
import {
  MESSAGE_LOCK_LOST,
  MESSAGE_NOT_FOUND,
  type Refusal,
  SESSION_ID_MISSING,
  SESSION_LOCK_LOST,
} from "./refusal.ts";
import { type SessionLock, Sessions } from "./sessions.ts";
import type { EncodedEntry } from "./value.ts";

const NOTHING: QueueListener = { available: () => undefined, sessionLost: () => undefined };

/** A queue with its dead-letter queue, as a state machine: every call looks at the clock, nothing happens by itself. */
export class Queue {
  readonly name: string;
  readonly properties: QueueProperties;
  /** Undefined in a dead-letter queue. */
  readonly deadLetterQueue: Queue | undefined;
  listener: QueueListener = NOTHING;
  readonly #now: () => number;
  readonly #store: MessageStore;
  readonly #backlog: Backlog;
  readonly #sessions: Sessions;
  readonly #locks: MessageLocks;
  readonly #duplicates: DuplicateHistory;

  constructor(
    name: string,
    properties: QueueProperties,
    environment: QueueEnvironment,
    origin?: { readonly deadLetterOf: Queue },
  ) {
    const { lockDurationMs, maxBytes, duplicateDetectionWindowMs } = properties;
    const { now, createLockToken } = environment;
    this.name = name;
    this.properties = properties;
    this.#now = now;
    this.#store = new MessageStore(
      name,
      maxBytes,
      origin === undefined ? { bytes: 0 } : origin.deadLetterOf.#store.usage,
    );
    this.#sessions = new Sessions({ lockDurationMs, now });
    this.#backlog = new Backlog({
      store: this.#store,
      sessions: this.#sessions,
      requiresSession: properties.requiresSession,
      defaultTimeToLiveMs: properties.defaultTimeToLiveMs,
      now,
      available: () => this.listener.available(),
    });
    this.#locks = new MessageLocks({
      lockDurationMs,
      now,
      createLockToken,
      holds: (session) => this.#sessions.holds(session),
    });
    this.#duplicates = new DuplicateHistory(duplicateDetectionWindowMs);
    this.deadLetterQueue =
      origin === undefined
        ? new Queue(`${name}/$DeadLetterQueue`, deadLetterProperties(properties), environment, {
            deadLetterOf: this,
          })
        : undefined;
  }

  /** Takes all of these messages or none; those scheduled for later wait, duplicates are dropped. */
  send(contents: readonly MessageContent[]): Refusal | undefined {
    const refused = this.#admit(contents);
    if (refused !== undefined) return refused;
    for (const content of contents) {
      if (this.#duplicate(content)) continue;
      if ((content.scheduledAt ?? 0) > this.#now()) this.#backlog.schedule(content);
      else this.#backlog.enqueue(content);
    }
    return undefined;
  }

  /** @returns the sequence number of each message, valid until it is enqueued */
  schedule(contents: readonly MessageContent[]): Refusal | readonly number[] {
    const refused = this.#admit(contents);
    if (refused !== undefined) return refused;
    return contents.map((content) => {
      this.#duplicate(content);
      return this.#backlog.schedule(content);
    });
  }

  /** Removes all of these scheduled messages or none. */
  cancelScheduled(sequenceNumbers: readonly number[]): Refusal | undefined {
    const messages: QueueMessage[] = [];
    for (const sequenceNumber of new Set(sequenceNumbers)) {
      const message = this.#store.get(sequenceNumber);
      if (message?.state !== "scheduled") return MESSAGE_NOT_FOUND;
      messages.push(message);
    }
    for (const message of messages) this.#backlog.remove(message);
    return undefined;
  }

  /** The next message, or undefined when there is none (for this session, or the session's lock is lost). */
  receive(mode: ReceiveMode, session?: SessionLock): Delivery | undefined {
    for (;;) {
      const message = this.#backlog.take(session);
      if (message === undefined) return undefined;
      if (message.expiresAt > this.#now()) return this.#hand(message, mode, session);
      this.#expire(message);
    }
  }

  /** Receives deferred messages, all or none. */
  receiveDeferred(
    sequenceNumbers: readonly number[],
    mode: ReceiveMode,
    session?: SessionLock,
  ): Refusal | readonly Delivery[] {
    if (session !== undefined && !this.#sessions.holds(session)) return SESSION_LOCK_LOST;
    const messages: QueueMessage[] = [];
    for (const number of new Set(sequenceNumbers)) {
      const message = this.#store.get(number);
      const sameSession =
        !this.properties.requiresSession || message?.content.sessionId === session?.sessionId;
      if (message?.state !== "deferred" || !sameSession) return MESSAGE_NOT_FOUND;
      if (message.expiresAt <= this.#now()) {
        this.#expire(message);
        return MESSAGE_NOT_FOUND;
      }
      messages.push(message);
    }
    return messages.map((message) => this.#hand(message, mode, session));
  }

  settle(lockToken: string, settlement: Settlement): Refusal | undefined {
    const lock = this.#locks.held(lockToken);
    if (lock === undefined) return this.#lockLost(lockToken);
    this.#locks.remove(lock);
    const { message } = lock;
    switch (settlement.kind) {
      case "complete":
        this.#backlog.remove(message);
        return undefined;
      case "release":
        this.#restore(message);
        return undefined;
      case "abandon":
        this.#change(message, settlement.properties);
        this.#fail(message);
        return undefined;
      case "defer":
        this.#change(message, settlement.properties);
        message.deferred = true;
        message.state = "deferred";
        return undefined;
      case "deadLetter":
        this.#change(message, settlement.properties);
        this.#deadLetter(message, settlement.reason, settlement.description);
        return undefined;
    }
  }

  /** @returns until when the message is locked now, or undefined when the lock was lost */
  renewLock(lockToken: string): number | undefined {
    const lock = this.#locks.held(lockToken);
    return lock === undefined ? undefined : this.#locks.renew(lock);
  }

  /** Messages from this sequence number on, whatever their state, without locking them. */
  peek(options: PeekOptions): Buffer[] {
    return this.#store.peek(options, this.#now());
  }

  /** Locks this session, or the next one with messages when no id is given; undefined when it cannot be had now. */
  acceptSession(sessionId: string | undefined, owner: string): SessionLock | undefined {
    this.#sweepSessions();
    if (sessionId === undefined) return this.#sessions.acceptNext(owner);
    return this.#sessions.accept(sessionId, owner);
  }

  /** The lock of this session, when `owner` holds it. */
  sessionLock(sessionId: string, owner: string): SessionLock | undefined {
    const lock = this.#sessions.find(sessionId)?.lock;
    return lock?.owner === owner && this.#sessions.holds(lock) ? lock : undefined;
  }

  renewSession(lock: SessionLock): number | undefined {
    return this.#sessions.holds(lock) ? this.#sessions.renew(lock) : undefined;
  }

  /** Gives the session back. Its locked messages become available again with their delivery count unchanged. */
  releaseSession(lock: SessionLock): void {
    if (this.#sessions.find(lock.sessionId)?.lock !== lock) return;
    for (const message of this.#locks.takeSession(lock)) this.#restore(message);
    this.#sessions.release(lock);
    this.listener.available();
  }

  sessionState(lock: SessionLock): Buffer | undefined {
    return this.#sessions.find(lock.sessionId)?.state;
  }

  setSessionState(lock: SessionLock, state: Buffer | undefined): Refusal | undefined {
    const session = this.#sessions.open(lock.sessionId);
    const grown = (state?.length ?? 0) - (session.state?.length ?? 0);
    const refused = this.#store.overQuota(grown);
    if (refused !== undefined) return refused;
    this.#store.usage.bytes += grown;
    session.state = state;
    session.updatedAt = this.#now();
    return undefined;
  }

  /** Ids of sessions that were touched after `since` (milliseconds since 1970). */
  sessionIds(since: number): string[] {
    return this.#sessions.list(since);
  }

  /** Does what the passing of time asks for: locks, sessions, time to live, schedule. Cheap when nothing is due. */
  sweep(): void {
    this.#sweepLocks();
    this.#sweepSessions();
    this.#backlog.enqueueDue();
    this.#backlog.expireDue((message) => this.#expire(message));
    this.#duplicates.prune(this.#now());
    this.deadLetterQueue?.sweep();
  }

  /** Messages in whatever state. */
  get size(): number {
    return this.#store.size;
  }

  stats(): QueueStats {
    const { active, locked, deferred, scheduled } = this.#store.count();
    return {
      active,
      locked,
      deferred,
      scheduled,
      deadLettered: this.deadLetterQueue?.size ?? 0,
      sessions: this.#sessions.size,
      bytes: this.#store.usage.bytes,
    };
  }

  #admit(contents: readonly MessageContent[]): Refusal | undefined {
    const { requiresSession } = this.properties;
    if (requiresSession && contents.some((content) => content.sessionId === undefined)) {
      return SESSION_ID_MISSING;
    }
    return this.#store.overQuota(contents.reduce((sum, content) => sum + memoryOf(content), 0));
  }

  /** Whether the id was seen within the window; remembers it otherwise. */
  #duplicate(content: MessageContent): boolean {
    if (!this.properties.requiresDuplicateDetection) return false;
    if (this.#duplicates.has(content.messageId, this.#now())) return true;
    this.#duplicates.add(content.messageId, this.#now());
    return false;
  }

  #hand(message: QueueMessage, mode: ReceiveMode, session: SessionLock | undefined): Delivery {
    if (mode === "receiveAndDelete") {
      const bytes = deliver(message, undefined);
      this.#backlog.remove(message);
      return { bytes, lockToken: undefined };
    }
    message.state = "locked";
    const lock = this.#locks.add(message, session);
    return { bytes: deliver(message, lock.lockedUntil), lockToken: lock.token };
  }

  #lockLost(lockToken: string): Refusal {
    const refusal = this.#locks.belongsToSession(lockToken) ? SESSION_LOCK_LOST : MESSAGE_LOCK_LOST;
    this.#sweepLocks();
    return refusal;
  }

  #change(message: QueueMessage, changes: readonly EncodedEntry[]): void {
    this.#store.replaceContent(message, withApplicationProperties(message.content, changes));
  }

  /** A delivery failed: count it, and give the message back or up. */
  #fail(message: QueueMessage): void {
    message.deliveryCount += 1;
    const { maxDeliveryCount } = this.properties;
    if (message.deliveryCount < maxDeliveryCount) {
      this.#restore(message);
      return;
    }
    this.#deadLetter(
      message,
      "MaxDeliveryCountExceeded",
      `Message could not be consumed after ${maxDeliveryCount} delivery attempts.`,
    );
  }

  #restore(message: QueueMessage): void {
    if (message.deferred) {
      // Deferred messages expire only when they are asked for.
      message.state = "deferred";
      return;
    }
    if (message.expiresAt <= this.#now()) this.#expire(message);
    else this.#backlog.restore(message);
  }

  #expire(message: QueueMessage): void {
    if (!this.properties.deadLetteringOnMessageExpiration) {
      this.#backlog.remove(message);
      return;
    }
    this.#deadLetter(message, "TTLExpiredException", "The message expired and was dead lettered.");
  }

  #deadLetter(
    message: QueueMessage,
    reason: string | undefined,
    description: string | undefined,
  ): void {
    const target = this.deadLetterQueue;
    if (target === undefined) {
      // A dead-letter queue has none of its own: the message stays where it is.
      this.#restore(message);
      return;
    }
    this.#change(message, deadLetterEntries(reason, description));
    this.#backlog.remove(message);
    target.#backlog.adopt({ ...message, deferred: false, deadLetterSource: this.name });
  }

  #sweepLocks(): void {
    for (const message of this.#locks.takeExpired()) this.#fail(message);
  }

  #sweepSessions(): void {
    for (const lock of this.#sessions.expired()) {
      for (const message of this.#locks.takeSession(lock)) this.#fail(message);
      this.#sessions.release(lock);
      this.listener.sessionLost(lock);
      this.listener.available();
    }
  }
}
