import { type DateTime, isDateTime, parseDateTime } from "./date-time.ts";
import {
  type ExpressionValue,
  isNullOrEmpty,
  numberOf,
  singleOf,
  textOf,
} from "./expression-value.ts";
import type { ComparisonOperator } from "./syntax.ts";

/**
 * Compares two values: as numbers when one is a number and the other can be read as one, as times when one is a time, else as
 * text, letter case included. Null equals empty text, and nothing is smaller or larger than null.
 */
export function compareValues(
  left: ExpressionValue,
  operator: ComparisonOperator,
  right: ExpressionValue,
): boolean {
  if (isNullOrEmpty(left) || isNullOrEmpty(right)) {
    const isEqual = isNullOrEmpty(left) && isNullOrEmpty(right);
    return ["=", ">=", "<="].includes(operator) ? isEqual : operator === "<>" && !isEqual;
  }
  const order = orderOf(left, right);
  switch (operator) {
    case "=":
      return order === 0;
    case "<>":
      return order !== 0;
    case ">":
      return order > 0;
    case "<":
      return order < 0;
    case ">=":
      return order >= 0;
    case "<=":
      return order <= 0;
  }
}

function orderOf(left: ExpressionValue, right: ExpressionValue): number {
  if (isNumber(left) || isNumber(right)) {
    const [first, second] = [numberOf(left), numberOf(right)];
    if (first !== undefined && second !== undefined) return sign(first, second);
  }
  const times = timesOf(left, right);
  if (times !== undefined)
    return sign(times[0].ms, times[1].ms) || sign(times[0].ticks, times[1].ticks);
  return sign(textOf(left), textOf(right));
}

function isNumber(value: ExpressionValue): boolean {
  return ["number", "bigint"].includes(typeof singleOf(value));
}

function timesOf(
  left: ExpressionValue,
  right: ExpressionValue,
): readonly [DateTime, DateTime] | undefined {
  const all = [singleOf(left), singleOf(right)];
  if (!all.some(isDateTime)) return undefined;
  const [first, second] = all.map((one) => (isDateTime(one) ? one : parseDateTime(textOf(one))));
  return first && second && [first, second];
}

function sign<T extends string | number | bigint>(left: T | number, right: T | number): number {
  return left === right ? 0 : left < right ? -1 : 1;
}
