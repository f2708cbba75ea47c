import { setMaxListeners } from "node:events";
import type { LookupFunction } from "node:net";
import type { Entry } from "../core/entry.ts";
import { AgentError } from "../core/error.ts";
import type { Clock, DirectoryQuery, Log, ReadOutcome, RootDse } from "../ports.ts";
import type { AttributeNames } from "./attribute-names.ts";
import { completeRanges } from "./attribute-ranges.ts";
import { readBase } from "./base-read.ts";
import type { LdapConnection } from "./connection.ts";
import { ConnectionPool, type Lease } from "./connection-pool.ts";
import { DeltaSource } from "./delta/delta-source.ts";
import { DIALECTS, type Dialect } from "./dialect.ts";
import type { RawEntry } from "./entry-decoding.ts";
import { EntryNaming } from "./entry-naming.ts";
import { MAX_READS_IN_FLIGHT, NamedReads, ROOT_DSE } from "./named-reads.ts";
import { openConnection } from "./open-connection.ts";
import type { LdapSettings } from "./options.ts";
import { PAGED_RESULTS_OID, PagedSearch, type PagingSupport } from "./paged-search.ts";
import type { Semaphore } from "./semaphore.ts";
import type { Server } from "./server.ts";

export interface DirectoryServerOptions {
  readonly settings: LdapSettings;
  readonly names: AttributeNames;
  /** Searches at the same time, over all servers of the directory. */
  readonly turns: Semaphore;
  readonly log: Log;
  readonly clock: Clock;
  /** Addresses of a host; default: the system's. */
  readonly lookup?: LookupFunction | undefined;
  /**
   * Told once of each failure after which the next run should rather go to another server.
   * @param options.isGone whether it took no connection; otherwise one was lost
   */
  readonly onFailure: (error: AgentError, options: { readonly isGone: boolean }) => void;
}

const ROOT_DSE_ATTRIBUTES = ["namingContexts", "supportedControl", "vendorName"] as const;

/**
 * One of a directory's servers: what is asked here is answered by this one or not at all. There may be several behind
 * one name, so all connections go to the address of the first.
 */
export class DirectoryServer {
  readonly server: Server;
  /** What has changed on this server. */
  readonly delta: DeltaSource;
  readonly #options: DirectoryServerOptions;
  readonly #dialect: Dialect;
  readonly #pool: ConnectionPool;
  readonly #reads: NamedReads;
  readonly #paging = new WeakMap<LdapConnection, PagingSupport>();
  /** Why connections ended. */
  readonly #losses = new WeakSet<AgentError>();
  readonly #told = new WeakSet<AgentError>();
  #address: string | undefined;

  constructor(server: Server, options: DirectoryServerOptions) {
    this.server = server;
    this.#options = options;
    this.#dialect = DIALECTS[options.settings.kind];
    this.#pool = new ConnectionPool({
      open: (signal) => this.#connect(signal),
      turns: options.turns,
      idleTimeoutMs: options.settings.idleTimeoutMs,
    });
    this.#reads = new NamedReads(this.#pool, options.names);
    const { settings } = options;
    this.delta = new DeltaSource({ settings, pool: this.#pool, reads: this.#reads });
  }

  /** Where it was found; undefined before the first connection, and for a Unix socket. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Whether it has connections. */
  get connected(): boolean {
    return this.#pool.size > 0;
  }

  /**
   * Makes sure that there is a connection.
   * @throws AgentError as `openConnection`
   */
  async open(signal: AbortSignal): Promise<void> {
    await this.#pool.shared(signal);
  }

  /** @throws AgentError as `Directory.search` */
  async *search(
    query: DirectoryQuery,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Entry[], ReadOutcome> {
    const naming = new EntryNaming(this.#dialect, query.attributes);
    // One signal may stop any number of reads; each listens while it runs.
    setMaxListeners(0, signal);
    try {
      return yield* this.#search(query, naming, signal);
    } catch (error) {
      throw this.#tell(error, signal);
    }
  }

  async *#search(
    query: DirectoryQuery,
    naming: EntryNaming,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Entry[], ReadOutcome> {
    let entries = 0;
    for (let fresh = false; ; fresh = true) {
      const lease = await this.#pool.lease(signal, { fresh });
      const run = await this.#start(lease, query, naming, signal);
      if (run === undefined) continue;
      const onAbort = (): void => run.abandon(signal.reason);
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
      let ended = false;
      try {
        for (;;) {
          const batch = await run.next();
          if (batch === undefined) break;
          await this.#completeBatch(batch, run, lease.connection, signal);
          entries += batch.length;
          yield batch.map((entry) => naming.name(entry));
        }
        ended = true;
        return run.outcome(entries);
      } catch (error) {
        if (signal.aborted || fresh || entries > 0) throw error;
        if (!run.unbound && (run.answered || !lease.reused)) throw error;
        this.#options.log.info("directory.reconnect", { server: this.server.url });
      } finally {
        signal.removeEventListener("abort", onAbort);
        if (ended) lease.release();
        else {
          run.abandon(new AgentError("directory.unreachable", "the search was left"));
          lease.drop();
        }
      }
    }
  }

  /** @throws AgentError as `Directory.read` */
  async read(
    dn: string,
    attributes: readonly string[],
    signal: AbortSignal,
  ): Promise<Entry | undefined> {
    const naming = new EntryNaming(this.#dialect, attributes);
    setMaxListeners(0, signal);
    const entry = await this.#read(dn, naming.attributes, signal);
    return entry === undefined ? undefined : naming.name(entry);
  }

  /** @throws AgentError as `Directory.resolve` */
  async resolve(
    dns: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (string | undefined)[]> {
    const ids = new Array<string | undefined>(dns.length).fill(undefined);
    const naming = new EntryNaming(this.#dialect, []);
    const failed = new AbortController();
    setMaxListeners(0, failed.signal);
    const onAbort = (): void => failed.abort(signal.reason);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < dns.length) {
        const at = next++;
        const dn = dns[at] as string;
        const entry = await this.#read(dn, naming.attributes, failed.signal);
        if (entry !== undefined) ids[at] = naming.name(entry).id;
      }
    };
    try {
      const workers = Math.min(MAX_READS_IN_FLIGHT, dns.length);
      await Promise.all(Array.from({ length: workers }, work));
    } catch (error) {
      failed.abort(error);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    return ids;
  }

  /** @throws AgentError as `Directory.rootDse` */
  async rootDse(signal: AbortSignal): Promise<RootDse> {
    const entry = await this.#read(ROOT_DSE, ROOT_DSE_ATTRIBUTES, signal);
    return {
      namingContexts: textsIn(entry, "namingcontexts"),
      supportedControls: textsIn(entry, "supportedcontrol"),
      vendorName: textsIn(entry, "vendorname")[0],
    };
  }

  /** Ends every connection; what still runs fails, and what comes later with the reason. */
  close(reason: AgentError): Promise<void> {
    return this.#pool.close(reason);
  }

  async #connect(signal: AbortSignal): Promise<LdapConnection> {
    const { log, clock } = this.#options;
    const started = clock.now();
    try {
      const connection = await this.#openHere(signal);
      connection.onEnd((reason) => this.#losses.add(reason));
      log.debug("directory.connect", { server: this.server.url, ms: clock.now() - started });
      return connection;
    } catch (error) {
      // Another server knows the same account and its password.
      if (!(error instanceof AgentError) || error.code === "directory.denied") throw error;
      if (!signal.aborted) this.#tellOnce(error, { isGone: true });
      throw error;
    }
  }

  async #openHere(signal: AbortSignal): Promise<LdapConnection> {
    const { settings, lookup } = this.#options;
    const open = (): Promise<LdapConnection> => {
      const options = { settings, lookup, address: this.#address };
      return openConnection(this.server, options, signal);
    };
    const connection = await open();
    this.#address ??= connection.address;
    if (connection.address === this.#address) return connection;
    // Two were opened at the same time, and the name led to two servers.
    const reason = `${this.server.url}: the name has led to another server`;
    connection.drop(new AgentError("directory.unreachable", reason));
    return open();
  }

  async #read(
    dn: string,
    attributes: readonly string[],
    signal: AbortSignal,
  ): Promise<RawEntry | undefined> {
    try {
      return await this.#reads.read(dn, attributes, signal);
    } catch (error) {
      throw this.#tell(error, signal);
    }
  }

  /** An operation that alone got no answer says nothing of the server; one that lost its connection does. */
  #tell(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted || !(error instanceof AgentError)) return error;
    if (this.#losses.has(error)) this.#tellOnce(error, { isGone: false });
    return error;
  }

  /** Reads that run together fail together, of one and the same error. */
  #tellOnce(error: AgentError, options: { readonly isGone: boolean }): void {
    if (this.#told.has(error)) return;
    this.#told.add(error);
    this.#options.onFailure(error, options);
  }

  /** The search on its way, or undefined when the connection had died and another one should be tried. */
  async #start(
    lease: Lease,
    query: DirectoryQuery,
    naming: EntryNaming,
    signal: AbortSignal,
  ): Promise<PagedSearch | undefined> {
    const { connection } = lease;
    const { settings } = this.#options;
    try {
      return new PagedSearch({
        connection,
        request: {
          baseDn: query.baseDn,
          searchScope: query.searchScope,
          ldapFilter: query.ldapFilter,
          attributes: naming.attributes,
          controls: this.#dialect.searchControls,
        },
        names: this.#options.names,
        pageSize: settings.pageSize,
        sizeLimit: settings.sizeLimit,
        timeLimitSeconds: settings.timeLimitSeconds,
        paging: await this.#pagingSupport(connection, signal),
      });
    } catch (error) {
      const stale = lease.reused && !connection.open && !signal.aborted;
      lease.drop();
      if (stale) return undefined;
      throw error;
    }
  }

  /** Asked once a connection: behind one name there may be different servers. */
  async #pagingSupport(connection: LdapConnection, signal: AbortSignal): Promise<PagingSupport> {
    const known = this.#paging.get(connection);
    if (known !== undefined) return known;
    const request = {
      dn: ROOT_DSE,
      attributes: ["supportedControl"],
      names: this.#options.names,
    };
    const { entry } = await readBase(connection, request, signal);
    const support = supportOf(textsIn(entry, "supportedcontrol"));
    this.#paging.set(connection, support);
    return support;
  }

  async #completeBatch(
    batch: readonly RawEntry[],
    run: PagedSearch,
    connection: LdapConnection,
    signal: AbortSignal,
  ): Promise<void> {
    const open = batch.filter((entry) => entry.openRanges.length > 0);
    if (open.length === 0) return;
    run.hold();
    for (const entry of open) {
      await completeRanges(connection, entry, this.#options.names, signal);
    }
    run.release();
  }
}

/** A root DSE that names no control is one that the account may not read. */
function supportOf(controls: readonly string[]): PagingSupport {
  if (controls.length === 0) return "unknown";
  return controls.includes(PAGED_RESULTS_OID) ? "supported" : "unsupported";
}

function textsIn(entry: RawEntry | undefined, name: string): readonly string[] {
  return (entry?.attributes.get(name) ?? []).filter((value) => typeof value === "string");
}
