import { AgentError } from "../core/error.ts";
import type { Clock, Log } from "../ports.ts";
import { GLOBAL_CATALOG_PORTS, LDAP_PORTS, parseServer, type Server } from "./server.ts";
import { orderSrvRecords, type SrvRecord } from "./srv-records.ts";
import { unlessAborted } from "./unless-aborted.ts";

/** The servers of a directory, those to be tried first in front. */
export interface ServerList {
  /** @throws AgentError `directory.unreachable` when none could be found; the signal's reason */
  current(signal: AbortSignal): Promise<readonly Server[]>;
  /**
   * For a caller whom none of `current` would take: looked up anew, unless that was just done.
   * @throws AgentError as `current`
   */
  renewed(signal: AbortSignal): Promise<readonly Server[]>;
}

/** The part of `node:dns/promises` that is used. */
export interface SrvResolver {
  /** Rejects with an error that has a `code`, such as ENOTFOUND. */
  resolveSrv(name: string): Promise<readonly SrvRecord[]>;
}

export interface DiscoveredServersOptions {
  /** Names of SRV records; servers of the earlier ones come first. */
  readonly names: readonly string[];
  readonly globalCatalog: boolean;
  /** StartTLS on the port of the record; otherwise ldaps on its own port, since records are of the plain one. */
  readonly startTls: boolean;
  readonly timeoutMs: number;
  readonly resolver: SrvResolver;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly log: Log;
}

/** Records are looked up again after this; `node:dns` does not tell how long they are good for. */
const LOOKUP_MS = 15 * 60_000;
/** Nor are they looked up more often than this when none of the servers answers. */
const LOOKUP_PAUSE_MS = 10_000;
/** A large domain has hundreds, and each one that is away costs the time to connect. */
const MAX_DISCOVERED = 16;

const HOST = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?$/;

/** Servers from the configuration. */
export function listServers(servers: readonly Server[]): ServerList {
  const all = (): Promise<readonly Server[]> => Promise.resolve(servers);
  return { current: all, renewed: all };
}

/** Servers from SRV records (RFC 2782). */
export class DiscoveredServers implements ServerList {
  readonly #options: DiscoveredServersOptions;
  #servers: readonly Server[] = [];
  /** The answer that `#servers` is made of, without its order. */
  #answer = "";
  #lookedUpAt = Number.NEGATIVE_INFINITY;
  #lookup: Promise<readonly Server[]> | undefined;

  constructor(options: DiscoveredServersOptions) {
    this.#options = options;
  }

  current(signal: AbortSignal): Promise<readonly Server[]> {
    return this.#atMostEvery(LOOKUP_MS, signal);
  }

  renewed(signal: AbortSignal): Promise<readonly Server[]> {
    return this.#atMostEvery(LOOKUP_PAUSE_MS, signal);
  }

  async #atMostEvery(ms: number, signal: AbortSignal): Promise<readonly Server[]> {
    const age = this.#options.clock.now() - this.#lookedUpAt;
    if (this.#servers.length > 0 && age >= 0 && age < ms) return this.#servers;
    this.#lookup ??= this.#lookUp().finally(() => {
      this.#lookup = undefined;
    });
    return unlessAborted(this.#lookup, signal);
  }

  async #lookUp(): Promise<readonly Server[]> {
    const { names, random, clock, log } = this.#options;
    const answers = await Promise.allSettled(names.map((name) => this.#ask(name)));
    this.#lookedUpAt = clock.now();
    const found = answers.map((answer) => (answer.status === "fulfilled" ? answer.value : []));
    for (const [at, answer] of answers.entries()) {
      if (answer.status === "fulfilled") continue;
      log.warn("directory.discovery", { name: names[at], reason: reasonOf(answer.reason) });
    }
    const answer = JSON.stringify(found.map((records) => records.map(keyOf).sort()));
    // The same servers stay in the same order: another one would send the next run somewhere else for no reason.
    if (answer === this.#answer) return this.#servers;
    const ordered = found.flatMap((records) => orderSrvRecords(records, random));
    const servers = new Map<string, Server>();
    for (const record of ordered) {
      const server = this.#serverOf(record);
      if (server !== undefined && servers.size < MAX_DISCOVERED) servers.set(server.url, server);
    }
    if (servers.size > 0) {
      this.#answer = answer;
      this.#servers = [...servers.values()];
      log.info("directory.discovery", { servers: [...servers.keys()] });
    }
    // What was known before is better than nothing: name servers fail too.
    if (this.#servers.length > 0) return this.#servers;
    const reasons = answers.map((one, at) => {
      return `${names[at]} (${one.status === "rejected" ? reasonOf(one.reason) : "no servers"})`;
    });
    throw new AgentError("directory.unreachable", `no servers in DNS: ${reasons.join(", ")}`, {
      hint: "check directories[].domain and directories[].site, and that this machine asks a name server of that domain",
    });
  }

  #ask(name: string): Promise<readonly SrvRecord[]> {
    const { resolver, timeoutMs } = this.#options;
    return unlessAborted(resolver.resolveSrv(name), AbortSignal.timeout(timeoutMs));
  }

  /** Undefined for a host name that cannot be one. */
  #serverOf({ name, port }: SrvRecord): Server | undefined {
    const { startTls, globalCatalog } = this.#options;
    const host = name.toLowerCase().replace(/\.$/, "");
    if (!HOST.test(host)) return undefined;
    const ports = globalCatalog ? GLOBAL_CATALOG_PORTS : LDAP_PORTS;
    return parseServer(startTls ? `ldap://${host}:${port}` : `ldaps://${host}:${ports.ldaps}`);
  }
}

function keyOf({ name, port, priority, weight }: SrvRecord): string {
  return `${priority} ${weight} ${port} ${name.toLowerCase()}`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
