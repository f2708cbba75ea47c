import type { Command } from "commander";
import { Agent } from "../service/agent.ts";
import { openLog } from "../service/log.ts";
import { readVersion } from "../service/version.ts";
import { readConfig } from "./context.ts";

/** What the process may take to stop beyond what the work in flight is given. */
const STOP_SLACK_MS = 15_000;

export function addRunCommand(program: Command): void {
  program
    .command("run")
    .description(
      "run the agent until it is told to stop (SIGINT, SIGTERM; a second one ends it at once)",
    )
    .option("-c, --config <file>", "configuration file")
    .action(run);
}

async function run(flags: { readonly config?: string }): Promise<void> {
  const { path, config, fingerprint } = await readConfig(flags.config);
  const log = openLog(config.log);
  log.info("config.loaded", { path, configuration: fingerprint });
  const clock = { now: () => Date.now() };
  const agent = new Agent({ config, fingerprint, version: readVersion(), log, clock });
  const stopped = stopOnSignal(agent, config.agent.stopTimeoutMs + STOP_SLACK_MS);
  // A service's standard error may go nowhere: what ends the process is in its log too.
  process.on("uncaughtExceptionMonitor", (error) => log.error("agent.crashed", { error }));
  try {
    await agent.start();
  } catch (error) {
    log.error("agent.startFailed", { error });
    await log.close();
    throw error;
  }
  // For whoever started the process with a channel to it, such as the demo.
  process.send?.({ ready: true, statusUrl: agent.statusUrl });
  await stopped;
  await log.close();
}

function stopOnSignal(agent: Agent, limitMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const stop = () => {
      if (stopping) process.exit(130);
      stopping = true;
      process.off("disconnect", stop);
      // What keeps a process from ending must not keep the machine from shutting down.
      setTimeout(() => process.exit(70), limitMs).unref();
      agent.stop().then(resolve, reject);
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    if (process.connected) process.once("disconnect", stop);
  });
}
