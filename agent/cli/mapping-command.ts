import type { Command } from "commander";
import { loadMapping, parseMappingReference } from "../config/mapping-file.ts";
import { compileMapping } from "../core/compiled-mapping.ts";
import { AgentError } from "../core/error.ts";
import { type FlowPreview, previewFlows } from "../core/flow-preview.ts";
import { printSource } from "../core/mapping.ts";
import { inspectEntry } from "../provider/inspect-entry.ts";
import { interruptSignal, readConfig, withDirectory } from "./context.ts";
import { writeJson, writeLine } from "./output.ts";
import { StepProgress } from "./progress.ts";
import { printable, printTable } from "./table.ts";

const PROBLEM_EXIT = 1;
const RESOURCE_TYPES = ["User", "Group"] as const;

interface PreviewFlags {
  readonly config?: string;
  readonly directory?: string;
  readonly json?: boolean;
}

export function addMappingCommand(program: Command): void {
  const mapping = program.command("mapping").description("how entries become SCIM resources");
  mapping
    .command("check")
    .description("check a mapping file: sources, expressions, targets; connects to nothing")
    .argument("<mapping>", "path of a mapping file, or the name of a shipped mapping")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
All problems are said at once, each with its place. Exit code 0 when the mapping can be used, 78 otherwise.

Examples:
  hybrid-agent mapping check ./mapping.yaml
  hybrid-agent mapping check active-directory`,
    )
    .action(check);
  mapping
    .command("preview")
    .description("what becomes of one entry, flow by flow; changes nothing")
    .argument("<entry>", "DN, GUID, SID, account name or mail address")
    .option("-c, --config <file>", "configuration file")
    .option("-d, --directory <name>", "directory of the configuration, when it has several")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
The output holds values of the entry. Whether the entry is in scope is not asked: hybrid-agent scope explain.
Exit code: 0 every flow worked · 1 a flow failed · 64 several entries have the name · 66 none has

Example:
  hybrid-agent mapping preview ada@example.com`,
    )
    .action(preview);
}

async function check(name: string, flags: { readonly json?: boolean }): Promise<void> {
  const reference = parseMappingReference(name);
  if (reference === undefined) {
    throw new AgentError("usage", `${printable(name)} is neither a mapping nor the path of one`, {
      hint: "a path has a slash or ends in .yaml; shipped are active-directory and openldap",
    });
  }
  const mapping = await loadMapping(reference);
  compileMapping(mapping);
  if (flags.json === true) return writeJson({ valid: true, mapping });
  for (const type of RESOURCE_TYPES) {
    const { objectClasses, flows } = mapping[type];
    await writeLine(`${type}: ${objectClasses.join(", ")}`);
    const rows = flows.map((flow) => [flow.target, printSource(flow)]);
    await writeLine(printTable(["target", "source"], rows));
    await writeLine("");
  }
  return writeLine(`${printable(name)} can be used`);
}

async function preview(name: string, flags: PreviewFlags): Promise<void> {
  const { config } = await readConfig(flags.config);
  const signal = interruptSignal();
  await withDirectory(config, flags.directory, async (served) => {
    const progress = new StepProgress();
    const onStep = (step: string) => progress.begin(step);
    const now = Date.now();
    const request = { name, resourceType: undefined, now, onStep };
    const found = await inspectEntry(served, request, signal).finally(() => progress.end());
    if ("kind" in found) throw notOne(name, found.kind);
    const { judged, mapping } = found;
    if (judged.resourceType === undefined || mapping === undefined) {
      throw new AgentError("usage", `${printable(found.entry.dn)} is neither a User nor a Group`, {
        hint: "the objectClasses of the mapping say what is what",
      });
    }
    const { entry } = mapping;
    const ids = new Map(mapping.references.map(({ dn, id }) => [dn, id]));
    const flows = previewFlows(entry, {
      mapping: served.mappings[judged.resourceType],
      idOf: (dn) => ids.get(dn),
      now,
    });
    if (flows.some(({ result }) => result.kind === "problem")) process.exitCode = PROBLEM_EXIT;
    if (flags.json === true) {
      return writeJson({ dn: entry.dn, id: entry.id, resourceType: judged.resourceType, flows });
    }
    await writeLine(`${judged.resourceType} ${printable(entry.dn)}`);
    for (const flow of flows) await writeFlow(flow);
  });
}

function notOne(name: string, kind: "none" | "several"): AgentError {
  return kind === "none"
    ? new AgentError("scope.missing", `no entry is called ${printable(name)}`, {
        hint: "hybrid-agent scope explain --help says by what entries are found",
      })
    : new AgentError("usage", `several entries are called ${printable(name)}`, {
        hint: "give the DN; hybrid-agent scope explain lists them",
      });
}

async function writeFlow({ target, rule, sources, result }: FlowPreview): Promise<void> {
  await writeLine(printable(target));
  for (const { attribute, values } of sources) {
    const shown = values.length === 0 ? "(none)" : values.map((one) => shorten(one)).join(" | ");
    await writeLine(`  ${printable(attribute)} = ${shown}`);
  }
  await writeLine(`  <- ${printable(rule.replace(/\s+/g, " ").trim())}`);
  await writeLine(`  -> ${describe(result)}`);
}

function describe(result: FlowPreview["result"]): string {
  switch (result.kind) {
    case "value":
      return shorten(JSON.stringify(result.value));
    case "none":
      return "(left out)";
    case "problem":
      return `problem: ${printable(result.reason)}`;
  }
}

const SHOWN_CHARACTERS = 200;

function shorten(text: string): string {
  const shown = text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
  return printable(shown);
}
