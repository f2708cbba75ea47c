import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { AgentError } from "../core/error.ts";

/** Time a part of the demo has to say that it is ready. */
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;

/** One part of the demo in a process of its own: broker and client would otherwise share what the client patches. */
export class DemoProcess {
  readonly #name: string;
  readonly #child: ChildProcess;

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
  }

  /**
   * Starts `hybrid-agent <args>`; its log lines go to `onLine`.
   * @returns the process, and what it said when it was ready
   * @throws AgentError `internal` when it ends before, or is not ready in time
   */
  static async start<Facts>(
    args: readonly string[],
    options: {
      readonly name: string;
      readonly env: NodeJS.ProcessEnv;
      readonly onLine: (line: string) => void;
    },
  ): Promise<{ readonly process: DemoProcess; readonly facts: Facts }> {
    const { name, env, onLine } = options;
    const [, script = ""] = process.argv;
    // Own process group: an interrupt from the terminal reaches the demo alone, which stops its parts in order.
    const child = fork(script, [...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: true,
    });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", onLine);
    }
    const started = new DemoProcess(name, child);
    const ready = once(child, "message", { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
    const ended = once(child, "exit").then(([code]) => {
      throw new AgentError("internal", `the demo's ${name} ended with exit code ${code}`);
    });
    ended.catch(() => undefined);
    try {
      const [facts] = await Promise.race([ready, ended]);
      return { process: started, facts: facts as Facts };
    } catch (error) {
      await started.stop();
      if (error instanceof AgentError) throw error;
      throw new AgentError("internal", `the demo's ${name} was not ready in time`, {
        cause: error,
      });
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Asks it something; one question at a time.
   * @throws AgentError `internal` when no answer comes in time
   */
  async ask<Answer>(question: object): Promise<Answer> {
    const answer = once(this.#child, "message", { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
    this.#child.send(question);
    try {
      const [facts] = await answer;
      return facts as Answer;
    } catch (cause) {
      throw new AgentError("internal", `the demo's ${this.#name} does not answer`, { cause });
    }
  }

  /** Asks it to stop, and ends it when it does not. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exit;
    clearTimeout(timer);
  }

  toString(): string {
    return `${this.#name} (pid ${this.pid})`;
  }
}
