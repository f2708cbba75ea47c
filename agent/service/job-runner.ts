import { schedule } from "node-cron";
import { AgentError } from "../core/error.ts";
import type { Job } from "../core/provisioning/job.ts";
import type { SchemaDefinition } from "../core/scim/schema.ts";
import type { Clock, JobStore, Log, Requester, Store, Target } from "../ports.ts";
import type { CycleReport } from "../provisioning/conclude-cycle.ts";
import { type CycleOptions, type CycleParts, runCycle } from "../provisioning/cycle.ts";
import { isGone, leaseOwner } from "./lease-owner.ts";

/** How long a job stays taken after the process that held it stopped renewing. */
const LEASE_MS = 60_000;
const RENEW_MS = 20_000;

export interface JobRunnerParts {
  readonly job: Job;
  readonly store: Store;
  readonly requester: Requester;
  readonly target: Target;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether the store is a copy, in which nobody else can hold the job. */
  readonly isCopy: boolean;
}

/** One job of a process: takes it while it works on it, and works at its times. */
export class JobRunner {
  readonly #parts: JobRunnerParts;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(parts: JobRunnerParts) {
    this.#parts = parts;
  }

  /**
   * Runs a cycle with the job taken.
   * @throws AgentError `state.locked` when another process has it; as `runCycle`
   */
  cycle(
    options: CycleOptions & Pick<CycleParts, "onProgress">,
    signal: AbortSignal,
  ): Promise<CycleReport> {
    const { onProgress, ...rest } = options;
    return this.holding(
      (parts, held) =>
        runCycle({ ...parts, ...(onProgress === undefined ? {} : { onProgress }) }, rest, held),
      signal,
    );
  }

  /**
   * Does something with the job taken; it is aborted when another process has taken it meanwhile.
   * @throws AgentError `state.locked`; what `work` throws
   */
  async holding<T>(
    work: (parts: CycleParts, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const { store: all, isCopy, ...parts } = this.#parts;
    const lost = new AbortController();
    const owner = leaseOwner();
    const options = { owner, leaseMs: LEASE_MS, isGone: isCopy ? () => true : isGone };
    const store = await all.openJob(parts.job.id, options);
    const renewal = setInterval(() => renew(store, lost), RENEW_MS);
    try {
      const held = AbortSignal.any([signal, lost.signal, this.#stop.signal]);
      return await work({ ...parts, store }, held);
    } finally {
      clearInterval(renewal);
      await store.release();
    }
  }

  /**
   * @returns the schemas that the target serves; undefined when it serves none
   * @throws AgentError as `Target.schemas`
   */
  targetSchemas(signal: AbortSignal): Promise<readonly SchemaDefinition[] | undefined> {
    return this.#parts.target.schemas(signal);
  }

  /**
   * Runs cycles at the job's times, one at a time.
   * @param expression of node-cron
   * @returns how to end it: what runs is broken off, which a cycle survives
   */
  start(expression: string): () => Promise<void> {
    const { log } = this.#parts;
    const run = async () => {
      this.#running = this.#scheduled().catch((error: unknown) => {
        if (!this.#stop.signal.aborted) log.error("cycle.broken", { error });
      });
      await this.#running;
    };
    const task = schedule(expression, run, { noOverlap: true });
    return async () => {
      this.#stop.abort(new AgentError("usage", "the service stops"));
      await task.destroy();
      await this.#running;
    };
  }

  async #scheduled(): Promise<void> {
    const { store, log } = this.#parts;
    try {
      await this.cycle({ initiatedBy: "system" }, this.#stop.signal);
      await store.pruneSummaries();
    } catch (error) {
      if (!(error instanceof AgentError) || error.code !== "state.locked") throw error;
      log.warn("job.taken", { message: error.message });
    }
  }
}

function renew(store: JobStore, lost: AbortController): void {
  store.renew().catch((error: unknown) => lost.abort(error));
}
