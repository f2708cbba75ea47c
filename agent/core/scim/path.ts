import { type AttributePath, parseAttributePath, parseSubAttribute } from "./attribute-path.ts";
import { ScimError } from "./error.ts";
import { parseValueFilter, type ScimFilter } from "./filter.ts";
import { tokenizeFilter } from "./filter-token.ts";

/** An attribute path that may pick elements of a multi-valued attribute: `emails[type eq "work"].value`. */
export interface ScimPath extends AttributePath {
  /** Which elements; its paths are sub-attributes. */
  readonly filter?: ScimFilter;
}

/** Names that mean something to JavaScript objects and nothing to SCIM. */
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(["constructor", "prototype"]);

/**
 * Parses a path of RFC 7644 section 3.5.2. A URN alone is read as an attribute of a shorter URN; `locateAttribute`
 * puts that right.
 * @throws ScimError 400 invalidPath; invalidFilter when it is the value filter that is wrong
 */
export function parsePath(text: string): ScimPath {
  const [word, bracket, ...filterTokens] = tokenizeFilter(text);
  const path = word?.kind === "word" ? parseAttributePath(word.text) : undefined;
  if (path === undefined) throw invalidPath();
  refuseForbidden(path.attribute);
  refuseForbidden(path.subAttribute);
  if (bracket === undefined) return path;
  if (bracket.kind !== "[") throw invalidPath();
  const { filter, rest } = parseValueFilter(filterTokens);
  const [suffix, ...more] = rest;
  if (suffix === undefined) return { ...path, filter };
  const subAttribute = suffix.kind === "word" ? parseSubAttribute(suffix.text) : undefined;
  if (
    subAttribute === undefined ||
    path.subAttribute !== undefined ||
    more.length > 0 ||
    text.charAt(suffix.at - 1) !== "]"
  ) {
    throw invalidPath();
  }
  refuseForbidden(subAttribute);
  return { ...path, subAttribute, filter };
}

function refuseForbidden(name: string | undefined): void {
  if (name !== undefined && FORBIDDEN_NAMES.has(name)) throw invalidPath();
}

function invalidPath(): ScimError {
  return new ScimError(400, "the path is not an attribute path", { scimType: "invalidPath" });
}
