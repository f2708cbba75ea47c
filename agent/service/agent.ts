import { hostname } from "node:os";
import { schedule } from "node-cron";
import { RequestListener } from "../bus/request-listener.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { Clock, Log } from "../ports.ts";
import { readHealth } from "../provider/health.ts";
import { createRequestHandler } from "../provider/request-handler.ts";
import { StatusServer } from "../web/status-server.ts";
import { readBusCredential } from "./bus-credential.ts";
import { serveDirectories } from "./directories.ts";
import { Releasers } from "./releasers.ts";
import { PRODUCT } from "./version.ts";

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly fingerprint: string;
  readonly version: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** The daemon: answers requests from the queue out of the configured directories, until it is stopped. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #releasers = new Releasers();
  #statusUrl: string | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** Where health is served, when it is. */
  get statusUrl(): string | undefined {
    return this.#statusUrl;
  }

  /**
   * Starts everything; what was started is given back when something fails. A directory that does not answer is no
   * failure: requests get a 503 until it does.
   * @throws AgentError `bus.*`, `config.invalid`, `mapping.invalid`
   */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { config, fingerprint, version, log, clock } = this.#options;
    const name = config.agent.name ?? hostname();
    log.info("agent.starting", {
      name,
      version,
      configuration: fingerprint,
      node: process.version,
      directories: config.directories.map((directory) => directory.name),
    });
    const served = serveDirectories(config.directories, { log });
    for (const { directory } of served) this.#releasers.add(() => directory.close());
    const agent = { name: PRODUCT, version, configuration: fingerprint };
    const health = { agent, served, clock, startedAt: clock.now() };
    const { replyQueues, requestQueue, concurrency, requestTimeoutMs, maxDeliveries, clockSkewMs } =
      config.bus;
    const listener = new RequestListener(
      {
        credential: await readBusCredential(config.bus),
        requestQueue,
        replyQueues,
        concurrency,
        requestTimeoutMs,
        maxDeliveries,
        clockSkewMs,
        stopTimeoutMs: config.agent.stopTimeoutMs,
        partBytes: config.bus.partBytes,
        agent,
      },
      {
        handler: createRequestHandler({ ...health, log, logValues: config.log.values }),
        log,
        clock,
      },
    );
    if (config.status.enabled) {
      const readStatus = (signal: AbortSignal) => readHealth(health, signal);
      const status = new StatusServer({ listen: config.status.listen, readStatus, log });
      this.#releasers.add(() => status.stop());
      this.#statusUrl = await status.start();
    }
    await listener.start();
    this.#releasers.add(() => listener.stop());
    this.#startHeartbeat(listener);
    log.info("agent.started", { name, statusUrl: this.#statusUrl });
  }

  /** A quiet night is told from a dead agent by these lines. */
  #startHeartbeat(listener: RequestListener): void {
    const { config, log } = this.#options;
    const task = schedule(
      config.agent.heartbeat,
      () => {
        const { rss } = process.memoryUsage();
        log.info("agent.alive", {
          uptimeSeconds: Math.floor(process.uptime()),
          inFlight: listener.inFlight,
          rssBytes: rss,
          lastBusError: listener.lastError?.code,
        });
      },
      { noOverlap: true },
    );
    this.#releasers.add(() => task.destroy());
  }

  /** Finishes what is in flight within `agent.stopTimeout` and puts back the rest. May be called at any time. */
  async stop(): Promise<void> {
    const { log } = this.#options;
    await this.#releasers.run();
    log.info("agent.stopped", {});
  }
}
