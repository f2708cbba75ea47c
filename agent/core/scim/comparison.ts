import { parseDateTime } from "./date-time.ts";
import type { CompareOperator, FilterLiteral } from "./filter.ts";
import { invalidFilter } from "./filter-token.ts";
import type { AttributeDefinition } from "./schema.ts";

/** Tests one value, never null or undefined. */
export type ValueTest = (value: unknown) => boolean;

/** `ne` is the negation of `eq` over all values of an attribute, so that no single value decides it. */
export type ValueOperator = Exclude<CompareOperator, "ne">;

type Order = "gt" | "ge" | "lt" | "le";

const NEVER: ValueTest = () => false;
/** What no schema knows goes by the type of the value. */
const UNKNOWN = { type: undefined, caseExact: false } as const;

/**
 * Compiles the comparison of single values by the rules of the attribute's type (RFC 7644 section 3.4.2.2, table 3).
 * A literal that can never be a value of the attribute matches nothing.
 * @throws ScimError 400 invalidFilter: order of booleans and binaries, of what is no time, or a comparison with null
 */
export function compileComparison(
  operator: ValueOperator,
  literal: Exclude<FilterLiteral, null>,
  definition: AttributeDefinition | undefined,
): ValueTest {
  const { type, caseExact } = definition ?? UNKNOWN;
  if (
    isOrder(operator) &&
    (type === "boolean" || type === "binary" || typeof literal === "boolean")
  ) {
    throw invalidFilter(`${operator} does not apply to boolean and binary values`);
  }
  switch (type) {
    case "boolean":
      return compareBooleans(operator, literal);
    case "dateTime":
      return compareTimes(operator, literal);
    case "integer":
    case "decimal":
      return compareNumbers(operator, literal);
    case "complex":
      return NEVER;
    case "string":
    case "reference":
    case "binary":
      return compareTexts(operator, literal, caseExact);
    case undefined:
      return compareByValue(operator, literal);
  }
}

/**
 * The text that a literal stands for when the attribute holds text: Entra leaves out the quotes even around digits.
 * @returns undefined for what was not written with those digits for certain, and for booleans
 */
export function literalText(literal: FilterLiteral): string | undefined {
  if (typeof literal === "string") return literal;
  return Number.isSafeInteger(literal) ? String(literal) : undefined;
}

function isOrder(operator: ValueOperator): operator is Order {
  return operator === "gt" || operator === "ge" || operator === "lt" || operator === "le";
}

function compareByValue(operator: ValueOperator, literal: Exclude<FilterLiteral, null>): ValueTest {
  const byText = compareTexts(operator, literal, false);
  const byNumber = compareNumbers(operator, literal);
  // Order of booleans is refused by its literal; against other literals a boolean has none.
  const byBoolean = isOrder(operator) ? NEVER : compareBooleans(operator, literal);
  return (value) => {
    if (typeof value === "string") return byText(value);
    return typeof value === "number" ? byNumber(value) : byBoolean(value);
  };
}

function compareTexts(
  operator: ValueOperator,
  literal: Exclude<FilterLiteral, null>,
  caseExact: boolean,
): ValueTest {
  const text = literalText(literal);
  if (text === undefined) return NEVER;
  if (caseExact) {
    const test = textTest(operator, text);
    return (value) => typeof value === "string" && test(value);
  }
  const test = textTest(operator, text.toLowerCase());
  return (value) => typeof value === "string" && test(value.toLowerCase());
}

function textTest(operator: ValueOperator, text: string): (value: string) => boolean {
  switch (operator) {
    case "eq":
      return (value) => value === text;
    case "co":
      return (value) => value.includes(text);
    case "sw":
      return (value) => value.startsWith(text);
    case "ew":
      return (value) => value.endsWith(text);
    default:
      return orderTest(operator, text);
  }
}

function orderTest<T extends string | number>(operator: Order, bound: T): (value: T) => boolean {
  switch (operator) {
    case "gt":
      return (value) => value > bound;
    case "ge":
      return (value) => value >= bound;
    case "lt":
      return (value) => value < bound;
    case "le":
      return (value) => value <= bound;
  }
}

function compareNumbers(operator: ValueOperator, literal: Exclude<FilterLiteral, null>): ValueTest {
  if (typeof literal !== "number") return NEVER;
  if (operator === "eq") return (value) => value === literal;
  if (!isOrder(operator)) return NEVER;
  const test = orderTest<number>(operator, literal);
  return (value) => typeof value === "number" && test(value);
}

function compareBooleans(
  operator: ValueOperator,
  literal: Exclude<FilterLiteral, null>,
): ValueTest {
  const wanted = toBoolean(literal);
  if (operator !== "eq" || wanted === undefined) return NEVER;
  return (value) => toBoolean(value) === wanted;
}

/** A boolean, or Entra's "True" and "False". */
export function toBoolean(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  const word = typeof value === "string" ? value.toLowerCase() : undefined;
  if (word === "true") return true;
  return word === "false" ? false : undefined;
}

function compareTimes(operator: ValueOperator, literal: Exclude<FilterLiteral, null>): ValueTest {
  if (operator !== "eq" && !isOrder(operator)) return compareTexts(operator, literal, false);
  const time = typeof literal === "string" ? parseDateTime(literal) : undefined;
  if (time === undefined) {
    if (operator === "eq") return NEVER;
    throw invalidFilter(`${operator} needs a time as of xsd:dateTime`);
  }
  const test: (value: number) => boolean =
    operator === "eq" ? (value) => value === time : orderTest<number>(operator, time);
  return (value) => {
    const instant = typeof value === "string" ? parseDateTime(value) : undefined;
    return instant !== undefined && test(instant);
  };
}
