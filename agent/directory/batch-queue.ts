export interface BatchQueueOptions {
  readonly maxItems: number;
  readonly maxBytes: number;
  /** A batch waits and nobody takes it: the source should stop. */
  readonly onFull: () => void;
  /** The waiting batch was taken: the source may go on. */
  readonly onDrained: () => void;
}

interface Waiter<T> {
  readonly resolve: (batch: readonly T[] | undefined) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Batches between a source that pushes and one consumer that pulls. One full batch may wait; what the source still
 * has in its hands when it is told to stop goes into the next.
 */
export class BatchQueue<T> {
  readonly #options: BatchQueueOptions;
  readonly #full: T[][] = [];
  #filling: T[] = [];
  #fillingBytes = 0;
  #state: "open" | "ended" | "failed" = "open";
  #reason: unknown;
  #waiter: Waiter<T> | undefined;

  constructor(options: BatchQueueOptions) {
    this.#options = options;
  }

  get full(): boolean {
    return this.#full.length > 0;
  }

  push(value: T, bytes: number): void {
    if (this.#state !== "open") return;
    this.#filling.push(value);
    this.#fillingBytes += bytes;
    const { maxItems, maxBytes, onFull } = this.#options;
    if (this.#filling.length < maxItems && this.#fillingBytes < maxBytes) return;
    if (this.#waiter !== undefined) {
      this.flush();
      return;
    }
    this.#full.push(this.#take());
    if (this.#full.length === 1) onFull();
  }

  /** Gives a consumer that waits what there is. */
  flush(): void {
    if (this.#waiter === undefined || this.#filling.length === 0) return;
    this.#settleWaiter()?.resolve(this.#take());
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.flush();
    this.#settleWaiter()?.resolve(undefined);
  }

  /** The consumer gets the reason and nothing that was still waiting: a read that failed is repeated whole. */
  fail(reason: unknown): void {
    if (this.#state === "failed") return;
    this.#state = "failed";
    this.#reason = reason;
    this.#full.length = 0;
    this.#take();
    this.#settleWaiter()?.reject(reason);
  }

  /** The next batch, or undefined at the end. One call at a time. */
  async next(): Promise<readonly T[] | undefined> {
    if (this.#state === "failed") throw this.#reason;
    const full = this.#full.shift();
    if (full !== undefined) {
      if (this.#full.length === 0) this.#options.onDrained();
      return full;
    }
    if (this.#state === "ended") {
      return this.#filling.length > 0 ? this.#take() : undefined;
    }
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  #take(): T[] {
    const batch = this.#filling;
    this.#filling = [];
    this.#fillingBytes = 0;
    return batch;
  }

  #settleWaiter(): Waiter<T> | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    return waiter;
  }
}
