import { createHash } from "node:crypto";
import type { JsonObject } from "./attribute-value.ts";
import { canonicalJson } from "./canonical-json.ts";

/** The entity tags of `If-Match` or `If-None-Match`; `*` stands for any. */
export type EntityTags = "*" | readonly string[];

export interface PreconditionHeaders {
  /** HTTP method in upper case. */
  readonly method: string;
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/** What the preconditions of a request say (RFC 9110 section 13.2.2). */
export type PreconditionVerdict =
  | { readonly met: true }
  | {
      readonly met: false;
      /** HTTP status code of the answer. */
      readonly status: 304 | 412;
      readonly because: "other version" | "no such resource" | "same version" | "malformed";
    };

/** Longest header that is read, in characters. */
const MAX_LENGTH = 8192;

const TAG = /[ \t]*(?:W\/)?(?:"([^"]*)"|([^\s",]+))[ \t]*(?:,|$)/iy;

const MET = { met: true } as const;

/**
 * The weak version of a resource (RFC 7644 section 3.14): the same for the same content whatever the order of its
 * names, and independent of `meta`.
 * @returns as `meta.version` and the header ETag hold it: `W/"…"`
 */
export function resourceVersion(resource: JsonObject): string {
  const { meta: _meta, ...content } = resource;
  return `W/"${createHash("sha256").update(canonicalJson(content)).digest("base64url").slice(0, 22)}"`;
}

/**
 * Reads `If-Match` or `If-None-Match` (RFC 9110 section 13.1). Whether a tag is weak makes no difference here; one
 * without quotes is taken as if it had them.
 * @returns undefined when the header is malformed, or longer than 8,192 characters
 */
export function parseEntityTags(header: string): EntityTags | undefined {
  const text = header.trim();
  if (text === "*") return "*";
  if (text === "" || text.length > MAX_LENGTH) return undefined;
  const tags: string[] = [];
  TAG.lastIndex = 0;
  while (TAG.lastIndex < text.length) {
    const [, quoted, bare] = TAG.exec(text) ?? [];
    const tag = quoted ?? bare;
    if (tag === undefined) return undefined;
    tags.push(tag);
  }
  return tags;
}

/**
 * Decides whether a request is carried out.
 * @param version - of the resource as it is now, `W/"…"`; undefined when there is none
 */
export function evaluatePreconditions(
  version: string | undefined,
  headers: PreconditionHeaders,
): PreconditionVerdict {
  const { method, ifMatch, ifNoneMatch } = headers;
  if (ifMatch !== undefined) {
    const wanted = parseEntityTags(ifMatch);
    if (wanted === undefined) return { met: false, status: 412, because: "malformed" };
    if (version === undefined) return { met: false, status: 412, because: "no such resource" };
    if (!names(wanted, version)) return { met: false, status: 412, because: "other version" };
  }
  if (ifNoneMatch === undefined || version === undefined) return MET;
  const reads = method === "GET" || method === "HEAD";
  const unwanted = parseEntityTags(ifNoneMatch);
  if (unwanted === undefined) {
    // A read without a precondition is only larger; a write without one may destroy.
    return reads ? MET : { met: false, status: 412, because: "malformed" };
  }
  if (!names(unwanted, version)) return MET;
  return { met: false, status: reads ? 304 : 412, because: "same version" };
}

/** Weak comparison (RFC 9110 section 8.8.3.2). */
function names(tags: EntityTags, version: string): boolean {
  return tags === "*" || tags.includes(version.replace(/^W\/|"/g, ""));
}
