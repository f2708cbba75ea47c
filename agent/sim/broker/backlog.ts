import type { MessageContent } from "./content.ts";
import { Lane } from "./lane.ts";
import type { QueueMessage } from "./message.ts";
import type { MessageStore } from "./message-store.ts";
import type { SessionLock, Sessions } from "./sessions.ts";
import { Timetable } from "./timetable.ts";

interface BacklogOptions {
  readonly store: MessageStore;
  readonly sessions: Sessions;
  readonly requiresSession: boolean;
  readonly defaultTimeToLiveMs: number;
  readonly now: () => number;
  /** There may be something to receive. */
  readonly available: () => void;
}

/** Where the messages of one queue wait: in its lane or in those of its sessions, or for their time to come. */
export class Backlog {
  readonly #options: BacklogOptions;
  readonly #store: MessageStore;
  readonly #sessions: Sessions;
  readonly #lane = new Lane();
  readonly #timetable = new Timetable();

  constructor(options: BacklogOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#sessions = options.sessions;
  }

  enqueue(content: MessageContent): void {
    const message = this.#create(content);
    this.#startLife(message);
    this.restore(message);
  }

  /** @returns the sequence number until it is enqueued */
  schedule(content: MessageContent): number {
    const message = this.#create(content);
    message.state = "scheduled";
    this.#timetable.addScheduled(message);
    return message.sequenceNumber;
  }

  /** Takes a message over from another queue, for ever. */
  adopt(message: QueueMessage): void {
    this.restore(this.#store.adopt({ ...message, expiresAt: Number.POSITIVE_INFINITY }));
  }

  /** Makes a message available, at the place of its sequence number. */
  restore(message: QueueMessage): void {
    const session = this.#sessionIdOf(message);
    if (session === undefined) this.#lane.add(message);
    else this.#sessions.add(message, session);
    this.#options.available();
  }

  /** The next available message, which leaves its lane but not the queue. */
  take(session: SessionLock | undefined): QueueMessage | undefined {
    if (!this.#options.requiresSession) return this.#lane.take();
    if (session === undefined || !this.#sessions.holds(session)) return undefined;
    return this.#sessions.find(session.sessionId)?.lane.take();
  }

  remove(message: QueueMessage): void {
    const was = message.state;
    this.#store.remove(message);
    this.#timetable.forget(message, was);
    const id = this.#sessionIdOf(message);
    const session = id === undefined ? undefined : this.#sessions.find(id);
    if (session === undefined) return;
    session.messages -= 1;
    this.#sessions.tidy(session);
  }

  /** An enqueued message gets a new sequence number; the one it was scheduled under stays as its enqueued one. */
  enqueueDue(): void {
    for (;;) {
      const message = this.#timetable.takeDue(this.#options.now());
      if (message === undefined) return;
      this.#store.moveToEnd(message);
      message.enqueuedAt = this.#options.now();
      this.#startLife(message);
      this.restore(message);
    }
  }

  /**
   * Hands every available message whose time is over to `expire`, which removes it. Locked messages are looked at when
   * they are given back, deferred ones when they are asked for.
   */
  expireDue(expire: (message: QueueMessage) => void): void {
    for (;;) {
      const message = this.#timetable.takeExpired(this.#options.now());
      if (message === undefined) return;
      if (message.state !== "active") continue;
      // Looked up first: a session without messages is forgotten.
      const lane = this.#laneOf(message);
      expire(message);
      lane?.forget();
    }
  }

  /** Removes a message that waits to be received. */
  withdraw(message: QueueMessage): void {
    const lane = this.#laneOf(message);
    this.remove(message);
    lane?.forget();
  }

  #laneOf(message: QueueMessage): Lane | undefined {
    const id = this.#sessionIdOf(message);
    return id === undefined ? this.#lane : this.#sessions.find(id)?.lane;
  }

  #sessionIdOf(message: QueueMessage): string | undefined {
    return this.#options.requiresSession ? message.content.sessionId : undefined;
  }

  #create(content: MessageContent): QueueMessage {
    const message = this.#store.create(content, this.#options.now());
    const session = this.#sessionIdOf(message);
    if (session !== undefined) this.#sessions.open(session).messages += 1;
    return message;
  }

  /** The time to live runs from when the message is enqueued; the queue's default is also its maximum. */
  #startLife(message: QueueMessage): void {
    const asked = message.content.timeToLiveMs ?? Number.POSITIVE_INFINITY;
    const timeToLiveMs = Math.min(asked, this.#options.defaultTimeToLiveMs);
    if (!Number.isFinite(timeToLiveMs)) return;
    message.timeToLiveMs = timeToLiveMs;
    message.expiresAt = message.enqueuedAt + timeToLiveMs;
    this.#timetable.addExpiring(message);
  }
}
