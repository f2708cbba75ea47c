import { spawn } from "node:child_process";
import { once } from "node:events";

const READY_TIMEOUT_MS = 30_000;

/** The embedded SCIM app in a process of its own. */
export interface ScimAppProcess {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts `hybrid-agent sim scim-app` with nothing in it. */
export async function startScimAppProcess(main: string): Promise<ScimAppProcess> {
  const args = [main, "sim", "scim-app", "--port", "0", "--profile", "entra"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const exit = once(child, "exit");
  const [facts] = await once(child, "message", { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
  const { url } = facts as { readonly url: string };
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exit;
  };
  return { url, stop };
}
