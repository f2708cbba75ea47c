import type { Command } from "commander";
import { Option } from "commander";
import { AgentError } from "../core/error.ts";
import { outsideMembers, type ResolvedScope } from "../core/scope-verdict.ts";
import { type PreviewedEntry, previewScope } from "../provider/preview-scope.ts";
import { previewAgain, previewBoth } from "./compare-command.ts";
import { interruptSignal, readConfig, withDirectory } from "./context.ts";
import { addExplainCommand } from "./explain-command.ts";
import { keptPreviewPath } from "./kept-preview.ts";
import { KeptPreviewWriter } from "./kept-preview-writer.ts";
import { write, writeLine } from "./output.ts";
import { keepVerdict } from "./preview-difference.ts";
import { formatOf, type PreviewFlags, refuseBeside, typesOf } from "./preview-flags.ts";
import { PreviewSummary } from "./preview-summary.ts";
import { Progress } from "./progress.ts";
import { WOULD_CHANGE_EXIT } from "./provisioning-run-command.ts";
import { csvLine, printTable } from "./table.ts";

const COLUMNS = ["type", "scope", "id", "dn", "because"] as const;

export function addScopeCommand(program: Command): void {
  const scope = program.command("scope").description("who is provisioned, and why");
  scope
    .command("preview")
    .description("list who is in scope and who is not, with the rule that decided; changes nothing")
    .option(
      "-c, --config <file>",
      "configuration file; given twice, the two are compared",
      (file: string, files: readonly string[] = []) => [...files, file],
    )
    .option("-d, --directory <name>", "directory of the configuration, when it has several")
    .addOption(
      new Option("-t, --type <type>", "only entries of this type").choices(["User", "Group"]),
    )
    .addOption(
      new Option("--only <which>", "only entries that are in scope, or out of it").choices([
        "in",
        "out",
      ]),
    )
    .option("--payload", "with the SCIM resource that would be sent")
    .addOption(
      new Option("-f, --format <format>", "form of the output")
        .choices(["table", "json", "csv"])
        .default("table"),
    )
    .option("--json", "the same as --format json")
    .option("--limit <rows>", "rows of the table at most", parseLimit, 50)
    .option("--diff [file]", "compare with the preview that is kept in this file")
    .option("--save [file]", "keep this preview in a file for a later --diff")
    .addHelpText(
      "after",
      `
Examples:
  hybrid-agent scope preview                        counts, and the first entries as a table
  hybrid-agent scope preview --only out --type User who is left out, and why
  hybrid-agent scope preview --payload --json       everything, with what would be sent
  hybrid-agent scope preview --diff                 what has changed since the preview that is kept
  hybrid-agent scope preview --diff --save          the same, and this preview is the one that is kept from now on
  hybrid-agent scope preview -c agent.yaml -c new.yaml
                                                    who would come and go with the other configuration

--diff leaves the file as it is, so that it can be repeated; when there is none, it keeps this preview and has nothing to
compare with. --save alone keeps a preview and prints it as ever. Both take agent.preview.<directory>.jsonl beside the
configuration agent.yaml unless a file is named. It holds ids, verdicts with the units and groups that they name, and
fingerprints of what would be sent; no DNs of people and no values.

Two configurations are compared on the directory of the first one: its servers and account, but the base, scope and mapping
of each. The directory is read twice, so that what changes in between shows as a difference.

Exit code of a comparison: 0 no difference, 2 differences (came, left, other content, other reason).`,
    )
    .action(preview);
  addExplainCommand(scope);
}

function parseLimit(text: string): number {
  const limit = Number(text);
  return Number.isInteger(limit) && limit >= 0 ? limit : 50;
}

async function preview(flags: PreviewFlags): Promise<void> {
  const [first, second, ...others] = flags.config ?? [];
  if (others.length > 0) throw new AgentError("usage", "more than two configurations");
  if (first !== undefined && second !== undefined) {
    refuseBeside(flags, "two configurations");
    endWith(await previewBoth(first, second, flags));
    return;
  }
  if (flags.diff === undefined) {
    await previewOnce(first, flags);
    return;
  }
  refuseBeside(flags, "--diff");
  endWith(await previewAgain(first, flags));
}

function endWith(differences: number): void {
  if (differences > 0) process.exitCode = WOULD_CHANGE_EXIT;
}

async function previewOnce(configPath: string | undefined, flags: PreviewFlags): Promise<void> {
  const { path, config, fingerprint } = await readConfig(configPath);
  const { save } = flags;
  const resourceTypes = typesOf(flags);
  const payload = flags.payload === true;
  const now = Date.now();
  const summary = new PreviewSummary();
  const options = {
    resourceTypes,
    payload: payload || save !== undefined,
    now,
    onScope: (scope: ResolvedScope) => {
      summary.outside = outsideMembers(scope);
    },
  };
  const at = new Date(now).toISOString();
  const signal = interruptSignal();
  await withDirectory(config, flags.directory, async (served) => {
    const printer = createPrinter(formatOf(flags), { ...flags, payload });
    const directory = served.directory.name;
    const head = { directory, configuration: fingerprint, at, resourceTypes };
    const saveTo = save === true ? keptPreviewPath(path, directory) : save;
    const writer = saveTo === undefined ? undefined : await KeptPreviewWriter.open(saveTo, head);
    const progress = new Progress("entries read");
    try {
      for await (const batch of previewScope(served, options, signal)) {
        for (const entry of batch) {
          summary.count(entry);
          await writer?.add(keepVerdict(entry));
          if (isShown(entry, flags.only)) await printer.add(payload ? entry : unmapped(entry));
        }
        progress.update(summary.total);
      }
      await writer?.commit();
    } finally {
      progress.end();
      await writer?.discard();
    }
    await printer.end(summary);
  });
}

function isShown({ verdict }: PreviewedEntry, only: PreviewFlags["only"]): boolean {
  return only === undefined || verdict.inScope === (only === "in");
}

interface PreviewPrinter {
  add(entry: PreviewedEntry): Promise<void>;
  end(summary: PreviewSummary): Promise<void>;
}

function createPrinter(
  format: PreviewFlags["format"],
  options: { readonly limit: number; readonly payload: boolean },
): PreviewPrinter {
  switch (format) {
    case "table":
      return new TablePrinter(options);
    case "json":
      return new JsonPrinter();
    case "csv":
      return new CsvPrinter(options.payload);
  }
}

function cellsOf({ resourceType, id, dn, verdict }: PreviewedEntry): readonly string[] {
  const because = verdict.inScope ? verdict.detail : `${verdict.because}: ${verdict.detail}`;
  return [resourceType, verdict.inScope ? "in" : "out", id, dn, because];
}

function unmapped({ mapped: _, ...entry }: PreviewedEntry): PreviewedEntry {
  return entry;
}

function payloadOf({ mapped }: PreviewedEntry): unknown {
  return mapped?.kind === "resource" ? mapped.resource : mapped?.problem;
}

class TablePrinter implements PreviewPrinter {
  readonly #limit: number;
  readonly #payload: boolean;
  readonly #rows: (readonly string[])[] = [];
  #left = 0;

  constructor({ limit, payload }: { readonly limit: number; readonly payload: boolean }) {
    this.#limit = limit;
    this.#payload = payload;
  }

  async add(entry: PreviewedEntry): Promise<void> {
    if (this.#rows.length >= this.#limit) {
      this.#left++;
      return;
    }
    const payload = payloadOf(entry);
    const cells = cellsOf(entry);
    this.#rows.push(
      this.#payload ? [...cells, payload === undefined ? "" : JSON.stringify(payload)] : cells,
    );
  }

  async end(summary: PreviewSummary): Promise<void> {
    if (this.#rows.length > 0) {
      const head = this.#payload ? [...COLUMNS, "payload"] : COLUMNS;
      await writeLine(printTable(head, this.#rows));
    }
    if (this.#left > 0) {
      await writeLine(
        `… and ${this.#left} more; --limit shows more of them, --format json or csv all`,
      );
    }
    await writeLine(`\n${summary.print()}`);
  }
}

class CsvPrinter implements PreviewPrinter {
  readonly #payload: boolean;
  #headPrinted = false;

  constructor(payload: boolean) {
    this.#payload = payload;
  }

  async add(entry: PreviewedEntry): Promise<void> {
    await this.#head();
    const payload = this.#payload ? [JSON.stringify(payloadOf(entry) ?? "")] : [];
    await writeLine(csvLine([...cellsOf(entry), ...payload]));
  }

  async end(): Promise<void> {
    await this.#head();
  }

  async #head(): Promise<void> {
    if (this.#headPrinted) return;
    this.#headPrinted = true;
    await writeLine(csvLine(this.#payload ? [...COLUMNS, "payload"] : COLUMNS));
  }
}

/** One document, written as it grows. */
class JsonPrinter implements PreviewPrinter {
  #first = true;

  async add({ resourceType, id, dn, verdict, mapped }: PreviewedEntry): Promise<void> {
    const line = {
      resourceType,
      id,
      dn,
      ...verdict,
      ...(mapped?.kind === "resource" ? { resource: mapped.resource } : {}),
      ...(mapped?.kind === "problem" ? { problem: mapped.problem } : {}),
    };
    await write(`${this.#first ? '{"entries":[\n' : ",\n"}${JSON.stringify(line)}`);
    this.#first = false;
  }

  async end(summary: PreviewSummary): Promise<void> {
    const head = this.#first ? '{"entries":[' : "";
    const outside =
      summary.outside.length === 0 ? "" : `,"outsideMembers":${JSON.stringify(summary.outside)}`;
    await writeLine(`${head}\n],"summary":${JSON.stringify(summary.toJSON())}${outside}}`);
  }
}
