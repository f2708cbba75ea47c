import type { QueueMessage } from "./message.ts";
import type { SessionLock } from "./sessions.ts";

/** A message that somebody works on. */
export interface MessageLock {
  readonly token: string;
  readonly message: QueueMessage;
  /** Milliseconds since 1970 (UTC). */
  lockedUntil: number;
  /** Set for a message of a session: the lock lasts as long as the session's. */
  readonly session: SessionLock | undefined;
}

interface MessageLocksOptions {
  readonly lockDurationMs: number;
  readonly now: () => number;
  readonly createLockToken: () => string;
  /** Whether this lock of a session is still held. */
  readonly holds: (session: SessionLock) => boolean;
}

/** The locked messages of one queue. */
export class MessageLocks {
  readonly #options: MessageLocksOptions;
  /** Outside sessions, in the order of expiry: every lock lasts equally long, and renewing moves one to the end. */
  readonly #single = new Map<string, MessageLock>();
  readonly #inSession = new Map<string, MessageLock>();

  constructor(options: MessageLocksOptions) {
    this.#options = options;
  }

  add(message: QueueMessage, session: SessionLock | undefined): MessageLock {
    const lock: MessageLock = {
      token: this.#options.createLockToken(),
      message,
      lockedUntil: session?.lockedUntil ?? this.#until(),
      session,
    };
    (session === undefined ? this.#single : this.#inSession).set(lock.token, lock);
    return lock;
  }

  /** The lock with this token, unless it has expired by now. */
  held(token: string): MessageLock | undefined {
    const lock = this.#single.get(token);
    if (lock !== undefined) return this.#options.now() < lock.lockedUntil ? lock : undefined;
    const inSession = this.#inSession.get(token);
    const session = inSession?.session;
    return session !== undefined && this.#options.holds(session) ? inSession : undefined;
  }

  /** Whether this token locks, or locked until a moment ago, a message of a session. */
  belongsToSession(token: string): boolean {
    return this.#inSession.has(token);
  }

  /** @returns until when it lasts now */
  renew(lock: MessageLock): number {
    if (lock.session !== undefined) return lock.session.lockedUntil;
    lock.lockedUntil = this.#until();
    this.#single.delete(lock.token);
    this.#single.set(lock.token, lock);
    return lock.lockedUntil;
  }

  remove(lock: MessageLock): void {
    this.#single.delete(lock.token);
    this.#inSession.delete(lock.token);
  }

  /** Removes the locks that have expired, outside sessions. */
  takeExpired(): QueueMessage[] {
    const now = this.#options.now();
    const messages: QueueMessage[] = [];
    for (const lock of this.#single.values()) {
      if (now < lock.lockedUntil) break;
      this.#single.delete(lock.token);
      messages.push(lock.message);
    }
    return messages;
  }

  /** Removes the locks of a session. */
  takeSession(session: SessionLock): QueueMessage[] {
    const messages: QueueMessage[] = [];
    for (const lock of this.#inSession.values()) {
      if (lock.session !== session) continue;
      this.#inSession.delete(lock.token);
      messages.push(lock.message);
    }
    return messages;
  }

  #until(): number {
    return this.#options.now() + this.#options.lockDurationMs;
  }
}
