import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBusMessage } from "@azure/service-bus";
import { AgentError, type ErrorCode } from "../core/error.ts";
import type { Log } from "../ports.ts";
import type { ReplyLinks } from "./reply-links.ts";

/** Waits between tries while the connection is being made anew. */
const RETRY_DELAYS_MS = [250, 1_000, 2_000, 5_000] as const;
/** What another connection, or another key, may mend. */
const RETRIED: ReadonlySet<ErrorCode> = new Set(["bus.unreachable", "bus.denied"]);

export interface ReplySenderOptions {
  /** The links as they are now; they are replaced when their connection dies. */
  readonly links: () => ReplyLinks;
  /** Told of each failure that another connection may mend. */
  readonly onFailure: (error: AgentError) => void;
  readonly log: Log;
}

/** Sends to reply queues, over whatever connection there is at the time. */
export class ReplySender {
  readonly #options: ReplySenderOptions;

  constructor(options: ReplySenderOptions) {
    this.#options = options;
  }

  /**
   * Bytes that a body may have on this queue.
   * @throws AgentError `bus.*`, `config.invalid`; the signal's reason
   */
  maxBodyBytes(queue: string, signal: AbortSignal): Promise<number> {
    return this.#retry(queue, (links) => links.maxBodyBytes(queue), signal);
  }

  /**
   * Sends until the queue has accepted the message. A lost connection is tried again: a part that arrives twice is
   * one part to the requester. A full or throttled queue is not, since the caller has to stop reading then.
   * @throws AgentError `bus.*`, or the signal's reason
   */
  send(queue: string, message: ServiceBusMessage, signal: AbortSignal): Promise<void> {
    return this.#retry(queue, (links) => links.post(queue, message, signal), signal);
  }

  async #retry<T>(
    queue: string,
    act: (links: ReplyLinks) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const { links, onFailure, log } = this.#options;
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        return await act(links());
      } catch (error) {
        if (!(error instanceof AgentError) || !RETRIED.has(error.code)) throw error;
        onFailure(error);
        const delayMs = RETRY_DELAYS_MS[attempt];
        if (delayMs === undefined) throw error;
        log.warn("reply.retried", { queue, attempt: attempt + 1, error });
        await sleep(delayMs, undefined, { signal });
      }
    }
  }
}
