import { setTimeout as sleep } from "node:timers/promises";
import type { AgentError } from "../core/error.ts";
import type { Log } from "../ports.ts";

/** Looks that fail in a row until the connections are built anew. */
const MAX_FAILURES = 2;
/** Share of the interval between two looks at least: after a failure, or when something is suspected. */
const RETRY_SHARE = 1 / 6;
/** Waits after connections that could not be built: from the first to the second, doubled each time. */
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;

export interface LinkWatchdogOptions {
  readonly intervalMs: number;
  /** Reads secrets again. @returns whether they ask for new connections */
  readonly refresh: () => Promise<boolean>;
  /** @returns what is wrong; undefined when all is well. Never rejects, and takes no longer than it promises. */
  readonly look: () => Promise<AgentError | undefined>;
  /** Builds new connections. @throws AgentError why it cannot; the old ones stay in use then */
  readonly rebuild: (reason: RebuildReason) => Promise<void>;
  readonly log: Log;
}

export interface RebuildReason {
  /** Whether the old connections still work. */
  readonly isHealthy: boolean;
  /** For the log. */
  readonly text: string;
}

/**
 * Looks at a regular interval whether the bus still answers, since the client does not say when it does not: a frozen
 * peer shows after two minutes, an unanswered AMQP open and a link that has stopped never.
 */
export class LinkWatchdog {
  readonly #options: LinkWatchdogOptions;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #denial: AgentError | undefined;
  #running: Promise<void> | undefined;

  constructor(options: LinkWatchdogOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when it looks no more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Something failed that other connections may mend: looks soon. What was denied needs no second look. */
  suspect(error: AgentError): void {
    if (error.code === "bus.denied") this.#denial ??= error;
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    const { intervalMs, refresh, look, log } = this.#options;
    let failures = 0;
    let attempts = 0;
    let due: RebuildReason | undefined;
    let waitMs = intervalMs;
    while (await this.#wait(waitMs, { backsOff: attempts > 0 })) {
      if (await refresh()) due = { isHealthy: true, text: "a credential has changed" };
      const denial = this.#takeDenial();
      const failure = denial ?? (await look());
      if (failure !== undefined) {
        failures++;
        log.warn("watchdog.failed", { failures, code: failure.code, error: failure });
        const isEnough = failures >= MAX_FAILURES || failure.code === "bus.denied";
        if (isEnough) due = { isHealthy: false, text: `${failure.code}: ${failure.message}` };
      } else if (due?.isHealthy !== true) {
        // It has come back by itself.
        failures = 0;
        attempts = 0;
        due = undefined;
      }
      waitMs = failure === undefined ? intervalMs : intervalMs * RETRY_SHARE;
      if (due === undefined || this.#stop.signal.aborted) continue;
      attempts++;
      if (await this.#rebuild(due, attempts)) {
        failures = 0;
        attempts = 0;
        due = undefined;
        waitMs = intervalMs;
      } else waitMs = Math.min(FIRST_BACKOFF_MS * 2 ** (attempts - 1), MAX_BACKOFF_MS);
    }
  }

  async #rebuild(reason: RebuildReason, attempt: number): Promise<boolean> {
    try {
      await this.#options.rebuild(reason);
      return true;
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        this.#options.log.warn("listener.rebuildFailed", { reason: reason.text, attempt, error });
      }
      return false;
    }
  }

  /** @returns whether to go on. A suspicion ends the wait, but not while it backs off. */
  async #wait(ms: number, { backsOff }: { readonly backsOff: boolean }): Promise<boolean> {
    const stop = this.#stop.signal;
    const quietMs = backsOff ? ms : Math.min(ms, this.#options.intervalMs * RETRY_SHARE);
    await sleep(quietMs, undefined, { signal: stop }).catch(() => undefined);
    const signal = AbortSignal.any([stop, this.#wake.signal]);
    if (ms > quietMs) await sleep(ms - quietMs, undefined, { signal }).catch(() => undefined);
    return !stop.aborted;
  }

  #takeDenial(): AgentError | undefined {
    const denial = this.#denial;
    this.#denial = undefined;
    this.#wake = new AbortController();
    return denial;
  }
}
