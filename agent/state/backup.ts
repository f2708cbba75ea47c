import { existsSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { AgentError } from "../core/error.ts";
import type { Sqlite } from "./sqlite.ts";
import { stateError } from "./state-error.ts";

/** Only its owner reads and writes it: it holds what is known of people. */
export const FILE_MODE = 0o600;

/**
 * Writes all that is committed into a new file, which appears when it is complete and on the disk. Others may read and write
 * meanwhile; this process is blocked (libsql has no online backup, so this is VACUUM INTO).
 * @throws AgentError `input.invalid` when the file is there already, `state.unavailable`
 */
export async function writeBackup(sqlite: Sqlite, file: string): Promise<void> {
  if (existsSync(file)) {
    throw new AgentError("input.invalid", `${file} is there already`, {
      hint: "a backup never replaces a file",
    });
  }
  const partial = `${file}.${process.pid}.partial`;
  try {
    // VACUUM INTO takes an empty file, and with it its rights.
    await (await open(partial, "w", FILE_MODE)).close();
    sqlite.run("VACUUM INTO ?", [partial]);
    const written = await open(partial, "r+");
    await written.sync().finally(() => written.close());
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw unavailable(error, file);
  }
}

function unavailable(error: unknown, file: string): unknown {
  if (error instanceof AgentError) return error;
  if (error instanceof Error && "syscall" in error) {
    return new AgentError("state.unavailable", `${file} cannot be written`, { cause: error });
  }
  return stateError(error, file);
}
