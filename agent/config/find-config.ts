import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { AgentError } from "../core/error.ts";
import type { Environment } from "./secret.ts";

/** Whose configuration: each has a variable, a name, and an example to begin with. */
const FILES = {
  agent: {
    variable: "HYBRID_AGENT_CONFIG",
    name: "agent.yaml",
    example: "agent.example.yaml",
  },
  provisioning: {
    variable: "HYBRID_PROVISIONING_CONFIG",
    name: "provisioning.yaml",
    example: "config/provisioning.example.yaml",
  },
} as const;

type FileKind = keyof typeof FILES;

const OF_MACHINE = "/etc/hybrid-sync-agent";

/**
 * Absolute path of a configuration file: the one that was asked for, else the one that HYBRID_AGENT_CONFIG or
 * HYBRID_PROVISIONING_CONFIG names, else the one in the current folder, else the one in /etc/hybrid-sync-agent. One that was
 * named is never passed over for another.
 * @param explicit value of --config
 * @param cwd folder that relative paths start from
 * @throws AgentError `config.invalid` that lists the places when there is no file
 */
export async function findConfig(
  explicit: string | undefined,
  env: Environment,
  cwd: string,
  kind: FileKind = "agent",
): Promise<string> {
  const places = candidates(explicit, env, kind).map(({ path, said }) => ({
    path: resolve(cwd, path),
    said,
  }));
  for (const { path } of places) {
    if (await exists(path)) return path;
  }
  const list = places.map(({ path, said }) => `  ${path} (${said})`).join("\n");
  throw new AgentError("config.invalid", `no configuration file, looked at:\n${list}`, {
    hint: `copy ${FILES[kind].example} and say where it is with --config`,
  });
}

interface Candidate {
  readonly path: string;
  /** Who named it. */
  readonly said: string;
}

function candidates(
  explicit: string | undefined,
  env: Environment,
  kind: FileKind,
): readonly Candidate[] {
  if (explicit !== undefined) return [{ path: explicit, said: "--config" }];
  const { variable, name } = FILES[kind];
  const named = env[variable];
  if (named !== undefined && named !== "") return [{ path: named, said: variable }];
  return [
    { path: name, said: "current folder" },
    { path: `${OF_MACHINE}/${name}`, said: "this machine" },
  ];
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    // Whatever else keeps it from being read is said when it is read.
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
  );
}
