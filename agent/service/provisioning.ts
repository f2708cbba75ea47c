import type { ConfiguredJob, LoadedProvisioning } from "../config/provisioning-config.ts";
import { AgentError } from "../core/error.ts";
import type { Clock, Log, Requester, Store } from "../ports.ts";
import type { PlannedRequest } from "../target/planned-connection.ts";
import type { TargetExchange } from "../target/request-sender.ts";
import { JobRunner } from "./job-runner.ts";
import { copyProvisioningStore, openProvisioningStore } from "./open-provisioning-store.ts";
import { openRequester } from "./open-requester.ts";
import { openTarget } from "./open-target.ts";
import { Releasers } from "./releasers.ts";

export type { PlannedRequest, TargetExchange };

export interface ProvisioningOptions {
  readonly loaded: LoadedProvisioning;
  readonly log: Log;
  readonly clock: Clock;
  /**
   * Makes it a dry run: told of every write instead of sending it. What the service remembers is a copy that is thrown away.
   */
  readonly onPlanned?: (request: PlannedRequest) => void;
  /** Told of every request to a target and its answer, with the values of people in them. */
  readonly onExchange?: (exchange: TargetExchange) => void;
}

/** The provisioning service: runs the configured jobs at their times, until it is stopped. */
export class ProvisioningService {
  readonly #options: ProvisioningOptions;
  readonly #releasers = new Releasers();
  readonly #runners = new Map<string, JobRunner>();
  #store: Store | undefined;
  #requester: Requester | undefined;

  constructor(options: ProvisioningOptions) {
    this.#options = options;
  }

  /**
   * Opens the store, the way to the agents and the targets; nothing runs yet.
   * @throws AgentError `state.*`, `config.invalid`
   */
  async open(): Promise<void> {
    const { loaded, log, clock, onPlanned } = this.#options;
    try {
      const store =
        onPlanned === undefined
          ? await openProvisioningStore(loaded.config, { clock })
          : await this.#copyStore();
      this.#store = store;
      this.#releasers.add(() => store.close());
      const requester = await openRequester(loaded.config.bus, { log, retry: true });
      this.#requester = requester;
      this.#releasers.add(() => requester.close());
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #copyStore(): Promise<Store> {
    const { loaded, clock } = this.#options;
    const { store, remove } = await copyProvisioningStore(loaded.config, { clock });
    this.#releasers.add(remove);
    return store;
  }

  /**
   * Runs the jobs at their times.
   * @throws AgentError as `open`
   */
  async start(): Promise<void> {
    const { loaded, log } = this.#options;
    await this.open();
    for (const { job, schedule } of loaded.jobs) {
      const end = (await this.runner(job.id)).start(schedule);
      this.#releasers.add(end);
    }
    log.info("provisioning.started", { jobs: loaded.jobs.map(({ job }) => job.id) });
  }

  /**
   * The runner of a job, for whoever wants a cycle now.
   * @throws AgentError `usage` for an unknown job, `config.invalid` when its CA cannot be read
   */
  async runner(jobId: string): Promise<JobRunner> {
    const known = this.#runners.get(jobId);
    if (known !== undefined) return known;
    const { loaded, log, clock, onPlanned, onExchange } = this.#options;
    const configured = findJob(loaded.jobs, jobId);
    if (this.#store === undefined || this.#requester === undefined) {
      throw new AgentError("internal", "the service is not open");
    }
    const { job, target: options } = configured;
    const jobLog = log.child({ job: job.id });
    const target = await openTarget(options, {
      log: jobLog,
      ...(onPlanned === undefined ? {} : { onPlanned }),
      ...(onExchange === undefined ? {} : { onExchange }),
    });
    this.#releasers.add(() => target.close());
    const runner = new JobRunner({
      ...{ job, target, clock, log: jobLog },
      ...{ store: this.#store, requester: this.#requester },
      isCopy: onPlanned !== undefined,
    });
    this.#runners.set(jobId, runner);
    return runner;
  }

  /** Breaks off what runs and gives everything back. May be called at any time. */
  async stop(): Promise<void> {
    await this.#releasers.run();
    this.#options.log.info("provisioning.stopped", {});
  }
}

/** @throws AgentError `usage` naming the jobs there are */
export function findJob(jobs: readonly ConfiguredJob[], jobId: string | undefined): ConfiguredJob {
  const [only, second] = jobs;
  if (jobId === undefined && only !== undefined && second === undefined) return only;
  const found = jobs.find(({ job }) => job.id === jobId);
  if (found !== undefined) return found;
  const problem = jobId === undefined ? "which job?" : `there is no job ${jobId}`;
  throw new AgentError("usage", problem, {
    hint: `one of: ${jobs.map(({ job }) => job.id).join(", ")}`,
  });
}
