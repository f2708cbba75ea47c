import { printBase64 } from "../directory-value/octets.ts";
import { type DateTime, isDateTime, printDateTime } from "./date-time.ts";

/** A value of a complex SCIM attribute, such as a role. */
export interface ComplexValue {
  readonly [member: string]: string | boolean;
}

/** One value: text, a number (an integer beyond 2^53 as bigint), a boolean, a point in time, bytes. */
export type SingleValue = string | number | bigint | boolean | DateTime | Uint8Array | ComplexValue;

/** What an expression works with. null is an attribute without a value; a list is a multi-valued one. */
export type ExpressionValue = null | SingleValue | readonly SingleValue[];

export function isList(value: ExpressionValue): value is readonly SingleValue[] {
  return Array.isArray(value);
}

/** The values: none for null, one for a single value. */
export function listOf(value: ExpressionValue): readonly SingleValue[] {
  if (value === null) return [];
  return isList(value) ? value : [value];
}

/** The value where one is taken: the first of several. */
export function singleOf(value: ExpressionValue): SingleValue | null {
  return isList(value) ? (value[0] ?? null) : value;
}

/** Null, no value at all, and empty text count as nothing. */
export function isNullOrEmpty(value: ExpressionValue): boolean {
  return listOf(value).every((one) => one === "");
}

/** The text of a value as it is written to a target; null is empty text. Booleans are `True` and `False`, as in .NET. */
export function textOf(value: ExpressionValue): string {
  const single = singleOf(value);
  if (single === null) return "";
  if (typeof single === "string") return single;
  if (typeof single === "boolean") return single ? "True" : "False";
  if (typeof single === "number" || typeof single === "bigint") return String(single);
  if (isDateTime(single)) return printDateTime(single);
  if (single instanceof Uint8Array) return printBase64(single);
  return JSON.stringify(single);
}

const INTEGER = /^\s*[+-]?\d{1,30}\s*$/;
const DECIMAL = /^\s*[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})\s*$/;

/** @returns undefined for what is no number */
export function numberOf(value: ExpressionValue): number | bigint | undefined {
  const single = singleOf(value);
  if (typeof single === "number" || typeof single === "bigint") return single;
  if (typeof single === "boolean") return single ? 1 : 0;
  if (typeof single !== "string") return undefined;
  if (INTEGER.test(single)) return narrow(BigInt(single.trim().replace(/^\+/, "")));
  return DECIMAL.test(single) ? Number(single) : undefined;
}

/** The same as a whole number that JavaScript counts exactly, cut towards zero and held within ±2^53. */
export function wholeOf(value: ExpressionValue): number | undefined {
  const number = numberOf(value);
  if (number === undefined) return undefined;
  const clamped = Math.max(
    Number.MIN_SAFE_INTEGER,
    Math.min(Number.MAX_SAFE_INTEGER, Number(number)),
  );
  return Math.trunc(clamped);
}

/** A bigint only where a number would not be exact. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** True, text that says so in any letter case, and every number but 0. */
export function isTrue(value: ExpressionValue): boolean {
  const single = singleOf(value);
  if (typeof single === "boolean") return single;
  if (typeof single === "string" && single.trim().toLowerCase() === "true") return true;
  const number = numberOf(single);
  return number !== undefined && Number(number) !== 0;
}
