import type { ResourceTypeName } from "../core/scope.ts";
import type { OutsideMembers } from "../core/scope-verdict.ts";
import type { PreviewedEntry } from "../provider/preview-scope.ts";
import { printTable } from "./table.ts";

interface TypeCounts {
  in: number;
  out: number;
  problems: number;
  readonly because: Record<string, number>;
}

/** Counts of a preview: how many are in and out of scope, by type and by what decided. */
export class PreviewSummary {
  #outside: readonly OutsideMembers[] = [];
  readonly #types: Record<ResourceTypeName, TypeCounts> = {
    User: { in: 0, out: 0, problems: 0, because: {} },
    Group: { in: 0, out: 0, problems: 0, because: {} },
  };

  count({ resourceType, verdict, mapped }: PreviewedEntry): void {
    const counts = this.#types[resourceType];
    if (mapped?.kind === "problem") counts.problems++;
    if (verdict.inScope) {
      counts.in++;
      return;
    }
    counts.out++;
    counts.because[verdict.because] = (counts.because[verdict.because] ?? 0) + 1;
  }

  /** Members of scope groups that no read will ever reach. */
  set outside(members: readonly OutsideMembers[]) {
    this.#outside = members;
  }

  get outside(): readonly OutsideMembers[] {
    return this.#outside;
  }

  get total(): number {
    return Object.values(this.#types).reduce((sum, counts) => sum + counts.in + counts.out, 0);
  }

  toJSON(): Readonly<Record<ResourceTypeName, TypeCounts>> {
    return this.#types;
  }

  print(): string {
    const rows = Object.entries(this.#types).map(([type, counts]) => [
      type,
      String(counts.in),
      String(counts.out),
      Object.entries(counts.because)
        .map(([because, count]) => `${count} ${because}`)
        .join(", "),
    ]);
    const problems = Object.values(this.#types).reduce((sum, counts) => sum + counts.problems, 0);
    const note =
      problems === 0 ? "" : `\n${problems} in scope cannot be mapped; --format json says why`;
    const outside = this.#outside.map(({ group, count, examples }) => {
      const whose = count === 1 ? "1 member" : `${count} members`;
      const names = count > examples.length ? [...examples, "…"] : examples;
      return `\noutside of the base, and never read: ${whose} of ${group}: ${names.join("; ")}`;
    });
    const table = printTable(["type", "in scope", "out of scope", "out because"], rows);
    return [table, note, ...outside].join("");
  }
}
