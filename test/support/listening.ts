import { vi } from "vitest";
import type { ReadCredentials } from "../../agent/bus/bus-connection.ts";
import { RequestListener, type RequestListenerOptions } from "../../agent/bus/request-listener.ts";
import type { RequestHandler } from "../../agent/core/exchange.ts";
import { MemoryLog } from "./memory-log.ts";

/** How often the listeners of tests look. */
const WATCHDOG_MS = 900;
const LOGGED_TIMEOUT_MS = 25_000;

/** Answers that it was asked. */
const answerOk: RequestHandler = async ({ path }) => ({
  kind: "document",
  status: 200,
  body: { path },
});

export function keyOf(connectionString: string, name = "bus.connectionString"): ReadCredentials {
  return async () => [{ name, credential: { kind: "connectionString", connectionString } }];
}

export interface Listening {
  readonly listener: RequestListener;
  readonly log: MemoryLog;
  /** Names of the events so far. */
  events(): readonly string[];
  /** Waits until this was logged so often, once unless told. @returns the fields of the last one */
  logged(event: string, count?: number): Promise<Readonly<Record<string, unknown>>>;
}

/** Starts a listener in this process; it is the caller's to stop. */
export async function startListener(
  credentials: ReadCredentials,
  {
    handler = answerOk,
    ...changes
  }: Partial<RequestListenerOptions> & { readonly handler?: RequestHandler } = {},
): Promise<Listening> {
  const log = new MemoryLog();
  const listener = new RequestListener(
    {
      credentials,
      requestQueue: "requests",
      replyQueues: ["plain-replies"],
      concurrency: 4,
      requestTimeoutMs: 60_000,
      maxDeliveries: 4,
      clockSkewMs: 30_000,
      watchdogIntervalMs: WATCHDOG_MS,
      stopTimeoutMs: 2_000,
      partBytes: undefined,
      agent: { name: "test", version: "0.0.0", configuration: "test" },
      ...changes,
    },
    { handler, log, clock: { now: () => Date.now() } },
  );
  await listener.start();
  const fieldsOf = (event: string) =>
    log.lines.filter((line) => line.event === event).map(({ fields }) => fields);
  return {
    listener,
    log,
    events: () => log.lines.map(({ event }) => event),
    logged: (event, count = 1) =>
      vi.waitFor(
        () => {
          const fields = fieldsOf(event)[count - 1];
          if (fields === undefined) {
            const seen = log.lines.map((line) => `${line.event} ${String(line.fields["error"])}`);
            throw new Error(`${event} was not logged ${count} times:\n${seen.join("\n")}`);
          }
          return fields;
        },
        { timeout: LOGGED_TIMEOUT_MS, interval: 20 },
      ),
  };
}
