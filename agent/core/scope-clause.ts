import { type Entry, textsOf, valuesOf } from "./entry.ts";
import { type CompiledClause, compileClause } from "./provisioning/scoping.ts";
import type { ScopingOperator } from "./provisioning/scoping-operator.ts";
import type { Clause } from "./scope.ts";

type Operator = Clause["operator"];

/** The operators that Entra's scoping filters have too, by their name there. */
const ENTRA = {
  absent: "IS NULL",
  present: "IS NOT NULL",
  isTrue: "IS TRUE",
  isFalse: "IS FALSE",
  matches: "REGEX MATCH",
  notMatches: "NOT REGEX MATCH",
  greaterThan: "GREATER_THAN",
  greaterThanOrEquals: "GREATER_THAN_OR_EQUALS",
  includes: "INCLUDES",
  endsWith: "ENDS_WITH",
  within: "&",
  notWithin: "!&",
} as const satisfies Partial<Record<Operator, ScopingOperator>>;

/** How a clause reads as a sentence, before its value. */
const WORDS: Readonly<Record<Operator, string>> = {
  equals: "equals",
  notEquals: "is not",
  in: "is one of",
  present: "is present",
  absent: "is absent",
  isTrue: "is true",
  isFalse: "is false",
  matches: "matches",
  notMatches: "does not match",
  greaterThan: "is greater than",
  greaterThanOrEquals: "is at least",
  includes: "includes",
  endsWith: "ends with",
  within: "is contained in",
  notWithin: "is not contained in",
  hasBits: "has the bits",
  lacksBits: "lacks the bits",
};

const compiled = new WeakMap<Clause, CompiledClause>();

/** What is wrong with the value of a clause, for whoever configured it; undefined when nothing is. */
export function clauseProblem(clause: Clause): string | undefined {
  if (clause.operator === "hasBits" || clause.operator === "lacksBits") {
    const bits = parseFlags(clause.value);
    return bits === undefined || bits === 0
      ? "is no number of bits, expected 1 or more"
      : undefined;
  }
  const result = compile(clause);
  return result === undefined || "test" in result ? undefined : result.problem;
}

/** Any value of several counts; text compares exactly, letter case included. */
export function clauseHolds(clause: Clause, entry: Entry): boolean {
  switch (clause.operator) {
    case "present":
      return isPresent(clause, entry);
    case "absent":
      return !isPresent(clause, entry);
    case "equals":
      return textsOf(entry, clause.attribute).includes(clause.value);
    case "notEquals": {
      const texts = textsOf(entry, clause.attribute);
      return texts.length > 0 && !texts.includes(clause.value);
    }
    case "in": {
      const { values } = clause;
      return textsOf(entry, clause.attribute).some((text) => values.includes(text));
    }
    case "hasBits":
    case "lacksBits":
      return holdsBits(clause, entry);
    default:
      return testOf(clause)(() => textsOf(entry, clause.attribute)).holds;
  }
}

/** The clause as a sentence; it holds the configured values and none of the entry's. */
export function printClause(clause: Clause): string {
  const head = `${clause.attribute} ${WORDS[clause.operator]}`;
  if (clause.operator === "in") {
    return `${head} ${clause.values.map((value) => JSON.stringify(value)).join(", ")}`;
  }
  return "value" in clause ? `${head} ${JSON.stringify(clause.value)}` : head;
}

function isPresent(clause: Clause, entry: Entry): boolean {
  return valuesOf(entry, clause.attribute).some((value) => value.length > 0);
}

/** All bits of the value, or none of them, as the matching rules of MS-ADTS section 3.1.1.3.4.4 count them. */
function holdsBits(
  { attribute, operator, value }: Extract<Clause, { readonly value: string }>,
  entry: Entry,
): boolean {
  const bits = parseFlags(value) ?? 0;
  const flags = textsOf(entry, attribute).map(parseFlags);
  if (operator === "hasBits")
    return flags.some((one) => one !== undefined && (one & bits) === bits);
  return flags.length > 0 && flags.every((one) => one !== undefined && (one & bits) === 0);
}

/** A number of 32 bits, signed or not, as Active Directory writes flags. */
function parseFlags(text: string): number | undefined {
  if (!/^-?\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= -0x8000_0000 && value <= 0xffff_ffff ? value | 0 : undefined;
}

function compile(clause: Clause) {
  if (!(clause.operator in ENTRA)) return undefined;
  const operator = ENTRA[clause.operator as keyof typeof ENTRA];
  const { attribute } = clause;
  const compared = "value" in clause ? { value: clause.value } : {};
  return compileClause({ attribute, operator, multivalued: "any", ...compared });
}

function testOf(clause: Clause): CompiledClause {
  const known = compiled.get(clause);
  if (known !== undefined) return known;
  const result = compile(clause);
  if (result === undefined || !("test" in result)) {
    throw new RangeError(`the clause was not checked: ${printClause(clause)}`);
  }
  compiled.set(clause, result.test);
  return result.test;
}
