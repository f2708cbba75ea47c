import { ScimError, type ScimType } from "./error.ts";
import { parseFilter, type ScimFilter } from "./filter.ts";
import { isObject, memberReader, type ScimResource } from "./resource.ts";
import { LIST_RESPONSE_MESSAGE, SEARCH_REQUEST_MESSAGE } from "./urn.ts";

/** RFC 7644 section 3.4.2 and RFC 9865 section 2. */
export interface ListResponse {
  readonly schemas: readonly [typeof LIST_RESPONSE_MESSAGE];
  readonly totalResults: number;
  /** How many resources this page has. */
  readonly itemsPerPage: number;
  /** Counts from 1. */
  readonly startIndex?: number;
  readonly nextCursor?: string;
  readonly Resources: readonly ScimResource[];
}

export interface ListResponseOptions {
  /** Of all pages together. */
  readonly totalResults: number;
  readonly startIndex?: number;
  readonly nextCursor?: string;
}

/**
 * A search (RFC 7644 section 3.4.3, RFC 9865 section 2). Sorting is not supported; as section 3.4.2.3 has it,
 * `sortBy` and `sortOrder` are then ignored.
 */
export interface SearchRequest {
  readonly filter?: ScimFilter;
  readonly attributes?: readonly string[];
  readonly excludedAttributes?: readonly string[];
  /** Counts from 1. */
  readonly startIndex?: number;
  /** Most resources of a page; 0 asks for the total alone. */
  readonly count?: number;
  /** Of the page that is wanted; empty for the first one. */
  readonly cursor?: string;
}

type Json = Readonly<Record<string, unknown>>;

export function createListResponse(
  resources: readonly ScimResource[],
  options: ListResponseOptions,
): ListResponse {
  const { totalResults, startIndex, nextCursor } = options;
  return {
    schemas: [LIST_RESPONSE_MESSAGE],
    totalResults,
    itemsPerPage: resources.length,
    ...(startIndex === undefined ? {} : { startIndex }),
    ...(nextCursor === undefined ? {} : { nextCursor }),
    Resources: resources,
  };
}

/**
 * Reads the body of `POST …/.search`. Names come in any letter case, null counts as absent, unknown members are
 * ignored; a `startIndex` below 1 is 1 and a `count` below 0 is 0.
 * @throws ScimError 400: invalidSyntax (no object, not the schema of a SearchRequest), invalidValue (a member of
 *   another type), invalidFilter
 */
export function parseSearchRequest(body: unknown): SearchRequest {
  if (!isObject(body)) throw badRequest("invalidSyntax", "the body is not a JSON object");
  if (!namesSchema(memberReader("schemas")(body))) {
    throw badRequest("invalidSyntax", `schemas must hold ${SEARCH_REQUEST_MESSAGE}`);
  }
  const filter = readText(body, "filter");
  const attributes = readTexts(body, "attributes");
  const excludedAttributes = readTexts(body, "excludedAttributes");
  const startIndex = readInteger(body, "startIndex", 1);
  const count = readInteger(body, "count", 0);
  const cursor = readText(body, "cursor");
  return {
    ...(filter === undefined ? {} : { filter: parseFilter(filter) }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(excludedAttributes === undefined ? {} : { excludedAttributes }),
    ...(startIndex === undefined ? {} : { startIndex }),
    ...(count === undefined ? {} : { count }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}

function namesSchema(schemas: unknown): boolean {
  if (!Array.isArray(schemas)) return false;
  const folded = SEARCH_REQUEST_MESSAGE.toLowerCase();
  return schemas.some((urn) => typeof urn === "string" && urn.toLowerCase() === folded);
}

function readText(body: Json, name: string): string | undefined {
  const value = memberReader(name)(body) ?? undefined;
  if (value === undefined || typeof value === "string") return value;
  throw badRequest("invalidValue", `${name} must be a string`);
}

/** @throws ScimError 400 invalidValue when the member is there and no array of strings */
export function readTexts(body: Json, name: string): readonly string[] | undefined {
  const value = memberReader(name)(body) ?? undefined;
  if (value === undefined) return undefined;
  if (isTexts(value)) return value;
  throw badRequest("invalidValue", `${name} must be an array of strings`);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function readInteger(body: Json, name: string, least: number): number | undefined {
  const value = memberReader(name)(body) ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value)) return Math.max(value, least);
  throw badRequest("invalidValue", `${name} must be an integer`);
}

function badRequest(scimType: ScimType, detail: string): ScimError {
  return new ScimError(400, detail, { scimType });
}
