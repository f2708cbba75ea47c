import { isObject } from "../core/scim/resource.ts";
import type { DeltaStrategyName, DirectoryMark } from "../ports.ts";

/**
 * What a requester is given at the end of a delta, and gives back with the next. Opaque to it; the agent reads its
 * version first.
 */
export interface DeltaToken {
  readonly version: 2;
  readonly directory: string;
  /** Url of the server that was read: another one may be behind, or count its changes in another way. */
  readonly server: string;
  /** Fingerprint of what decides the answer: the configuration, and the attributes that were asked for. */
  readonly configuration: string;
  /** How far the directory had come; undefined where it does not say, so that the next read is full. */
  readonly mark: DirectoryMark | undefined;
  /** Digest of who is a member of the scope groups. */
  readonly scope: string;
  /** Ids of what the scope names, by which it is found again when it is renamed. */
  readonly objects: readonly string[];
  /** Milliseconds since 1970 (UTC) by the agent's clock: some values change with the time alone. */
  readonly at: number;
  /** Ids that are to be read once more, whether they change or not. */
  readonly again: readonly string[];
}

/** Characters; the marks of hundreds of servers are below. */
const MAX_TOKEN_LENGTH = 524_288;
/** Ids that a token holds; each has 36 characters. */
export const MAX_AGAIN = 200;
/** As many as a configuration may name. */
const MAX_OBJECTS = 2_200;

const STRATEGIES: readonly DeltaStrategyName[] = [
  ...(["dirSync", "usnChanged", "syncRepl"] as const),
  ...(["accessLog", "entryCsn", "modifyTimestamp"] as const),
];

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
  if (!isObject(value) || value["version"] !== 2) return undefined;
  const { directory, server, configuration, mark, scope, objects, at, again } = value;
  if (typeof directory !== "string" || typeof configuration !== "string") return undefined;
  if (typeof server !== "string" || typeof scope !== "string") return undefined;
  if (typeof at !== "number" || !Number.isFinite(at)) return undefined;
  if (!Array.isArray(again) || again.length > MAX_AGAIN) return undefined;
  if (!Array.isArray(objects) || objects.length > MAX_OBJECTS) return undefined;
  if (![...again, ...objects].every((id) => typeof id === "string")) return undefined;
  const named = { directory, server, configuration, scope, objects, at, again };
  return { version: 2, ...named, mark: parseMark(mark) };
}

function parseMark(value: unknown): DirectoryMark | undefined {
  if (!isObject(value)) return undefined;
  const strategy = STRATEGIES.find((name) => name === value["strategy"]);
  const { position } = value;
  return strategy === undefined || !isObject(position) ? undefined : { strategy, position };
}
