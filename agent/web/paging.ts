import { ScimError } from "../core/scim/error.ts";

/** Which part of a list is wanted. */
export type Paging =
  | {
      readonly kind: "index";
      /** Counts from 1. */
      readonly startIndex: number;
      readonly count: number | undefined;
    }
  | {
      readonly kind: "cursor";
      /** Empty for the first page. */
      readonly cursor: string;
      readonly count: number | undefined;
    };

/** The members of a search that choose a page, as they came; undefined and null count as absent. */
export interface PagingMembers {
  readonly startIndex: unknown;
  readonly count: unknown;
  readonly cursor: unknown;
}

/** Digits beyond these are no number of resources. */
const INTEGER = /^[+-]?\d{1,15}$/;

const FIRST_PAGE: Paging = { kind: "index", startIndex: 1, count: undefined };

/**
 * RFC 7644 section 3.4.2.4 and RFC 9865 section 2: `startIndex` below 1 is 1, `count` below 0 is 0.
 * @throws ScimError 400: invalidValue (no integer, both kinds of paging at once), invalidCount beside a cursor
 */
export function parsePaging({ startIndex, count, cursor }: PagingMembers): Paging {
  if (isAbsent(startIndex) && isAbsent(count) && isAbsent(cursor)) return FIRST_PAGE;
  if (isAbsent(cursor)) {
    const start = readInteger(startIndex, "startIndex");
    return {
      kind: "index",
      startIndex: Math.max(start ?? 1, 1),
      count: atLeastZero(readInteger(count, "count")),
    };
  }
  if (typeof cursor !== "string") throw refusal("invalidValue", "cursor must be a string");
  if (!isAbsent(startIndex)) {
    throw refusal("invalidValue", "startIndex and cursor exclude each other");
  }
  return {
    kind: "cursor",
    cursor,
    count: atLeastZero(readInteger(count, "count", "invalidCount")),
  };
}

/** The integer that a query parameter spells; other text as it is, which `parsePaging` refuses. */
export function integerIn(text: string | undefined): unknown {
  return text !== undefined && INTEGER.test(text) ? Number(text) : text;
}

function readInteger(
  value: unknown,
  name: string,
  scimType: "invalidValue" | "invalidCount" = "invalidValue",
): number | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw refusal(scimType, `${name} must be an integer`);
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function atLeastZero(count: number | undefined): number | undefined {
  return count === undefined ? undefined : Math.max(count, 0);
}

function refusal(scimType: "invalidValue" | "invalidCount", detail: string): ScimError {
  return new ScimError(400, detail, { scimType });
}
