import { badRequest, ScimError } from "../../core/scim/error.ts";

/** What the request line of an HTTP request asks for. */
export interface RequestTarget {
  /** Decoded segments of the path; none for the root. */
  readonly path: readonly string[];
  /** Names in lower case. */
  readonly query: ReadonlyMap<string, string>;
}

/** SCIM knows nine. */
const MAX_PARAMETERS = 32;
/** RFC 9112 section 3.2.2: the form that a proxy is sent. */
const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i;

/**
 * Reads a request target. A slash at the end of the path makes no difference.
 * @throws ScimError 400 for what is malformed and for a parameter that comes twice, 404 for a path that cannot be one
 */
export function parseTarget(url: string): RequestTarget {
  const target = url.replace(ABSOLUTE_FORM, "");
  const questionMark = target.indexOf("?");
  const path = questionMark < 0 ? target : target.slice(0, questionMark);
  return {
    path: parsePath(path),
    query: parseQuery(questionMark < 0 ? "" : target.slice(questionMark + 1)),
  };
}

/** @throws ScimError 400, 404 */
export function parsePath(raw: string): readonly string[] {
  if (raw !== "" && !raw.startsWith("/")) throw notFound();
  const trimmed = raw.endsWith("/") ? raw.slice(1, -1) : raw.slice(1);
  if (trimmed === "") return [];
  const segments = trimmed.split("/").map((segment) => decode(segment, "the path"));
  if (segments.includes("")) throw notFound();
  return segments;
}

function parseQuery(raw: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  const pairs = raw.split("&", MAX_PARAMETERS + 1);
  if (pairs.length > MAX_PARAMETERS) throw badRequest("invalidValue", "too many parameters");
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decodeForm(equals < 0 ? pair : pair.slice(0, equals)).toLowerCase();
    if (query.has(name)) throw badRequest("invalidValue", "a parameter comes twice");
    query.set(name, equals < 0 ? "" : decodeForm(pair.slice(equals + 1)));
  }
  return query;
}

/** Clients encode a query as a form, where a plus is a space. */
function decodeForm(text: string): string {
  return decode(text.replaceAll("+", " "), "the query");
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new ScimError(400, `${what} is not percent-encoded UTF-8`, {
      scimType: "invalidSyntax",
      cause,
    });
  }
}

function notFound(): ScimError {
  return new ScimError(404, "there is no such path");
}
