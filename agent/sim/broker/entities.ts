import { randomUUID } from "node:crypto";
import { Dispatcher } from "./dispatcher.ts";
import { Queue } from "./queue.ts";
import type { DeclaredQueue } from "./queue-declaration.ts";

/** The queues of one broker with their dispatchers, by name in lower case. */
export class Entities {
  readonly #queues = new Map<string, Dispatcher>();
  readonly #deadLetterQueues = new Map<string, Dispatcher>();

  constructor(declared: readonly DeclaredQueue[], now: () => number) {
    for (const { name, ...properties } of declared) {
      const queue = new Queue(name, properties, { now, createLockToken: randomUUID });
      this.#queues.set(name.toLowerCase(), new Dispatcher(queue));
      if (queue.deadLetterQueue === undefined) continue;
      this.#deadLetterQueues.set(name.toLowerCase(), new Dispatcher(queue.deadLetterQueue));
    }
  }

  find(queue: string, deadLetter: boolean): Dispatcher | undefined {
    return (deadLetter ? this.#deadLetterQueues : this.#queues).get(queue);
  }

  sweep(): void {
    for (const { queue } of this.#queues.values()) queue.sweep();
  }
}
