import { randomUUID } from "node:crypto";
import type { ServiceBusMessage } from "@azure/service-bus";
import type { Log } from "../ports.ts";
import { toBusError } from "./bus-error.ts";
import { withLimit } from "./time-limit.ts";

/** A heartbeat that takes longer is given up: the next one says more. */
const SEND_TIMEOUT_MS = 30_000;
/** Heartbeats that may be missed until an agent is taken for dead. */
const INTERVALS_KEPT = 3;
const MIN_LIFE_MS = 60_000;

export interface HeartbeatSenderOptions {
  readonly queue: string;
  /** Sends once. @throws AgentError `bus.*` */
  readonly post: (queue: string, message: ServiceBusMessage, signal: AbortSignal) => Promise<void>;
  readonly log: Log;
}

/**
 * Sends signs of life to a queue. They are never worth a request: what goes wrong with them is warned of once, until it
 * changes.
 */
export class HeartbeatSender {
  readonly #options: HeartbeatSenderOptions;
  #problem: string | undefined;

  constructor(options: HeartbeatSenderOptions) {
    this.#options = options;
  }

  /**
   * Never rejects.
   * @param document sent as JSON
   * @param options intervalMs: time until the next one, which decides how long this one is kept
   */
  async send(document: object, { intervalMs }: { readonly intervalMs: number }): Promise<void> {
    const { queue, post, log } = this.#options;
    const message: ServiceBusMessage = {
      messageId: randomUUID(),
      subject: "heartbeat",
      contentType: "application/json",
      timeToLive: Math.max(intervalMs * INTERVALS_KEPT, MIN_LIFE_MS),
      body: Buffer.from(JSON.stringify(document)),
    };
    try {
      await withLimit((signal) => post(queue, message, signal), {
        limitMs: SEND_TIMEOUT_MS,
        what: "heartbeat",
      });
    } catch (cause) {
      const error = toBusError(cause, `cannot send to the heartbeat queue ${queue}`);
      if (this.#problem !== error.code) log.warn("heartbeat.failed", { code: error.code, error });
      this.#problem = error.code;
      return;
    }
    if (this.#problem !== undefined) log.info("heartbeat.recovered", {});
    this.#problem = undefined;
  }
}
