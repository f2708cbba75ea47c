import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { QueueStats } from "../../agent/sim/broker/queue-contract.ts";
import type { BrokerOptions } from "../../agent/sim/broker/server.ts";

/** A broker in a process of its own, since a client that patches rhea would patch the broker's too. */
export interface BrokerProcess {
  readonly connectionString: string;
  readonly port: number;
  readonly pid: number;
  stats(queue: string): Promise<QueueStats>;
  stop(): Promise<void>;
  /** Sends a signal (SIGKILL: crash, SIGSTOP: freeze, SIGCONT: thaw) and, for the deadly ones, waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Folder of the built project; another one for a build of one's own. */
const DIST =
  process.env["HYBRID_TEST_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url));
const CHILD = fileURLToPath(new URL("broker-child.mjs", import.meta.url));
const START_TIMEOUT_MS = 20_000;
const STATS_TIMEOUT_MS = 5_000;
const SURVIVED: readonly NodeJS.Signals[] = ["SIGSTOP", "SIGCONT"];

interface StatsReply {
  readonly id: number;
  readonly stats?: QueueStats;
  readonly error?: string;
}

interface Ready {
  readonly port: number;
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
  const child = spawn(process.execPath, [CHILD, server, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  const ready = await readReady(child);
  const waiting = new Map<number, (reply: StatsReply) => void>();
  let requests = 0;
  child.on("message", (reply: StatsReply) => {
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  });

  const stats = async (queue: string): Promise<QueueStats> => {
    requests += 1;
    const id = requests;
    const reply = await new Promise<StatsReply>((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(id);
        reject(new Error("the broker process does not answer"));
      }, STATS_TIMEOUT_MS);
      waiting.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      child.send({ id, queue });
    });
    if (reply.stats === undefined) throw new Error(reply.error);
    return reply.stats;
  };

  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    if (!SURVIVED.includes(signal)) await exited;
  };

  return { ...ready, pid: child.pid ?? 0, stats, kill, stop: () => kill("SIGKILL") };
}
