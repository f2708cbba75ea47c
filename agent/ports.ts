import type { Entry } from "./core/entry.ts";
import type { LdapFilter } from "./core/ldap-filter.ts";

/** The time, as an argument, so that tests can set it. */
export interface Clock {
  /** Milliseconds since 1970 (UTC). */
  now(): number;
}

/** Values of log fields. Nothing of a person except ids, unless `log.values` is on. */
export type LogFields = Readonly<Record<string, unknown>>;

/** One event per line: `noun.verb` and flat fields. Never throws. */
export interface Log {
  error(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
  /** The same log with these fields on every line. */
  child(fields: LogFields): Log;
}

export type LdapSearchScope = "base" | "one" | "sub";

export interface DirectoryQuery {
  readonly baseDn: string;
  readonly searchScope: LdapSearchScope;
  readonly ldapFilter: LdapFilter;
  /** Attributes to read besides the id. Empty reads the id and the DN alone. */
  readonly attributes: readonly string[];
}

/**
 * How a read ended. `whole` is a proof: every page was read, the server said success, no referral was left unread.
 * Whatever is not whole says nothing about what was not listed.
 */
export type ReadOutcome =
  | { readonly whole: true; readonly entries: number; readonly pages: number }
  | {
      readonly whole: false;
      readonly because: "size limit" | "time limit" | "referral";
      /** For a person: what cut it, without values. */
      readonly detail: string;
      readonly entries: number;
    };

/** What the root DSE says, as far as the agent uses it (RFC 4512 section 5.1). */
export interface RootDse {
  readonly namingContexts: readonly string[];
  readonly supportedControls: readonly string[];
  readonly vendorName: string | undefined;
}

/** Where entries are imported from: one configured directory. */
export interface Directory {
  readonly name: string;
  readonly baseDn: string;

  /**
   * Entries that match, in batches, as the server sends them; at most one batch is read ahead of the consumer.
   * The generator's return value says whether the read was whole. Leaving the loop early abandons the search.
   * @throws AgentError `directory.unreachable` (refused, cut, timed out), `directory.busy`, `directory.denied`,
   *   `directory.refused` (any other result), `scope.missing` (the base is not there)
   */
  search(query: DirectoryQuery, signal: AbortSignal): AsyncGenerator<readonly Entry[], ReadOutcome>;

  /**
   * The entry at `dn`, or undefined when there is none that this account may see.
   * @throws AgentError as `search`, without `scope.missing`
   */
  read(dn: string, attributes: readonly string[], signal: AbortSignal): Promise<Entry | undefined>;

  /**
   * The ids of the entries at these DNs, in the same order; undefined where there is none. Many are asked at once
   * over one connection.
   * @throws AgentError as `read`
   */
  resolve(dns: readonly string[], signal: AbortSignal): Promise<readonly (string | undefined)[]>;

  /** The filter that finds the entry with this id; undefined when the text cannot be an id of this directory. */
  idFilter(id: string): LdapFilter | undefined;

  /**
   * What the server says of itself; proves that it answers.
   * @throws AgentError as `read`
   */
  rootDse(signal: AbortSignal): Promise<RootDse>;

  close(): Promise<void>;
}

/** A request as a requester sends it. */
export interface OutgoingRequest {
  readonly method: string;
  /** Without a query: searches go as `POST …/.search`. */
  readonly path: string;
  /** Lower case. `accept-encoding` and `prefer` are set by the requester. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** As many parts as it takes; otherwise one. */
  readonly stream: boolean;
  /** The logical operation, for the logs of both sides. */
  readonly correlationId: string;
  /** How long to wait for the whole answer. */
  readonly timeoutMs: number;
  /**
   * How long nothing of the answer may come, counted from the acceptance of the request by the queue and then from each
   * part; 60 s when not given. `timeoutMs` rules.
   */
  readonly idleTimeoutMs?: number | undefined;
}

/** How much of an answer has come. Until it is whole, all of it is provisional. */
export interface ReplyProgress {
  readonly parts: number;
  readonly items: number;
  /** From 1, when the request is tried again; each attempt starts with no parts. */
  readonly attempt?: number;
}

/** A whole answer. */
export interface Reply {
  /** HTTP status of the last part. */
  readonly status: number;
  /** Lower case, besides those of the contract also `agent` and `configuration`. */
  readonly headers: ReadonlyMap<string, string>;
  readonly parts: number;
  /** The JSON documents of its parts, in order. May be read more than once until `release`. */
  documents(): AsyncGenerator<Readonly<Record<string, unknown>>, void>;
  /** Parts that came twice, and other answers that were dropped, so far. */
  counts(): { readonly repeated: number; readonly dropped: number };
  /** Gives up what is kept of it. */
  release(): Promise<void>;
}

/** Sends requests to agents and puts their answers together. */
export interface Requester {
  /**
   * @throws AgentError `reply.timeout` when no answer was whole in time or nothing came for too long, `reply.refused`
   *   when it is larger than can be kept, `bus.*` when the request could not be sent; the signal's reason
   */
  request(
    request: OutgoingRequest,
    options: { readonly onProgress?: (progress: ReplyProgress) => void },
    signal: AbortSignal,
  ): Promise<Reply>;
  close(): Promise<void>;
}
