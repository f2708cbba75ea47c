import { ScimError } from "../core/scim/error.ts";

/** What the request line of an HTTP request asks for. */
export interface ScimTarget {
  /** Decoded, below the base path, with a leading slash and none at the end. */
  readonly path: string;
  /** Names in lower case. */
  readonly query: ReadonlyMap<string, string>;
}

/** What SCIM clients are configured with, besides the bare address. */
const BASE_PATH = "/scim/v2";
/** SCIM knows nine. */
const MAX_PARAMETERS = 32;

/** RFC 9112 section 3.2.2: the form that a proxy is sent. */
const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i;

const NO_QUERY: ReadonlyMap<string, string> = new Map();

/**
 * Reads a request target. Names of parameters come in any letter case.
 * @throws ScimError 400 for what is malformed and for a parameter that comes twice, 404 for a path that cannot be one
 */
export function parseTarget(url: string): ScimTarget {
  const target = url.startsWith("/") ? url : url.replace(ABSOLUTE_FORM, "");
  const questionMark = target.indexOf("?");
  const path = questionMark < 0 ? target : target.slice(0, questionMark);
  return {
    path: parsePath(path),
    query: questionMark < 0 ? NO_QUERY : parseQuery(target.slice(questionMark + 1)),
  };
}

function parsePath(raw: string): string {
  if (raw !== "" && !raw.startsWith("/")) throw notFound();
  const below =
    raw === BASE_PATH || raw.startsWith(`${BASE_PATH}/`) ? raw.slice(BASE_PATH.length) : raw;
  const trimmed = below.endsWith("/") ? below.slice(0, -1) : below;
  if (trimmed === "") return "/";
  if (!trimmed.includes("%")) return trimmed;
  const segments = trimmed.split("/").map((segment) => decode(segment, "the path"));
  // A slash within a name would be read as one between two.
  if (segments.some((segment) => segment.includes("/"))) throw notFound();
  return segments.join("/");
}

function parseQuery(raw: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  if (raw === "") return query;
  const pairs = raw.split("&", MAX_PARAMETERS + 1);
  if (pairs.length > MAX_PARAMETERS) throw malformed("the query has too many parameters");
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    const key = decodeForm(name).toLowerCase();
    if (query.has(key)) throw malformed("a parameter of the query comes twice");
    query.set(key, equals < 0 ? "" : decodeForm(pair.slice(equals + 1)));
  }
  return query;
}

/** Clients encode a query as a form, where a plus is a space. */
function decodeForm(text: string): string {
  return decode(text.includes("+") ? text.replaceAll("+", " ") : text, "the query");
}

function decode(text: string, what: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new ScimError(400, `${what} is not percent-encoded UTF-8`, {
      scimType: "invalidSyntax",
      cause,
    });
  }
}

function malformed(detail: string): ScimError {
  return new ScimError(400, detail, { scimType: "invalidValue" });
}

function notFound(): ScimError {
  return new ScimError(404, "there is no such path");
}
