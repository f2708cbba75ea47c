#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { AgentError, ERROR_CODES } from "../core/error.ts";
import { redactText } from "../service/redaction.ts";
import { readVersion } from "../service/version.ts";
import { addConfigCommand } from "./config-command.ts";
import { addDemoCommand } from "./demo-command.ts";
import { addExpressionCommand } from "./expression-command.ts";
import { addMappingCommand } from "./mapping-command.ts";
import { addProvisioningCommand } from "./provisioning-command.ts";
import { addRequestCommand } from "./request-command.ts";
import { addRunCommand } from "./run-command.ts";
import { addScimCommand } from "./scim-command.ts";
import { addScopeCommand } from "./scope-command.ts";
import { addSimCommand } from "./sim-command.ts";

const program = new Command("hybrid-agent")
  .description(
    "Hybrid identity sync agent: answers SCIM requests from a Service Bus queue out of a directory",
  )
  .version(readVersion(), "-V, --version", "print the version")
  .showHelpAfterError("(--help after a command explains it)")
  .exitOverride();

addRunCommand(program);
addScopeCommand(program);
addConfigCommand(program);
addMappingCommand(program);
addExpressionCommand(program);
addRequestCommand(program);
addProvisioningCommand(program);
addScimCommand(program);
addSimCommand(program);
addDemoCommand(program);
// Commander copies these settings to a subcommand only when it is made by the same call.
for (const command of commandsBelow(program)) command.copyInheritedSettings(program);

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
// The channel to whoever started the process would keep it alive.
if (process.connected) process.disconnect();

function commandsBelow(command: Command): readonly Command[] {
  return command.commands.flatMap((child) => [child, ...commandsBelow(child)]);
}

/** @returns the exit code, from the one table */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : ERROR_CODES.usage.exit;
  if (!(error instanceof AgentError)) {
    process.stderr.write(
      `${redactText(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`,
    );
    return ERROR_CODES.internal.exit;
  }
  const cause =
    error.cause instanceof Error && error.cause.message !== ""
      ? `\n  cause: ${error.cause.message}`
      : "";
  const hint = error.hint === undefined ? "" : `\n  hint: ${error.hint}`;
  process.stderr.write(redactText(`error ${error.code}: ${error.message}${cause}${hint}`));
  process.stderr.write("\n");
  return error.exit;
}
