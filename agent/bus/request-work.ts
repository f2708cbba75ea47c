import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { AgentError } from "../core/error.ts";
import { errorAnswer } from "../core/error-answer.ts";
import type { Answer, RequestHandler } from "../core/exchange.ts";
import { pathPattern } from "../core/path-pattern.ts";
import { ScimError } from "../core/scim/error.ts";
import type { Clock, Log } from "../ports.ts";
import { AloneGate } from "./alone-gate.ts";
import { type AnswerSummary, AnswerWriter } from "./answer-writer.ts";
import { LockKeeper, LockLostError } from "./lock-keeper.ts";
import type { ReplySender } from "./reply-sender.ts";
import { parseRequest, type RequestEnvelope } from "./request-envelope.ts";
import { type RequestOutcome, settleOutcome } from "./request-outcome.ts";
import type { Settlement } from "./settlement.ts";

/** Pause before a request is put back because the replies cannot be sent: Service Bus knows no delay on abandon. */
const REPLY_PAUSE_MS = 5_000;

class DeadlineError extends Error {}
/** The reason with which work is aborted when the agent stops. */
export class StopError extends Error {}

export interface RequestWorkOptions {
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
  /** Bytes of a part's body at most; the link's limit when undefined. */
  readonly partBytes: number | undefined;
  readonly agent: {
    readonly name: string;
    readonly version: string;
    readonly configuration: string;
  };
}

export interface RequestWorkParts {
  readonly handler: RequestHandler;
  readonly sender: ReplySender;
  readonly settlement: Settlement;
  /** Aborted with a `StopError` when work in flight has to end. */
  readonly stop: AbortSignal;
  readonly log: Log;
  readonly clock: Clock;
}

interface Delivery {
  readonly message: ServiceBusReceivedMessage;
  readonly keeper: LockKeeper;
  readonly log: Log;
}

/** What is done with one request, from its delivery until it is settled (DESIGN section 4, order of work). */
export class RequestWork {
  readonly #options: RequestWorkOptions;
  readonly #parts: RequestWorkParts;
  readonly #gate: AloneGate;
  #putsBack = false;

  constructor(options: RequestWorkOptions, parts: RequestWorkParts) {
    this.#options = options;
    this.#parts = parts;
    // The client's own limit grows by one for each handler that outlives a reconnect.
    this.#gate = new AloneGate({ capacity: options.concurrency });
  }

  /** From now on requests are put back at once. */
  putBack(): void {
    this.#putsBack = true;
  }

  /**
   * Never rejects: a throwing handler makes the client settle by itself.
   * @param receiver the one that the message came by
   */
  async run(message: ServiceBusReceivedMessage, receiver: ServiceBusReceiver): Promise<void> {
    const { clock, settlement } = this.#parts;
    const startedAt = clock.now();
    const log = this.#parts.log.child({
      requestId: message.messageId,
      correlationId: message.correlationId ?? message.messageId,
    });
    const keeper = new LockKeeper({
      settlement,
      receiver,
      message,
      now: () => clock.now(),
      log,
    });
    try {
      const outcome = await this.#work({ message, keeper, log });
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
    const { clock, handler, stop } = this.#parts;
    const { clockSkewMs, requestTimeoutMs, maxDeliveries, replyQueues } = this.#options;
    if (this.#putsBack) return { kind: "put back", because: "the agent is stopping" };
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
    const signal = AbortSignal.any([keeper.signal, stop, deadline.signal]);
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
          : await handler(envelope.request, signal);
        const summary = await this.#send(answer, envelope, signal);
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
    envelope: RequestEnvelope,
    signal: AbortSignal,
  ): Promise<AnswerSummary> {
    const { sender, clock } = this.#parts;
    const { queue } = envelope.replyTo;
    const { agent, partBytes } = this.#options;
    const limit = await sender.maxBodyBytes(queue, signal);
    const writer = new AnswerWriter({
      envelope,
      send: (message) => sender.send(queue, message, signal),
      maxBodyBytes: Math.min(limit, partBytes ?? limit),
      agent: `${agent.name}/${agent.version}`,
      configuration: agent.configuration,
      now: () => clock.now(),
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
    const pause = AbortSignal.any([keeper.signal, this.#parts.stop]);
    await sleep(REPLY_PAUSE_MS, undefined, { signal: pause }).catch(() => undefined);
    return { kind: "put back", because: reason.code };
  }
}
