import { badRequest } from "../../core/scim/error.ts";
import { parseSearchRequest, type SearchRequest } from "../../core/scim/list.ts";
import { isObject, memberReader } from "../../core/scim/resource.ts";
import { SEARCH_REQUEST_MESSAGE } from "../../core/scim/urn.ts";
import { namesIn } from "./projection-choice.ts";
import type { SortOrder } from "./sorting.ts";

/** A search with its order. */
export interface SortedSearch extends SearchRequest {
  readonly sortBy?: string;
  readonly sortOrder: SortOrder;
  /** Equal for searches that differ at most in the page that they ask for. */
  readonly identity: string;
}

const readSortBy = memberReader("sortBy");
const readSortOrder = memberReader("sortOrder");
const readStartIndex = memberReader("startIndex");
const readCount = memberReader("count");
const readCursor = memberReader("cursor");

/** Digits beyond these are no number of resources. */
const INTEGER = /^[+-]?\d{1,15}$/;
/** In lower case: members that choose a page, and the schema, which every search has. */
const NO_IDENTITY: ReadonlySet<string> = new Set(["startindex", "count", "cursor", "schemas"]);

/**
 * `GET /Users?filter=…` (RFC 7644 section 3.4.2). Parameters that SCIM does not know are ignored.
 * @throws ScimError 400 as `searchFromBody`
 */
export function searchFromQuery(query: ReadonlyMap<string, string>): SortedSearch {
  const body: Record<string, unknown> = { schemas: [SEARCH_REQUEST_MESSAGE] };
  for (const name of ["filter", "cursor", "sortBy", "sortOrder"]) {
    const value = query.get(name.toLowerCase());
    if (value !== undefined) body[name] = value;
  }
  for (const name of ["startIndex", "count"]) {
    const text = query.get(name.toLowerCase());
    if (text !== undefined) body[name] = INTEGER.test(text) ? Number(text) : text;
  }
  for (const name of ["attributes", "excludedAttributes"]) {
    const names = namesIn(query.get(name.toLowerCase()));
    if (names.length > 0) body[name] = names;
  }
  return searchFromBody(body);
}

/**
 * `POST …/.search` (RFC 7644 section 3.4.3, RFC 9865 section 2).
 * @throws ScimError 400: invalidSyntax, invalidValue, invalidFilter, invalidCount beside a cursor
 */
export function searchFromBody(body: unknown): SortedSearch {
  if (isObject(body)) refuseMixedPaging(body);
  const search = parseSearchRequest(body);
  // An object, or it would have been refused.
  const members = body as Readonly<Record<string, unknown>>;
  const sortBy = readSortBy(members) ?? undefined;
  if (sortBy !== undefined && typeof sortBy !== "string") {
    throw badRequest("invalidValue", "sortBy must be a string");
  }
  return {
    ...search,
    ...(sortBy === undefined || sortBy === "" ? {} : { sortBy }),
    sortOrder: parseSortOrder(readSortOrder(members)),
    identity: identityOf(members),
  };
}

function refuseMixedPaging(body: Readonly<Record<string, unknown>>): void {
  if ((readCursor(body) ?? undefined) === undefined) return;
  if ((readStartIndex(body) ?? undefined) !== undefined) {
    throw badRequest("invalidValue", "startIndex and cursor exclude each other");
  }
  const count = readCount(body) ?? undefined;
  if (count !== undefined && !Number.isSafeInteger(count)) {
    throw badRequest("invalidCount", "count must be an integer");
  }
}

function parseSortOrder(value: unknown): SortOrder {
  const order = typeof value === "string" ? value.toLowerCase() : (value ?? "ascending");
  if (order === "" || order === "ascending") return "ascending";
  if (order === "descending") return order;
  throw badRequest("invalidValue", "sortOrder is ascending or descending");
}

function identityOf(body: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(body)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name, value]) => !NO_IDENTITY.has(name) && value !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(members);
}
