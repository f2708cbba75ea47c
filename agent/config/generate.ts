import { readFile } from "node:fs/promises";
import { errorTable } from "./error-table.ts";
import { exampleConfig } from "./example.ts";
import { functionTable } from "./function-table.ts";
import { agentJsonSchema, mappingJsonSchema, provisioningJsonSchema } from "./json-schema.ts";
import { optionTable } from "./option-table.ts";
import { packageFile } from "./package-file.ts";
import { exampleProvisioning } from "./provisioning-example.ts";

/** A file whose content follows from the code. */
export interface GeneratedFile {
  /** Relative to the project's folder, with slashes. */
  readonly path: string;
  readonly content: string;
}

const JSON_WIDTH = 100;

/** A member whose value is a list without sections or lists. */
const SHORT_LIST = /^( *"[^"\n]*": )\[\n([^[\]{}]*)\]/gm;

const README = "config/README.md";

/**
 * Everything that is written from the schemas and the tables of error codes and functions. The README is read first, since only what
 * stands between its markers is generated.
 * @throws Error when the README has lost a marker
 */
export async function generatedFiles(): Promise<readonly GeneratedFile[]> {
  const readme = await readFile(packageFile(README), "utf8");
  const agent = replaceBetween(readme, "options", optionTable(agentJsonSchema()));
  const options = optionTable(provisioningJsonSchema());
  const withOptions = replaceBetween(agent, "provisioning", options);
  const withFunctions = replaceBetween(withOptions, "functions", functionTable());
  return [
    { path: "agent.example.yaml", content: exampleConfig() },
    { path: "config/agent.schema.json", content: printJson(agentJsonSchema()) },
    { path: "config/mapping.schema.json", content: printJson(mappingJsonSchema()) },
    { path: "config/provisioning.schema.json", content: printJson(provisioningJsonSchema()) },
    { path: "config/provisioning.example.yaml", content: exampleProvisioning() },
    { path: README, content: replaceBetween(withFunctions, "errors", errorTable()) },
  ];
}

/** Lists of names stand on one line where they fit, which is how the project's formatter writes them. */
function printJson(value: object): string {
  const printed = JSON.stringify(value, undefined, 2);
  const compact = printed.replace(SHORT_LIST, (list: string, key: string, content: string) => {
    const line = `${key}[${content.trim().replace(/\s*\n\s*/g, " ")}]`;
    return line.length < JSON_WIDTH ? line : list;
  });
  return `${compact}\n`;
}

/** The text with `content` between `<!-- name:begin -->` and `<!-- name:end -->`. */
export function replaceBetween(text: string, name: string, content: string): string {
  const begin = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${README} has lost ${from < 0 ? begin : end}`);
  return `${text.slice(0, from)}${begin}\n\n${content}\n\n${text.slice(to)}`;
}
