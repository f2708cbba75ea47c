import { AgentError } from "../core/error.ts";

export interface SemaphoreOptions {
  readonly permits: number;
  /** Who comes when so many wait gets `directory.busy`. */
  readonly maxWaiting: number;
}

interface Waiter {
  readonly grant: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Lets so many in at a time; the others wait in the order they came. */
export class Semaphore {
  #free: number;
  readonly #maxWaiting: number;
  readonly #waiters = new Set<Waiter>();

  constructor({ permits, maxWaiting }: SemaphoreOptions) {
    this.#free = permits;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * @returns gives the permit back; may be called twice
   * @throws AgentError `directory.busy`; the signal's reason
   */
  async acquire(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#release();
    };
  }

  /** Sends everybody away who waits. */
  rejectWaiting(reason: unknown): void {
    for (const waiter of [...this.#waiters]) waiter.reject(reason);
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiters.size >= this.#maxWaiting) {
      throw new AgentError("directory.busy", `${this.#maxWaiting} reads wait for a connection`);
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener("abort", onAbort);
      };
      const waiter: Waiter = {
        grant() {
          leave();
          resolve();
        },
        reject(reason) {
          leave();
          reject(reason);
        },
      };
      const onAbort = (): void => waiter.reject(signal.reason);
      this.#waiters.add(waiter);
      signal.addEventListener("abort", onAbort);
    });
  }

  #release(): void {
    const [next] = this.#waiters;
    if (next === undefined) this.#free++;
    else next.grant();
  }
}
