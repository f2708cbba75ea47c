import { spawn } from "node:child_process";
import { once } from "node:events";
import { MAIN } from "./command.ts";

const READY_TIMEOUT_MS = 30_000;

/** The embedded directory in a process of its own, so that a busy test does not slow it down. */
export interface DirectoryProcess {
  readonly url: string;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Lets so many things happen to the people and groups; one call at a time. */
  drift(changes: number): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Starts `hybrid-agent sim directory` with the people of a made-up company. */
export async function startDirectoryProcess({
  people,
}: {
  readonly people: number;
}): Promise<DirectoryProcess> {
  const bindPassword = "s3cret-of-the-test";
  const args = [MAIN, "sim", "directory", "--port", "0", "--people", String(people)];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, HYBRID_SIM_PASSWORD: bindPassword },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const exit = once(child, "exit");
  const [facts] = await once(child, "message", { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
  const { url, baseDn, bindDn } = facts as Omit<
    DirectoryProcess,
    "stop" | "drift" | "bindPassword"
  >;
  const drift = async (changes: number) => {
    const answer = once(child, "message", { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
    child.send({ drift: changes });
    const [happened] = await answer;
    return happened as readonly string[];
  };
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exit;
  };
  return { url, baseDn, bindDn, bindPassword, drift, stop };
}
