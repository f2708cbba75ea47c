import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBusMessage, ServiceBusSender } from "@azure/service-bus";
import type { AgentError } from "../core/error.ts";
import type { Log } from "../ports.ts";
import { AloneGate } from "./alone-gate.ts";
import { closeBusClient } from "./bus-connection.ts";
import { toBusError } from "./bus-error.ts";
import type { ClientSource, LeasedClient } from "./client-source.ts";
import { withLimit } from "./time-limit.ts";

/** rhea refuses the 2049th unsettled message of a link, and the client then waits a second in vain (azure-sdk-for-js#26855). */
const MAX_SENDS = 256;
/** For one send: the client's own limit with its retry is 31 s, and 60 s for the open of a connection. */
const SEND_LIMIT_MS = 10_000;
/** Pauses before a lost connection is tried again. The client does not try again when it was refused. */
const RETRY_DELAYS_MS: readonly number[] = [200, 500, 1_000];

export interface RequestSenderOptions {
  readonly source: ClientSource;
  readonly queue: string;
  readonly log: Log;
  /** Milliseconds for one send; 10 s unless given. */
  readonly sendLimitMs?: number;
}

interface Link {
  readonly leased: LeasedClient;
  readonly sender: ServiceBusSender;
}

/**
 * Sends requests over a connection that is thrown away, with its client, whenever it fails: one whose open was not
 * answered never works again (rhea-promise), and a new one costs little and is made with the present key.
 */
export class RequestSender {
  readonly #options: RequestSenderOptions;
  readonly #gate = new AloneGate({ capacity: MAX_SENDS });
  readonly #closing = new Set<Promise<void>>();
  #link: Promise<Link> | undefined;
  /** What `link` became. */
  #current: Link | undefined;

  constructor(options: RequestSenderOptions) {
    this.#options = options;
  }

  /**
   * Sends a message until the queue has accepted it.
   * @param create makes the message; called again, for another message id, when it is sent again
   * @param options isRepeatable: whether it may arrive twice. What was not accepted may have arrived all the same
   * @throws AgentError `bus.*`; the signal's reason
   */
  async send(
    create: () => ServiceBusMessage,
    { isRepeatable }: { readonly isRepeatable: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const leave = await this.#gate.enter({ alone: false }, signal);
    try {
      let refused = 0;
      for (let failures = 0; ; ) {
        const link = await this.#open();
        signal.throwIfAborted();
        const error = await this.#try(link, create());
        if (error === undefined) return;
        if (error.code === "bus.denied" && ++refused <= link.leased.alternatives) continue;
        const delayMs = RETRY_DELAYS_MS[failures++];
        if (error.code !== "bus.unreachable" || !isRepeatable || delayMs === undefined) throw error;
        this.#options.log.warn("send.retried", { code: error.code, error });
        await sleep(delayMs, undefined, { signal });
      }
    } finally {
      leave();
    }
  }

  async #try(
    { leased, sender }: Link,
    message: ServiceBusMessage,
  ): Promise<AgentError | undefined> {
    const { queue, source, sendLimitMs = SEND_LIMIT_MS } = this.#options;
    try {
      await withLimit((abortSignal) => sender.sendMessages(message, { abortSignal }), {
        limitMs: sendLimitMs,
        what: `sending to ${queue}`,
      });
      return undefined;
    } catch (cause) {
      const error = toBusError(cause, `cannot send to the request queue ${queue}`);
      if (error.code === "bus.denied") source.noteDenied(leased);
      if (error.code === "bus.denied" || error.code === "bus.unreachable") this.#discard(leased);
      return error;
    }
  }

  #open(): Promise<Link> {
    if (this.#link !== undefined) return this.#link;
    const { source, queue } = this.#options;
    const link = source.connect().then((leased) => ({
      leased,
      sender: leased.client.createSender(queue),
    }));
    this.#link = link;
    link.then(
      (made) => {
        this.#current = made;
      },
      () => {
        // The next one tries again.
        if (this.#link === link) this.#link = undefined;
      },
    );
    return link;
  }

  /** Many sends may fail on one link; the first of them throws it away. */
  #discard(leased: LeasedClient): void {
    if (this.#current?.leased !== leased) return;
    this.#current = undefined;
    this.#link = undefined;
    this.#close(leased);
  }

  #close({ client }: LeasedClient): void {
    const closing = closeBusClient(client).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Does not wait longer than `closeBusClient` does. */
  async close(): Promise<void> {
    const link = await this.#link?.catch(() => undefined);
    this.#link = undefined;
    this.#current = undefined;
    if (link !== undefined) this.#close(link.leased);
    await Promise.all(this.#closing);
  }
}
