import type { ScopeVerdict } from "../core/scope-verdict.ts";
import type { EntryReference, Inspection, Mapping } from "../provider/inspect-entry.ts";
import { printRules, rulesOf } from "./rule-text.ts";
import { printable } from "./table.ts";

/** References and elements of a list that are shown at most. */
const MAX_LISTED = 10;

/** The inspection for a person: the entry, every rule with its verdict, the verdict, and what would be sent. */
export function printExplanation(inspection: Inspection): string {
  const { judged, mapping } = inspection;
  const head = printEntry(inspection);
  if (judged.resourceType === undefined) {
    const isLeftOut = judged.because === "left out";
    const line = isLeftOut ? `is a ${judged.detail}` : judged.detail;
    const rules = printRules([{ mark: "no", kind: "type", lines: [line] }]);
    const why = isLeftOut
      ? "never provisioned, whatever the configuration says"
      : "the mapping knows no resource type for it";
    return join([head, rules, `Out of scope: ${why}.\nNothing would be sent.`]);
  }
  const { verdict } = judged.scope;
  const rules = printRules(rulesOf(inspection, judged.scope));
  const end = printVerdict(verdict, judged.resourceType);
  return join([head, rules, `${end}\n${printOutcome(verdict, mapping)}`]);
}

function join(blocks: readonly string[]): string {
  return blocks.join("\n\n").split("\n").map(printable).join("\n");
}

function printEntry({ directory, entry, foundBy }: Inspection): string {
  const { dn, id, anchor } = entry;
  const facts = [
    ["directory", directory],
    ["id", id],
    ...(anchor === id ? [] : [["anchor", anchor]]),
    ["found by", foundBy],
  ];
  return [dn, ...facts.map(([name = "", text]) => `  ${name.padEnd(11)}${text}`)].join("\n");
}

function printVerdict(verdict: ScopeVerdict, resourceType: string): string {
  if (verdict.inScope) return `In scope as a ${resourceType}: ${verdict.detail}.`;
  return `Out of scope as a ${resourceType}: ${verdict.because}: ${verdict.detail}.`;
}

function printOutcome({ inScope }: ScopeVerdict, mapping: Mapping | undefined): string {
  if (mapping === undefined) return "Nothing would be sent.";
  const { mapped, references } = mapping;
  if (mapped.kind === "problem") {
    const { attribute, reason, rule } = mapped.problem;
    const why = `${attribute} ${reason} (${rule})`;
    if (inScope) return `Nothing would be sent, as the mapping has a problem:\n  ${why}`;
    return `Nothing would be sent. In scope, the mapping would have a problem:\n  ${why}`;
  }
  if (!inScope) return "Nothing would be sent. In scope, it could be mapped.";
  const json = JSON.stringify(shortened(mapped.resource), undefined, 2);
  const body = json.replaceAll(/^/gm, "  ");
  return [`Would be sent:\n${body}`, ...printReferences(references)].join("\n\n");
}

/** Long lists end with the number of what was left out; `--json` holds all. */
function shortened(value: unknown): unknown {
  if (Array.isArray(value)) {
    const left = value.length - MAX_LISTED;
    const shown = value.slice(0, MAX_LISTED).map(shortened);
    return left > 0 ? [...shown, `… ${left} more, --json shows all`] : shown;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, shortened(member)]),
  );
}

function printReferences(references: readonly EntryReference[]): readonly string[] {
  if (references.length === 0) return [];
  const dangling = references.filter(({ id }) => id === undefined);
  const resolved = references.filter(({ id }) => id !== undefined);
  return [
    ...printList(
      "References:",
      resolved.map(({ dn, id }) => `${id}  ${dn}`),
    ),
    ...printList(
      "References left out, as nothing is there that the account may see:",
      dangling.map(({ dn }) => dn),
    ),
  ];
}

function printList(title: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return [];
  const left = lines.length - MAX_LISTED;
  const shown = lines.slice(0, MAX_LISTED);
  const all = left > 0 ? [...shown, `… ${left} more, --json shows all`] : shown;
  return [[title, ...all.map((line) => `  ${line}`)].join("\n")];
}
