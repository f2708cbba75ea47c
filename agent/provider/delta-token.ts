import { type ChangeMark, parseChangeMark } from "../core/change-mark.ts";
import { isObject } from "../core/scim/resource.ts";

/**
 * What a requester is given at the end of a delta, and gives back with the next. Opaque to it; the agent reads its
 * version first.
 */
export interface DeltaToken {
  readonly version: 1;
  readonly directory: string;
  /** Fingerprint of what decides the answer: the configuration, and the attributes that were asked for. */
  readonly configuration: string;
  /** How far the directory had come before the read; undefined where it does not say, so that the next read is full. */
  readonly mark: ChangeMark | undefined;
}

/** Characters; a token with the marks of hundreds of servers is below. */
const MAX_TOKEN_LENGTH = 65_536;

export function encodeToken(token: DeltaToken): string {
  return Buffer.from(JSON.stringify(token), "utf8").toString("base64url");
}

/** @returns undefined for what is no token of this version */
export function decodeToken(text: unknown): DeltaToken | undefined {
  if (typeof text !== "string" || text.length > MAX_TOKEN_LENGTH) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  if (!isObject(value) || value["version"] !== 1) return undefined;
  const { directory, configuration, mark } = value;
  if (typeof directory !== "string" || typeof configuration !== "string") return undefined;
  return { version: 1, directory, configuration, mark: parseChangeMark(mark) };
}
