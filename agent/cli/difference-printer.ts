import type {
  Difference,
  DifferenceCounts,
  KeptVerdict,
  PreviewComparison,
} from "../core/preview-comparison.ts";
import { write, writeLine } from "./output.ts";
import { csvLine, printTable } from "./table.ts";

/** A difference, and where the entry is, as far as that is known. */
export interface PlacedDifference extends Difference {
  readonly dn: string | undefined;
}

/** What has been compared and kept: sentences for a person, members of the document for a script. */
export interface ComparisonEnd {
  readonly sentences: readonly string[];
  readonly document: Readonly<Record<string, unknown>>;
}

export interface DifferencePrinter {
  add(difference: PlacedDifference): Promise<void>;
  /** @param comparison undefined when there was nothing to compare with */
  end(comparison: PreviewComparison | undefined, end: ComparisonEnd): Promise<void>;
}

const COLUMNS = ["change", "type", "id", "dn", "before", "after"] as const;

export function createDifferencePrinter(
  format: "table" | "json" | "csv",
  { limit }: { readonly limit: number },
): DifferencePrinter {
  switch (format) {
    case "table":
      return new TablePrinter(limit);
    case "json":
      return new JsonPrinter();
    case "csv":
      return new CsvPrinter();
  }
}

function cellsOf({ change, resourceType, id, dn, before, after }: PlacedDifference) {
  return [change, resourceType, id, dn ?? "", printVerdict(before), printVerdict(after)];
}

function printVerdict(verdict: KeptVerdict | undefined): string {
  if (verdict === undefined) return "not there";
  return `${verdict.inScope ? "in" : "out"}: ${verdict.reason}`;
}

const COUNTED: Readonly<Record<keyof DifferenceCounts, string>> = {
  came: "came",
  left: "left",
  content: "other content",
  reason: "other reason",
  same: "the same",
  appeared: "new, out of scope",
  vanished: "gone, was out of scope",
};

class TablePrinter implements DifferencePrinter {
  readonly #limit: number;
  readonly #rows: (readonly string[])[] = [];
  #left = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async add(difference: PlacedDifference): Promise<void> {
    if (this.#rows.length < this.#limit) this.#rows.push(cellsOf(difference));
    else this.#left++;
  }

  async end(
    comparison: PreviewComparison | undefined,
    { sentences }: ComparisonEnd,
  ): Promise<void> {
    if (comparison !== undefined) await this.#printDifferences(comparison);
    await writeLine(sentences.join("\n"));
  }

  async #printDifferences({ counts }: PreviewComparison): Promise<void> {
    if (this.#rows.length > 0) await writeLine(`${printTable(COLUMNS, this.#rows)}\n`);
    if (this.#left > 0) {
      await writeLine(
        `… and ${this.#left} more; --limit shows more of them, --format json or csv all\n`,
      );
    }
    const names = Object.keys(COUNTED) as (keyof DifferenceCounts)[];
    const rows = Object.entries(counts).map(([type, of]) => [
      type,
      ...names.map((name) => String(of[name])),
    ]);
    const head = ["type", ...names.map((name) => COUNTED[name])];
    await writeLine(`${printTable(head, rows)}\n`);
  }
}

/** The sentences would be no rows: they go to standard error. */
class CsvPrinter implements DifferencePrinter {
  #headPrinted = false;

  async add(difference: PlacedDifference): Promise<void> {
    await this.#head();
    await writeLine(csvLine(cellsOf(difference)));
  }

  async end(_: PreviewComparison | undefined, { sentences }: ComparisonEnd): Promise<void> {
    await this.#head();
    process.stderr.write(`${sentences.join("\n")}\n`);
  }

  async #head(): Promise<void> {
    if (this.#headPrinted) return;
    this.#headPrinted = true;
    await writeLine(csvLine(COLUMNS));
  }
}

/** One document, written as it grows. */
class JsonPrinter implements DifferencePrinter {
  #separator = '{"differences":[\n';

  async add({ change, resourceType, id, dn, before, after }: PlacedDifference): Promise<void> {
    const line = {
      ...{ change, resourceType, id, dn: dn ?? null },
      ...{ before: jsonVerdict(before), after: jsonVerdict(after) },
    };
    await write(`${this.#separator}${JSON.stringify(line)}`);
    this.#separator = ",\n";
  }

  async end(comparison: PreviewComparison | undefined, { document }: ComparisonEnd): Promise<void> {
    const counts = comparison?.counts ?? null;
    const head = this.#separator === ",\n" ? "" : this.#separator;
    const members = JSON.stringify({ counts, ...document }).slice(1);
    await writeLine(`${head}\n],${members}`);
  }
}

function jsonVerdict(verdict: KeptVerdict | undefined) {
  if (verdict === undefined) return null;
  return { inScope: verdict.inScope, reason: verdict.reason };
}
