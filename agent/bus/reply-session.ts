import { setTimeout as sleep } from "node:timers/promises";
import type {
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
  ServiceBusSessionReceiver,
} from "@azure/service-bus";
import type { AgentError } from "../core/error.ts";
import type { Log } from "../ports.ts";
import { closeBusClient } from "./bus-connection.ts";
import { clientCode, toBusError } from "./bus-error.ts";
import type { ClientSource, LeasedClient } from "./client-source.ts";
import { OldestMessage } from "./oldest-message.ts";
import { createSettlement, type Settlement } from "./settlement.ts";
import { withLimit } from "./time-limit.ts";

/** Parts worked on at once: they are looked into side by side, and a slow stage of one request leaves room for others. */
const CONCURRENCY = 64;
const RENEWAL_SHARE = 1 / 3;
/** The lock is renewed at least so often: it is also how a frozen peer is noticed. */
const MAX_HEARTBEAT_MS = 15_000;
const MIN_HEARTBEAT_MS = 500;
const HEARTBEAT_LIMIT_MS = 10_000;
/** To take the session, connection included: an open that is not answered would take the client 60 s. */
const TAKE_LIMIT_MS = 15_000;
const CLOSE_LIMIT_MS = 2_000;
const FIRST_DELAYS_MS: readonly number[] = [200, 500, 1_000];
const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 5_000;

/** What a part is settled with. */
export interface PartSource {
  readonly receiver: ServiceBusReceiver;
  readonly settlement: Settlement;
}

export interface ReplySessionOptions {
  readonly source: ClientSource;
  readonly queue: string;
  readonly sessionId: string;
  /** Takes a part and settles it. Never rejects. */
  readonly onPart: (message: ServiceBusReceivedMessage, from: PartSource) => Promise<void>;
  readonly log: Log;
  /** Limits of a test. */
  readonly limits?: { readonly heartbeatMs: number; readonly answerMs: number } | undefined;
}

interface HeldSession {
  readonly receiver: ServiceBusSessionReceiver;
  readonly leased: LeasedClient;
}

/**
 * One session of the reply queue, held for the life of the requester on a connection of its own. The client never takes
 * a lost session again by itself: this does, under the same id and with a new client, so that what was sent meanwhile
 * still arrives. While another holds it (mostly the broker, for a connection that it does not know to be dead), it keeps
 * asking until that lock runs out.
 */
export class ReplySession {
  readonly #options: ReplySessionOptions;
  readonly #stop = new AbortController();
  /** The parts that are worked on, and their numbers in the session. */
  readonly #working = new Map<Promise<void>, string>();
  #leased: LeasedClient | undefined;
  #running: Promise<void> | undefined;
  #takenByOthersSince: number | undefined;
  #problem: AgentError | undefined;

  constructor(options: ReplySessionOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.sessionId;
  }

  /** Why the session is not held just now, when it could not be taken again. */
  get problem(): AgentError | undefined {
    return this.#problem;
  }

  /** For how many milliseconds the broker has answered that somebody else holds the session; 0 while it is held. */
  get takenByOthersMs(): number {
    const since = this.#takenByOthersSince;
    return since === undefined ? 0 : performance.now() - since;
  }

  /**
   * Takes the session; parts that are sent from now on arrive.
   * @throws AgentError `bus.*`
   */
  async open(): Promise<void> {
    let refused = 0;
    for (let failures = 0; ; ) {
      try {
        const held = await this.#take();
        this.#running = this.#run(held);
        return;
      } catch (thrown) {
        const error = toBusError(thrown, `cannot take a session of ${this.#options.queue}`);
        if (this.#stop.signal.aborted) throw error;
        if (error.code === "bus.denied" && refused++ === 0) continue;
        const delayMs = FIRST_DELAYS_MS[failures++];
        if (error.code !== "bus.unreachable" || delayMs === undefined) throw error;
        await this.#pause(delayMs);
      }
    }
  }

  async #take(): Promise<HeldSession> {
    const { source, queue, sessionId, limits } = this.#options;
    this.#leased ??= await source.connect();
    const leased = this.#leased;
    try {
      const receiver = await withLimit(
        (abortSignal) =>
          leased.client.acceptSession(queue, sessionId, {
            maxAutoLockRenewalDurationInMs: 0,
            skipParsingBodyAsJson: true,
            abortSignal,
          }),
        { limitMs: limits?.answerMs ?? TAKE_LIMIT_MS, what: `taking a session of ${queue}` },
      );
      this.#takenByOthersSince = undefined;
      this.#problem = undefined;
      return { receiver, leased };
    } catch (thrown) {
      const error = toBusError(thrown, `cannot take a session of the reply queue ${queue}`);
      // That answer came over a connection that works.
      if (clientCode(thrown) === "SessionCannotBeLocked") {
        this.#takenByOthersSince ??= performance.now();
      } else await this.#discard();
      if (error.code === "bus.denied") source.noteDenied(leased);
      this.#problem = error;
      throw error;
    }
  }

  async #run(first: HeldSession): Promise<void> {
    const { log } = this.#options;
    let held: HeldSession | undefined = first;
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      if (held !== undefined) {
        failures = 0;
        const isAnswering = await this.#receive(held);
        const discarded = this.#discard();
        if (isAnswering) await discarded;
        held = undefined;
        continue;
      }
      try {
        held = await this.#take();
        log.info("session.retaken", { failures });
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        log.warn("session.lost", { failures, error });
        await this.#pause(Math.min(MIN_BACKOFF_MS * 2 ** failures++, MAX_BACKOFF_MS));
      }
    }
  }

  /**
   * Resolves when the session is lost or given up, and waits for nothing that a dead peer would have to answer.
   * @returns false when the peer has stopped answering
   */
  async #receive({ receiver, leased }: HeldSession): Promise<boolean> {
    const { queue, onPart } = this.#options;
    const settlement = createSettlement({ client: leased.client, queue });
    const lost = new AbortController();
    const onStop = () => lost.abort();
    this.#stop.signal.addEventListener("abort", onStop, { once: true });
    const subscription = receiver.subscribe(
      {
        processMessage: (message) =>
          this.#track(message, onPart(message, { receiver, settlement })),
        processError: async () => lost.abort(),
      },
      { autoCompleteMessages: false, maxConcurrentCalls: CONCURRENCY },
    );
    if (this.#stop.signal.aborted) onStop();
    const isAnswering = await this.#keep(receiver, lost);
    this.#stop.signal.removeEventListener("abort", onStop);
    const close = async () => {
      await subscription.close();
      // What came is settled before the link goes.
      await Promise.allSettled(this.#working.keys());
      await Promise.allSettled([receiver.close(), settlement.close()]);
    };
    const limit = { limitMs: CLOSE_LIMIT_MS, what: "closing a session" };
    const closed = withLimit(close, limit).catch(() => undefined);
    if (isAnswering) await closed;
    return isAnswering;
  }

  /**
   * Renews the session's lock until it cannot be, or until a part stays in the session that the link does not bring: the
   * broker holds it to be delivered, and would go on doing so for as long as the session is held.
   * @returns false when the peer has stopped answering
   */
  async #keep(receiver: ServiceBusSessionReceiver, lost: AbortController): Promise<boolean> {
    const { limits, log } = this.#options;
    const { signal } = lost;
    const limitMs = limits?.answerMs ?? HEARTBEAT_LIMIT_MS;
    const oldest = new OldestMessage(receiver);
    let waiting: string | undefined;
    while (!signal.aborted && !receiver.isClosed) {
      const restMs = receiver.sessionLockedUntilUtc.getTime() - Date.now();
      const heartbeatMs = limits?.heartbeatMs ?? MAX_HEARTBEAT_MS;
      const waitMs = Math.min(Math.max(restMs * RENEWAL_SHARE, MIN_HEARTBEAT_MS), heartbeatMs);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted || receiver.isClosed) return true;
      try {
        await withLimit(() => receiver.renewSessionLock(), { limitMs, what: "renewing a lock" });
        const looking = { limitMs, what: "looking at a session" };
        const found = await withLimit(
          (abortSignal) => this.#findIdle(oldest, abortSignal),
          looking,
        );
        if (found !== undefined && found === waiting) {
          log.warn("session.stalled", { sequenceNumber: found });
          return true;
        }
        waiting = found;
      } catch (error) {
        const isThrottled = toBusError(error, "renewing a lock").code === "bus.busy";
        if (isThrottled && receiver.sessionLockedUntilUtc.getTime() > Date.now()) continue;
        log.warn("session.renewalFailed", { error });
        return false;
      }
    }
    return true;
  }

  /** @returns the number of the oldest part of the session, when nobody works on it */
  async #findIdle(oldest: OldestMessage, signal: AbortSignal): Promise<string | undefined> {
    const part = await oldest.peek(signal);
    if (part === undefined) return undefined;
    const number = String(part.sequenceNumber);
    return [...this.#working.values()].includes(number) ? undefined : number;
  }

  #track(message: ServiceBusReceivedMessage, work: Promise<void>): Promise<void> {
    this.#working.set(work, String(message.sequenceNumber));
    return work.finally(() => this.#working.delete(work));
  }

  async #discard(): Promise<void> {
    const leased = this.#leased;
    this.#leased = undefined;
    if (leased === undefined) return;
    const close = () => closeBusClient(leased.client);
    await withLimit(close, { limitMs: CLOSE_LIMIT_MS, what: "closing" }).catch(() => undefined);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  /** Gives the session back. Takes a few seconds at most. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#discard();
  }
}
