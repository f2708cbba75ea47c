import { MinHeap } from "./heap.ts";
import type { QueueMessage } from "./message.ts";

/** Messages that wait to be received, in the order of their sequence numbers: an abandoned one comes back first. */
export class Lane {
  readonly #waiting = new MinHeap<QueueMessage>({
    key: (message) => message.sequenceNumber,
    live: (message) => message.state === "active",
  });

  add(message: QueueMessage): void {
    message.state = "active";
    this.#waiting.push(message);
  }

  next(): QueueMessage | undefined {
    return this.#waiting.peek();
  }

  take(): QueueMessage | undefined {
    return this.#waiting.pop();
  }

  /** One waiting message has been removed from the queue. */
  forget(): void {
    this.#waiting.forget();
  }
}
