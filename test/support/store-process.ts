import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Folder of the built project; another one for a build of one's own. */
const DIST =
  process.env["HYBRID_TEST_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url));
const CHILD = fileURLToPath(new URL("store-child.mjs", import.meta.url));

type Line = Readonly<Record<string, unknown>>;

/** A process that uses a state file, until it is killed. */
export class StoreProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** @param options `fileBlocks`: 512-byte blocks beyond which the system lets no file of it grow */
  constructor(
    file: string,
    task: "lease" | "write",
    { fileBlocks, ...options }: Line & { readonly fileBlocks?: number },
  ) {
    if (!existsSync(join(DIST, "agent", "state"))) {
      throw new Error(`no build in ${DIST}: run "npm run build"`);
    }
    const args = [CHILD, DIST, file, task, JSON.stringify(options)];
    const stdio = ["ignore", "pipe", "inherit"] as const;
    const limited = ["-c", `ulimit -f ${fileBlocks}; exec "$0" "$@"`, process.execPath, ...args];
    this.#child =
      fileBlocks === undefined
        ? spawn(process.execPath, args, { stdio: [...stdio] })
        : spawn("/bin/sh", limited, { stdio: [...stdio] });
    if (this.#child.stdout === null) throw new Error("no output");
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async line(): Promise<Line> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the process ended");
    return JSON.parse(value) as Line;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }
}
