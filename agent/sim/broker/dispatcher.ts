import type { Queue } from "./queue.ts";
import type { Delivery, ReceiveMode } from "./queue-contract.ts";
import type { SessionLock } from "./sessions.ts";

/** A receiver of a queue, as far as handing out messages goes. */
export interface QueueConsumer {
  readonly mode: ReceiveMode;
  /** Set when it receives the messages of one session. */
  readonly session: SessionLock | undefined;
  /** Messages it has room for now. */
  room(): number;
  deliver(delivery: Delivery): void;
  /** Its session belongs to nobody any more. */
  sessionLost(): void;
}

/** Somebody who waits for the next session that has messages. */
export interface SessionWaiter {
  readonly owner: string;
  accepted(lock: SessionLock): void;
}

/** Messages handed out before other work gets its turn. */
const MESSAGES_PER_TURN = 256;

/** Hands the messages of one queue to its receivers in turn, as far as they have room. */
export class Dispatcher {
  readonly queue: Queue;
  readonly #consumers: QueueConsumer[] = [];
  readonly #waiters = new Set<SessionWaiter>();
  #next = 0;
  #scheduled = false;

  constructor(queue: Queue) {
    this.queue = queue;
    queue.listener = {
      available: () => this.wake(),
      sessionLost: (lock) => {
        const consumer = this.#consumers.find((candidate) => candidate.session === lock);
        consumer?.sessionLost();
      },
    };
  }

  /** It is the next in turn: the others had theirs. */
  add(consumer: QueueConsumer): void {
    this.#next = this.#consumers.push(consumer) - 1;
    this.wake();
  }

  remove(consumer: QueueConsumer): void {
    const index = this.#consumers.indexOf(consumer);
    if (index < 0) return;
    this.#consumers.splice(index, 1);
    if (index < this.#next) this.#next -= 1;
  }

  addWaiter(waiter: SessionWaiter): void {
    this.#waiters.add(waiter);
    this.wake();
  }

  removeWaiter(waiter: SessionWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** Hands out messages soon; cheap to call often. */
  wake(): void {
    if (this.#scheduled || (this.#consumers.length === 0 && this.#waiters.size === 0)) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#acceptSessions();
      this.#handOut();
    });
  }

  /** Gives this receiver all that it has room for, at once. */
  drain(consumer: QueueConsumer): void {
    while (consumer.room() > 0) {
      const delivery = this.queue.receive(consumer.mode, consumer.session);
      if (delivery === undefined) return;
      consumer.deliver(delivery);
    }
  }

  #acceptSessions(): void {
    for (const waiter of this.#waiters) {
      const lock = this.queue.acceptSession(undefined, waiter.owner);
      if (lock === undefined) return;
      this.#waiters.delete(waiter);
      waiter.accepted(lock);
    }
  }

  #handOut(): void {
    let left = MESSAGES_PER_TURN;
    let idle = 0;
    while (idle < this.#consumers.length) {
      if (left === 0) {
        this.wake();
        return;
      }
      const consumer = this.#consumers[this.#next % this.#consumers.length];
      this.#next = (this.#next + 1) % this.#consumers.length;
      if (consumer === undefined) return;
      const delivery =
        consumer.room() > 0 ? this.queue.receive(consumer.mode, consumer.session) : undefined;
      if (delivery === undefined) {
        idle += 1;
        continue;
      }
      consumer.deliver(delivery);
      idle = 0;
      left -= 1;
    }
  }
}
