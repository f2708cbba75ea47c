import {
  COMPARISON_OPERATORS,
  type ComparisonOperator,
  type Expression,
  MAX_EXPRESSION_CHARACTERS,
} from "./syntax.ts";
import { ExpressionSyntaxError } from "./syntax-error.ts";
import { readTokens, type Token } from "./token.ts";

/** Deeper than anybody nests, and far from where the stack ends. */
const MAX_DEPTH = 250;

/** An expression that was read, and where its parts stand in the text. */
export interface ParsedExpression {
  readonly expression: Expression;
  readonly text: string;
  /** Where a node of `expression` begins, in characters from 0. */
  positionOf(node: Expression): number;
}

/**
 * Reads an expression of Entra's attribute-mapping language ("Reference for writing expressions for attribute mappings"). Which
 * functions there are is not looked at here.
 * @throws ExpressionSyntaxError
 */
export function parseExpression(text: string): ParsedExpression {
  if (text.length > MAX_EXPRESSION_CHARACTERS) {
    const problem = `found ${text.length} characters, expected at most ${MAX_EXPRESSION_CHARACTERS}`;
    throw new ExpressionSyntaxError(problem, { text, at: 0 });
  }
  const parser = new ExpressionParser(text);
  const expression = parser.parse();
  return { expression, text, positionOf: (node) => parser.positions.get(node) ?? 0 };
}

class ExpressionParser {
  readonly positions = new Map<Expression, number>();
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #index = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = readTokens(text);
  }

  parse(): Expression {
    if (this.#peek().kind === "end") {
      this.#fail("found nothing, expected a function, an [attribute] or a text");
    }
    const expression = this.#expression();
    if (this.#peek().kind !== "end") {
      this.#fail(`found ${describe(this.#peek())}, expected an operator or the end`);
    }
    return expression;
  }

  #expression(): Expression {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) {
      this.#fail(`found more than ${MAX_DEPTH} levels of nesting, expected fewer`);
    }
    const { at } = this.#peek();
    const left = this.#concatenation();
    const operator = this.#takeOperator(COMPARISON_OPERATORS);
    const expression: Expression =
      operator === undefined
        ? left
        : this.#mark(
            {
              kind: "compare",
              operator: operator as ComparisonOperator,
              left,
              right: this.#concatenation(),
            },
            at,
          );
    if (operator !== undefined && COMPARISON_OPERATORS.some((one) => one === this.#peek().value)) {
      this.#fail(`found a second comparison, expected one: nest IIF instead`);
    }
    this.#depth -= 1;
    return expression;
  }

  #concatenation(): Expression {
    const { at } = this.#peek();
    let left = this.#operand();
    while (this.#takeOperator(["&"]) !== undefined) {
      left = this.#mark({ kind: "concatenate", left, right: this.#operand() }, at);
    }
    return left;
  }

  #operand(): Expression {
    const token = this.#peek();
    const { at, value } = token;
    switch (token.kind) {
      case "text":
        return this.#leaf({ kind: "text", value }, at);
      case "number":
        return this.#leaf({ kind: "number", literal: value }, at);
      case "attribute":
        return this.#leaf({ kind: "attribute", name: value }, at);
      case "variable":
        return this.#leaf({ kind: "variable", name: value }, at);
      case "name":
        this.#index += 1;
        if (this.#peek().kind !== "(") return this.#mark({ kind: "keyword", name: value }, at);
        return this.#mark({ kind: "call", name: value, arguments: this.#arguments(value) }, at);
      case "(": {
        this.#index += 1;
        const inner = this.#expression();
        this.#expect(")", "to close the parenthesis");
        return inner;
      }
      default:
        return this.#fail(
          `found ${describe(token)}, expected a function, an [attribute], a text or a number`,
        );
    }
  }

  /** In front of the opening parenthesis. */
  #arguments(name: string): readonly Expression[] {
    this.#index += 1;
    const all: Expression[] = [];
    if (this.#peek().kind === ")") {
      this.#index += 1;
      return all;
    }
    for (;;) {
      const { kind, at } = this.#peek();
      const isBlank = kind === "," || kind === ")";
      all.push(isBlank ? this.#mark({ kind: "blank" }, at) : this.#expression());
      if (this.#peek().kind !== ",") break;
      this.#index += 1;
    }
    this.#expect(")", `or , in the arguments of ${name}`);
    return all;
  }

  #leaf(node: Expression, at: number): Expression {
    this.#index += 1;
    return this.#mark(node, at);
  }

  #mark<T extends Expression>(node: T, at: number): T {
    this.positions.set(node, at);
    return node;
  }

  #takeOperator(wanted: readonly string[]): string | undefined {
    const { kind, value } = this.#peek();
    if (kind !== "operator" || !wanted.includes(value)) return undefined;
    this.#index += 1;
    return value;
  }

  #expect(kind: Token["kind"], purpose: string): void {
    if (this.#peek().kind !== kind) {
      this.#fail(`found ${describe(this.#peek())}, expected ${kind} ${purpose}`);
    }
    this.#index += 1;
  }

  #peek(): Token {
    return this.#tokens[this.#index] as Token;
  }

  #fail(problem: string): never {
    throw new ExpressionSyntaxError(problem, { text: this.#text, at: this.#peek().at });
  }
}

function describe({ kind, value }: Token): string {
  switch (kind) {
    case "end":
      return "the end of the expression";
    case "text":
      return "a text";
    case "attribute":
      return `[${value}]`;
    case "variable":
      return `%${value}%`;
    case "name":
      return /^(?:and|or)$/i.test(value)
        ? `${value} (the language has neither AND nor OR: nest IIF)`
        : value;
    default:
      return value;
  }
}
