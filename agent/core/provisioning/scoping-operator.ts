/** How a scoping clause compares, spelled as Entra's portal does. */
export const SCOPING_OPERATORS = [
  "EQUALS",
  "NOT EQUALS",
  "IS TRUE",
  "IS FALSE",
  "IS NULL",
  "IS NOT NULL",
  "REGEX MATCH",
  "NOT REGEX MATCH",
  "GREATER_THAN",
  "GREATER_THAN_OR_EQUALS",
  "INCLUDES",
  "ENDS_WITH",
  "&",
  "!&",
] as const;

export type ScopingOperator = (typeof SCOPING_OPERATORS)[number];

const UNARY: ReadonlySet<ScopingOperator> = new Set([
  "IS TRUE",
  "IS FALSE",
  "IS NULL",
  "IS NOT NULL",
]);

/** Operators that Entra lists and that this does not have, by `folded` name. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  [
    "ISMEMBEROF",
    "groups are no attribute of an entry: scope by group in the agent's configuration (scope.groups)",
  ],
  ["PRESENT", "IS NOT NULL says the same"],
  ["VALIDCERTMATCH", "what it compares is not documented"],
  ["!&L", "what it compares is not documented"],
]);

const BY_FOLDED: ReadonlyMap<string, ScopingOperator> = new Map(
  SCOPING_OPERATORS.map((operator) => [folded(operator), operator]),
);

/** Reads an operator in any letter case, words separated by spaces, underscores or nothing (`NotEquals`, `GREATER_THAN`). */
export function parseScopingOperator(
  text: string,
): { readonly operator: ScopingOperator } | { readonly problem: string } {
  const operator = BY_FOLDED.get(folded(text));
  if (operator !== undefined) return { operator };
  const why = REFUSED.get(folded(text));
  if (why !== undefined) return { problem: `the operator ${text} is not supported: ${why}` };
  return { problem: `no such operator: ${text} (there are ${SCOPING_OPERATORS.join(", ")})` };
}

/** Whether an operator compares with a value. */
export function isBinary(operator: ScopingOperator): boolean {
  return !UNARY.has(operator);
}

function folded(text: string): string {
  return text.replace(/[\s_]+/g, "").toUpperCase();
}
