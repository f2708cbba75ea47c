import { setMaxListeners } from "node:events";
import type {
  ProcessErrorArgs,
  ServiceBusMessage,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
} from "@azure/service-bus";
import { AgentError } from "../core/error.ts";
import type { RequestHandler } from "../core/exchange.ts";
import type { Clock, Log } from "../ports.ts";
import type { ReadCredentials } from "./bus-connection.ts";
import { toBusError } from "./bus-error.ts";
import { CredentialChoice } from "./credential-choice.ts";
import { LinkWatchdog, type RebuildReason } from "./link-watchdog.ts";
import { type LinkHandlers, ListeningLink } from "./listening-link.ts";
import { OutageLog } from "./outage-log.ts";
import { ReplySender } from "./reply-sender.ts";
import { RequestWork, type RequestWorkOptions, StopError } from "./request-work.ts";
import { installGuards } from "./rhea-guards.ts";
import { RetriedSettlement } from "./settlement-retry.ts";

export interface RequestListenerOptions extends RequestWorkOptions {
  /** Asked at the start and at each look of the watchdog. */
  readonly credentials: ReadCredentials;
  readonly requestQueue: string;
  /** How often to look whether the bus still answers. */
  readonly watchdogIntervalMs: number;
  /** How long work in flight may take to finish after `stop`. */
  readonly stopTimeoutMs: number;
}

export interface RequestListenerParts {
  readonly handler: RequestHandler;
  readonly log: Log;
  readonly clock: Clock;
}

/** How long a look waits for an answer: a third of the interval, within these. */
const MIN_PROBE_MS = 1_000;
const MAX_PROBE_MS = 10_000;
const PROBE_SHARE = 1 / 3;
/** How long connections may take to be made: as long as an interval, within these. */
const MIN_OPEN_MS = 5_000;
const MAX_OPEN_MS = 30_000;

/**
 * Takes requests from the queue, has them answered and sends the answers; settles a request only when its answer is
 * sent (DESIGN section 4). Several of them may share a queue. Requests are in flight here; the connections that brought
 * them are replaced when they die or when a key changes, while the work on them goes on.
 */
export class RequestListener {
  readonly #options: RequestListenerOptions;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #work: RequestWork;
  readonly #choice: CredentialChoice;
  readonly #watchdog: LinkWatchdog;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #retiring = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #link: ListeningLink | undefined;
  #stopping = false;
  readonly #outage: OutageLog;
  #lastError: AgentError | undefined;
  /** How many requests the link had brought when it was last seen to bring one, and when that was. */
  #seen = { received: 0, at: 0 };
  /** Failures of the link since a request came in or the watchdog looked. */
  #linkErrors = 0;
  #rebuilds = 0;

  constructor(options: RequestListenerOptions, { handler, log, clock }: RequestListenerParts) {
    this.#options = options;
    this.#log = log;
    this.#clock = clock;
    this.#outage = new OutageLog({ log, clock });
    const current = () => this.#openLink();
    const onFailure = (error: AgentError) => this.#watchdog.suspect(error);
    const { signal } = this.#stop;
    // Each request in flight may listen.
    setMaxListeners(0, signal);
    this.#work = new RequestWork(options, {
      handler,
      sender: new ReplySender({ links: () => current().replies, onFailure, log }),
      settlement: new RetriedSettlement({
        current: () => current().settlement,
        onFailure,
        signal,
        now: () => clock.now(),
      }),
      stop: signal,
      log,
      clock,
    });
    this.#choice = new CredentialChoice({ read: options.credentials, log });
    this.#watchdog = new LinkWatchdog({
      intervalMs: options.watchdogIntervalMs,
      refresh: () => this.#choice.refresh(),
      look: () => this.#look(),
      rebuild: (reason) => this.#rebuild(reason),
      log,
    });
  }

  /** Requests that are worked on now. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** How often the connections were built anew. */
  get rebuilds(): number {
    return this.#rebuilds;
  }

  /** The last failure of the bus; undefined once it answers again. */
  get lastError(): AgentError | undefined {
    return this.#lastError;
  }

  /**
   * Starts to listen. A namespace that cannot be reached later on is waited for.
   * @throws AgentError `bus.*` when a queue cannot be opened now, `config.invalid` when a secret is not there
   */
  async start(): Promise<void> {
    installGuards({ log: this.#log });
    const { requestQueue, replyQueues, concurrency } = this.#options;
    await this.#choice.load();
    const link = await this.#connect();
    this.#listenOn(link);
    this.#watchdog.start();
    this.#log.info("listener.started", {
      queue: requestQueue,
      replyQueues,
      concurrency,
      credential: link.credentialName,
    });
  }

  /**
   * Sends one message that is no reply, by the connection of the replies, once.
   * @throws AgentError `bus.*`; the signal's reason
   */
  async post(queue: string, message: ServiceBusMessage, signal: AbortSignal): Promise<void> {
    await this.#openLink().replies.post(queue, message, signal);
  }

  /**
   * Takes no more requests, lets those in flight finish within the limit, and puts back what does not. Closing the
   * client first would leave every one of them locked until its lock runs out.
   */
  async stop(): Promise<void> {
    const link = this.#link;
    if (link === undefined || this.#stopping) return;
    this.#stopping = true;
    this.#work.putBack();
    this.#log.info("listener.stopping", { inFlight: this.inFlight });
    const watching = this.#watchdog.stop();
    await link.stopReceiving();
    const limit = AbortSignal.timeout(this.#options.stopTimeoutMs);
    const onLimit = () => this.#stop.abort(new StopError("the agent is stopping"));
    limit.addEventListener("abort", onLimit, { once: true });
    // What was on its way when the link closed still comes in, to be put back.
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    limit.removeEventListener("abort", onLimit);
    await Promise.all([link.close(), watching, ...this.#retiring]);
    this.#log.info("listener.stopped", {});
  }

  #openLink(): ListeningLink {
    if (this.#link === undefined) throw new AgentError("internal", "the listener was not started");
    return this.#link;
  }

  /**
   * New connections, with the first credential that is not refused.
   * @throws AgentError `bus.*`, `config.invalid`
   */
  async #connect(): Promise<ListeningLink> {
    const { requestQueue: queue, replyQueues, watchdogIntervalMs } = this.#options;
    const limitMs = Math.min(Math.max(watchdogIntervalMs, MIN_OPEN_MS), MAX_OPEN_MS);
    for (let left = this.#choice.size; ; left--) {
      const link = new ListeningLink({ named: this.#choice.current, queue, replyQueues });
      try {
        await link.open({ limitMs });
        return link;
      } catch (error) {
        this.#retire(link.discard());
        const isDenied = error instanceof AgentError && error.code === "bus.denied";
        if (!isDenied || !this.#choice.refuse() || left <= 1) throw error;
      }
    }
  }

  #listenOn(link: ListeningLink): void {
    const handlers: LinkHandlers = {
      onMessage: (message, receiver) => this.#receive(message, receiver),
      onError: (args) => this.#onError(args),
    };
    this.#link = link;
    this.#linkErrors = 0;
    this.#seen = { received: 0, at: this.#clock.now() };
    link.listen(handlers, this.#options);
  }

  async #rebuild({ text, isHealthy }: RebuildReason): Promise<void> {
    const next = await this.#connect();
    const old = this.#openLink();
    if (this.#stopping) return this.#retire(next.close());
    this.#listenOn(next);
    this.#rebuilds++;
    this.#lastError = undefined;
    this.#outage.ended();
    this.#log.warn("listener.rebuilt", { reason: text, credential: next.credentialName });
    this.#retire(isHealthy ? drained(old) : old.discard());
  }

  /** What ends by itself; `stop` waits for it. */
  #retire(end: Promise<void>): void {
    const retiring = end.finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
  }

  async #look(): Promise<AgentError | undefined> {
    const link = this.#openLink();
    const { watchdogIntervalMs, requestQueue } = this.#options;
    const limitMs = Math.min(
      Math.max(watchdogIntervalMs * PROBE_SHARE, MIN_PROBE_MS),
      MAX_PROBE_MS,
    );
    const errors = this.#linkErrors;
    this.#linkErrors = 0;
    try {
      const oldest = await link.probe({ limitMs });
      if (errors > 0) return this.#lastError;
      if (this.#isQuiet(link) && this.#isOverdue(oldest)) {
        if (this.#isOverdue(await link.receiveOne())) {
          return new AgentError("bus.unreachable", `the link to ${requestQueue} is deaf`);
        }
      }
      this.#lastError = undefined;
      this.#outage.ended();
      return undefined;
    } catch (error) {
      this.#lastError = toBusError(error, `the bus does not answer for ${requestQueue}`);
      return this.#lastError;
    }
  }

  /** Whether the link had room for requests and has brought none for an interval. */
  #isQuiet(link: ListeningLink): boolean {
    const now = this.#clock.now();
    const isFull = this.inFlight >= this.#options.concurrency;
    if (isFull || link.received !== this.#seen.received) {
      this.#seen = { received: link.received, at: now };
    }
    return now - this.#seen.at > this.#options.watchdogIntervalMs;
  }

  /** Whether a request that came at this time has waited for longer than an interval. */
  #isOverdue(cameAt: number | undefined): boolean {
    return cameAt !== undefined && this.#clock.now() - cameAt > this.#options.watchdogIntervalMs;
  }

  async #receive(message: ServiceBusReceivedMessage, receiver: ServiceBusReceiver): Promise<void> {
    this.#linkErrors = 0;
    this.#outage.ended();
    const work = this.#work.run(message, receiver);
    this.#inFlight.add(work);
    await work.finally(() => this.#inFlight.delete(work));
  }

  #onError({ error, errorSource }: ProcessErrorArgs): void {
    if (this.#stopping) return;
    const busError = toBusError(error, `receiving from ${this.#options.requestQueue} failed`);
    this.#lastError = busError;
    this.#linkErrors++;
    this.#outage.failed(busError, { source: errorSource });
    if (busError.code === "bus.denied") this.#watchdog.suspect(busError);
  }
}

async function drained(link: ListeningLink): Promise<void> {
  await link.stopReceiving();
  await link.drain();
  await link.close();
}
