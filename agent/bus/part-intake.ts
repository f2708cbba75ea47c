import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import type { AnswerAssembly } from "../core/answer-assembly.ts";
import { AgentError } from "../core/error.ts";
import type { Log } from "../ports.ts";
import type { AnswerDeadline } from "./answer-deadline.ts";
import { PartUnreadableError, sha256Of } from "./part-body.ts";
import { parsePartHeader } from "./part-message.ts";
import type { PendingAnswer } from "./pending-answer.ts";
import type { PartSource } from "./reply-session.ts";

/** Answers that late parts are still counted for, after they were whole. */
const MAX_FINISHED = 64;
/** Deliveries of a part that cannot be kept now; then its request fails. Below a queue's usual MaxDeliveryCount of 10. */
const MAX_STAGE_DELIVERIES = 5;
const STAGE_PAUSE_MS = 200;

/** Whose answer is waited for. */
export interface PendingRequest {
  readonly answer: PendingAnswer;
  readonly deadline: AnswerDeadline;
  /** The message ids that it was sent with. */
  readonly ids: string[];
}

/** What becomes of a part that was looked at. */
type PartOutcome =
  | { readonly kind: "taken" }
  | { readonly kind: "unreadable"; readonly problem: string }
  | { readonly kind: "again"; readonly error: unknown };

/** Gives the parts that come in to the requests that wait for them, and settles each only when it is staged. */
export class PartIntake {
  readonly #log: Log;
  readonly #pending = new Map<string, PendingRequest>();
  readonly #finished = new Map<string, AnswerAssembly>();
  #strangers = 0;

  constructor({ log }: { readonly log: Log }) {
    this.#log = log;
  }

  /** Parts that belong to no request, or to one that was given up. */
  get strangers(): number {
    return this.#strangers;
  }

  /** From now on parts for this message id are the request's. */
  expect(requestId: string, pending: PendingRequest): void {
    pending.ids.push(requestId);
    this.#pending.set(requestId, pending);
  }

  /** Parts that still come are strangers. */
  forget({ ids }: PendingRequest): void {
    for (const id of ids) {
      this.#pending.delete(id);
      this.#finished.delete(id);
    }
  }

  /** Parts that still come are counted, until the request is forgotten or many others have finished. */
  finish({ ids, answer }: PendingRequest): void {
    for (const id of ids) {
      this.#pending.delete(id);
      this.#finished.set(id, answer.assembly);
    }
    for (const id of this.#finished.keys()) {
      if (this.#finished.size <= MAX_FINISHED) return;
      this.#finished.delete(id);
    }
  }

  /** Ends the waiting of all. */
  fail(error: Error): void {
    for (const { answer } of new Set(this.#pending.values())) answer.fail(error);
  }

  /** Stages a part, then settles it; a part that cannot be read is put aside. Never rejects. */
  async take(message: ServiceBusReceivedMessage, from: PartSource): Promise<void> {
    const { receiver, settlement } = from;
    const { messageId } = message;
    try {
      const outcome = await this.#accept(message);
      if (outcome.kind === "taken") await settlement.complete(receiver, message);
      else if (outcome.kind === "unreadable") {
        const { problem } = outcome;
        const description = `The part cannot be read: ${problem}`;
        await settlement.deadLetter(receiver, message, { reason: "PartUnreadable", description });
        this.#log.warn("part.deadLettered", { messageId, problem });
      } else {
        this.#log.warn("part.notKept", { messageId, error: outcome.error });
        await sleep(STAGE_PAUSE_MS * 2 ** (message.deliveryCount ?? 0));
        await settlement.abandon(receiver, message);
      }
    } catch (error) {
      // It is delivered again when the session is taken again.
      this.#log.warn("part.unsettled", { messageId, error });
    }
  }

  async #accept(message: ServiceBusReceivedMessage): Promise<PartOutcome> {
    const requestId = String(message.correlationId);
    const pending = this.#pending.get(requestId);
    if (pending === undefined) return this.#acceptLate(requestId, message);
    const { answer, deadline } = pending;
    deadline.heard();
    const problem = await stagePart(answer, message);
    if (problem === undefined) return { kind: "taken" };
    if (problem instanceof PartUnreadableError) {
      answer.noteDamage(problem.message);
      return { kind: "unreadable", problem: problem.message };
    }
    const isFinal = problem instanceof AgentError && !problem.retryable;
    const deliveries = (message.deliveryCount ?? 0) + 1;
    if (!isFinal && deliveries < MAX_STAGE_DELIVERIES) return { kind: "again", error: problem };
    const error = isFinal
      ? problem
      : new AgentError("reply.refused", "the answer cannot be kept", { cause: problem });
    answer.fail(error);
    return { kind: "taken" };
  }

  #acceptLate(requestId: string, message: ServiceBusReceivedMessage): PartOutcome {
    const assembly = this.#finished.get(requestId);
    const header = parsePartHeader(message);
    if (assembly === undefined || header === undefined || !(message.body instanceof Uint8Array)) {
      this.#strangers++;
    } else assembly.accept(header, { sha256: sha256Of(toBuffer(message.body)), items: 0 });
    return { kind: "taken" };
  }
}

/** @returns what is wrong with the part, or what kept it from being staged */
async function stagePart(
  answer: PendingAnswer,
  message: ServiceBusReceivedMessage,
): Promise<unknown> {
  const header = parsePartHeader(message);
  if (header === undefined) {
    return new PartUnreadableError("its properties are not those of a part");
  }
  if (!(message.body instanceof Uint8Array)) {
    return new PartUnreadableError("its body is not bytes");
  }
  const headers = toHeaders(message.applicationProperties ?? {});
  const gzip = headers.get("content-encoding") === "gzip";
  try {
    const part = { body: toBuffer(message.body), gzip };
    const verdict = await answer.accept(header, { part, headers });
    if (verdict.kind !== "broken") return undefined;
    return new PartUnreadableError(`its answer contradicts itself: ${verdict.reason}`);
  } catch (error) {
    return error;
  }
}

/** The same bytes; a small part does not keep a large piece of what was read from the socket. */
function toBuffer(bytes: Uint8Array): Buffer {
  const { buffer, byteOffset, byteLength } = bytes;
  if (buffer.byteLength > 2 * byteLength) return Buffer.from(bytes);
  return Buffer.from(buffer, byteOffset, byteLength);
}

function toHeaders(properties: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const texts = Object.entries(properties).flatMap(([name, value]) =>
    typeof value === "string" ? [[name.toLowerCase(), value] as const] : [],
  );
  return new Map(texts);
}
