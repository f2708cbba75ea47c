// Runs the demo on a fresh clone: node scripts/demo.mjs [arguments of `hybrid-agent demo`]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { inRoot, prepare } from "./prepare.mjs";

/** Exit code of a command that a signal ended, as shells give it. */
const SIGNALLED = 128;

try {
  await prepare();
  process.exitCode = await demo(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

async function demo(args) {
  const command = inRoot("dist", "agent", "cli", "main.js");
  const child = spawn(process.execPath, [command, "demo", ...args], { stdio: "inherit" });
  // A terminal sends its interrupt to the demo as well, where a second one would force the exit.
  process.on("SIGINT", () => {
    if (!process.stdin.isTTY) child.kill("SIGINT");
  });
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  process.on("SIGHUP", () => child.kill("SIGHUP"));
  const [code, signal] = await once(child, "exit");
  return code ?? SIGNALLED + constants.signals[signal];
}
