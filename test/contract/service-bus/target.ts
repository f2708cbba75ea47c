import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { ServiceBusClient, type ServiceBusClientOptions } from "@azure/service-bus";
import { parseBrokerConfig } from "../../../agent/sim/broker/config.ts";
import { startBrokerProcess } from "../../support/broker-process.ts";

// What the suite runs against: the embedded broker as a child process, or whatever SERVICEBUS_CONNECTION_STRING names.
//
//   SERVICEBUS_CONNECTION_STRING  a namespace in Azure (Standard or Premium), or Microsoft's emulator
//   SERVICEBUS_QUEUE_PREFIX       what stands before every name of a queue, e.g. "contract-"; nothing unless given
//
// The key needs the rights Send and Listen. The queues are those of emulator-config.json, with the same properties: the
// emulator takes the file as it is, in a namespace they have to be made by hand (or by az servicebus queue create). They
// are emptied before every test, so nothing else may use them.

/** A set of queues that have the same properties. */
export type QueueKind =
  /** Locks of one minute, ten deliveries. */
  | "plain"
  /** Locks of five seconds, the shortest that the service has. */
  | "brief"
  /** Locks of five seconds, two deliveries. */
  | "twice"
  /** Dead-letters what expires; messages live for five minutes at most. */
  | "expiring"
  /** Drops duplicates within twenty seconds, the shortest window that the service has. */
  | "unique"
  | "session"
  | "brief-session";

export const BRIEF_LOCK_MS = 5_000;
export const LONGEST_LIFE_MS = 300_000;
export const DUPLICATE_WINDOW_MS = 20_000;

/** Connections besides the shared one; the emulator takes ten of them in all. */
const MAX_CONNECTIONS = 6;

const EMBEDDED = { maxRetries: 0, timeoutInMs: 10_000, retryDelayInMs: 10 } as const;
const REMOTE = { maxRetries: 2, timeoutInMs: 20_000, retryDelayInMs: 500 } as const;

/** Hands out what there is of something; who comes when there is nothing waits for its turn. */
class Pool<T> {
  readonly #free: T[];
  readonly #waiting: ((item: T) => void)[] = [];

  constructor(items: readonly T[]) {
    this.#free = [...items];
  }

  take(): Promise<T> {
    const item = this.#free.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  giveBack(item: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(item);
    else next(item);
  }
}

export interface Target {
  readonly name: string;
  readonly connectionString: string;
  readonly client: ServiceBusClient;
  /** A queue that nobody else uses until it is given back. */
  takeQueue(kind: QueueKind): Promise<string>;
  giveQueueBack(kind: QueueKind, name: string): void;
  /** The name of a queue that does not exist. */
  unknownQueue(): string;
  /** A connection of one's own; at most a few exist at a time. */
  connect(options?: ServiceBusClientOptions): Promise<ServiceBusClient>;
  disconnect(client: ServiceBusClient): Promise<void>;
  stop(): Promise<void>;
}

const CONFIG = parseBrokerConfig(
  readFileSync(new URL("emulator-config.json", import.meta.url), "utf8"),
);

function kindOf(name: string): string {
  return name.slice(0, name.lastIndexOf("-"));
}

async function findServer(): Promise<{
  name: string;
  connectionString: string;
  prefix: string;
  stop: () => Promise<void>;
}> {
  const connectionString = process.env["SERVICEBUS_CONNECTION_STRING"];
  if (connectionString !== undefined && connectionString !== "") {
    const host = /Endpoint=sb:\/\/([^/;]+)/i.exec(connectionString)?.[1] ?? "an unnamed host";
    const prefix = process.env["SERVICEBUS_QUEUE_PREFIX"] ?? "";
    return { name: host, connectionString, prefix, stop: () => Promise.resolve() };
  }
  const broker = await startBrokerProcess({ queues: CONFIG.queues });
  return {
    name: `the embedded broker (process ${broker.pid})`,
    connectionString: broker.connectionString,
    prefix: "",
    stop: () => broker.stop(),
  };
}

async function startTarget(): Promise<Target> {
  const { name, connectionString, prefix, stop } = await findServer();
  const retryOptions = name.startsWith("the embedded broker") ? EMBEDDED : REMOTE;
  const client = new ServiceBusClient(connectionString, { retryOptions });
  const kinds = new Map<string, Pool<string>>();
  for (const kind of new Set(CONFIG.queues.map((queue) => kindOf(queue.name)))) {
    const queues = CONFIG.queues.filter((queue) => kindOf(queue.name) === kind);
    kinds.set(kind, new Pool(queues.map((queue) => `${prefix}${queue.name}`)));
  }
  const queuesOf = (kind: QueueKind): Pool<string> => {
    const pool = kinds.get(kind);
    if (pool === undefined) throw new Error(`emulator-config.json has no queue '${kind}-1'`);
    return pool;
  };
  const connections = new Pool(Array.from({ length: MAX_CONNECTIONS }, (_, index) => index));
  const open = new Map<ServiceBusClient, number>();
  return {
    name,
    connectionString,
    client,
    takeQueue: (kind) => queuesOf(kind).take(),
    giveQueueBack: (kind, queue) => queuesOf(kind).giveBack(queue),
    unknownQueue: () => `${prefix}nowhere-${randomUUID().slice(0, 8)}`,
    connect: async (options) => {
      const connection = await connections.take();
      const own = new ServiceBusClient(connectionString, { retryOptions, ...options });
      open.set(own, connection);
      return own;
    },
    disconnect: async (own) => {
      await own.close().catch(() => undefined);
      const connection = open.get(own);
      open.delete(own);
      if (connection !== undefined) connections.giveBack(connection);
    },
    stop: async () => {
      await client.close();
      await stop();
    },
  };
}

let running: Promise<Target> | undefined;

/** The target of this run, started on the first call. */
export function target(): Promise<Target> {
  running ??= startTarget();
  return running;
}

export async function stopTarget(): Promise<void> {
  const started = await running;
  running = undefined;
  await started?.stop();
}
