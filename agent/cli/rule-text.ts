import type { Value } from "../core/entry.ts";
import type {
  ClauseRule,
  GroupRule,
  ScopeExplanation,
  UnitRule,
} from "../core/scope-explanation.ts";
import type { Inspection } from "../provider/inspect-entry.ts";

/** Rules that do not concern the entry, and values of one attribute, that are shown at most. */
const MAX_LISTED = 10;
/** Characters of a value that are shown. */
const MAX_VALUE_LENGTH = 200;

type Mark = "yes" | "no" | "-";

/** Lines of one rule: what it says, which rule it is, and what there is to know about it. */
interface RuleLines {
  readonly mark: Mark;
  readonly kind: string;
  readonly lines: readonly string[];
}

/** Rules with their marks in front, in columns. */
export function printRules(rules: readonly RuleLines[]): string {
  const margin = " ".repeat(15);
  return rules
    .flatMap(({ mark, kind, lines: [first = "", ...others] }) => [
      `  ${mark.padStart(3)}  ${kind.padEnd(8)}${first}`,
      ...others.map((line) => `${margin}${line}`),
    ])
    .join("\n");
}

/** Every rule that the entry was judged by, and those of the configuration that do not concern it. */
export function rulesOf(
  { baseDn, judged }: Pick<Inspection, "baseDn" | "judged">,
  scope: ScopeExplanation,
): readonly RuleLines[] {
  const { belowBase, isScopeGroup, groups, clauses } = scope;
  const types = judged.resourceTypes.join(" and ");
  const asWhich = `judged as a ${judged.resourceType}`;
  const type = judged.resourceTypes.length === 1 ? types : `${types}, ${asWhich}`;
  return [
    { mark: "yes", kind: "type", lines: [`its object classes make it a ${type}`] },
    { mark: belowBase ? "yes" : "no", kind: "base", lines: [`below ${baseDn}`] },
    ...(isScopeGroup ? [NAMED] : []),
    ...unitLines(scope),
    ...(groups.length === 0 ? [NO_GROUPS] : groups.map((group) => groupLines(group, scope))),
    ...combineLines(scope),
    ...(clauses.length === 0 ? [NO_CLAUSES] : clauses.map(clauseLines)),
  ];
}

const NAMED: RuleLines = {
  mark: "yes",
  kind: "named",
  lines: ["is a scope group itself: units and memberships are not asked"],
};
const NO_GROUPS: RuleLines = { mark: "-", kind: "group", lines: ["no groups are configured"] };
const NO_CLAUSES: RuleLines = {
  mark: "-",
  kind: "clause",
  lines: ["no clauses are configured for this type"],
};

function unitLines({ organizationalUnits, isScopeGroup }: ScopeExplanation): readonly RuleLines[] {
  const covering = organizationalUnits.filter(({ covers }) => covers);
  const others = organizationalUnits.filter(({ covers }) => !covers);
  if (organizationalUnits.length === 0) {
    return [{ mark: "-", kind: "unit", lines: ["no organizational units are configured"] }];
  }
  const includes = organizationalUnits.some(({ rule }) => rule === "include");
  const nothing: RuleLines = {
    mark: isScopeGroup ? "-" : includes ? "no" : "yes",
    kind: "unit",
    lines: [
      includes
        ? "below none of the included organizational units"
        : "below none of the excluded organizational units",
    ],
  };
  const left = others.length - MAX_LISTED;
  return [
    ...covering.map((rule) => coveringLines(rule, { isScopeGroup })),
    ...(covering.length === 0 ? [nothing] : []),
    ...others.slice(0, MAX_LISTED).map(({ rule, dn }): RuleLines => {
      return { mark: "-", kind: "unit", lines: [`${rule} ${dn}`, "does not cover it"] };
    }),
    ...(left > 0
      ? [{ mark: "-", kind: "unit", lines: [`${left} more that do not cover it`] } as const]
      : []),
  ];
}

function coveringLines(
  { rule, dn, decides }: UnitRule,
  { isScopeGroup }: { readonly isScopeGroup: boolean },
): RuleLines {
  if (!decides) {
    return {
      mark: "-",
      kind: "unit",
      lines: [`${rule} ${dn}`, "covers it, a deeper rule decides"],
    };
  }
  const mark = isScopeGroup ? "-" : rule === "include" ? "yes" : "no";
  const why = "covers it and decides: no deeper rule does";
  return { mark, kind: "unit", lines: [`${rule} ${dn}`, why] };
}

function groupLines(
  { dn, holds, isEntry, nested, path }: GroupRule,
  { isScopeGroup }: ScopeExplanation,
): RuleLines {
  const mark = isScopeGroup ? "-" : holds ? "yes" : "no";
  if (isEntry) return { mark, kind: "group", lines: [dn, "is this entry"] };
  const extent = nested ? "members at any depth count" : "direct members alone count";
  if (!holds) return { mark, kind: "group", lines: [dn, `is no member (${extent})`] };
  const [, ...between] = path;
  if (between.length === 0) return { mark, kind: "group", lines: [dn, "is a member directly"] };
  const steps = [...between, "this entry"];
  const lines = steps.map((step, depth) => `${"   ".repeat(depth)}└─ ${step}`);
  return { mark, kind: "group", lines: [dn, ...lines] };
}

/** Without both, there is nothing to combine. */
function combineLines(scope: ScopeExplanation): readonly RuleLines[] {
  const { organizationalUnits, groups, combine, isScopeGroup } = scope;
  if (isScopeGroup || organizationalUnits.length === 0 || groups.length === 0) return [];
  const line =
    combine === "all"
      ? "all: both a unit and a group are needed"
      : "any: a unit or a group is enough";
  return [{ mark: "-", kind: "combine", lines: [line] }];
}

function clauseLines({ rule, attribute, holds, values }: ClauseRule): RuleLines {
  const mark = holds ? "yes" : "no";
  if (values.length === 0) {
    const outcome = holds ? "holds" : "fails";
    const line = `the entry has no ${attribute}, and without a value this clause ${outcome}`;
    return { mark, kind: "clause", lines: [rule, line] };
  }
  const left = values.length - MAX_LISTED;
  const shown = values.slice(0, MAX_LISTED).map(printValue).join(", ");
  const more = left > 0 ? ` and ${left} more` : "";
  return { mark, kind: "clause", lines: [rule, `the entry has ${shown}${more}`] };
}

function printValue(value: Value): string {
  if (typeof value !== "string") return `(${value.length} bytes)`;
  const text = value.length > MAX_VALUE_LENGTH ? `${value.slice(0, MAX_VALUE_LENGTH)}…` : value;
  return JSON.stringify(text);
}
