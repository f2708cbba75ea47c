import { isObject, memberReader, type ScimResource } from "../core/scim/resource.ts";
import { ERROR_MESSAGE } from "../core/scim/urn.ts";

/** What is kept of the words of a target. */
const MAX_DETAIL_CHARS = 1_000;
/** An id that is longer is none. */
const MAX_ID_CHARS = 1_024;

/** What the error document of RFC 7644 section 3.12 says. */
export interface ScimErrorAnswer {
  /** 400 to 599; undefined when it says none. */
  readonly status: number | undefined;
  readonly scimType: string | undefined;
  readonly detail: string | undefined;
}

/** A page of a listing (RFC 7644 section 3.4.2, RFC 9865). */
export interface ListAnswer {
  readonly resources: readonly ScimResource[];
  readonly totalResults: number | undefined;
  readonly nextCursor: string | undefined;
}

const readSchemas = memberReader("schemas");
const readStatus = memberReader("status");
const readScimType = memberReader("scimType");
const readDetail = memberReader("detail");
const readResources = memberReader("Resources");
const readTotal = memberReader("totalResults");
const readCursor = memberReader("nextCursor");
const readId = memberReader("id");

/** JSON of any media type, with or without a byte order mark. @returns undefined for what is none */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  } catch {
    return undefined;
  }
}

/** @returns undefined for a body that is no error document */
export function parseError(body: unknown): ScimErrorAnswer | undefined {
  if (!isObject(body)) return undefined;
  const schemas = readSchemas(body);
  const folded = ERROR_MESSAGE.toLowerCase();
  const named =
    Array.isArray(schemas) &&
    schemas.some((urn) => typeof urn === "string" && urn.toLowerCase() === folded);
  if (!named) return undefined;
  const status = Number(readStatus(body));
  return {
    status: Number.isInteger(status) && status >= 400 && status < 600 ? status : undefined,
    scimType: boundedText(readScimType(body)),
    detail: boundedText(readDetail(body)),
  };
}

/**
 * Takes `resources`, numbers as text, and a list that does not say how long it is.
 * @returns undefined for what is no list, or a list of something without ids
 */
export function parseList(body: unknown): ListAnswer | undefined {
  if (!isObject(body)) return undefined;
  const elements = readResources(body) ?? undefined;
  const totalResults = toCount(readTotal(body));
  // RFC 7644 section 3.4.2: without results the list may be left out.
  if (elements === undefined && totalResults !== 0) return undefined;
  if (elements !== undefined && !Array.isArray(elements)) return undefined;
  const resources: ScimResource[] = [];
  for (const element of elements ?? []) {
    const resource = parseResource(element);
    if (resource === undefined) return undefined;
    resources.push(resource);
  }
  const cursor = readCursor(body);
  const nextCursor = typeof cursor === "string" && cursor !== "" ? cursor : undefined;
  return { resources, totalResults, nextCursor };
}

/** @returns undefined for what has no id */
export function parseResource(body: unknown): ScimResource | undefined {
  if (!isObject(body)) return undefined;
  const id = toId(readId(body));
  if (id === undefined) return undefined;
  const schemas = readSchemas(body);
  const texts = Array.isArray(schemas) ? schemas.filter((urn) => typeof urn === "string") : [];
  return { ...body, schemas: texts, id };
}

/** The id at the end of a `location` (RFC 7644 section 3.1). */
export function idOfLocation(location: string | undefined, endpoint: string): string | undefined {
  const [, encoded] = /([^/?#]+)\/?(?:[?#].*)?$/.exec(location ?? "") ?? [];
  if (encoded === undefined || !location?.includes(`${endpoint}/`)) return undefined;
  try {
    return toId(decodeURIComponent(encoded));
  } catch {
    return undefined;
  }
}

/** Numbers are ids too, to targets that count. */
function toId(value: unknown): string | undefined {
  const id = typeof value === "number" ? String(value) : value;
  if (typeof id !== "string" || id === "" || id.length > MAX_ID_CHARS) return undefined;
  // Would be another path.
  return id === "." || id === ".." ? undefined : id;
}

function toCount(value: unknown): number | undefined {
  const count = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof count === "number" && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}

function boundedText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, MAX_DETAIL_CHARS) : undefined;
}
