import { hostname } from "node:os";
import type { AgentConfig } from "../config/agent-config.ts";
import type { Clock, Log } from "../ports.ts";
import { readHealth } from "../provider/health.ts";
import { createRequestHandler } from "../provider/request-handler.ts";
import { StatusServer } from "../web/status-server.ts";
import { serveDirectories } from "./directories.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { createListeners } from "./listeners.ts";
import { Releasers } from "./releasers.ts";
import { createScimFace } from "./scim-face.ts";
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
  #scimUrl: string | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** Where health is served, when it is. */
  get statusUrl(): string | undefined {
    return this.#statusUrl;
  }

  /** Where SCIM is served over HTTP, when it is. */
  get scimUrl(): string | undefined {
    return this.#scimUrl;
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
    const listeners = createListeners(config, {
      agent,
      handler: createRequestHandler({ ...health, log, logValues: config.log.values }),
      log,
      clock,
    });
    if (config.status.enabled) {
      const readStatus = (signal: AbortSignal) => readHealth(health, signal);
      const status = new StatusServer({ listen: config.status.listen, readStatus, log });
      this.#releasers.add(() => status.stop());
      this.#statusUrl = await status.start();
    }
    const scimFace = createScimFace(config.scim, {
      createHandler: (capabilities) =>
        createRequestHandler({ ...health, log, logValues: config.log.values, capabilities }),
      agent,
      stopTimeoutMs: config.agent.stopTimeoutMs,
      log,
      clock,
    });
    if (scimFace !== undefined) {
      this.#releasers.add(() => scimFace.stop());
      this.#scimUrl = await scimFace.start();
    }
    for (const listener of listeners) {
      await listener.start();
      this.#releasers.add(() => listener.stop());
    }
    const readOwnHealth = (signal: AbortSignal) => readHealth(health, signal);
    this.#releasers.add(
      startHeartbeat(config, { name, readHealth: readOwnHealth, listeners, log }),
    );
    log.info("agent.started", { name, statusUrl: this.#statusUrl, scimUrl: this.#scimUrl });
  }

  /** Finishes what is in flight within `agent.stopTimeout` and puts back the rest. May be called at any time. */
  async stop(): Promise<void> {
    const { log } = this.#options;
    await this.#releasers.run();
    log.info("agent.stopped", {});
  }
}
