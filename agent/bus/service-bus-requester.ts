import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBusMessage } from "@azure/service-bus";
import { AgentError } from "../core/error.ts";
import type { Log, OutgoingRequest, Reply, ReplyProgress, Requester } from "../ports.ts";
import { AnswerDeadline } from "./answer-deadline.ts";
import type { BusCredential, ReadCredentials } from "./bus-connection.ts";
import { ClientSource } from "./client-source.ts";
import { PartIntake, type PendingRequest } from "./part-intake.ts";
import { CONTENT_TYPE } from "./part-message.ts";
import { MemoryPartStaging, type PartStaging } from "./part-stage.ts";
import { PendingAnswer } from "./pending-answer.ts";
import { isRepeatable } from "./repeatable.ts";
import { ReplyLanes } from "./reply-lanes.ts";
import type { ReplySession } from "./reply-session.ts";
import { RequestSender } from "./request-sender.ts";
import { installGuards } from "./rhea-guards.ts";

const DEFAULT_IDLE_TIMEOUT_MS = 60_000;
/** Requests that may wait for their answer at once. */
const MAX_PENDING = 4096;
const CLOSE_LIMIT_MS = 5_000;

export interface RequesterOptions {
  /** What reads the present keys makes clients that are built later use them. */
  readonly credential: BusCredential | ReadCredentials;
  readonly requestQueue: string;
  /** A queue with sessions. */
  readonly replyQueue: string;
  /** Where parts are kept until their answer is whole; closed with the requester. In memory unless given. */
  readonly staging?: PartStaging;
  /** Milliseconds between two looks at a connection (15 s unless given), and for an answer of the broker (10 s). */
  readonly limits?: { readonly heartbeatMs: number; readonly answerMs: number };
}

/** A request on its way. */
interface SentRequest extends PendingRequest {
  /** Set when the queue has accepted it. */
  sentBy?: ReplySession;
}

/**
 * The requesting side of the contract (DESIGN section 4) over Service Bus. Takes new sessions, each at its first use
 * and before anything is sent, and keeps them until it is closed. A request outlives the connections that carry it: a
 * session is taken again, parts that come twice are dropped, and only its own time-outs end the waiting.
 */
export class ServiceBusRequester implements Requester {
  readonly #options: RequesterOptions;
  readonly #log: Log;
  readonly #lanes: ReplyLanes;
  readonly #intake: PartIntake;
  readonly #sender: RequestSender;
  readonly #staging: PartStaging;
  readonly #background = new Set<Promise<unknown>>();
  #inFlight = 0;
  #isClosed = false;

  constructor(options: RequesterOptions, { log }: { readonly log: Log }) {
    installGuards({ log });
    const { credential, requestQueue, replyQueue, limits } = options;
    this.#options = options;
    this.#log = log;
    this.#staging = options.staging ?? new MemoryPartStaging();
    const source = new ClientSource(credential, { log });
    this.#intake = new PartIntake({ log });
    this.#lanes = new ReplyLanes({
      source,
      queue: replyQueue,
      onPart: (message, from) => this.#intake.take(message, from),
      limits,
      log,
      keepTrack: (work) => this.#keepTrack(work),
    });
    this.#sender = new RequestSender({
      source,
      queue: requestQueue,
      log,
      ...(limits === undefined ? {} : { sendLimitMs: limits.answerMs }),
    });
  }

  /** Parts that belong to no request of this requester, or to one that was given up. */
  get strangers(): number {
    return this.#intake.strangers;
  }

  /** Requests that wait for their answer. */
  get inFlight(): number {
    return this.#inFlight;
  }

  async request(
    request: OutgoingRequest,
    { onProgress }: { readonly onProgress?: (progress: ReplyProgress) => void },
    signal: AbortSignal,
  ): Promise<Reply> {
    signal.throwIfAborted();
    if (this.#isClosed) throw closed();
    if (this.#inFlight >= MAX_PENDING) {
      throw new AgentError("bus.busy", `${MAX_PENDING} requests wait for their answers already`);
    }
    const { timeoutMs, correlationId, idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS } = request;
    const endsAt = performance.now() + timeoutMs;
    const deadline = new AnswerDeadline({ totalMs: timeoutMs, idleMs: idleTimeoutMs }, signal);
    const stage = this.#staging.open({ requestId: randomUUID(), correlationId });
    const answer = new PendingAnswer({ stage, onProgress });
    const sent: SentRequest = { answer, deadline, ids: [] };
    this.#inFlight++;
    try {
      const whole = await deadline.race(this.#exchange(request, { sent, endsAt }));
      this.#intake.finish(sent);
      const release = async () => {
        this.#intake.forget(sent);
        await whole.release();
      };
      return { ...whole, release };
    } catch (error) {
      this.#intake.forget(sent);
      this.#keepTrack(answer.giveUp());
      if (deadline.end === undefined) throw error;
      if (deadline.end === "caller") throw signal.reason;
      throw this.#timeoutError(request, { sent, end: deadline.end });
    } finally {
      this.#inFlight--;
      deadline.close();
    }
  }

  async #exchange(
    request: OutgoingRequest,
    { sent, endsAt }: { readonly sent: SentRequest; readonly endsAt: number },
  ): Promise<Reply> {
    const { answer, deadline } = sent;
    const lane = await this.#lanes.enter(request.stream ? "stream" : "short");
    try {
      const create = () => {
        const requestId = randomUUID();
        this.#intake.expect(requestId, sent);
        const timeToLive = Math.max(1, Math.round(endsAt - performance.now()));
        return this.#message(request, { requestId, sessionId: lane.session.id, timeToLive });
      };
      const { signal } = deadline;
      const sending = this.#sender.send(create, { isRepeatable: isRepeatable(request) }, signal);
      // The answer may be there before the queue's acceptance is, and the acceptance may be lost.
      await Promise.race([sending, answer.whole]);
      sending.catch(() => undefined);
      sent.sentBy = lane.session;
      deadline.heard();
      return await deadline.race(answer.whole);
    } finally {
      this.#lanes.leave(lane);
    }
  }

  #message(
    request: OutgoingRequest,
    ids: { readonly requestId: string; readonly sessionId: string; readonly timeToLive: number },
  ): ServiceBusMessage {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    return {
      messageId: ids.requestId,
      correlationId: request.correlationId,
      subject: request.method,
      to: request.path,
      replyTo: this.#options.replyQueue,
      replyToSessionId: ids.sessionId,
      contentType: CONTENT_TYPE,
      timeToLive: ids.timeToLive,
      body: body ?? Buffer.alloc(0),
      applicationProperties: {
        ...request.headers,
        "http:request": "1.1",
        "accept-encoding": "gzip",
        ...(request.stream ? { prefer: "stream" } : {}),
      },
    };
  }

  #timeoutError(
    request: OutgoingRequest,
    { sent, end }: { readonly sent: SentRequest; readonly end: "total" | "idle" },
  ): AgentError {
    const { requestQueue, replyQueue } = this.#options;
    const { timeoutMs, idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS } = request;
    if (sent.sentBy === undefined) {
      const message = `the request could not be sent to ${requestQueue} within ${timeoutMs} ms`;
      return new AgentError("bus.unreachable", message);
    }
    const { damage, progress } = sent.answer;
    const { parts, items } = progress;
    const came = `: ${parts} parts with ${items} items had come`;
    const what =
      end === "idle"
        ? `nothing came for ${idleTimeoutMs} ms${came}`
        : `no whole answer within ${timeoutMs} ms${parts === 0 ? "" : came}`;
    const [requestId] = sent.ids;
    if (damage !== undefined) {
      return new AgentError("reply.timeout", `${what}, and an answer was damaged: ${damage}`, {
        hint: `request ${requestId}: the dead-letter queue of ${replyQueue} has the part (PartUnreadable)`,
      });
    }
    const { problem } = sent.sentBy;
    if (problem !== undefined) {
      const message = `${what}, and the session of ${replyQueue} was lost`;
      return new AgentError("reply.timeout", message, { cause: problem });
    }
    return new AgentError("reply.timeout", what, {
      hint: `request ${requestId}: is an agent listening on ${requestQueue}? Its log names the request; also look at the dead-letter queue`,
    });
  }

  #keepTrack(work: Promise<unknown>): void {
    const tracked = work
      .catch((error: unknown) => this.#log.warn("requester.releaseFailed", { error }))
      .finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  /** Ends what is in flight. Waits a few seconds at most, whatever state the connections are in. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#intake.fail(closed());
    this.#lanes.close();
    this.#keepTrack(this.#sender.close());
    const limit = new AbortController();
    await Promise.race([
      Promise.all(this.#background),
      sleep(CLOSE_LIMIT_MS, undefined, { signal: limit.signal }).catch(() => undefined),
    ]);
    limit.abort();
    await this.#staging.close();
  }
}

function closed(): AgentError {
  return new AgentError("usage", "the requester was closed");
}
