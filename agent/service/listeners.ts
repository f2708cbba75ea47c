import { AnswerMemory } from "../bus/answer-memory.ts";
import { keepRole } from "../bus/queue-role.ts";
import { RequestListener, type RequestListenerOptions } from "../bus/request-listener.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { RequestHandler } from "../core/exchange.ts";
import type { Clock, Log } from "../ports.ts";
import { readBusCredentials } from "./bus-credential.ts";

/** Longest lock of a Service Bus queue: after as many of them as there are deliveries, no request comes again. */
const LONGEST_LOCK_MS = 5 * 60_000;
const MAX_KEEP_MS = 24 * 60 * 60_000;

export interface ListenersParts {
  readonly agent: RequestListenerOptions["agent"];
  readonly handler: RequestHandler;
  readonly log: Log;
  readonly clock: Clock;
}

/** The listener on the request queue first, and the one on the write queue when there is such a queue. */
export type Listeners = readonly [RequestListener, ...RequestListener[]];

/** Does no I/O yet. */
export function createListeners(
  { bus, agent: { stopTimeoutMs } }: Pick<AgentConfig, "bus" | "agent">,
  { agent, handler, log, clock }: ListenersParts,
): Listeners {
  const { writeQueue, maxDeliveries } = bus;
  const options = {
    credentials: () => readBusCredentials(bus),
    replyQueues: bus.replyQueues,
    concurrency: bus.concurrency,
    requestTimeoutMs: bus.requestTimeoutMs,
    maxDeliveries,
    clockSkewMs: bus.clockSkewMs,
    partBytes: bus.partBytes,
    watchdogIntervalMs: bus.watchdogIntervalMs,
    stopTimeoutMs,
    agent,
  };
  const listen = (requestQueue: string, own: RequestHandler): RequestListener =>
    new RequestListener(
      { ...options, requestQueue },
      { handler: own, log: log.child({ queue: requestQueue }), clock },
    );
  if (writeQueue === undefined) return [listen(bus.requestQueue, handler)];
  const keepMs = Math.min(LONGEST_LOCK_MS * (maxDeliveries + 1), MAX_KEEP_MS);
  const memory = new AnswerMemory({ keepMs, now: () => clock.now() });
  return [
    listen(bus.requestQueue, keepRole(handler, "reads")),
    listen(writeQueue, memory.remember(keepRole(handler, "writes"))),
  ];
}
