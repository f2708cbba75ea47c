import { randomBytes, randomUUID } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { AgentError } from "../../core/error.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Peer } from "./peer.ts";
import { Queue } from "./queue.ts";
import type { QueueStats } from "./queue-contract.ts";
import {
  completeQueue,
  type DeclaredQueue,
  MAX_QUEUES,
  type QueueDeclaration,
  repeatedNames,
} from "./queue-declaration.ts";
import type { AccessRule } from "./sas.ts";

export interface BrokerOptions {
  readonly queues: readonly QueueDeclaration[];
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Address to listen on; loopback unless given. */
  readonly host?: string;
  readonly keyName?: string;
  /** The shared access key; a random one for every start unless given. */
  readonly key?: string;
  /** Largest message with its properties, in bytes; 256 KiB unless given, as in the Standard tier. */
  readonly maxMessageBytes?: number;
  /** False lifts the emulator's bounds on durations and counts (short locks in tests). */
  readonly strict?: boolean;
}

/** A queue of a running broker, seen from inside its process. */
interface BrokerQueue {
  stats(): QueueStats;
}

export interface Broker {
  readonly port: number;
  /** For `new ServiceBusClient(…)`; contains the key. */
  readonly connectionString: string;
  /**
   * @param name without regard to case
   * @throws AgentError `bus.missing`
   */
  queue(name: string): BrokerQueue;
  /** Cuts all connections and forgets all messages. */
  close(): Promise<void>;
}

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_KEY_NAME = "RootManageSharedAccessKey";
const KEY_BYTES = 32;
const DEFAULT_MAX_MESSAGE_BYTES = 256 * 1024;
const SWEEP_INTERVAL_MS = 50;
const MAX_CONNECTIONS = 1_000;

function completeQueues({ queues, strict = true }: BrokerOptions): DeclaredQueue[] {
  const problems: string[] = [];
  const completed = queues.map((declaration, index) => {
    const result = completeQueue(declaration, {
      strict,
      path: (property) => `queues[${index}].${property}`,
    });
    problems.push(...result.problems);
    return result.queue;
  });
  for (const name of repeatedNames(queues.map((queue) => queue.name))) {
    problems.push(`queues: '${name}' is declared twice`);
  }
  if (queues.length > MAX_QUEUES) problems.push(`queues: there may be at most ${MAX_QUEUES}`);
  if (problems.length > 0) {
    throw new AgentError("config.invalid", `the broker's queues are wrong: ${problems.join("; ")}`);
  }
  return completed;
}

/** The queues of one broker with their dispatchers, by name in lower case. */
class Entities {
  readonly #queues = new Map<string, Dispatcher>();
  readonly #deadLetterQueues = new Map<string, Dispatcher>();

  constructor(declared: readonly DeclaredQueue[], now: () => number) {
    for (const { name, ...properties } of declared) {
      const queue = new Queue(name, properties, { now, createLockToken: randomUUID });
      this.#queues.set(name.toLowerCase(), new Dispatcher(queue));
      if (queue.deadLetterQueue === undefined) continue;
      this.#deadLetterQueues.set(name.toLowerCase(), new Dispatcher(queue.deadLetterQueue));
    }
  }

  find(queue: string, deadLetter: boolean): Dispatcher | undefined {
    return (deadLetter ? this.#deadLetterQueues : this.#queues).get(queue);
  }

  sweep(): void {
    for (const { queue } of this.#queues.values()) queue.sweep();
  }
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `the broker cannot listen on ${host}:${port}`;
      reject(new AgentError("bus.unreachable", message, { cause, hint: "is the port taken?" }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/** How clients reach a broker that listens on `host`. */
function endpoint(host: string, port: number): string {
  const reachable = host === "0.0.0.0" || host === "::" ? DEFAULT_HOST : host;
  return `sb://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

/**
 * Starts a Service Bus broker (AMQP 1.0) in this process: queues, dead-letter queues, sessions, `$cbs` and
 * `$management`, all in memory. A client that patches rhea must live in another process.
 * @throws AgentError `config.invalid` for the queues, `bus.unreachable` when it cannot listen
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { port = 0, host = DEFAULT_HOST, keyName = DEFAULT_KEY_NAME } = options;
  const key = options.key ?? randomBytes(KEY_BYTES).toString("base64");
  const maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  const rules: readonly AccessRule[] = [{ keyName, key }];
  const now = (): number => Date.now();
  const entities = new Entities(completeQueues(options), now);
  const containerId = randomUUID();
  const peers = new Set<Peer>();
  let connections = 0;

  const accept = (socket: Socket): void => {
    connections += 1;
    const peer = new Peer(
      socket,
      {
        id: `${containerId}/${connections}`,
        containerId,
        rules,
        maxMessageBytes,
        now,
        find: (queue, deadLetter) => entities.find(queue, deadLetter),
        failed: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
      },
      () => peers.delete(peer),
    );
    peers.add(peer);
  };

  const server = createServer(accept);
  server.maxConnections = MAX_CONNECTIONS;
  const listening = await listen(server, port, host);
  const sweep = setInterval(() => {
    entities.sweep();
    for (const peer of peers) peer.sweep();
  }, SWEEP_INTERVAL_MS);
  sweep.unref();

  return {
    port: listening,
    connectionString: `Endpoint=${endpoint(host, listening)};SharedAccessKeyName=${keyName};SharedAccessKey=${key};UseDevelopmentEmulator=true;`,
    queue: (name) => {
      const dispatcher = entities.find(name.toLowerCase(), false);
      if (dispatcher === undefined) {
        throw new AgentError("bus.missing", `the broker has no queue '${name}'`);
      }
      return { stats: () => dispatcher.queue.stats() };
    },
    close: async () => {
      clearInterval(sweep);
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const peer of peers) peer.destroy();
      await closed;
    },
  };
}
