import { MinHeap } from "./heap.ts";
import type { QueueMessage } from "./message.ts";

function scheduledAt(message: QueueMessage): number {
  return message.content.scheduledAt ?? 0;
}

/** When messages begin and cease to be available by themselves. Times are milliseconds since 1970 (UTC). */
export class Timetable {
  readonly #scheduled = new MinHeap<QueueMessage>({
    key: scheduledAt,
    live: (message) => message.state === "scheduled",
  });
  readonly #expiring = new MinHeap<QueueMessage>({
    key: (message) => message.expiresAt,
    live: (message) => message.state !== "gone",
  });

  addScheduled(message: QueueMessage): void {
    this.#scheduled.push(message);
  }

  addExpiring(message: QueueMessage): void {
    this.#expiring.push(message);
  }

  /** A message has left the queue before its time. */
  forget(message: QueueMessage, was: QueueMessage["state"]): void {
    if (was === "scheduled") this.#scheduled.forget();
    else if (Number.isFinite(message.expiresAt)) this.#expiring.forget();
  }

  /** The next message whose schedule is due, taken out. */
  takeDue(now: number): QueueMessage | undefined {
    const message = this.#scheduled.peek();
    if (message === undefined || scheduledAt(message) > now) return undefined;
    return this.#scheduled.pop();
  }

  /** The next message whose time to live is over, taken out. */
  takeExpired(now: number): QueueMessage | undefined {
    const message = this.#expiring.peek();
    if (message === undefined || message.expiresAt > now) return undefined;
    return this.#expiring.pop();
  }
}
