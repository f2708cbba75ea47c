import type { AgentError } from "../core/error.ts";
import type { Clock, Log } from "../ports.ts";

/** Between two lines about the same outage: from the first to the second, doubled each time. */
const FIRST_GAP_MS = 15_000;
const MAX_GAP_MS = 600_000;

/** Tells of an outage when it begins, then ever more seldom, and when it is over: the client reports it every second. */
export class OutageLog {
  readonly #log: Log;
  readonly #clock: Clock;
  #outage: { readonly code: string; readonly since: number; failures: number } | undefined;
  #gapMs = FIRST_GAP_MS;
  #dueAt = 0;

  constructor({ log, clock }: { readonly log: Log; readonly clock: Clock }) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @param source what the client was doing */
  failed(error: AgentError, { source }: { readonly source: string }): void {
    const now = this.#clock.now();
    if (this.#outage?.code !== error.code) {
      const { since = now, failures = 0 } = this.#outage ?? {};
      this.#outage = { code: error.code, since, failures };
      this.#gapMs = FIRST_GAP_MS;
      this.#dueAt = now;
    }
    this.#outage.failures++;
    if (now < this.#dueAt) return;
    this.#dueAt = now + this.#gapMs;
    this.#gapMs = Math.min(this.#gapMs * 2, MAX_GAP_MS);
    const { failures } = this.#outage;
    this.#log.warn("listener.error", { source, code: error.code, failures, error });
  }

  /** The bus has answered. */
  ended(): void {
    if (this.#outage === undefined) return;
    const { since, failures } = this.#outage;
    this.#outage = undefined;
    this.#log.info("listener.recovered", { failures, ms: this.#clock.now() - since });
  }
}
