import { AgentError } from "../core/error.ts";
import { writeLine } from "./output.ts";

const KEEP_ALIVE_MS = 3_600_000;

/** Reads the value of an option; what is no such number is `usage`. */
export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new AgentError("usage", `${text} is not a whole number from ${least} to ${most}`);
  };
}

/**
 * Tells whoever started a simulator how to reach it (a parent process, a program that reads JSON, or a person), and waits
 * until somebody asks the process to stop, or the process that started it is gone.
 */
export async function announceUntilStopped(
  facts: Readonly<Record<string, unknown>>,
  json: boolean | undefined,
  lines: readonly string[],
): Promise<void> {
  // Keeps the process alive where the servers do not.
  const alive = setInterval(() => undefined, KEEP_ALIVE_MS);
  // Before it is announced: whoever reads that may stop it at once.
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
    if (process.connected) process.once("disconnect", () => resolve());
  });
  try {
    if (process.send !== undefined) process.send(facts);
    else if (json === true) await writeLine(JSON.stringify(facts));
    else await writeLine([...lines, "Ctrl+C stops it"].join("\n"));
    await stopped;
  } finally {
    clearInterval(alive);
  }
}
