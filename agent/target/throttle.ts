import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../ports.ts";

const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;

/** Waits, or throws the signal's reason. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

/** Milliseconds before attempt `attempt` + 1, the first being 1: doubled each time, with chance in it. */
export function backoffMs(attempt: number, random: () => number): number {
  const ceilingMs = Math.min(MIN_BACKOFF_MS * 2 ** (attempt - 1), MAX_BACKOFF_MS);
  // Between half and all of it: clients that failed together do not come back together.
  return Math.round((ceilingMs * (1 + random())) / 2);
}

/**
 * Milliseconds that `retry-after` asks for (RFC 9110 section 10.2.3): seconds, or a date.
 * @param now milliseconds since 1970
 */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** What one request was told to wait for holds for all of them. */
export class Throttle {
  readonly #clock: Clock;
  readonly #pause: Pause;
  #opensAt = 0;

  constructor(clock: Clock, pause: Pause) {
    this.#clock = clock;
    this.#pause = pause;
  }

  hold(ms: number): void {
    this.#opensAt = Math.max(this.#opensAt, this.#clock.now() + ms);
  }

  /** @throws the signal's reason */
  async wait(signal: AbortSignal): Promise<void> {
    for (;;) {
      const ms = this.#opensAt - this.#clock.now();
      if (ms <= 0) return;
      await this.#pause(ms, signal);
    }
  }
}

export async function pauseByTimer(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    throw signal.reason;
  }
}
