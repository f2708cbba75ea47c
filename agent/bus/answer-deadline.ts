import { setMaxListeners } from "node:events";
import { timerMs } from "./time-limit.ts";

export type DeadlineEnd = "total" | "idle" | "caller";

/** Says when to stop waiting for an answer: in all, when nothing comes, or when the caller no longer wants it. */
export class AnswerDeadline {
  readonly #idleMs: number;
  readonly #stop = new AbortController();
  readonly #total: NodeJS.Timeout;
  readonly #caller: AbortSignal;
  readonly #onCaller = () => this.#finish("caller");
  #idle: NodeJS.Timeout | undefined;
  #end: DeadlineEnd | undefined;

  constructor(options: { readonly totalMs: number; readonly idleMs: number }, signal: AbortSignal) {
    this.#idleMs = options.idleMs;
    this.#total = setTimeout(() => this.#finish("total"), timerMs(options.totalMs));
    // By hand: what AbortSignal.any makes of a signal that lives for months stays with it on Node 20.
    this.#caller = signal;
    // Every request of a service listens to the signal that stops it: many are no leak.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", this.#onCaller, { once: true });
    if (signal.aborted) this.#finish("caller");
  }

  /** Aborted when one of the three comes. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get end(): DeadlineEnd | undefined {
    return this.#end;
  }

  /** Something came, or may come from now on: the idle time starts anew. */
  heard(): void {
    if (this.#end !== undefined) return;
    if (this.#idle !== undefined) this.#idle.refresh();
    else this.#idle = setTimeout(() => this.#finish("idle"), timerMs(this.#idleMs));
  }

  /**
   * Waits for the work, no longer than this deadline.
   * @throws Error at the deadline: `end` says which; what the work throws
   */
  async race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#stop;
    work.catch(() => undefined);
    let onAbort = () => {};
    const stopped = new Promise<never>((_, reject) => {
      onAbort = () => reject(new Error("the waiting was given up"));
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
    try {
      return await Promise.race([work, stopped]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Gives up the timers. */
  close(): void {
    clearTimeout(this.#total);
    clearTimeout(this.#idle);
    this.#caller.removeEventListener("abort", this.#onCaller);
  }

  #finish(end: DeadlineEnd): void {
    this.#end ??= end;
    this.close();
    this.#stop.abort();
  }
}
