import { isObject } from "../scim/resource.ts";
import { compilePattern } from "./pattern.ts";
import { PatternError } from "./pattern-syntax.ts";
import { isBinary, parseScopingOperator, type ScopingOperator } from "./scoping-operator.ts";

/** One condition on one attribute of the source object, as configured. */
export interface ScopingClause {
  readonly attribute: string;
  /** One of `SCOPING_OPERATORS`. */
  readonly operator: string;
  /** What it is compared with; IS TRUE, IS FALSE, IS NULL and IS NOT NULL take none. */
  readonly value?: string | undefined;
  /** Whether all values of a multi-valued attribute must satisfy the clause (Graph's default) or any one. */
  readonly multivalued?: "all" | "any" | undefined;
}

/** Clauses that must all hold. */
export interface ScopingFilter {
  readonly name: string;
  readonly clauses: readonly ScopingClause[];
}

/** What one clause says of an object. Both texts hold configured values and none of the object's. */
export interface ClauseVerdict {
  /** `department EQUALS "Sales"` */
  readonly rule: string;
  readonly holds: boolean;
  /** Why: `it is empty`, `it differs`. */
  readonly detail: string;
}

export interface FilterVerdict {
  readonly name: string;
  readonly holds: boolean;
  /** Every clause, also behind one that failed. */
  readonly clauses: readonly ClauseVerdict[];
}

/** Whether an object is provisioned, and which rule said so. */
export interface ScopingVerdict {
  readonly inScope: boolean;
  readonly detail: string;
  readonly filters: readonly FilterVerdict[];
}

/** A value of the source object by the name of the attribute: a JSON value, undefined when it is absent. */
export type SourceReader = (attribute: string) => unknown;

/** Scoping filters that are ready to be asked. */
export type Scoping = (read: SourceReader) => ScopingVerdict;

/** What is wrong with the filters; `path` as in `["0", "clauses", "2", "value"]`. */
export interface ScopingProblem {
  readonly path: readonly (string | number)[];
  readonly problem: string;
}

/** A clause that is ready to be asked. */
export type CompiledClause = (read: SourceReader) => ClauseVerdict;

/** What one value says; `detail` is for the verdict that it gives. */
interface ValueVerdict {
  readonly holds: boolean;
  readonly detail: string;
}

/**
 * Compiles the scoping filters of the provisioning service (Entra's attribute-based scoping: clauses are ANDed, filters ORed, no
 * filter means everybody). Comparisons are exact, letter case included. A null or empty attribute fails every operator except
 * IS NULL, NOT EQUALS and NOT REGEX MATCH included.
 * @returns the compiled filters, or all that is wrong with them
 */
export function compileScoping(
  filters: readonly ScopingFilter[],
): { readonly scoping: Scoping } | { readonly problems: readonly ScopingProblem[] } {
  const problems: ScopingProblem[] = [];
  const compiled = filters.map(({ name, clauses }, index) => {
    if (clauses.length === 0) {
      problems.push({
        path: [index, "clauses"],
        problem: "a filter without clauses would let everybody in; leave the filter out",
      });
    }
    const tests = clauses.map((clause, at) => {
      const result = compileClause(clause);
      if ("test" in result) return result.test;
      problems.push({ path: [index, "clauses", at, result.at], problem: result.problem });
      return undefined;
    });
    return { name, tests: tests.filter((test) => test !== undefined) };
  });
  if (problems.length > 0) return { problems };
  return { scoping: (read) => evaluateFilters(compiled, read) };
}

function evaluateFilters(
  filters: readonly { readonly name: string; readonly tests: readonly CompiledClause[] }[],
  read: SourceReader,
): ScopingVerdict {
  if (filters.length === 0) return { inScope: true, detail: "no scoping filter", filters: [] };
  const verdicts = filters.map(({ name, tests }) => {
    const clauses = tests.map((test) => test(read));
    return { name, holds: clauses.every(({ holds }) => holds), clauses };
  });
  const passed = verdicts.find(({ holds }) => holds);
  if (passed !== undefined) {
    return { inScope: true, detail: `filter ${passed.name}`, filters: verdicts };
  }
  const failures = verdicts.map(({ name, clauses }) => {
    const failed = clauses.filter(({ holds }) => !holds);
    return `filter ${name}: ${failed.map(({ rule, detail }) => `${rule}: ${detail}`).join(", ")}`;
  });
  return { inScope: false, detail: failures.join("; "), filters: verdicts };
}

/** @returns the clause, or which part of it is wrong */
export function compileClause(
  clause: ScopingClause,
):
  | { readonly test: CompiledClause }
  | { readonly at: "operator" | "value"; readonly problem: string } {
  const parsed = parseScopingOperator(clause.operator);
  if ("problem" in parsed) return { at: "operator", problem: parsed.problem };
  const { operator } = parsed;
  if (isBinary(operator) && (clause.value === undefined || clause.value === "")) {
    return { at: "value", problem: `${operator} needs a value` };
  }
  if (!isBinary(operator) && clause.value !== undefined) {
    return { at: "value", problem: `${operator} takes no value` };
  }
  const { attribute, value = "", multivalued = "all" } = clause;
  const rule = `${attribute} ${operator}${isBinary(operator) ? ` "${value}"` : ""}`;
  if (operator === "IS NULL" || operator === "IS NOT NULL") {
    const wanted = operator === "IS NULL";
    return { test: (read) => ({ rule, ...evaluateNull(valuesOf(read(attribute)), wanted) }) };
  }
  const compiled = compileValueTest(operator, value);
  if ("problem" in compiled) return { at: "value", problem: compiled.problem };
  const { test } = compiled;
  return {
    test: (read) => ({ rule, ...evaluateValues(valuesOf(read(attribute)), { test, multivalued }) }),
  };
}

function evaluateNull(values: readonly unknown[], wanted: boolean): ValueVerdict {
  const isNull = values.length === 0;
  return { holds: isNull === wanted, detail: isNull ? "it is empty" : "it has a value" };
}

function evaluateValues(
  values: readonly unknown[],
  { test, multivalued }: { readonly test: ValueTest; readonly multivalued: "all" | "any" },
): ValueVerdict {
  const verdicts = values.map(test);
  const [first] = verdicts;
  if (first === undefined) return { holds: false, detail: "it is empty" };
  // The value that decides speaks for all of them.
  return verdicts.find(({ holds }) => holds === (multivalued === "any")) ?? first;
}

/** Null and empty text are no values (Entra: "null/empty"). */
function valuesOf(value: unknown): readonly unknown[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((one) => one !== undefined && one !== null && one !== "");
}

type ValueTest = (value: unknown) => ValueVerdict;

const TEXT_TESTS = {
  EQUALS: (text, value) => verdict(text === value, "it is equal", "it differs"),
  "NOT EQUALS": (text, value) => verdict(text !== value, "it differs", "it is equal"),
  INCLUDES: (text, value) =>
    verdict(text.includes(value), "it contains it", "it does not contain it"),
  ENDS_WITH: (text, value) => verdict(text.endsWith(value), "it ends so", "it ends otherwise"),
  "&": (text, value) => verdict(value.includes(text), "it is in it", "it is not in it"),
  "!&": (text, value) => verdict(!value.includes(text), "it is not in it", "it is in it"),
} satisfies Partial<Record<ScopingOperator, (text: string, value: string) => ValueVerdict>>;

function compileValueTest(
  operator: Exclude<ScopingOperator, "IS NULL" | "IS NOT NULL">,
  value: string,
): { readonly test: ValueTest } | { readonly problem: string } {
  switch (operator) {
    case "IS TRUE":
      return { test: (one) => verdict(booleanOf(one) === true, "it is true", "it is not true") };
    case "IS FALSE":
      return { test: (one) => verdict(booleanOf(one) === false, "it is false", "it is not false") };
    case "REGEX MATCH":
    case "NOT REGEX MATCH":
      return compilePatternTest(value, operator === "REGEX MATCH");
    case "GREATER_THAN":
    case "GREATER_THAN_OR_EQUALS":
      return compileNumberTest(value, operator === "GREATER_THAN_OR_EQUALS");
    default:
      return { test: onText((text) => TEXT_TESTS[operator](text, value)) };
  }
}

function compilePatternTest(
  value: string,
  wanted: boolean,
): { readonly test: ValueTest } | { readonly problem: string } {
  try {
    const finds = compilePattern(value);
    return {
      test: onText((text) => {
        const found = finds(text);
        return { holds: found === wanted, detail: found ? "it matches" : "it does not match" };
      }),
    };
  } catch (error) {
    if (error instanceof PatternError) return { problem: `not a pattern: ${error.message}` };
    throw error;
  }
}

/** Digits of an integer: what 64 bits hold, and then some. */
const INTEGER = /^[+-]?\d{1,30}$/;

function compileNumberTest(
  value: string,
  orEqual: boolean,
): { readonly test: ValueTest } | { readonly problem: string } {
  if (!INTEGER.test(value)) return { problem: "the value must be an integer" };
  const limit = BigInt(value.replace(/^\+/, ""));
  return {
    test: onText((text) => {
      if (!INTEGER.test(text)) return { holds: false, detail: "it is no integer" };
      const number = BigInt(text.replace(/^\+/, ""));
      const holds = orEqual ? number >= limit : number > limit;
      return verdict(holds, "it is large enough", "it is too small");
    }),
  };
}

function onText(test: (text: string) => ValueVerdict): ValueTest {
  return (value) => {
    if (isObject(value) || Array.isArray(value)) {
      return { holds: false, detail: "it is a complex value" };
    }
    return test(String(value));
  };
}

/** `True` and `False` as text count too: Entra writes booleans so. */
function booleanOf(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") return undefined;
  const folded = value.toLowerCase();
  return folded === "true" ? true : folded === "false" ? false : undefined;
}

function verdict(holds: boolean, yes: string, no: string): ValueVerdict {
  return { holds, detail: holds ? yes : no };
}
