import { AgentError } from "../../core/error.ts";
import type { DeltaStrategyName, DirectoryChanges } from "../../ports.ts";
import type { RawEntry } from "../entry-decoding.ts";
import { errorOfResult, type LdapResult, printResult } from "../result-code.ts";
import type { ChangeSearch, ChangeSearchEnd } from "./change-search.ts";

/** What a strategy may do: all of it on the one server that the run is on. */
export interface DeltaRun {
  readonly baseDn: string;
  readonly pageSize: number;
  /** Attributes whose changes matter, besides those that tell a place and a life; in lower case. */
  readonly interest: readonly string[];
  search(request: ChangeSearch, signal: AbortSignal): Promise<ChangeSearchEnd>;
  /** @throws AgentError as `Directory.read` */
  read(
    dn: string,
    attributes: readonly string[],
    signal: AbortSignal,
  ): Promise<RawEntry | undefined>;
}

/** What a strategy keeps of how far the directory had come; JSON. */
export type Position = Readonly<Record<string, unknown>>;

/** Whether a strategy works on a server, and how far that has come, or why not. */
export type Mark =
  | { readonly usable: true; readonly position: Position; readonly because: string }
  | { readonly usable: false; readonly because: string };

export type StrategyChanges =
  | (Omit<Extract<DirectoryChanges, { kind: "changes" }>, "mark"> & {
      /** Where the next delta starts. */
      readonly position: Position;
    })
  | Extract<DirectoryChanges, { kind: "expired" }>;

/** One way in which directories tell what has changed. */
export interface DeltaStrategy {
  readonly name: DeltaStrategyName;
  /**
   * How far the directory has come. To be asked before a read: what changes meanwhile is told by the next delta.
   * @throws AgentError as `Directory.read`
   */
  mark(run: DeltaRun, signal: AbortSignal): Promise<Mark>;
  /**
   * What has changed since a position of this strategy.
   * @throws AgentError as `Directory.read`; `directory.incomplete` for a search that was cut
   */
  changes(since: Position, run: DeltaRun, signal: AbortSignal): Promise<StrategyChanges>;
}

/** Changes of one delta. A full read is as quick for more, and they are kept in memory. */
export const MAX_CHANGES = 100_000;

export const TOO_MANY: StrategyChanges = {
  kind: "expired",
  because: `more than ${MAX_CHANGES} entries have changed`,
};

/** A position that is none of this strategy's: a token of another version, or of another hand. */
export const NO_POSITION: StrategyChanges = {
  kind: "expired",
  because: "the token holds no position of this kind",
};

/** @throws AgentError for a result that is no success */
export function requireSuccess(what: string, end: ChangeSearchEnd): LdapResult {
  if (end === "left") throw new RangeError("the search was left");
  if (end.code === 0) return end;
  throw searchError(what, end);
}

/** The error of a search for changes. */
export function searchError(what: string, result: LdapResult): AgentError {
  const error = errorOfResult(what, result);
  // A limit or a referral in the midst of changes: nobody knows which ones are missing.
  const cut = [3, 4, 10, 70].includes(result.code);
  if (!cut) return error;
  return new AgentError("directory.incomplete", `${what}: ${printResult(result)}`, {
    hint: "the bind account's limits at the server cut the list of changes: raise them",
  });
}

/** Texts of an attribute of an entry that was read. */
export function textsIn(entry: RawEntry | undefined, name: string): readonly string[] {
  const values = entry?.attributes.get(name.toLowerCase()) ?? [];
  return values.map((value) => (typeof value === "string" ? value : value.toString()));
}
