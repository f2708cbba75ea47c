import { ATTRIBUTE_COMPUTATIONS, ENTRY_COMPUTATIONS } from "../core/computed-value.ts";
import { markdownTable } from "./markdown-table.ts";

/** The functions of a mapping as a Markdown table: what each reads and what it gives. */
export function functionTable(): string {
  const code = (name: string) => `\`${name}\``;
  const ofEntry = Object.entries(ENTRY_COMPUTATIONS).map(([name, { sources, gives }]) => [
    code(name),
    sources.map(code).join(", "),
    gives,
  ]);
  const ofAttribute = Object.entries(ATTRIBUTE_COMPUTATIONS).map(([name, { gives }]) => [
    code(name),
    "the `attribute` of the flow",
    gives,
  ]);
  return markdownTable(["`computed`", "Reads", "Gives"], [...ofEntry, ...ofAttribute]);
}
