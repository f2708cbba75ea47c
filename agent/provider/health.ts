import { AgentError } from "../core/error.ts";
import type { Clock } from "../ports.ts";
import type { ServedDirectory } from "./served-directory.ts";

/** Time a directory has to answer a health check. */
const DIRECTORY_TIMEOUT_MS = 5_000;

export interface AgentIdentity {
  readonly name: string;
  readonly version: string;
  /** Fingerprint of what decides the answers. */
  readonly configuration: string;
}

export interface DirectoryHealth {
  readonly name: string;
  readonly reachable: boolean;
  /** The error code when it is not. */
  readonly problem?: string;
}

export interface AgentHealth {
  readonly status: "ok" | "degraded";
  readonly agent: { readonly name: string; readonly version: string };
  readonly configuration: string;
  readonly uptimeSeconds: number;
  readonly directories: readonly DirectoryHealth[];
}

export interface HealthOptions {
  readonly agent: AgentIdentity;
  readonly served: readonly ServedDirectory[];
  readonly clock: Clock;
  /** As of `clock`. */
  readonly startedAt: number;
}

/** How the agent is: asks each directory for its root DSE. Never throws for a directory that does not answer. */
export async function readHealth(
  options: HealthOptions,
  signal: AbortSignal,
): Promise<AgentHealth> {
  const { agent, served, clock, startedAt } = options;
  const directories = await Promise.all(served.map((one) => checkDirectory(one, signal)));
  return {
    status: directories.every(({ reachable }) => reachable) ? "ok" : "degraded",
    agent: { name: agent.name, version: agent.version },
    configuration: agent.configuration,
    uptimeSeconds: Math.floor((clock.now() - startedAt) / 1000),
    directories,
  };
}

async function checkDirectory(
  { directory }: ServedDirectory,
  signal: AbortSignal,
): Promise<DirectoryHealth> {
  const { name } = directory;
  const timeout = AbortSignal.timeout(DIRECTORY_TIMEOUT_MS);
  try {
    await directory.rootDse(AbortSignal.any([signal, timeout]));
    return { name, reachable: true };
  } catch (error) {
    if (error instanceof AgentError) return { name, reachable: false, problem: error.code };
    if (timeout.aborted) return { name, reachable: false, problem: "directory.unreachable" };
    throw error;
  }
}
