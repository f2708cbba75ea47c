import { setTimeout as sleep } from "node:timers/promises";
import type {
  ServiceBusClient,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
  ServiceBusSessionReceiver,
} from "@azure/service-bus";
import type { Log } from "../ports.ts";
import { toBusError } from "./bus-error.ts";

/** Parts worked on at once. */
const CONCURRENCY = 16;
const RENEWAL_SHARE = 1 / 3;
const MIN_RENEWAL_MS = 500;
const MAX_BACKOFF_MS = 10_000;

export interface ReplySessionOptions {
  readonly client: ServiceBusClient;
  readonly queue: string;
  readonly sessionId: string;
  /** Takes a part and settles it. Never rejects. */
  readonly onPart: (
    message: ServiceBusReceivedMessage,
    receiver: ServiceBusReceiver,
  ) => Promise<void>;
  readonly log: Log;
}

/**
 * One session of the reply queue, held for the life of the requester. The client never takes a lost session again by
 * itself: this does, under the same id, so that what was sent meanwhile still arrives.
 */
export class ReplySession {
  readonly #options: ReplySessionOptions;
  readonly #stop = new AbortController();
  #receiver: ServiceBusSessionReceiver | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ReplySessionOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.sessionId;
  }

  /**
   * Takes the session; parts that are sent from now on arrive.
   * @throws AgentError `bus.*`
   */
  async open(): Promise<void> {
    const receiver = await this.#accept();
    this.#running = this.#run(receiver);
  }

  async #accept(): Promise<ServiceBusSessionReceiver> {
    const { client, queue, sessionId } = this.#options;
    try {
      return await client.acceptSession(queue, sessionId, {
        maxAutoLockRenewalDurationInMs: 0,
        skipParsingBodyAsJson: true,
        abortSignal: this.#stop.signal,
      });
    } catch (error) {
      throw toBusError(error, `cannot take a session of the reply queue ${queue}`);
    }
  }

  async #run(first: ServiceBusSessionReceiver): Promise<void> {
    const { log } = this.#options;
    let receiver: ServiceBusSessionReceiver | undefined = first;
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      if (receiver !== undefined) {
        failures = 0;
        await this.#receive(receiver);
        receiver = undefined;
        continue;
      }
      try {
        receiver = await this.#accept();
        log.info("session.retaken", {});
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        log.warn("session.lost", { error });
        const delayMs = Math.min(250 * 2 ** failures++, MAX_BACKOFF_MS);
        await sleep(delayMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    }
  }

  /** Resolves when the session is lost or given up. */
  async #receive(receiver: ServiceBusSessionReceiver): Promise<void> {
    this.#receiver = receiver;
    const lost = new AbortController();
    const subscription = receiver.subscribe(
      {
        processMessage: (message) => this.#options.onPart(message, receiver),
        processError: async () => lost.abort(),
      },
      { autoCompleteMessages: false, maxConcurrentCalls: CONCURRENCY },
    );
    const signal = AbortSignal.any([lost.signal, this.#stop.signal]);
    while (!signal.aborted && !receiver.isClosed) {
      const restMs = receiver.sessionLockedUntilUtc.getTime() - Date.now();
      const waitMs = Math.max(restMs * RENEWAL_SHARE, MIN_RENEWAL_MS);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted || receiver.isClosed) break;
      await receiver.renewSessionLock().catch(() => lost.abort());
    }
    await subscription.close().catch(() => undefined);
    await receiver.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#receiver?.close().catch(() => undefined);
    await this.#running;
  }
}
