import { isObject, memberReader } from "../core/scim/resource.ts";
import { SEARCH_REQUEST_MESSAGE } from "../core/scim/urn.ts";
import { integerIn, type Paging, parsePaging } from "./paging.ts";

/** A search and the page of it that is wanted. */
export interface ListRequest {
  /** `/Users/.search`, `/Groups/.search` or `/.search`. */
  readonly path: string;
  /** For the handler, which knows no pages. */
  readonly body: unknown;
  readonly paging: Paging;
  /** Same text for the same query, whatever page is asked for. */
  readonly query: string;
}

const readStartIndex = memberReader("startIndex");
const readCount = memberReader("count");
const readCursor = memberReader("cursor");

/** In lower case: members that choose a page, and the schema, which every search has. */
const NO_PART_OF_QUERY: ReadonlySet<string> = new Set(["startindex", "count", "cursor", "schemas"]);
const PAGING: ReadonlySet<string> = new Set(["startindex", "count", "cursor"]);

/**
 * `GET /Users?filter=…` as the search that it stands for (RFC 7644 section 3.4.2). Parameters that SCIM does not know
 * are ignored.
 * @throws ScimError 400 as `parsePaging`
 */
export function listFromQuery(
  endpoint: string,
  query: ReadonlyMap<string, string>,
  directory: string | undefined,
): ListRequest {
  const path = endpoint === "/" ? "/.search" : `${endpoint}/.search`;
  const filter = query.get("filter");
  const attributes = namesIn(query.get("attributes"));
  const excludedAttributes = namesIn(query.get("excludedattributes"));
  const sortBy = query.get("sortby");
  const sortOrder = query.get("sortorder");
  const body = {
    schemas: [SEARCH_REQUEST_MESSAGE],
    ...(filter === undefined ? {} : { filter }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(excludedAttributes === undefined ? {} : { excludedAttributes }),
    ...(sortBy === undefined ? {} : { sortBy }),
    ...(sortOrder === undefined ? {} : { sortOrder }),
  };
  const paging = parsePaging({
    startIndex: integerIn(query.get("startindex")),
    count: integerIn(query.get("count")),
    cursor: query.get("cursor"),
  });
  return { path, body, paging, query: identityOf(path, body, directory) };
}

/**
 * `POST …/.search` (RFC 7644 section 3.4.3). A body that is no object is left to the handler to refuse.
 * @throws ScimError 400 as `parsePaging`
 */
export function listFromBody(
  path: string,
  body: unknown,
  directory: string | undefined,
): ListRequest {
  if (!isObject(body)) {
    return { path, body, paging: { kind: "index", startIndex: 1, count: undefined }, query: "" };
  }
  const paging = parsePaging({
    startIndex: readStartIndex(body),
    count: readCount(body),
    cursor: readCursor(body),
  });
  const rest = Object.fromEntries(
    Object.entries(body).filter(([name]) => !PAGING.has(name.toLowerCase())),
  );
  return { path, body: rest, paging, query: identityOf(path, rest, directory) };
}

/** The names of a list with commas; undefined when there are none. */
export function namesIn(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return names.length === 0 ? undefined : names;
}

function identityOf(
  path: string,
  body: Readonly<Record<string, unknown>>,
  directory: string | undefined,
): string {
  const members = Object.entries(body)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name, value]) => !NO_PART_OF_QUERY.has(name) && value !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([path, directory, members]);
}
