import { compareValues } from "./comparison.ts";
import {
  type Argument,
  boundText,
  type Evaluation,
  type EvaluationContext,
  EvaluationError,
  type ExpressionFunction,
  IGNORE_FLOW,
} from "./evaluation.ts";
import { type ExpressionValue, narrow, textOf } from "./expression-value.ts";
import { EXPRESSION_FUNCTIONS, findFunction, printSignature } from "./functions.ts";
import { type ParsedExpression, parseExpression } from "./parse-expression.ts";
import type { Expression } from "./syntax.ts";
import { ExpressionSyntaxError } from "./syntax-error.ts";

/** What became of an expression for one entry. */
export type EvaluationOutcome =
  | {
      readonly kind: "value";
      readonly value: ExpressionValue;
      /** Whether logs must show `[Redact]` instead. */
      readonly redacted: boolean;
    }
  /** The target is neither written nor cleared. */
  | { readonly kind: "ignore" }
  | { readonly kind: "error"; readonly message: string }
  /** The entry waits and is tried again. */
  | { readonly kind: "escrow"; readonly message: string };

/** An expression that is ready to be evaluated many times. */
export interface CompiledExpression {
  readonly text: string;
  readonly expression: Expression;
  /** Names of the attributes that it reads, each once, as written. */
  readonly attributes: readonly string[];
  readonly variables: readonly string[];
  /** Whether the same entry may give another value the next time. */
  readonly changes: ReadonlySet<"time" | "random">;
  readonly selectsUnique: boolean;
  /** Never throws: what is wrong with an entry is an outcome. */
  evaluate(context: EvaluationContext): EvaluationOutcome;
}

/** Words that stand for a value besides those that a function names. */
const CONSTANTS: ReadonlyMap<string, ExpressionValue> = new Map<string, ExpressionValue>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/**
 * Reads an expression and checks all that can be said without an entry: functions, numbers of arguments, patterns, formats.
 * @throws ExpressionSyntaxError
 */
export function compileExpression(text: string): CompiledExpression {
  const parsed = parseExpression(text);
  const compiler = new ExpressionCompiler(parsed);
  const run = compiler.compile(parsed.expression, { isOutermost: true });
  const { attributes, variables, changes } = compiler;
  const { expression } = parsed;
  const outermost = expression.kind === "call" ? findFunction(expression.name) : undefined;
  return {
    ...{ text, expression, changes },
    attributes: [...attributes],
    variables: [...variables],
    selectsUnique: outermost?.isOutermost === true,
    evaluate: (context) => evaluate(run, context),
  };
}

function evaluate(run: Argument, context: EvaluationContext): EvaluationOutcome {
  let redacted = false;
  const redact = () => {
    redacted = true;
  };
  try {
    const value = run({ ...context, redact });
    return { kind: "value", value, redacted };
  } catch (error) {
    if (error === IGNORE_FLOW) return { kind: "ignore" };
    if (error instanceof EvaluationError) return { kind: error.kind, message: error.message };
    throw error;
  }
}

interface Place {
  readonly isOutermost?: boolean;
  /** Words that may stand here. */
  readonly keywords?: readonly string[];
}

class ExpressionCompiler {
  readonly attributes = new Set<string>();
  readonly variables = new Set<string>();
  readonly changes = new Set<"time" | "random">();
  readonly #parsed: ParsedExpression;

  constructor(parsed: ParsedExpression) {
    this.#parsed = parsed;
  }

  compile(node: Expression, place: Place): Argument {
    switch (node.kind) {
      case "text":
        return () => node.value;
      case "number": {
        const value = numberOf(node.literal);
        return () => value;
      }
      case "attribute": {
        this.attributes.add(node.name);
        return ({ read }) => read(node.name);
      }
      case "variable":
        return this.#variable(node.name);
      case "keyword": {
        const value = this.#keyword(node, place);
        return () => value;
      }
      case "blank":
        return () => null;
      case "call":
        return this.#call(node, place);
      case "compare": {
        const [left, right] = [this.compile(node.left, {}), this.compile(node.right, {})];
        return (evaluation) => compareValues(left(evaluation), node.operator, right(evaluation));
      }
      case "concatenate": {
        const [left, right] = [this.compile(node.left, {}), this.compile(node.right, {})];
        return (evaluation) => boundText(textOf(left(evaluation)) + textOf(right(evaluation)));
      }
    }
  }

  #variable(name: string): Argument {
    this.variables.add(name);
    return ({ variable }) => {
      const value = variable(name);
      if (value === undefined) throw new EvaluationError(`the variable ${name} has no value`);
      return value;
    };
  }

  #keyword(
    node: Extract<Expression, { kind: "keyword" }>,
    { keywords = [] }: Place,
  ): ExpressionValue {
    const folded = node.name.toLowerCase();
    const known = keywords.find((one) => one.toLowerCase() === folded);
    if (known !== undefined) return known;
    const constant = CONSTANTS.get(folded);
    if (constant !== undefined) return constant;
    const expectation =
      keywords.length > 0
        ? `one of ${keywords.join(", ")}`
        : findFunction(node.name)
          ? `${node.name}(…)`
          : `[${node.name}] for an attribute or "${node.name}" for a text`;
    return this.#fail(node, `found ${node.name}, expected ${expectation}`);
  }

  #call(node: Extract<Expression, { kind: "call" }>, place: Place): Argument {
    const called = findFunction(node.name);
    if (called === undefined) {
      const near = nearestName(node.name);
      const expectation = near === undefined ? "a function of the language" : `perhaps ${near}`;
      return this.#fail(node, `found the unknown function ${node.name}, expected ${expectation}`);
    }
    if (called.isOutermost === true && place.isOutermost !== true) {
      this.#fail(node, `found ${called.name} within another function, expected it outermost`);
    }
    this.#checkArguments(node, called);
    if (called.changes !== undefined) this.changes.add(called.changes);
    const found = called.check?.(node.arguments);
    if (found !== undefined) {
      this.#fail(node.arguments[found.argument] ?? node, found.problem);
    }
    const all = node.arguments.map((argument, index) => {
      if (argument.kind === "blank") return undefined;
      const { keywords = [] } = parameterAt(called, index) ?? {};
      return this.compile(argument, { keywords });
    });
    if ("choose" in called) return (evaluation) => called.choose(all, evaluation);
    return (evaluation: Evaluation) =>
      called.evaluate(
        all.map((argument) => argument?.(evaluation)),
        evaluation,
      );
  }

  #checkArguments(node: Extract<Expression, { kind: "call" }>, called: ExpressionFunction): void {
    const { parameters, repeats = [] } = called;
    // Microsoft's own expressions end some lists of arguments with a comma too many or too few.
    const given = trimBlanks(node.arguments);
    const signature = printSignature(called);
    if (repeats.length === 0 && given > parameters.length) {
      const surplus = node.arguments[parameters.length] ?? node;
      this.#fail(
        surplus,
        `found ${given} arguments, expected at most ${parameters.length}: ${signature}`,
      );
    }
    for (const [index, parameter] of parameters.entries()) {
      const argument = node.arguments[index];
      const isMissing = argument === undefined || argument.kind === "blank";
      if (!parameter.required || !isMissing) continue;
      this.#fail(argument ?? node, `found no ${parameter.name}, expected ${signature}`);
    }
    const repeated = Math.max(0, node.arguments.length - parameters.length);
    if (repeats.length > 1 && repeated % repeats.length !== 0) {
      const names = repeats.map(({ name }) => name).join(" and ");
      this.#fail(
        node,
        `found an odd number of arguments, expected pairs of ${names}: ${signature}`,
      );
    }
  }

  #fail(node: Expression, problem: string): never {
    const { text } = this.#parsed;
    throw new ExpressionSyntaxError(problem, { text, at: this.#parsed.positionOf(node) });
  }
}

function parameterAt({ parameters, repeats = [] }: ExpressionFunction, index: number) {
  if (index < parameters.length) return parameters[index];
  return repeats[(index - parameters.length) % Math.max(1, repeats.length)];
}

/** The number of arguments without blank ones at the end. */
function trimBlanks(all: readonly Expression[]): number {
  return all.findLastIndex(({ kind }) => kind !== "blank") + 1;
}

function numberOf(literal: string): number | bigint {
  if (/^&h/i.test(literal)) return narrow(BigInt(`0x${literal.slice(2)}`));
  if (literal.includes(".")) return Number(literal);
  return narrow(BigInt(literal.replace(/^\+/, "")));
}

const MAX_DISTANCE = 2;

function nearestName(name: string): string | undefined {
  const folded = name.toLowerCase().slice(0, 64);
  const near = EXPRESSION_FUNCTIONS.map((one) => ({
    name: one.name,
    distance: distanceOf(folded, one.name.toLowerCase()),
  })).sort((a, b) => a.distance - b.distance)[0];
  return near !== undefined && near.distance <= MAX_DISTANCE ? near.name : undefined;
}

/** How many letters must be changed, added or taken away (Levenshtein). */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
