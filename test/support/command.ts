import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const DIST =
  process.env["HYBRID_TEST_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url));
/** The command line of the built project. */
export const MAIN = join(DIST, "agent/cli/main.js");
const READY_TIMEOUT_MS = 30_000;

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `hybrid-agent <args>` to its end, or until it is killed: it gets no chance to put anything in order. */
export async function runCommand(
  args: readonly string[],
  { env = {}, killOn }: { readonly env?: NodeJS.ProcessEnv; readonly killOn?: AbortSignal } = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  killOn?.addEventListener("abort", () => child.kill("SIGKILL"));
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function collect(stream: NodeJS.ReadableStream): { text(): string } {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return { text: () => Buffer.concat(chunks).toString("utf8") };
}

export interface LogLine {
  readonly event: string;
  readonly level: string;
  readonly [field: string]: unknown;
}

/** An agent in a process of its own, as an operator runs it. */
export interface AgentProcess {
  readonly pid: number;
  /** What it has logged so far. */
  readonly log: readonly LogLine[];
  /** Waits until it has logged this event. */
  logged(event: string): Promise<LogLine>;
  kill(signal: NodeJS.Signals): Promise<number | null>;
  isAlive(): boolean;
}

/** Starts `hybrid-agent run` and waits until it is ready. */
export async function startAgent(
  configPath: string,
  { env = {} }: { readonly env?: NodeJS.ProcessEnv } = {},
): Promise<AgentProcess> {
  const child: ChildProcess = spawn(process.execPath, [MAIN, "run", "--config", configPath], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  const log: LogLine[] = [];
  const waiting: { readonly event: string; readonly resolve: (line: LogLine) => void }[] = [];
  if (child.stderr === null) throw new Error("the agent has no standard error");
  createInterface({ input: child.stderr }).on("line", (text) => {
    const line = parseLine(text);
    log.push(line);
    for (const { event, resolve } of waiting) if (event === line.event) resolve(line);
  });
  const exit = once(child, "exit");
  const ready = once(child, "message", { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
  ready.catch(() => undefined);
  await Promise.race([
    ready,
    exit.then(([code]) => {
      throw new Error(`the agent ended with ${code}: ${JSON.stringify(log)}`);
    }),
  ]);
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? 0,
    log,
    isAlive,
    logged: (event) => {
      const known = log.find((line) => line.event === event);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve) => waiting.push({ event, resolve }));
    },
    kill: async (signal) => {
      if (isAlive()) child.kill(signal);
      await exit;
      return child.exitCode;
    },
  };
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { event: "not JSON", level: "error", text };
  }
}
