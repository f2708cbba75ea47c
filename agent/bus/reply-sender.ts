import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBusClient, ServiceBusMessage, ServiceBusSender } from "@azure/service-bus";
import type { Log } from "../ports.ts";
import { toBusError } from "./bus-error.ts";

/** What a message's header, properties and annotations may take of the link's limit. */
const PROPERTIES_BYTES = 16 * 1024;
const MAX_BODY_BYTES = 1024 * 1024;
/** Waits between tries while the connection is being made anew. */
const RETRY_DELAYS_MS = [250, 1_000, 2_000, 5_000] as const;

/** Sends to reply queues. One AMQP link a queue, opened at the first message. */
export class ReplySender {
  readonly #client: ServiceBusClient;
  readonly #log: Log;
  readonly #senders = new Map<string, ServiceBusSender>();
  readonly #limits = new Map<string, number>();

  constructor(client: ServiceBusClient, { log }: { readonly log: Log }) {
    this.#client = client;
    this.#log = log;
  }

  /**
   * Bytes that a body may have on this queue, read from the link.
   * @throws AgentError `bus.*`
   */
  async maxBodyBytes(queue: string): Promise<number> {
    const known = this.#limits.get(queue);
    if (known !== undefined) return known;
    try {
      const batch = await this.#sender(queue).createMessageBatch();
      const limit = Math.min(batch.maxSizeInBytes - PROPERTIES_BYTES, MAX_BODY_BYTES);
      this.#limits.set(queue, limit);
      return limit;
    } catch (error) {
      throw toBusError(error, `cannot open the reply queue ${queue}`);
    }
  }

  /**
   * Sends until the queue has accepted the message. A lost connection is tried again: a part that arrives twice is
   * one part to the requester. A full or throttled queue is not, since the caller has to stop reading then.
   * @throws AgentError `bus.*`, or the signal's reason
   */
  async send(queue: string, message: ServiceBusMessage, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        await this.#sender(queue).sendMessages(message);
        return;
      } catch (error) {
        const busError = toBusError(error, `cannot send to the reply queue ${queue}`);
        const delayMs = RETRY_DELAYS_MS[attempt];
        if (busError.code !== "bus.unreachable" || delayMs === undefined) throw busError;
        this.#log.warn("reply.retried", { queue, attempt: attempt + 1, error: busError });
        await sleep(delayMs, undefined, { signal });
      }
    }
  }

  #sender(queue: string): ServiceBusSender {
    const known = this.#senders.get(queue);
    if (known !== undefined) return known;
    const sender = this.#client.createSender(queue);
    this.#senders.set(queue, sender);
    return sender;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#senders.values()].map((sender) => sender.close()));
  }
}
