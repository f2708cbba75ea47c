import { type AgentConfig, type DirectoryConfig, loadConfig } from "../config/agent-config.ts";
import { findConfig } from "../config/find-config.ts";
import { AgentError } from "../core/error.ts";
import type { ServedDirectory } from "../provider/served-directory.ts";
import { serveDirectories } from "../service/directories.ts";
import { type OpenLog, openLog } from "../service/log.ts";

export interface CommandConfig {
  readonly path: string;
  readonly config: AgentConfig;
  readonly fingerprint: string;
}

/** The configuration that a command works with; its warnings go to standard error. */
export async function readConfig(explicit: string | undefined): Promise<CommandConfig> {
  const path = await findConfig(explicit, process.env, process.cwd());
  const { config, fingerprint, warnings } = await loadConfig(path);
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  return { path, config, fingerprint };
}

/** Commands say what they do by what they print; the log is for what went wrong on the way. */
export function openCommandLog(level: "error" | "warn" | "info" | "debug" = "warn"): OpenLog {
  return openLog({ level, console: "auto" });
}

/**
 * The directory that a command is about, for as long as `use` runs and pinned: what is shown is of one server.
 * @throws AgentError `usage` when there is none of this name, or several and no name
 */
export async function withDirectory<T>(
  config: AgentConfig,
  name: string | undefined,
  use: (served: ServedDirectory) => Promise<T>,
): Promise<T> {
  const chosen = chooseDirectoryConfig(config, name);
  const log = openCommandLog();
  const [served] = serveDirectories([chosen], { log });
  if (served === undefined) throw new RangeError("one directory is served");
  try {
    return await use({ ...served, directory: served.directory.pin() });
  } finally {
    await served.directory.close();
    await log.close();
  }
}

/**
 * The directory of the configuration that has this name, or the only one.
 * @throws AgentError `usage` when there is none of this name, or several and no name
 */
export function chooseDirectoryConfig(
  { directories }: AgentConfig,
  name: string | undefined,
): DirectoryConfig {
  const [only, ...others] = directories;
  const found =
    name === undefined && others.length === 0
      ? only
      : directories.find((directory) => directory.name === name);
  if (found !== undefined) return found;
  const problem = name === undefined ? "which directory?" : `there is no directory ${name}`;
  const names = directories.map((directory) => directory.name);
  throw new AgentError("usage", problem, {
    hint: `--directory takes one of: ${names.join(", ")}`,
  });
}

/** Aborted by the first interrupt; the second one ends the process. */
export function interruptSignal(): AbortSignal {
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      interrupted.abort(new AgentError("usage", "interrupted"));
      process.once(name, () => process.exit(130));
    });
  }
  return interrupted.signal;
}
