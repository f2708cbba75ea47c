import { setMaxListeners } from "node:events";
import type {
  ServiceBusClient,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
  ServiceBusSessionReceiver,
} from "@azure/service-bus";
import type { AgentError } from "../core/error.ts";
import { clientCode, toBusError } from "./bus-error.ts";
import type { DeadLetterReason } from "./dead-letter.ts";

/** How long a settlement may take in all, unless told: well within the usual lock of a minute. */
const SETTLE_TIMEOUT_MS = 15_000;
/** The share of the time that the message's own link gets before the second way is tried. */
const LINK_SHARE = 0.5;
/** The broker's limit for the reason and the description of a dead letter. */
const DEAD_LETTER_TEXT_CHARACTERS = 4096;

/** `lock lost`: the broker no longer holds the message for this receiver; it was or will be delivered again, or it is settled. */
export type SettleOutcome = "settled" | "lock lost";

export interface SettlementOptions {
  /**
   * A client of its own, on a connection that carries no receiving link of `queue`: it reaches the broker when the
   * receiving connection does not. It needs the right to listen on `queue`. Stays the caller's to close.
   */
  readonly client: ServiceBusClient;
  readonly queue: string;
  /** Milliseconds for one call, both ways together. */
  readonly timeoutMs?: number;
}

export interface DeadLetterText {
  readonly reason: DeadLetterReason;
  readonly description: string;
}

/**
 * Settles messages so that a dead link does not swallow it. While the link that brought the message is open, it is settled
 * there; when the link is gone or stays silent, by lock token through the queue's `$management` node.
 * Every method answers within the time given and throws
 * AgentError `bus.unreachable` when neither way answered (the message may still be settled later, else it is delivered again),
 * `bus.denied`, `bus.missing` or `bus.busy` when the broker refused the second way.
 */
export interface Settlement {
  complete(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
  ): Promise<SettleOutcome>;
  /** @param properties merged into the application properties of the next delivery */
  abandon(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
    properties?: Readonly<Record<string, string | number | boolean>>,
  ): Promise<SettleOutcome>;
  deadLetter(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
    reason: DeadLetterText,
  ): Promise<SettleOutcome>;
  /** The time until which the lock holds now (UTC), also set on `message`. A session receiver renews its session's lock. */
  renewLock(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
  ): Promise<Date | "lock lost">;
  /** Fails what is not answered yet, so that it is tried elsewhere. */
  close(): Promise<void>;
}

/** What the client hangs on a received message besides its public fields. */
interface WithDelivery {
  readonly delivery?: { readonly link?: { is_open(): boolean } };
}

type Act<T> = (receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) => Promise<T>;

type Settled<T> = { readonly kind: "done"; readonly value: T } | { readonly kind: "lock lost" };
type Answer<T> = Settled<T> | { readonly kind: "failed"; readonly cause: unknown };

export function createSettlement(options: SettlementOptions): Settlement {
  return new TwoWaySettlement(options);
}

class TwoWaySettlement implements Settlement {
  readonly #queue: string;
  readonly #timeoutMs: number;
  /** Never receives: it opens no link but that of `$management`. */
  readonly #second: ServiceBusReceiver;
  readonly #closed = new AbortController();

  constructor({ client, queue, timeoutMs = SETTLE_TIMEOUT_MS }: SettlementOptions) {
    this.#queue = queue;
    this.#timeoutMs = timeoutMs;
    this.#second = client.createReceiver(queue, { maxAutoLockRenewalDurationInMs: 0 });
    // Each settlement under way listens; the caller bounds how many they are.
    setMaxListeners(0, this.#closed.signal);
  }

  complete(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) {
    return this.#settle(receiver, message, (by, it) => by.completeMessage(it));
  }

  abandon(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
    properties?: Readonly<Record<string, string | number | boolean>>,
  ) {
    const modified = properties === undefined ? undefined : { ...properties };
    return this.#settle(receiver, message, (by, it) => by.abandonMessage(it, modified));
  }

  deadLetter(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
    reason: DeadLetterText,
  ) {
    const why = {
      deadLetterReason: reason.reason.slice(0, DEAD_LETTER_TEXT_CHARACTERS),
      deadLetterErrorDescription: reason.description.slice(0, DEAD_LETTER_TEXT_CHARACTERS),
    };
    return this.#settle(receiver, message, (by, it) => by.deadLetterMessage(it, why));
  }

  async renewLock(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
  ): Promise<Date | "lock lost"> {
    const answer = await this.#either(receiver, message, (by, it) =>
      isSessionReceiver(by) ? by.renewSessionLock() : by.renewMessageLock(it),
    );
    if (answer.kind === "lock lost") return "lock lost";
    message.lockedUntilUtc = answer.value;
    return answer.value;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#second.close();
  }

  async #settle(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
    act: Act<void>,
  ): Promise<SettleOutcome> {
    const answer = await this.#either(receiver, message, act);
    return answer.kind === "done" ? "settled" : "lock lost";
  }

  async #either<T>(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
    act: Act<T>,
  ): Promise<Settled<T>> {
    if (isSessionReceiver(receiver)) return this.#bySession(receiver, message, act);
    const deadline = performance.now() + this.#timeoutMs;
    if (hasOpenLink(receiver, message)) {
      const first = await this.#answerOf(
        () => act(receiver, message),
        this.#timeoutMs * LINK_SHARE,
      );
      if (first.kind !== "failed") return first;
    }
    const leftMs = deadline - performance.now();
    const second = await this.#answerOf(() => act(this.#second, withoutLink(message)), leftMs);
    if (second.kind === "failed") throw this.#failure(second.cause);
    return second;
  }

  /** A session is locked by its link: without the link there is neither a lock nor a second way. */
  async #bySession<T>(
    receiver: ServiceBusSessionReceiver,
    message: ServiceBusReceivedMessage,
    act: Act<T>,
  ): Promise<Settled<T>> {
    if (!hasOpenLink(receiver, message)) return { kind: "lock lost" };
    const answer = await this.#answerOf(() => act(receiver, message), this.#timeoutMs);
    if (answer.kind !== "failed") return answer;
    if (!hasOpenLink(receiver, message)) return { kind: "lock lost" };
    throw this.#failure(answer.cause);
  }

  async #answerOf<T>(act: () => Promise<T>, limitMs: number): Promise<Answer<T>> {
    const end = new AbortController();
    const late = new Promise<Answer<T>>((resolve) => {
      const fail = (why: string) => resolve({ kind: "failed", cause: new Error(why) });
      const timer = setTimeout(() => fail(`no answer within ${Math.round(limitMs)} ms`), limitMs);
      const onClosed = () => fail("the connection was given up");
      const { signal } = this.#closed;
      if (signal.aborted) onClosed();
      signal.addEventListener("abort", onClosed, { signal: end.signal });
      end.signal.addEventListener("abort", () => clearTimeout(timer));
    });
    const result = await Promise.race([asAnswer(act), late]);
    end.abort();
    return result;
  }

  #failure(cause: unknown): AgentError {
    return toBusError(cause, `cannot settle a message of ${this.#queue}`);
  }
}

function isSessionReceiver(receiver: ServiceBusReceiver): receiver is ServiceBusSessionReceiver {
  return "sessionId" in receiver;
}

function hasOpenLink(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage): boolean {
  if (receiver.isClosed) return false;
  const { delivery } = message as WithDelivery;
  return delivery?.link?.is_open() === true;
}

/**
 * The same message as one received by `receiveDeferredMessages`, which has no link: the client settles such a one through
 * `$management`. The session id goes too: this lock is the message's own, and a session may not be named with it.
 */
function withoutLink(message: ServiceBusReceivedMessage): ServiceBusReceivedMessage {
  return Object.create(message, {
    delivery: { value: {} },
    sessionId: { value: undefined },
    lockedUntilUtc: { value: message.lockedUntilUtc, writable: true },
  }) as ServiceBusReceivedMessage;
}

/** Both outcomes become values, so that an answer after the limit is no unhandled rejection. */
async function asAnswer<T>(act: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { kind: "done", value: await act() };
  } catch (cause) {
    return isLockLost(cause) ? { kind: "lock lost" } : { kind: "failed", cause };
  }
}

function isLockLost(error: unknown): boolean {
  const code = clientCode(error);
  return code === "MessageLockLost" || code === "SessionLockLost" || code === "MessageNotFound";
}
