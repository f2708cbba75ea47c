import { createHash } from "node:crypto";

/** 64 bits: enough to tell configurations apart, short enough to stand on a log line. */
const HASH_CHARACTERS = 16;

/** Changes when the same content would get another fingerprint than before. */
const PREFIX = "c1-";

/**
 * JSON that is the same text for the same content: keys sorted by code unit, no white space, members that are
 * undefined left out (as in RFC 8785, with numbers as JSON.stringify writes them).
 * @throws TypeError for what JSON cannot hold
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") {
    return JSON.stringify(value);
  }
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value !== "object") throw new TypeError(`a ${typeof value} that JSON cannot hold`);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}

/**
 * `c1-` and the first 16 hex digits of the SHA-256 of the canonical JSON.
 * @throws TypeError for what JSON cannot hold
 */
export function fingerprintOf(value: unknown): string {
  const hash = createHash("sha256").update(canonicalJson(value), "utf8").digest("hex");
  return `${PREFIX}${hash.slice(0, HASH_CHARACTERS)}`;
}
