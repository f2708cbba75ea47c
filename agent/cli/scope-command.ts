import type { Command } from "commander";
import { Option } from "commander";
import type { ResourceTypeName } from "../core/scope.ts";
import { type PreviewedEntry, previewScope } from "../provider/preview-scope.ts";
import { interruptSignal, readConfig, withDirectory } from "./context.ts";
import { addExplainCommand } from "./explain-command.ts";
import { write, writeLine } from "./output.ts";
import { PreviewSummary } from "./preview-summary.ts";
import { Progress } from "./progress.ts";
import { csvLine, printTable } from "./table.ts";

interface PreviewFlags {
  readonly config?: string;
  readonly directory?: string;
  readonly type?: ResourceTypeName;
  readonly only?: "in" | "out";
  readonly payload?: boolean;
  readonly format: "table" | "json" | "csv";
  readonly json?: boolean;
  readonly limit: number;
}

const COLUMNS = ["type", "scope", "id", "dn", "because"] as const;

export function addScopeCommand(program: Command): void {
  const scope = program.command("scope").description("who is provisioned, and why");
  scope
    .command("preview")
    .description("list who is in scope and who is not, with the rule that decided; changes nothing")
    .option("-c, --config <file>", "configuration file")
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
    .addHelpText(
      "after",
      `
Examples:
  hybrid-agent scope preview                        counts, and the first entries as a table
  hybrid-agent scope preview --only out --type User who is left out, and why
  hybrid-agent scope preview --payload --json       everything, with what would be sent`,
    )
    .action(preview);
  addExplainCommand(scope);
}

function parseLimit(text: string): number {
  const limit = Number(text);
  return Number.isInteger(limit) && limit >= 0 ? limit : 50;
}

async function preview(flags: PreviewFlags): Promise<void> {
  const { config } = await readConfig(flags.config);
  const format = flags.json === true ? "json" : flags.format;
  const options = {
    resourceTypes: flags.type === undefined ? (["User", "Group"] as const) : [flags.type],
    payload: flags.payload === true,
    now: Date.now(),
  };
  const signal = interruptSignal();
  await withDirectory(config, flags.directory, async (served) => {
    const summary = new PreviewSummary();
    const printer = createPrinter(format, { ...flags, payload: options.payload });
    const progress = new Progress("entries read");
    try {
      for await (const batch of previewScope(served, options, signal)) {
        for (const entry of batch) {
          summary.count(entry);
          if (isShown(entry, flags.only)) await printer.add(entry);
        }
        progress.update(summary.total);
      }
    } finally {
      progress.end();
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
    await writeLine(`${head}\n],"summary":${JSON.stringify(summary.toJSON())}}`);
  }
}
