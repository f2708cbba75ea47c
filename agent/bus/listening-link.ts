import type {
  ProcessErrorArgs,
  ServiceBusClient,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
} from "@azure/service-bus";
import { closeBusClient, createBusClient, type NamedCredential } from "./bus-connection.ts";
import { toBusError } from "./bus-error.ts";
import { cutClient } from "./client-cut.ts";
import { OldestMessage } from "./oldest-message.ts";
import { ReplyLinks } from "./reply-links.ts";
import { createSettlement, type Settlement } from "./settlement.ts";
import { withLimit } from "./time-limit.ts";

/** How long a link may take to close before it is left to itself. */
const CLOSE_TIMEOUT_MS = 5_000;
/** How long a queue is asked for a request that the open link did not bring. */
const ASK_MS = 1_000;

const RECEIVER_OPTIONS = {
  receiveMode: "peekLock",
  maxAutoLockRenewalDurationInMs: 0,
  skipParsingBodyAsJson: true,
} as const;

export interface ListeningLinkOptions {
  readonly named: NamedCredential;
  readonly queue: string;
  readonly replyQueues: readonly string[];
}

export interface LinkHandlers {
  /** Never rejects: a throwing handler makes the client settle by itself. */
  readonly onMessage: (
    message: ServiceBusReceivedMessage,
    receiver: ServiceBusReceiver,
  ) => Promise<void>;
  readonly onError: (args: ProcessErrorArgs) => void;
}

/**
 * One life of the listener's connections: for receiving, for replies, and for settling, each of its own, so that one
 * that breaks takes no other along. Built and thrown away as a whole, since a client that has once missed the answer to
 * its AMQP open never recovers, and one whose peer is frozen does so after minutes.
 */
export class ListeningLink {
  readonly credentialName: string;
  readonly replies: ReplyLinks;
  readonly settlement: Settlement;
  readonly #options: ListeningLinkOptions;
  readonly #receiving: ServiceBusClient;
  readonly #sending: ServiceBusClient;
  readonly #settling: ServiceBusClient;
  readonly #receiver: ServiceBusReceiver;
  readonly #oldest: OldestMessage;
  readonly #work = new Set<Promise<void>>();
  #handlers: LinkHandlers | undefined;
  #subscription: { close(): Promise<void> } | undefined;
  #isRetired = false;
  #received = 0;

  /** @throws AgentError `config.invalid` when the credential cannot be one */
  constructor(options: ListeningLinkOptions) {
    const { named, queue } = options;
    this.credentialName = named.name;
    this.#options = options;
    this.#receiving = createBusClient(named.credential);
    this.#sending = createBusClient(named.credential);
    this.#settling = createBusClient(named.credential);
    this.#receiver = this.#receiving.createReceiver(queue, RECEIVER_OPTIONS);
    this.#oldest = new OldestMessage(this.#receiver);
    this.replies = new ReplyLinks(this.#sending);
    this.settlement = createSettlement({ client: this.#settling, queue });
  }

  /**
   * Connects, and proves that every queue is there and may be used: `subscribe` would retry in silence.
   * @throws AgentError `bus.*`, `config.invalid`
   */
  async open({ limitMs }: { readonly limitMs: number }): Promise<void> {
    const { queue, replyQueues } = this.#options;
    try {
      await withLimit(
        async () => {
          await Promise.all(replyQueues.map((reply) => this.replies.maxBodyBytes(reply)));
          // A peek needs the same right and the same queue as receiving.
          await this.#peekOldest();
        },
        { limitMs, what: "opening the connections" },
      );
    } catch (error) {
      throw toBusError(error, `cannot listen on the queue ${queue}`);
    }
  }

  /** Requests that came by the open link. */
  get received(): number {
    return this.#received;
  }

  /** Requests come in from now on. */
  listen(handlers: LinkHandlers, { concurrency }: { readonly concurrency: number }): void {
    this.#handlers = handlers;
    this.#subscription = this.#receiver.subscribe(
      {
        processMessage: (message) => {
          this.#received++;
          return this.#track(message, this.#receiver);
        },
        processError: async (args) => {
          // Closing a link while messages are on their way shows here too.
          if (!this.#isRetired) handlers.onError(args);
        },
      },
      { autoCompleteMessages: false, maxConcurrentCalls: concurrency },
    );
  }

  async #track(message: ServiceBusReceivedMessage, receiver: ServiceBusReceiver): Promise<void> {
    const work = this.#handlers?.onMessage(message, receiver) ?? Promise.resolve();
    this.#work.add(work);
    await work.finally(() => this.#work.delete(work));
  }

  /**
   * Asks something of each connection.
   * @returns when the oldest request of the queue came (ms since 1970), whether it is worked on or not; undefined when
   *   there is none
   * @throws AgentError `bus.*` when one of them does not answer in time
   */
  async probe({ limitMs }: { readonly limitMs: number }): Promise<number | undefined> {
    const { queue, replyQueues } = this.#options;
    const [reply = queue] = replyQueues;
    const within = <T>(what: string, work: (signal: AbortSignal) => Promise<T>) =>
      withLimit(work, { limitMs, what });
    try {
      const [oldest] = await Promise.all([
        within("receiving connection", (signal) => this.#peekOldest(signal)),
        within("sending connection", (signal) => this.replies.probe(reply, signal)),
        within("settling connection", async (abortSignal) => {
          const receiver = this.#settling.createReceiver(queue);
          await receiver.peekMessages(1, { abortSignal });
        }),
      ]);
      return oldest;
    } catch (error) {
      throw toBusError(error, `the bus does not answer for the queue ${queue}`);
    }
  }

  async #peekOldest(abortSignal?: AbortSignal): Promise<number | undefined> {
    const oldest = await this.#oldest.peek(abortSignal);
    if (oldest === undefined || oldest.state !== "active") return undefined;
    return oldest.enqueuedTimeUtc?.getTime();
  }

  /**
   * Asks the queue over another connection for one request, and has it worked on. The open link would have brought it if
   * it were not deaf.
   * @returns when the request came to the queue; undefined when there is none to be had
   */
  async receiveOne(): Promise<number | undefined> {
    const receiver = this.#settling.createReceiver(this.#options.queue, RECEIVER_OPTIONS);
    const close = () => receiver.close().catch(() => undefined);
    try {
      const [message] = await withLimit(
        (abortSignal) => receiver.receiveMessages(1, { maxWaitTimeInMs: ASK_MS, abortSignal }),
        { limitMs: ASK_MS + CLOSE_TIMEOUT_MS, what: "asking for a request" },
      );
      if (message === undefined) {
        void close();
        return undefined;
      }
      void this.#track(message, receiver).then(close);
      return message.enqueuedTimeUtc?.getTime();
    } catch (error) {
      void close();
      throw toBusError(error, `cannot ask the queue ${this.#options.queue}`);
    }
  }

  /** Takes no more requests. What is on its way still comes in. Never rejects. */
  async stopReceiving(): Promise<void> {
    this.#isRetired = true;
    await settledWithin(CLOSE_TIMEOUT_MS, () => this.#subscription?.close());
  }

  /** Waits until the requests that came by this link are settled, which it is the shortest way for. */
  async drain(): Promise<void> {
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
  }

  /** Ends what is left, in the order that loses nothing. Never rejects. */
  async close(): Promise<void> {
    this.#isRetired = true;
    await settledWithin(CLOSE_TIMEOUT_MS, () =>
      Promise.allSettled([this.#receiver.close(), this.settlement.close(), this.replies.close()]),
    );
    await this.#closeClients();
  }

  /**
   * Gives connections up on which nobody answers: their sockets end at once, so that the broker has nobody to hand
   * requests to. What is on its way fails, so that it is tried elsewhere. Never rejects.
   */
  async discard(): Promise<void> {
    this.#isRetired = true;
    for (const client of [this.#receiving, this.#sending, this.#settling]) cutClient(client);
    // Marks the receiver as closed: what it brought is settled by lock token from now on.
    await settledWithin(CLOSE_TIMEOUT_MS, () =>
      Promise.allSettled([this.#receiver.close(), this.settlement.close(), this.replies.close()]),
    );
    await this.#closeClients();
  }

  async #closeClients(): Promise<void> {
    await Promise.all([this.#receiving, this.#sending, this.#settling].map(closeBusClient));
  }
}

async function settledWithin(
  limitMs: number,
  work: () => Promise<unknown> | undefined,
): Promise<void> {
  await withLimit(async () => work(), { limitMs, what: "closing" }).catch(() => undefined);
}
