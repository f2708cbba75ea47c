import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { KeyKind, RuleSelector } from "../../agent/sim/broker/access-rule.ts";
import type { Fault, RandomFaults } from "../../agent/sim/broker/fault.ts";
import type { FaultCount } from "../../agent/sim/broker/fault-plan.ts";
import type { ConnectionView } from "../../agent/sim/broker/faults.ts";
import type { ListenerPort } from "../../agent/sim/broker/listeners.ts";
import type { LinkFilter } from "../../agent/sim/broker/peer-links.ts";
import type { QueueStats } from "../../agent/sim/broker/queue-contract.ts";
import type { Refusal } from "../../agent/sim/broker/refusal.ts";
import type { BrokerOptions, ConnectionStringOptions } from "../../agent/sim/broker/server.ts";

/** `ArmedFault` of another process. */
export interface RemoteFault {
  hits(): Promise<number>;
  /** Resolves when it has struck `count` times, once unless given. */
  hit(count?: number): Promise<void>;
  disarm(): Promise<void>;
}

/** `BrokerFaults` of another process. */
export interface RemoteFaults {
  arm(fault: Fault): Promise<RemoteFault>;
  random(options: RandomFaults): Promise<RemoteFault>;
  counts(): Promise<FaultCount[]>;
  clear(): Promise<void>;
  kill(filter?: LinkFilter): Promise<number>;
  freeze(filter?: LinkFilter, options?: { readonly ms?: number }): Promise<number>;
  thaw(): Promise<number>;
  detach(filter?: LinkFilter, error?: Refusal): Promise<number>;
  connections(): Promise<ConnectionView[]>;
}

/** A broker in a process of its own, since a client that patches rhea would patch the broker's too. */
export interface BrokerProcess {
  readonly connectionString: string;
  readonly port: number;
  readonly listeners: readonly ListenerPort[];
  readonly pid: number;
  stats(queue: string): Promise<QueueStats>;
  readonly faults: RemoteFaults;
  /** Memory that is in use, garbage left aside. */
  heapBytes(): Promise<number>;
  /** `Broker.connectionStringFor` */
  connectionStringFor(options: ConnectionStringOptions): Promise<string>;
  /** `Broker.setKey` */
  setKey(selector: RuleSelector, kind: KeyKind, key: string): Promise<void>;
  stop(): Promise<void>;
  /** Sends a signal (SIGKILL: crash, SIGSTOP: freeze, SIGCONT: thaw) and, for the deadly ones, waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Folder of the built project; another one for a build of one's own. */
const DIST =
  process.env["HYBRID_TEST_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url));
const CHILD = fileURLToPath(new URL("broker-child.mjs", import.meta.url));
const START_TIMEOUT_MS = 20_000;
const CALL_TIMEOUT_MS = 5_000;
/** A fault may strike late in a test. */
const HIT_TIMEOUT_MS = 120_000;
const SURVIVED: readonly NodeJS.Signals[] = ["SIGSTOP", "SIGCONT"];

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Calls what broker-child.mjs offers. */
class ChildCalls {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #calls = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (reply: Reply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    child.on("exit", () => {
      for (const [id, answer] of this.#waiting) answer({ id, error: "the broker process ended" });
      this.#waiting.clear();
    });
  }

  async call<T>(name: string, args: readonly unknown[] = [], ms = CALL_TIMEOUT_MS): Promise<T> {
    this.#calls += 1;
    const id = this.#calls;
    const reply = await new Promise<Reply>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error("the broker process does not answer"));
      }, ms);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#child.send({ id, call: name, args }, (error) => {
        if (error !== null) this.#waiting.get(id)?.({ id, error: error.message });
      });
    });
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply.value as T;
  }

  faults(): RemoteFaults {
    const armed = (id: number): RemoteFault => ({
      hits: () => this.call("hits", [id]),
      hit: (count) => this.call("hit", [id, count], HIT_TIMEOUT_MS),
      disarm: () => this.call("disarm", [id]),
    });
    return {
      arm: async (fault) => armed(await this.call("arm", [fault])),
      random: async (options) => armed(await this.call("random", [options])),
      counts: () => this.call("counts"),
      clear: () => this.call("clear"),
      kill: (...args) => this.call("kill", args),
      freeze: (...args) => this.call("freeze", args),
      thaw: () => this.call("thaw"),
      detach: (...args) => this.call("detach", args),
      connections: () => this.call("connections"),
    };
  }
}

interface Ready {
  readonly port: number;
  readonly listeners: readonly ListenerPort[];
  readonly connectionString: string;
}

async function readReady(child: ChildProcess): Promise<Ready> {
  if (child.stdout === null) throw new Error("the broker process has no output");
  const lines = createInterface({ input: child.stdout });
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  try {
    const [line] = (await Promise.race([
      once(lines, "line", { signal }),
      once(child, "exit").then(([code]) => {
        throw new Error(`the broker process ended with ${code}`);
      }),
    ])) as [string];
    return JSON.parse(line) as Ready;
  } finally {
    lines.close();
    child.stdout.resume();
  }
}

/** @throws Error when the project is not built, or the broker does not start */
export async function startBrokerProcess(options: BrokerOptions): Promise<BrokerProcess> {
  const server = join(DIST, "agent/sim/broker/server.js");
  if (!existsSync(server)) throw new Error(`${server} is missing: run npm run build`);
  const child = spawn(process.execPath, ["--expose-gc", CHILD, server, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    // Keeps undefined and Infinity apart from null.
    serialization: "advanced",
  });
  const exited = once(child, "exit");
  const ready = await readReady(child);
  const calls = new ChildCalls(child);

  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    if (!SURVIVED.includes(signal)) await exited;
  };

  return {
    ...ready,
    pid: child.pid ?? 0,
    stats: (queue) => calls.call("stats", [queue]),
    faults: calls.faults(),
    heapBytes: () => calls.call("heapBytes"),
    connectionStringFor: (wanted) => calls.call("connectionString", [wanted]),
    setKey: (...args) => calls.call("setKey", args),
    kill,
    stop: () => kill("SIGKILL"),
  };
}
