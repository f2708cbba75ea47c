import { isDeepStrictEqual } from "node:util";
import { AgentError } from "../core/error.ts";
import {
  type CompiledExpression,
  compileExpression,
  type EvaluationOutcome,
} from "../core/expression/compile-expression.ts";
import { isDateTime, parseDateTime } from "../core/expression/date-time.ts";
import type { EvaluationContext } from "../core/expression/evaluation.ts";
import {
  type ExpressionValue,
  isList,
  type SingleValue,
  textOf,
} from "../core/expression/expression-value.ts";
import { ExpressionSyntaxError } from "../core/expression/syntax-error.ts";
import { isObject } from "../core/scim/resource.ts";

/** One case of a cases file: an expression, what it reads, and what it must give. */
export interface ExpressionCase {
  /** What it is about, for a person. */
  readonly name: string;
  readonly expression: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly variables: Readonly<Record<string, string>>;
  readonly now: string | undefined;
  /** Values that SelectUniqueValue finds taken. */
  readonly existing: readonly string[];
  readonly match: "value" | "regex" | "effect" | "ambiguous";
  readonly expected: unknown;
  /** What an `ambiguous` case gives when it is read literally; either is right. */
  readonly literal: unknown;
}

export type CaseVerdict =
  | { readonly passed: true }
  | { readonly passed: false; readonly expected: unknown; readonly got: unknown };

/**
 * The cases in a JSON document: `{cases: […]}`, or the list alone.
 * @throws AgentError `input.invalid`, with the first place that is wrong
 */
export function parseExpressionCases(text: string, file: string): readonly ExpressionCase[] {
  const refuse = (problem: string): never => {
    throw new AgentError("input.invalid", `${file} ${problem}`, {
      hint: 'expected {"cases": [{"expr": "Trim([x])", "input": {"x": " a "}, "expected": "a"}]}',
    });
  };
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    return refuse(`is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const list = isObject(content) ? content["cases"] : content;
  if (!Array.isArray(list)) return refuse("has no list of cases");
  return list.map((one: unknown, index) => {
    const place = `cases[${index}]`;
    if (!isObject(one)) return refuse(`${place} is no object`);
    const { fn, expr, input = {}, vars = {}, now, existing = [], match, expected, literal } = one;
    if (typeof expr !== "string") return refuse(`${place} has no expr, expected an expression`);
    if (!isObject(input)) return refuse(`${place}.input is no object`);
    if (!isObject(vars)) return refuse(`${place}.vars is no object`);
    if (!("expected" in one)) return refuse(`${place} has no expected`);
    if (!Array.isArray(existing)) return refuse(`${place}.existing is no list`);
    if (now !== undefined && Number.isNaN(Date.parse(String(now)))) {
      return refuse(`${place}.now is no time`);
    }
    if (match !== undefined && !MATCHES.some((known) => known === match)) {
      return refuse(`${place}.match is none of ${MATCHES.join(", ")}`);
    }
    if (match === "regex" && !isPattern(expected)) return refuse(`${place}.expected is no pattern`);
    return {
      name: typeof fn === "string" ? fn : `case ${index + 1}`,
      expression: expr,
      input: input as Readonly<Record<string, unknown>>,
      variables: Object.fromEntries(
        Object.entries(vars).map(([name, value]) => [name, String(value)]),
      ),
      now: now === undefined ? undefined : String(now),
      existing: existing.map(String),
      match: MATCHES.find((known) => known === match) ?? "value",
      expected,
      literal,
    };
  });
}

function isPattern(expected: unknown): boolean {
  try {
    return new RegExp(String(expected), "u").source !== "";
  } catch {
    return false;
  }
}

const MATCHES = ["value", "regex", "effect", "ambiguous"] as const;

/** Evaluates a case and compares. */
export function runExpressionCase(
  one: ExpressionCase,
  context: Pick<EvaluationContext, "now" | "random">,
): CaseVerdict {
  let compiled: CompiledExpression;
  try {
    compiled = compileExpression(one.expression);
  } catch (error) {
    if (!(error instanceof ExpressionSyntaxError)) throw error;
    return verdict(one, { $syntaxError: error.problem });
  }
  const taken = new Set(one.existing.map((value) => value.toLowerCase()));
  const outcome = compiled.evaluate({
    read: createReader(one.input),
    variable: (name) => (Object.hasOwn(one.variables, name) ? one.variables[name] : undefined),
    now: one.now === undefined ? context.now : Date.parse(one.now),
    random: context.random,
    isTaken: (value) => taken.has(value.toLowerCase()),
  });
  return verdict(one, toDocument(outcome));
}

/** The value of an attribute among named ones, letter case included; else without regard to it. */
export function createReader(
  input: Readonly<Record<string, unknown>>,
): (attribute: string) => ExpressionValue {
  const folded = new Map(Object.keys(input).map((name) => [name.toLowerCase(), name]));
  return (attribute) => {
    const name = Object.hasOwn(input, attribute) ? attribute : folded.get(attribute.toLowerCase());
    return name === undefined ? null : toValue(input[name]);
  };
}

/** A value of JSON as the language sees it. */
function toValue(json: unknown): ExpressionValue {
  if (json === null || json === undefined) return null;
  if (Array.isArray(json)) {
    const values = json.map(toSingle).filter((one) => one !== null);
    return values.length === 0 ? null : values;
  }
  return toSingle(json);
}

function toSingle(json: unknown): SingleValue | null {
  if (json === null || json === undefined) return null;
  if (typeof json === "string" || typeof json === "number" || typeof json === "boolean") {
    return json;
  }
  if (!isObject(json)) return String(json);
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [
      name,
      typeof value === "boolean" ? value : String(value),
    ]),
  );
}

/** An outcome as JSON: the value, or an object whose key begins with `$`. */
function toDocument(outcome: EvaluationOutcome): unknown {
  switch (outcome.kind) {
    case "ignore":
      return { $flow: "ignore" };
    case "error":
      return { $error: outcome.message };
    case "escrow":
      return { $escrow: true };
    case "value": {
      const value = toJson(outcome.value);
      return outcome.redacted ? { $value: value, $log: "[Redact]" } : value;
    }
  }
}

export function toJson(value: ExpressionValue): unknown {
  if (value === null) return null;
  if (isList(value)) return value.map(toJson);
  if (typeof value === "bigint" || isDateTime(value) || value instanceof Uint8Array) {
    return textOf(value);
  }
  return value;
}

function verdict(one: ExpressionCase, got: unknown): CaseVerdict {
  const { match, expected, literal } = one;
  const passed =
    match === "regex"
      ? typeof got === "string" && new RegExp(String(expected), "u").test(got)
      : isSame(expected, got) || (match === "ambiguous" && isSame(literal, got));
  return passed ? { passed } : { passed, expected, got };
}

/** Values are the same when they are written alike: 7 and "7", true and "True". */
function isSame(expected: unknown, got: unknown): boolean {
  if (isDeepStrictEqual(expected, got)) return true;
  // That it fails is all that the case asks for.
  if (isDeepStrictEqual(expected, { $error: true })) {
    return isObject(got) && ("$error" in got || "$syntaxError" in got);
  }
  if (Array.isArray(expected) && Array.isArray(got)) {
    return expected.length === got.length && expected.every((one, at) => isSame(one, got[at]));
  }
  if (!isScalar(expected) || !isScalar(got)) return false;
  return textOf(expected) === textOf(got) || isSameTime(expected, got);
}

/** A time of ISO 8601 stands for the same time in the language's own form. */
function isSameTime(expected: SingleValue, got: SingleValue): boolean {
  if (typeof expected !== "string" || typeof got !== "string") return false;
  if (!/^\d{4}-\d\d-\d\dT/.test(expected)) return false;
  const [first, second] = [parseDateTime(expected), parseDateTime(got)];
  return first !== undefined && second !== undefined && first.ms === second.ms;
}

function isScalar(value: unknown): value is string | number | boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}
