import { setMaxListeners } from "node:events";
import { AgentError } from "../core/error.ts";

/** Pieces of work that may wait. Whoever feeds the queue is expected to wait long before. */
const MAX_WAITING = 10_000;

interface Waiting {
  readonly key: string | undefined;
  readonly start: () => void;
}

/**
 * Runs so many pieces of work at a time. Those with the same key run one after the other in the order they came;
 * besides that nobody is overtaken who could run.
 */
export class KeyedQueue {
  #free: number;
  readonly #busyKeys = new Set<string>();
  /** In the order they came. */
  readonly #waiting = new Set<Waiting>();

  /** @param permits how many run at a time */
  constructor(permits: number) {
    this.#free = permits;
  }

  /**
   * @param key undefined for work that has no order
   * @throws AgentError `internal` when 10,000 wait already; the signal's reason while it waits; what the work throws
   */
  async run<T>(key: string | undefined, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    // As many listen to it as requests run and wait, which Node would take for a leak.
    setMaxListeners(0, signal);
    await this.#turn(key, signal);
    try {
      return await work();
    } finally {
      this.#free++;
      if (key !== undefined) this.#busyKeys.delete(key);
      this.#startNext();
    }
  }

  #turn(key: string | undefined, signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= MAX_WAITING) {
      throw new AgentError("internal", `${MAX_WAITING} requests to the target wait already`);
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiting);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        leave();
        reject(signal.reason);
      };
      const start = (): void => {
        leave();
        resolve();
      };
      const waiting: Waiting = { key, start };
      this.#waiting.add(waiting);
      signal.addEventListener("abort", onAbort);
      this.#startNext();
    });
  }

  /** Starts everybody who can run. */
  #startNext(): void {
    for (const { key, start } of this.#waiting) {
      if (this.#free === 0) return;
      if (key !== undefined && this.#busyKeys.has(key)) continue;
      this.#free--;
      if (key !== undefined) this.#busyKeys.add(key);
      start();
    }
  }
}
