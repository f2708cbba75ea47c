import { Backlog } from "./backlog.ts";
import type { MessageContent } from "./content.ts";
import { Intake } from "./intake.ts";
import { deliver, type QueueMessage } from "./message.ts";
import { MessageLocks } from "./message-locks.ts";
import { MessageStore, type PeekOptions } from "./message-store.ts";
import {
  type BatchDelete,
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
  DEAD_LETTER_TWICE,
  MESSAGE_LOCK_LOST,
  MESSAGE_NOT_FOUND,
  type Refusal,
  SESSION_LOCK_LOST,
} from "./refusal.ts";
import { Retirement } from "./retirement.ts";
import { type SessionLock, Sessions } from "./sessions.ts";

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
  readonly #intake: Intake;
  readonly #retirement: Retirement;

  constructor(
    name: string,
    properties: QueueProperties,
    environment: QueueEnvironment,
    origin?: { readonly deadLetterOf: Queue },
  ) {
    const { lockDurationMs, maxBytes } = properties;
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
    const [store, backlog] = [this.#store, this.#backlog];
    this.#intake = new Intake({ properties, store, backlog, now });
    this.deadLetterQueue =
      origin === undefined
        ? new Queue(`${name}/$DeadLetterQueue`, deadLetterProperties(properties), environment, {
            deadLetterOf: this,
          })
        : undefined;
    const dead = this.deadLetterQueue;
    const deadLetters = dead === undefined ? undefined : dead.#backlog;
    this.#retirement = new Retirement({ name, properties, store, backlog, now, deadLetters });
  }

  /** @see Intake.send */
  send(contents: readonly MessageContent[]): Refusal | undefined {
    return this.#intake.send(contents);
  }

  /** @see Intake.schedule */
  schedule(contents: readonly MessageContent[]): Refusal | readonly number[] {
    return this.#intake.schedule(contents);
  }

  /** @see Intake.cancelScheduled */
  cancelScheduled(sequenceNumbers: readonly number[]): Refusal | undefined {
    return this.#intake.cancelScheduled(sequenceNumbers);
  }

  /** The next message, or undefined when there is none (for this session, or the session's lock is lost). */
  receive(mode: ReceiveMode, session?: SessionLock): Delivery | undefined {
    for (;;) {
      const message = this.#backlog.take(session);
      if (message === undefined) return undefined;
      if (message.expiresAt > this.#now()) return this.#hand(message, mode, session);
      this.#retirement.expire(message);
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
        this.#retirement.expire(message);
        return MESSAGE_NOT_FOUND;
      }
      messages.push(message);
    }
    return messages.map((message) => this.#hand(message, mode, session));
  }

  /**
   * Deletes messages that wait to be received, oldest first; locked, deferred and scheduled ones stay.
   * @returns how many
   */
  deleteBatch({ count, enqueuedBefore, sessionId }: BatchDelete): number {
    const chosen: QueueMessage[] = [];
    for (const message of this.#store.waiting()) {
      if (chosen.length >= count) break;
      if (message.enqueuedAt >= enqueuedBefore) continue;
      if (sessionId === undefined || message.content.sessionId === sessionId) chosen.push(message);
    }
    for (const message of chosen) this.#backlog.withdraw(message);
    return chosen.length;
  }

  settle(lockToken: string, settlement: Settlement): Refusal | undefined {
    const lock = this.#locks.held(lockToken);
    if (lock === undefined) return this.#lockLost(lockToken);
    // The message stays locked: what was asked for did not happen.
    const twice = settlement.kind === "deadLetter" && this.deadLetterQueue === undefined;
    if (twice) return DEAD_LETTER_TWICE;
    this.#locks.remove(lock);
    const { message } = lock;
    switch (settlement.kind) {
      case "complete":
        this.#backlog.remove(message);
        return undefined;
      case "release":
        this.#retirement.restore(message);
        return undefined;
      case "abandon":
        this.#retirement.change(message, settlement.properties);
        this.#retirement.fail(message);
        return undefined;
      case "defer":
        this.#retirement.change(message, settlement.properties);
        message.deferred = true;
        message.state = "deferred";
        return undefined;
      case "deadLetter":
        this.#retirement.change(message, settlement.properties);
        this.#retirement.deadLetter(message, settlement.reason, settlement.description);
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
    for (const message of this.#locks.takeSession(lock)) this.#retirement.restore(message);
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
    this.#backlog.expireDue((message) => this.#retirement.expire(message));
    this.#intake.prune();
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

  #sweepLocks(): void {
    for (const message of this.#locks.takeExpired()) this.#retirement.fail(message);
  }

  #sweepSessions(): void {
    for (const lock of this.#sessions.expired()) {
      for (const message of this.#locks.takeSession(lock)) this.#retirement.fail(message);
      this.#sessions.release(lock);
      this.listener.sessionLost(lock);
      this.listener.available();
    }
  }
}
