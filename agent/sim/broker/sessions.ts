import { Lane } from "./lane.ts";
import type { QueueMessage } from "./message.ts";

/** The right to receive the messages of one session. */
export interface SessionLock {
  readonly sessionId: string;
  /** Who holds it: the connection. */
  readonly owner: string;
  /** Milliseconds since 1970 (UTC). */
  lockedUntil: number;
}

/** One session of a queue: its messages, its lock, its state. */
export interface Session {
  readonly id: string;
  readonly lane: Lane;
  /** Messages of any kind in this session. */
  messages: number;
  state: Buffer | undefined;
  lock: SessionLock | undefined;
  updatedAt: number;
}

/** .NET's DateTime.MaxValue without its last second: clients ask with it for the sessions that have messages. */
const END_OF_TIME = Date.UTC(9999, 11, 31, 23, 59, 59);

interface SessionsOptions {
  readonly lockDurationMs: number;
  readonly now: () => number;
}

/** The sessions of one queue and who holds them. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Session>();
  /** In the order of expiry, since every lock lasts equally long. */
  readonly #locked = new Map<string, SessionLock>();
  /** Sessions that may have something to receive, longest waiting first. */
  readonly #ready = new Set<string>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  find(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  open(id: string): Session {
    const known = this.#sessions.get(id);
    if (known !== undefined) return known;
    const session: Session = {
      id,
      lane: new Lane(),
      messages: 0,
      state: undefined,
      lock: undefined,
      updatedAt: this.#options.now(),
    };
    this.#sessions.set(id, session);
    return session;
  }

  add(message: QueueMessage, id: string): void {
    const session = this.open(id);
    session.lane.add(message);
    session.updatedAt = this.#options.now();
    if (session.lock === undefined) this.#ready.add(id);
  }

  /** Forgets a session that has neither messages nor a lock nor a state. */
  tidy(session: Session): void {
    if (session.messages > 0 || session.lock !== undefined || session.state !== undefined) return;
    this.#sessions.delete(session.id);
    this.#ready.delete(session.id);
  }

  /** The lock, or undefined when somebody else holds it. */
  accept(id: string, owner: string): SessionLock | undefined {
    const session = this.open(id);
    if (session.lock !== undefined) return undefined;
    const lock = { sessionId: id, owner, lockedUntil: this.#until() };
    session.lock = lock;
    this.#locked.set(id, lock);
    this.#ready.delete(id);
    return lock;
  }

  /** The lock of the session that has waited longest with something to receive. */
  acceptNext(owner: string): SessionLock | undefined {
    for (const id of this.#ready) {
      this.#ready.delete(id);
      if (this.#sessions.get(id)?.lane.next() !== undefined) return this.accept(id, owner);
    }
    return undefined;
  }

  /** Whether `lock` is still the lock of its session. */
  holds(lock: SessionLock): boolean {
    return this.#locked.get(lock.sessionId) === lock && this.#options.now() < lock.lockedUntil;
  }

  renew(lock: SessionLock): number {
    lock.lockedUntil = this.#until();
    this.#locked.delete(lock.sessionId);
    this.#locked.set(lock.sessionId, lock);
    return lock.lockedUntil;
  }

  release(lock: SessionLock): void {
    const session = this.#sessions.get(lock.sessionId);
    if (session === undefined || session.lock !== lock) return;
    session.lock = undefined;
    this.#locked.delete(session.id);
    if (session.lane.next() !== undefined) this.#ready.add(session.id);
    this.tidy(session);
  }

  expired(): SessionLock[] {
    const now = this.#options.now();
    const locks: SessionLock[] = [];
    for (const lock of this.#locked.values()) {
      if (now < lock.lockedUntil) break;
      locks.push(lock);
    }
    return locks;
  }

  /** Ids of sessions that were touched after `since`, oldest first; after the end of time: of those with messages. */
  list(since: number): string[] {
    const chosen = (session: Session): boolean =>
      since >= END_OF_TIME ? session.messages > 0 : session.updatedAt > since;
    return [...this.#sessions.values()].filter(chosen).map((session) => session.id);
  }

  #until(): number {
    return this.#options.now() + this.#options.lockDurationMs;
  }
}
