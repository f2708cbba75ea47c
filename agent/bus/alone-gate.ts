/** Gives up a place. Calling it twice does nothing more. */
export type Leave = () => void;

interface Waiter {
  readonly alone: boolean;
  readonly enter: () => void;
}

/**
 * Lets work run side by side, or alone: a message that came a second time may have killed the process that worked on
 * it, and must not take neighbours down. First come, first served, so that nobody waits for ever.
 */
export class AloneGate {
  readonly #capacity: number;
  readonly #waiting: Waiter[] = [];
  #inside = 0;
  #isAlone = false;

  /** @param options capacity: how much work may run side by side */
  constructor({ capacity }: { readonly capacity: number }) {
    this.#capacity = capacity;
  }

  /**
   * Waits for a place.
   * @throws the signal's reason when it is aborted while waiting
   */
  async enter({ alone }: { readonly alone: boolean }, signal: AbortSignal): Promise<Leave> {
    signal.throwIfAborted();
    if (this.#waiting.length > 0 || !this.#admits(alone)) await this.#wait(alone, signal);
    else this.#take(alone);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#inside--;
      this.#isAlone = false;
      this.#admitWaiting();
    };
  }

  #admits(alone: boolean): boolean {
    if (this.#inside === 0) return true;
    return !alone && !this.#isAlone && this.#inside < this.#capacity;
  }

  #take(alone: boolean): void {
    this.#inside++;
    this.#isAlone = alone;
  }

  #wait(alone: boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
        this.#admitWaiting();
      };
      const waiter: Waiter = {
        alone,
        enter: () => {
          signal.removeEventListener("abort", onAbort);
          this.#take(alone);
          resolve();
        },
      };
      this.#waiting.push(waiter);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  #admitWaiting(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || !this.#admits(next.alone)) return;
      this.#waiting.shift();
      next.enter();
    }
  }
}
