import { setTimeout as sleep } from "node:timers/promises";
import type {
  ProcessErrorArgs,
  ServiceBusClient,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
} from "@azure/service-bus";
import { AgentError } from "../core/error.ts";
import { errorAnswer } from "../core/error-answer.ts";
import type { Answer, RequestHandler } from "../core/exchange.ts";
import { pathPattern } from "../core/path-pattern.ts";
import { ScimError } from "../core/scim/error.ts";
import type { Clock, Log } from "../ports.ts";
import { AloneGate } from "./alone-gate.ts";
import { type AnswerSummary, AnswerWriter } from "./answer-writer.ts";
import { type BusCredential, closeBusClient, createBusClient } from "./bus-connection.ts";
import { toBusError } from "./bus-error.ts";
import { LockKeeper, LockLostError } from "./lock-keeper.ts";
import { ReplySender } from "./reply-sender.ts";
import { parseRequest, type RequestEnvelope } from "./request-envelope.ts";
import { type RequestOutcome, settleOutcome } from "./request-outcome.ts";
import { installGuards } from "./rhea-guards.ts";
import { createSettlement, type Settlement } from "./settlement.ts";

export interface RequestListenerOptions {
  readonly credential: BusCredential;
  readonly requestQueue: string;
  /** Queues that may be replied to. */
  readonly replyQueues: readonly string[];
  /** Requests worked on at once. */
  readonly concurrency: number;
  /** Longest time to work on one request. */
  readonly requestTimeoutMs: number;
  /** A request delivered more often than this is given up. */
  readonly maxDeliveries: number;
  /** How far the clocks of requester and agent may be apart. */
  readonly clockSkewMs: number;
  /** How long work in flight may take to finish after `stop`. */
  readonly stopTimeoutMs: number;
  /** Bytes of a part's body at most; the link's limit when undefined. */
  readonly partBytes: number | undefined;
  readonly agent: {
    readonly name: string;
    readonly version: string;
    readonly configuration: string;
  };
}

export interface RequestListenerParts {
  readonly handler: RequestHandler;
  readonly log: Log;
  readonly clock: Clock;
}

/** Pause before a request is put back because the replies cannot be sent: Service Bus knows no delay on abandon. */
const REPLY_PAUSE_MS = 5_000;

class DeadlineError extends Error {}
class StopError extends Error {}

/**
 * Takes requests from the queue, has them answered and sends the answers; settles a request only when its answer is
 * sent (DESIGN section 4). Several of them may share a queue.
 */
export class RequestListener {
  readonly #options: RequestListenerOptions;
  readonly #parts: RequestListenerParts;
  readonly #gate: AloneGate;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #bus: OpenBus | undefined;
  #stopping = false;
  #lastError: AgentError | undefined;

  constructor(options: RequestListenerOptions, parts: RequestListenerParts) {
    this.#options = options;
    this.#parts = parts;
    // The client's own limit grows by one for each handler that outlives a reconnect.
    this.#gate = new AloneGate({ capacity: options.concurrency });
  }

  /** Requests that are worked on now. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /**
   * Starts to listen. A namespace that cannot be reached later on is waited for.
   * @throws AgentError `bus.*` when a queue cannot be opened now
   */
  async start(): Promise<void> {
    installGuards({ log: this.#parts.log });
    const { credential, requestQueue, replyQueues, concurrency } = this.#options;
    const { log } = this.#parts;
    const receiving = createBusClient(credential);
    // Connections of their own, which a broken receiving link does not take along.
    const sending = createBusClient(credential);
    const settling = createBusClient(credential);
    const receiver = receiving.createReceiver(requestQueue, {
      receiveMode: "peekLock",
      maxAutoLockRenewalDurationInMs: 0,
      skipParsingBodyAsJson: true,
    });
    const sender = new ReplySender(sending, { log });
    const settlement = createSettlement({ client: settling, queue: requestQueue });
    this.#bus = { receiving, sending, settling, receiver, sender, settlement };
    try {
      await Promise.all(replyQueues.map((queue) => sender.maxBodyBytes(queue)));
      await this.#proveReceiver(receiver);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#bus.subscription = receiver.subscribe(
      {
        processMessage: (message) => this.#track(message),
        processError: async (args) => this.#onError(args),
      },
      { autoCompleteMessages: false, maxConcurrentCalls: concurrency },
    );
    log.info("listener.started", { queue: requestQueue, replyQueues, concurrency });
  }

  /** A peek needs the same right and the same queue as receiving, and fails where `subscribe` would retry in silence. */
  async #proveReceiver(receiver: ServiceBusReceiver): Promise<void> {
    try {
      await receiver.peekMessages(1);
    } catch (error) {
      throw toBusError(error, `cannot listen on the queue ${this.#options.requestQueue}`);
    }
  }

  /**
   * Takes no more requests, lets those in flight finish within the limit, and puts back what does not. Closing the
   * client first would leave every one of them locked until its lock runs out.
   */
  async stop(): Promise<void> {
    const bus = this.#bus;
    if (bus === undefined || this.#stopping) return;
    this.#stopping = true;
    const { log } = this.#parts;
    log.info("listener.stopping", { inFlight: this.inFlight });
    await bus.subscription
      ?.close()
      .catch((error: unknown) => log.warn("listener.closeFailed", { error }));
    const limit = AbortSignal.timeout(this.#options.stopTimeoutMs);
    const onLimit = () => this.#stop.abort(new StopError("the agent is stopping"));
    limit.addEventListener("abort", onLimit, { once: true });
    // What was on its way when the link closed still comes in, to be put back.
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    limit.removeEventListener("abort", onLimit);
    await Promise.allSettled([bus.receiver.close(), bus.settlement.close(), bus.sender.close()]);
    await Promise.all([bus.receiving, bus.sending, bus.settling].map(closeBusClient));
    log.info("listener.stopped", {});
  }

  #onError({ error, errorSource }: ProcessErrorArgs): void {
    // Closing the link while messages are on their way shows here too.
    if (this.#stopping) return;
    const busError = toBusError(error, `receiving from ${this.#options.requestQueue} failed`);
    this.#lastError = busError;
    this.#parts.log.warn("listener.error", {
      source: errorSource,
      code: busError.code,
      error: busError,
    });
  }

  /** The last failure of the receiving link, for whoever asks how the listener is. */
  get lastError(): AgentError | undefined {
    return this.#lastError;
  }

  async #track(message: ServiceBusReceivedMessage): Promise<void> {
    const bus = this.#bus;
    if (bus === undefined) return;
    const work = this.#process(message, bus);
    this.#inFlight.add(work);
    await work.finally(() => this.#inFlight.delete(work));
  }

  /** Never rejects: a throwing handler makes the client settle by itself. */
  async #process(message: ServiceBusReceivedMessage, bus: OpenBus): Promise<void> {
    const { clock } = this.#parts;
    const startedAt = clock.now();
    const log = this.#parts.log.child({
      requestId: message.messageId,
      correlationId: message.correlationId ?? message.messageId,
    });
    const keeper = new LockKeeper({
      settlement: bus.settlement,
      receiver: bus.receiver,
      message,
      now: () => clock.now(),
      log,
    });
    try {
      const outcome = await this.#work({ message, bus, keeper, log });
      const { settlement, receiver } = bus;
      const { maxDeliveries } = this.#options;
      const ms = clock.now() - startedAt;
      await settleOutcome(outcome, { settlement, receiver, message, maxDeliveries, log, ms });
    } catch (error) {
      log.error("request.unsettled", { error });
    } finally {
      keeper.stop();
    }
  }

  async #work(delivery: Delivery): Promise<RequestOutcome> {
    const { message, keeper, log } = delivery;
    const { clock } = this.#parts;
    const { clockSkewMs, requestTimeoutMs, maxDeliveries, replyQueues } = this.#options;
    if (this.#stopping) return { kind: "put back", because: "the agent is stopping" };
    const parsed = parseRequest(message, { replyQueues });
    if ("refusal" in parsed) return { kind: "refused", refusal: parsed.refusal };
    const { envelope } = parsed;
    const restMs = (envelope.expiresAt ?? Number.POSITIVE_INFINITY) + clockSkewMs - clock.now();
    if (restMs <= 0) return { kind: "expired" };
    const deadline = new AbortController();
    const timer = setTimeout(
      () => deadline.abort(new DeadlineError("the requester has given up")),
      Math.min(restMs, requestTimeoutMs),
    );
    const signal = AbortSignal.any([keeper.signal, this.#stop.signal, deadline.signal]);
    const deliveries = (message.deliveryCount ?? 0) + 1;
    const isRedelivered = deliveries > 1;
    try {
      const leave = await this.#gate.enter({ alone: isRedelivered }, signal);
      try {
        log.info("request.received", {
          method: envelope.request.method,
          path: pathPattern(envelope.request.path),
          deliveries,
        });
        const exhausted = deliveries > maxDeliveries;
        const answer = exhausted
          ? errorAnswer(
              new ScimError(500, "the request was given up: whoever worked on it died each time"),
            )
          : await this.#parts.handler(envelope.request, signal);
        const summary = await this.#send(answer, { envelope, delivery }, signal);
        return exhausted ? { kind: "given up" } : { kind: "answered", summary };
      } finally {
        leave();
      }
    } catch (error) {
      return await this.#outcomeOf(error, signal, delivery);
    } finally {
      clearTimeout(timer);
    }
  }

  async #send(
    answer: Answer,
    { envelope, delivery }: { readonly envelope: RequestEnvelope; readonly delivery: Delivery },
    signal: AbortSignal,
  ): Promise<AnswerSummary> {
    const { sender } = delivery.bus;
    const { queue } = envelope.replyTo;
    const { agent, partBytes } = this.#options;
    const limit = await sender.maxBodyBytes(queue);
    const writer = new AnswerWriter({
      envelope,
      send: (message) => sender.send(queue, message, signal),
      maxBodyBytes: Math.min(limit, partBytes ?? limit),
      agent: `${agent.name}/${agent.version}`,
      configuration: agent.configuration,
      now: () => this.#parts.clock.now(),
    });
    return writer.write(answer, signal);
  }

  async #outcomeOf(
    error: unknown,
    signal: AbortSignal,
    { log, keeper }: Delivery,
  ): Promise<RequestOutcome> {
    const reason: unknown = signal.aborted ? signal.reason : error;
    if (reason instanceof LockLostError) return { kind: "lock lost" };
    if (reason instanceof DeadlineError) return { kind: "expired" };
    if (reason instanceof StopError) return { kind: "put back", because: "the agent is stopping" };
    if (!(reason instanceof AgentError)) {
      log.error("request.crashed", { error: reason });
      return { kind: "put back", because: "the work crashed" };
    }
    log.warn("reply.failed", { code: reason.code, error: reason });
    const pause = AbortSignal.any([keeper.signal, this.#stop.signal]);
    await sleep(REPLY_PAUSE_MS, undefined, { signal: pause }).catch(() => undefined);
    return { kind: "put back", because: reason.code };
  }
}

interface OpenBus {
  readonly receiving: ServiceBusClient;
  readonly sending: ServiceBusClient;
  readonly settling: ServiceBusClient;
  readonly receiver: ServiceBusReceiver;
  readonly sender: ReplySender;
  readonly settlement: Settlement;
  subscription?: { close(): Promise<void> };
}

interface Delivery {
  readonly message: ServiceBusReceivedMessage;
  readonly bus: OpenBus;
  readonly keeper: LockKeeper;
  readonly log: Log;
}
