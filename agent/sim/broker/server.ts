import { randomBytes, randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { AgentError } from "../../core/error.ts";
import {
  type AccessRule,
  completeRule,
  type KeyKind,
  RIGHTS,
  type RuleDeclaration,
  type RuleSelector,
  ruleProblems,
} from "./access-rule.ts";
import { Entities } from "./entities.ts";
import { FaultPlan } from "./fault-plan.ts";
import { type BrokerFaults, Faults } from "./faults.ts";
import {
  type ListenerKind,
  type ListenerPort,
  Listeners,
  type TlsOptions,
  type WebSocketOptions,
} from "./listeners.ts";
import { Peer } from "./peer.ts";
import type { QueueStats } from "./queue-contract.ts";
import {
  completeQueue,
  type DeclaredQueue,
  MAX_QUEUES,
  type QueueDeclaration,
  repeatedNames,
} from "./queue-declaration.ts";

export interface BrokerOptions {
  readonly queues: readonly QueueDeclaration[];
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Address to listen on; loopback unless given. */
  readonly host?: string;
  /** AMQP over TLS, beside plain AMQP. */
  readonly tls?: TlsOptions;
  /** AMQP over WebSocket: `ws`, and `wss` when there is a certificate. */
  readonly webSocket?: WebSocketOptions;
  /** Name of the policy with all rights; `RootManageSharedAccessKey` unless given. */
  readonly keyName?: string;
  /** Its primary key; a random one for every start unless given. */
  readonly key?: string;
  /** More shared access policies, of the namespace or of a queue. */
  readonly rules?: readonly RuleDeclaration[];
  /** With this key tokens of type `jwt` have to be signed (HS256); without it all of them are refused. */
  readonly jwtKey?: string;
  /** Largest message with its properties, in bytes; 256 KiB unless given, as in the Standard tier. */
  readonly maxMessageBytes?: number;
  /** False lifts the emulator's bounds on durations and counts (short locks in tests). */
  readonly strict?: boolean;
  /** How long a connection may take to open and to put its first token; 20 seconds unless given, as in the service. */
  readonly authenticationMs?: number;
}

/** Which policy, key and listener a connection string is for. */
export interface ConnectionStringOptions extends Partial<RuleSelector> {
  /** `primary` unless given. */
  readonly key?: KeyKind;
  /** `amqp` unless given. The client library takes the same string for `wss`, together with its `webSocketOptions`. */
  readonly listener?: ListenerKind;
}

/** A queue of a running broker, seen from inside its process. */
interface BrokerQueue {
  stats(): QueueStats;
}

export interface Broker {
  /** Of plain AMQP. */
  readonly port: number;
  readonly listeners: readonly ListenerPort[];
  /** For `new ServiceBusClient(…)`, with all rights; contains the key. */
  readonly connectionString: string;
  /**
   * The same for another policy, its other key or another listener, without `EntityPath`. Of several policies of one
   * name it is the key of the first.
   * @throws AgentError `usage` when there is no such policy or listener
   */
  connectionStringFor(options: ConnectionStringOptions): string;
  /**
   * Replaces a key of all policies that are meant. Links live on until their token expires; the next token signed with the old key is
   * refused.
   * @throws AgentError `usage` when there is no such policy
   */
  setKey(selector: RuleSelector, kind: KeyKind, key: string): void;
  /**
   * @param name without regard to case
   * @throws AgentError `bus.missing`
   */
  queue(name: string): BrokerQueue;
  /** What can be made to go wrong, for tests. */
  readonly faults: BrokerFaults;
  /** Cuts all connections and forgets all messages. */
  close(): Promise<void>;
}

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_KEY_NAME = "RootManageSharedAccessKey";
const KEY_BYTES = 32;
const DEFAULT_MAX_MESSAGE_BYTES = 256 * 1024;
const SWEEP_INTERVAL_MS = 50;
/** Of all listeners together. */
const MAX_CONNECTIONS = 1_000;
const AUTHENTICATION_MS = 20_000;

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

/** How clients reach a broker that listens on `host`. */
function endpoint(host: string, port: number): string {
  const reachable = host === "0.0.0.0" || host === "::" ? DEFAULT_HOST : host;
  return `sb://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

function completeRules(options: BrokerOptions): AccessRule[] {
  const { queues, rules = [], keyName: name = DEFAULT_KEY_NAME } = options;
  const key = options.key ?? randomBytes(KEY_BYTES).toString("base64");
  const root: RuleDeclaration = { name, rights: RIGHTS, primaryKey: key };
  const all = [root, ...rules];
  const problems = ruleProblems(
    all,
    queues.map((queue) => queue.name),
  );
  if (problems.length > 0) {
    const list = problems.map(({ index, problem }) => `rules[${index - 1}]: ${problem}`);
    throw new AgentError("config.invalid", `the broker's rules are wrong: ${list.join("; ")}`);
  }
  return all.map((rule) => completeRule(rule, key));
}

/** @throws AgentError `usage` when there is none */
function findRules(rules: readonly AccessRule[], { rule, queue }: RuleSelector): AccessRule[] {
  const found = rules.filter(
    ({ name, queue: at }) => name === rule && (queue === undefined || at === queue.toLowerCase()),
  );
  if (found.length > 0) return found;
  const where = queue === undefined ? "" : ` at the queue '${queue}'`;
  throw new AgentError("usage", `the broker has no rule '${rule}'${where}`);
}

/**
 * Starts a Service Bus broker (AMQP 1.0) in this process: queues, dead-letter queues, sessions, `$cbs` and
 * `$management`, all in memory. A client that patches rhea must live in another process.
 * @throws AgentError `config.invalid` for queues, rules and certificate, `bus.unreachable` when it cannot listen
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { port = 0, host = DEFAULT_HOST, keyName = DEFAULT_KEY_NAME } = options;
  const entities = new Entities(completeQueues(options), () => Date.now());
  const rules = completeRules(options);
  const peers = new Set<Peer>();
  const plan = new FaultPlan();
  const cutAll = (): void => {
    for (const peer of peers) peer.cut();
  };
  const accept = acceptor(options, { entities, rules, peers, plan, cutAll });
  const listeners = await Listeners.open({
    host,
    port,
    tls: options.tls,
    webSocket: options.webSocket,
    handshakeMs: options.authenticationMs ?? AUTHENTICATION_MS,
    accept,
  });
  const sweep = setInterval(() => {
    entities.sweep();
    for (const peer of peers) peer.sweep();
  }, SWEEP_INTERVAL_MS);
  sweep.unref();

  const connectionStringFor = (wanted: ConnectionStringOptions): string => {
    const { rule = keyName, queue, key = "primary", listener = "amqp" } = wanted;
    const [found] = findRules(rules, { rule, ...(queue === undefined ? {} : { queue }) });
    const at = listeners.ports.find(({ kind }) => kind === listener);
    if (at === undefined || found === undefined) {
      throw new AgentError("usage", `the broker has no ${listener} listener`);
    }
    const plain = listener === "amqp" ? "UseDevelopmentEmulator=true;" : "";
    return `Endpoint=${endpoint(host, at.port)};SharedAccessKeyName=${found.name};SharedAccessKey=${found.keys[key]};${plain}`;
  };

  return {
    port: listeners.ports[0]?.port ?? port,
    listeners: listeners.ports,
    get connectionString() {
      return connectionStringFor({});
    },
    connectionStringFor,
    setKey: (selector, kind, key) => {
      for (const rule of findRules(rules, selector)) rule.keys[kind] = key;
    },
    queue: (name) => {
      const dispatcher = entities.find(name.toLowerCase(), false);
      if (dispatcher === undefined) {
        throw new AgentError("bus.missing", `the broker has no queue '${name}'`);
      }
      return { stats: () => dispatcher.queue.stats() };
    },
    faults: new Faults(plan, peers),
    close: async () => {
      clearInterval(sweep);
      cutAll();
      await listeners.close();
    },
  };
}

interface BrokerParts {
  readonly entities: Entities;
  readonly rules: readonly AccessRule[];
  readonly peers: Set<Peer>;
  readonly plan: FaultPlan;
  readonly cutAll: () => void;
}

/** Makes a peer of every connection that comes. */
function acceptor(
  options: BrokerOptions,
  { entities, rules, peers, plan, cutAll }: BrokerParts,
): (stream: Duplex) => void {
  const containerId = randomUUID();
  let connections = 0;
  return (stream) => {
    stream.on("error", () => undefined);
    if (peers.size >= MAX_CONNECTIONS) {
      stream.destroy();
      return;
    }
    connections += 1;
    const peer = new Peer(
      stream,
      {
        id: `${containerId}/${connections}`,
        number: connections,
        plan,
        cutAll,
        containerId,
        rules,
        jwtKey: options.jwtKey,
        maxMessageBytes: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
        authenticationMs: options.authenticationMs ?? AUTHENTICATION_MS,
        now: () => Date.now(),
        find: (queue, deadLetter) => entities.find(queue, deadLetter),
        failed: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
      },
      () => peers.delete(peer),
    );
    peers.add(peer);
  };
}
