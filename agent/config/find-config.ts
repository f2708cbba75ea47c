import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { AgentError } from "../core/error.ts";
import type { Environment } from "./secret.ts";

const VARIABLE = "HYBRID_AGENT_CONFIG";
const IN_FOLDER = "agent.yaml";
const OF_MACHINE = "/etc/hybrid-sync-agent/agent.yaml";

/**
 * Absolute path of the configuration file: the one that was asked for, else the one that HYBRID_AGENT_CONFIG names,
 * else ./agent.yaml, else /etc/hybrid-sync-agent/agent.yaml. One that was named is never passed over for another.
 * @param explicit value of --config
 * @param cwd folder that relative paths start from
 * @throws AgentError `config.invalid` that lists the places when there is no file
 */
export async function findConfig(
  explicit: string | undefined,
  env: Environment,
  cwd: string,
): Promise<string> {
  const places = candidates(explicit, env).map(({ path, said }) => ({
    path: resolve(cwd, path),
    said,
  }));
  for (const { path } of places) {
    if (await exists(path)) return path;
  }
  const list = places.map(({ path, said }) => `  ${path} (${said})`).join("\n");
  throw new AgentError("config.invalid", `no configuration file, looked at:\n${list}`, {
    hint: "copy agent.example.yaml and say where it is with --config",
  });
}

interface Candidate {
  readonly path: string;
  /** Who named it. */
  readonly said: string;
}

function candidates(explicit: string | undefined, env: Environment): readonly Candidate[] {
  if (explicit !== undefined) return [{ path: explicit, said: "--config" }];
  const named = env[VARIABLE];
  if (named !== undefined && named !== "") return [{ path: named, said: VARIABLE }];
  return [
    { path: IN_FOLDER, said: "current folder" },
    { path: OF_MACHINE, said: "this machine" },
  ];
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    // Whatever else keeps it from being read is said when it is read.
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
  );
}
