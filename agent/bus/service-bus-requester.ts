import { randomUUID } from "node:crypto";
import type {
  ServiceBusClient,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
  ServiceBusSender,
} from "@azure/service-bus";
import { AgentError } from "../core/error.ts";
import type { Log, OutgoingRequest, Reply, ReplyProgress, Requester } from "../ports.ts";
import { type BusCredential, closeBusClient, createBusClient } from "./bus-connection.ts";
import { toBusError } from "./bus-error.ts";
import { CONTENT_TYPE, parsePartHeader } from "./part-message.ts";
import { MemoryPartStage } from "./part-stage.ts";
import { PendingAnswer } from "./pending-answer.ts";
import { ReplySession } from "./reply-session.ts";
import { installGuards } from "./rhea-guards.ts";
import { createSettlement, type Settlement } from "./settlement.ts";

export interface RequesterOptions {
  readonly credential: BusCredential;
  readonly requestQueue: string;
  /** A queue with sessions. */
  readonly replyQueue: string;
}

/** Streams have a session of their own, so that a long listing never holds up a short answer. */
type Lane = "stream" | "short";

/**
 * The requesting side of the contract (DESIGN section 4) over Service Bus. Takes new sessions, each at its first use
 * and before anything is sent, and keeps them until it is closed.
 */
export class ServiceBusRequester implements Requester {
  readonly #options: RequesterOptions;
  readonly #log: Log;
  readonly #receiving: ServiceBusClient;
  readonly #sending: ServiceBusClient;
  readonly #settling: ServiceBusClient;
  readonly #sender: ServiceBusSender;
  readonly #settlement: Settlement;
  readonly #sessions = new Map<Lane, Promise<ReplySession>>();
  readonly #pending = new Map<string, PendingAnswer>();
  #strangers = 0;

  constructor(options: RequesterOptions, { log }: { readonly log: Log }) {
    installGuards({ log });
    this.#options = options;
    this.#log = log;
    this.#receiving = createBusClient(options.credential);
    this.#sending = createBusClient(options.credential);
    this.#settling = createBusClient(options.credential);
    this.#sender = this.#sending.createSender(options.requestQueue);
    this.#settlement = createSettlement({ client: this.#settling, queue: options.replyQueue });
  }

  /** Parts that belong to no request of this requester, or to one that was given up. */
  get strangers(): number {
    return this.#strangers;
  }

  async request(
    request: OutgoingRequest,
    { onProgress }: { readonly onProgress?: (progress: ReplyProgress) => void },
    signal: AbortSignal,
  ): Promise<Reply> {
    signal.throwIfAborted();
    const session = await this.#session(request.stream ? "stream" : "short");
    const requestId = randomUUID();
    const stage = new MemoryPartStage();
    const pending = new PendingAnswer({ stage, onProgress });
    this.#pending.set(requestId, pending);
    const timeout = AbortSignal.timeout(request.timeoutMs);
    const stop = AbortSignal.any([signal, timeout]);
    try {
      await this.#send(request, { requestId, sessionId: session.id });
      return await Promise.race([pending.whole, rejectOn(stop)]);
    } catch (error) {
      await stage.clear();
      if (!timeout.aborted || signal.aborted) throw error;
      throw new AgentError("reply.timeout", `no whole answer within ${request.timeoutMs} ms`, {
        hint: `request ${requestId}: is an agent listening on ${this.#options.requestQueue}? Its log names the request; also look at the dead-letter queue`,
      });
    } finally {
      this.#pending.delete(requestId);
    }
  }

  #session(lane: Lane): Promise<ReplySession> {
    const known = this.#sessions.get(lane);
    if (known !== undefined) return known;
    const session = new ReplySession({
      client: this.#receiving,
      queue: this.#options.replyQueue,
      sessionId: `${lane}-${randomUUID()}`,
      onPart: (message, receiver) => this.#onPart(message, receiver),
      log: this.#log.child({ lane }),
    });
    const opened = session.open().then(
      () => session,
      (error: unknown) => {
        // The next request tries again.
        this.#sessions.delete(lane);
        throw error;
      },
    );
    this.#sessions.set(lane, opened);
    return opened;
  }

  async #send(
    request: OutgoingRequest,
    ids: { readonly requestId: string; readonly sessionId: string },
  ): Promise<void> {
    const { replyQueue, requestQueue } = this.#options;
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    try {
      await this.#sender.sendMessages({
        messageId: ids.requestId,
        correlationId: request.correlationId,
        subject: request.method,
        to: request.path,
        replyTo: replyQueue,
        replyToSessionId: ids.sessionId,
        contentType: CONTENT_TYPE,
        timeToLive: request.timeoutMs,
        body: body ?? Buffer.alloc(0),
        applicationProperties: {
          ...request.headers,
          "http:request": "1.1",
          "accept-encoding": "gzip",
          ...(request.stream ? { prefer: "stream" } : {}),
        },
      });
    } catch (error) {
      throw toBusError(error, `cannot send to the request queue ${requestQueue}`);
    }
  }

  /** Stages a part, then settles it; a part that cannot be read is put aside. Never rejects. */
  async #onPart(message: ServiceBusReceivedMessage, receiver: ServiceBusReceiver): Promise<void> {
    try {
      const problem = await this.#accept(message);
      if (problem === undefined) await this.#settlement.complete(receiver, message);
      else {
        const description = `The part cannot be read: ${problem}`;
        await this.#settlement.deadLetter(receiver, message, {
          reason: "PartUnreadable",
          description,
        });
        this.#log.warn("part.deadLettered", { messageId: message.messageId, problem });
      }
    } catch (error) {
      // It is delivered again when its lock runs out.
      this.#log.warn("part.unsettled", { messageId: message.messageId, error });
    }
  }

  /** @returns what is wrong with the part */
  async #accept(message: ServiceBusReceivedMessage): Promise<string | undefined> {
    const pending = this.#pending.get(String(message.correlationId));
    if (pending === undefined) {
      this.#strangers++;
      return undefined;
    }
    const header = parsePartHeader(message);
    if (header === undefined) return "its properties are not those of a part";
    if (!(message.body instanceof Uint8Array)) return "its body is not bytes";
    const headers = toHeaders(message.applicationProperties ?? {});
    const part = {
      body: Buffer.from(message.body),
      gzip: headers.get("content-encoding") === "gzip",
    };
    try {
      const verdict = await pending.accept(header, { part, headers });
      if (verdict.kind === "broken") this.#log.warn("answer.broken", { reason: verdict.reason });
      return undefined;
    } catch (error) {
      if (error instanceof AgentError) {
        pending.fail(error);
        return undefined;
      }
      return error instanceof SyntaxError ? "it is not one JSON object" : "it cannot be unpacked";
    }
  }

  async close(): Promise<void> {
    const sessions = await Promise.allSettled(this.#sessions.values());
    await Promise.allSettled(
      sessions.map((result) => (result.status === "fulfilled" ? result.value.close() : undefined)),
    );
    await Promise.allSettled([this.#settlement.close(), this.#sender.close()]);
    await Promise.all([this.#receiving, this.#sending, this.#settling].map(closeBusClient));
  }
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function toHeaders(properties: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const texts = Object.entries(properties).flatMap(([name, value]) =>
    typeof value === "string" ? [[name.toLowerCase(), value] as const] : [],
  );
  return new Map(texts);
}
