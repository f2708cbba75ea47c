import type { ServiceBusClient, ServiceBusMessage, ServiceBusSender } from "@azure/service-bus";
import { AgentError } from "../core/error.ts";
import { MIN_PART_BYTES } from "../core/part-document.ts";
import { AloneGate } from "./alone-gate.ts";
import { ATTEMPT_MS } from "./bus-connection.ts";
import { toBusError } from "./bus-error.ts";

/** What a message's header, properties and annotations may take of the link's limit. */
const PROPERTIES_BYTES = 16 * 1024;
const MAX_BODY_BYTES = 1024 * 1024;
/**
 * Messages on their way on one link. The link overflows at 2,048, and the client sleeps for a second and then fails when
 * the broker's credit (1,000 at Service Bus) is used up.
 */
const MAX_IN_FLIGHT = 256;

/** Timers fire a little early. */
const TIMER_SLACK_MS = 50;

interface ReplyLink {
  readonly sender: ServiceBusSender;
  readonly room: AloneGate;
  maxBodyBytes: number | undefined;
  inFlight: number;
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
    const end = AbortSignal.any([signal, this.#closed.signal]);
    const leave = await this.#link(queue).room.enter({ alone: false }, end);
    try {
      await orAborted(this.#send(queue, message), end);
    } catch (error) {
      signal.throwIfAborted();
      throw toBusError(error, `cannot send to the queue ${queue}`);
    } finally {
      leave();
    }
  }

  async #send(queue: string, message: ServiceBusMessage): Promise<void> {
    // As it is now: the link whose turn was waited for may have been replaced and closed meanwhile.
    const link = this.#link(queue);
    const startedAt = performance.now();
    link.inFlight++;
    let hasFailed = true;
    try {
      await link.sender.sendMessages(message);
      hasFailed = false;
    } finally {
      link.inFlight--;
      // One attempt at least was not answered, whatever became of the next. rhea keeps its place on the link for ever, and
      // the link ends there 2,047 messages later, without a word.
      const isLate = performance.now() - startedAt >= ATTEMPT_MS - TIMER_SLACK_MS;
      if (isLate || hasFailed) this.#retire(queue, link);
      if (link.inFlight === 0 && this.#links.get(queue) !== link) {
        link.sender.close().catch(() => undefined);
      }
    }
  }

  /** The next message takes another link; what is on its way on this one stays. */
  #retire(queue: string, link: ReplyLink): void {
    if (this.#links.get(queue) !== link) return;
    this.#links.set(queue, { ...this.#createLink(queue), maxBodyBytes: link.maxBodyBytes });
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
    const link = this.#createLink(queue);
    this.#links.set(queue, link);
    return link;
  }

  #createLink(queue: string): ReplyLink {
    return {
      sender: this.#client.createSender(queue),
      room: new AloneGate({ capacity: MAX_IN_FLIGHT }),
      maxBodyBytes: undefined,
      inFlight: 0,
    };
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
