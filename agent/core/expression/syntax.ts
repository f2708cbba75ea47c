/** An expression of the attribute-mapping language as a tree. A node holds what was written and no positions. */
export type Expression =
  | { readonly kind: "text"; readonly value: string }
  /** As written: `42`, `-1.5`, `&HF7`. */
  | { readonly kind: "number"; readonly literal: string }
  /** `[givenName]` */
  | { readonly kind: "attribute"; readonly name: string }
  /** `%DomainFQDN%`, a setting of the job. */
  | { readonly kind: "variable"; readonly name: string }
  /** A bare word: `vbTextCompare`, `UTF8`, `True`. */
  | { readonly kind: "keyword"; readonly name: string }
  /** A positional argument that was left out: `Switch([x], , "a", "b")`. */
  | { readonly kind: "blank" }
  | { readonly kind: "call"; readonly name: string; readonly arguments: readonly Expression[] }
  | {
      readonly kind: "compare";
      readonly operator: ComparisonOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  /** `a & b` */
  | { readonly kind: "concatenate"; readonly left: Expression; readonly right: Expression };

export const COMPARISON_OPERATORS = ["=", "<>", ">=", "<=", ">", "<"] as const;

export type ComparisonOperator = (typeof COMPARISON_OPERATORS)[number];

/** Entra refuses what is longer ("Known issues for provisioning"). */
export const MAX_EXPRESSION_CHARACTERS = 10_000;

/** Writes an expression so that parsing it again gives the same tree. */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case "text":
      return printText(expression.value);
    case "number":
      return expression.literal;
    case "attribute":
      return `[${expression.name}]`;
    case "variable":
      return `%${expression.name}%`;
    case "keyword":
      return expression.name;
    case "blank":
      return "";
    case "call":
      return `${expression.name}(${printArguments(expression.arguments)})`;
    case "compare":
      return `${printOperand(expression.left)} ${expression.operator} ${printOperand(expression.right)}`;
    case "concatenate": {
      const { left, right } = expression;
      const first = left.kind === "concatenate" ? printExpression(left) : printOperand(left);
      return `${first} & ${printOperand(right)}`;
    }
  }
}

function printArguments(all: readonly Expression[]): string {
  // One blank argument alone would read as none.
  if (all.length === 1 && all[0]?.kind === "blank") return "";
  return all.map(printExpression).join(", ");
}

function printOperand(expression: Expression): string {
  const text = printExpression(expression);
  return expression.kind === "compare" || expression.kind === "concatenate" ? `(${text})` : text;
}

/** A backslash before anything but a quotation mark or a backslash stands for itself and may stay alone. */
function printText(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
