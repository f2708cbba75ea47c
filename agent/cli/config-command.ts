import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { exampleConfig } from "../config/example.ts";
import { agentJsonSchema } from "../config/json-schema.ts";
import { compileMapping } from "../core/compiled-mapping.ts";
import { AgentError } from "../core/error.ts";
import { readConfig } from "./context.ts";
import { write, writeJson, writeLine } from "./output.ts";

export function addConfigCommand(program: Command): void {
  const config = program.command("config").description("the configuration file");
  config
    .command("validate")
    .description("check a configuration file and the mappings it names; connects to nothing")
    .option("-c, --config <file>", "configuration file")
    .option("--json", "print the result as JSON")
    .action(validate);
  config
    .command("example")
    .description("print a configuration file with every option explained")
    .action(async () => write(exampleConfig()));
  config
    .command("schema")
    .description("print the JSON Schema of the configuration file")
    .action(async () => writeJson(agentJsonSchema()));
}

async function validate(flags: {
  readonly config?: string;
  readonly json?: boolean;
}): Promise<void> {
  const { path, config, fingerprint } = await readConfig(flags.config);
  for (const { mapping } of config.directories) compileMapping(mapping);
  if (flags.json === true) {
    await writeJson({ valid: true, path, configuration: fingerprint });
    return;
  }
  await writeLine(`${path} is valid (configuration ${fingerprint})`);
}

/** @throws AgentError `input.invalid` when the file is not there or not JSON */
export async function readJsonFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const problem = cause instanceof SyntaxError ? "is not JSON" : "cannot be read";
    throw new AgentError("input.invalid", `${path} ${problem}`, { cause });
  }
}
