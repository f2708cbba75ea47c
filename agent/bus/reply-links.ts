import type { ServiceBusClient, ServiceBusMessage, ServiceBusSender } from "@azure/service-bus";
import { AgentError } from "../core/error.ts";
import { MIN_PART_BYTES } from "../core/part-document.ts";
import { AloneGate } from "./alone-gate.ts";
import { toBusError } from "./bus-error.ts";

/** What a message's header, properties and annotations may take of the link's limit. */
const PROPERTIES_BYTES = 16 * 1024;
const MAX_BODY_BYTES = 1024 * 1024;
/**
 * Messages on their way on one link. The link overflows at 2,048, and the client sleeps for a second and then fails when
 * the broker's credit (1,000 at Service Bus) is used up.
 */
const MAX_IN_FLIGHT = 256;

interface ReplyLink {
  readonly sender: ServiceBusSender;
  readonly room: AloneGate;
  maxBodyBytes: number | undefined;
}

/** The sending half of one connection: an AMQP link a queue, opened when it is first needed. */
export class ReplyLinks {
  readonly #client: ServiceBusClient;
  readonly #links = new Map<string, ReplyLink>();
  readonly #closed = new AbortController();

  /** @param client stays the caller's to close */
  constructor(client: ServiceBusClient) {
    this.#client = client;
  }

  /**
   * Bytes that a body may have on this queue, read from the link.
   * @throws AgentError `bus.*`, `config.invalid` when the queue takes no message that a part fits into
   */
  async maxBodyBytes(queue: string): Promise<number> {
    const link = this.#link(queue);
    if (link.maxBodyBytes !== undefined) return link.maxBodyBytes;
    const messageBytes = await this.#readLimit(queue, link.sender);
    const limit = Math.min(messageBytes - PROPERTIES_BYTES, MAX_BODY_BYTES);
    if (limit < MIN_PART_BYTES) {
      throw new AgentError(
        "config.invalid",
        `the reply queue ${queue} takes messages of ${messageBytes} bytes at most`,
        { hint: `a part needs ${MIN_PART_BYTES + PROPERTIES_BYTES} bytes with its properties` },
      );
    }
    link.maxBodyBytes = limit;
    return limit;
  }

  async #readLimit(queue: string, sender: ServiceBusSender): Promise<number> {
    try {
      return (await sender.createMessageBatch()).maxSizeInBytes;
    } catch (error) {
      throw toBusError(error, `cannot open the reply queue ${queue}`);
    }
  }

  /**
   * Sends once, and resolves when the queue has accepted the message.
   * @throws AgentError `bus.*`, `bus.unreachable` at once when these links are given up; the signal's reason, the
   *   message may have been accepted then
   */
  async post(queue: string, message: ServiceBusMessage, signal: AbortSignal): Promise<void> {
    const { sender, room } = this.#link(queue);
    const end = AbortSignal.any([signal, this.#closed.signal]);
    const leave = await room.enter({ alone: false }, end);
    try {
      await orAborted(sender.sendMessages(message), end);
    } catch (error) {
      signal.throwIfAborted();
      throw toBusError(error, `cannot send to the queue ${queue}`);
    } finally {
      leave();
    }
  }

  /** A link to this queue is opened anew and closed: the connection, the queue and the right to send are there. */
  async probe(queue: string, signal: AbortSignal): Promise<void> {
    const sender = this.#client.createSender(queue);
    try {
      await sender.createMessageBatch({ abortSignal: signal });
    } finally {
      sender.close().catch(() => undefined);
    }
  }

  #link(queue: string): ReplyLink {
    const known = this.#links.get(queue);
    if (known !== undefined) return known;
    const link: ReplyLink = {
      sender: this.#client.createSender(queue),
      room: new AloneGate({ capacity: MAX_IN_FLIGHT }),
      maxBodyBytes: undefined,
    };
    this.#links.set(queue, link);
    return link;
  }

  /** Fails what is on its way, so that it is sent again elsewhere. Never rejects. */
  async close(): Promise<void> {
    this.#closed.abort(new AgentError("bus.unreachable", "the connection was given up"));
    await Promise.allSettled([...this.#links.values()].map(({ sender }) => sender.close()));
  }
}

/** A message on a dead connection is answered by nobody; whoever waits for it does not wait for the client to notice. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
