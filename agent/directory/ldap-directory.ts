import { setMaxListeners } from "node:events";
import type { Entry } from "../core/entry.ts";
import { AgentError } from "../core/error.ts";
import type { LdapFilter } from "../core/ldap-filter.ts";
import type { LeftOutRule } from "../core/left-out.ts";
import type { Clock, Directory, DirectoryQuery, Log, ReadOutcome, RootDse } from "../ports.ts";
import { AttributeNames } from "./attribute-names.ts";
import { completeRanges } from "./attribute-ranges.ts";
import { readBase } from "./base-read.ts";
import type { LdapConnection } from "./connection.ts";
import { ConnectionPool, type Lease } from "./connection-pool.ts";
import { DIALECTS, type Dialect } from "./dialect.ts";
import type { RawEntry } from "./entry-decoding.ts";
import { EntryNaming } from "./entry-naming.ts";
import { MAX_READS_IN_FLIGHT, NamedReads, ROOT_DSE } from "./named-reads.ts";
import { openConnection } from "./open-connection.ts";
import { checkOptions, type LdapDirectoryOptions, type LdapSettings } from "./options.ts";
import { PAGED_RESULTS_OID, PagedSearch, type PagingSupport } from "./paged-search.ts";
import type { Server } from "./server.ts";

export interface LdapDirectoryPorts {
  readonly log: Log;
  /** Default: the system's clock. */
  readonly clock?: Clock;
}

/** For so long a server that did not answer is tried after the others. */
const SERVER_PAUSE_MS = 30_000;

const ROOT_DSE_ATTRIBUTES = ["namingContexts", "supportedControl", "vendorName"] as const;

/**
 * A directory that speaks LDAP. Nothing is opened before the first read.
 * @throws AgentError `config.invalid`, also when the password would leave this machine unencrypted
 */
export function createLdapDirectory(
  options: LdapDirectoryOptions,
  ports: LdapDirectoryPorts,
): Directory {
  return new LdapDirectory(checkOptions(options), ports);
}

class LdapDirectory implements Directory {
  readonly name: string;
  readonly baseDn: string;
  readonly leftOut: readonly LeftOutRule[];
  readonly #settings: LdapSettings;
  readonly #dialect: Dialect;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #names: AttributeNames;
  readonly #pool: ConnectionPool;
  readonly #reads: NamedReads;
  readonly #pausedUntil = new Map<Server, number>();
  readonly #paging = new WeakMap<LdapConnection, PagingSupport>();

  constructor(
    settings: LdapSettings,
    { log, clock = { now: () => Date.now() } }: LdapDirectoryPorts,
  ) {
    this.name = settings.name;
    this.baseDn = settings.baseDn;
    this.#settings = settings;
    this.#dialect = DIALECTS[settings.kind];
    this.leftOut = this.#dialect.leftOut;
    this.#log = log.child({ directory: settings.name });
    this.#clock = clock;
    this.#names = new AttributeNames([
      ...this.#dialect.binaryAttributes,
      ...settings.binaryAttributes,
    ]);
    this.#pool = new ConnectionPool({
      open: (signal) => this.#connect(signal),
      maxConnections: settings.maxConnections,
    });
    this.#reads = new NamedReads(this.#pool, this.#names);
  }

  async *search(
    query: DirectoryQuery,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Entry[], ReadOutcome> {
    const naming = new EntryNaming(this.#dialect, query.attributes);
    // One signal may stop any number of reads; each listens while it runs.
    setMaxListeners(0, signal);
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
        this.#log.info("directory.reconnect", { server: lease.connection.server.url });
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

  async read(
    dn: string,
    attributes: readonly string[],
    signal: AbortSignal,
  ): Promise<Entry | undefined> {
    const naming = new EntryNaming(this.#dialect, attributes);
    setMaxListeners(0, signal);
    const entry = await this.#reads.read(dn, naming.attributes, signal);
    return entry === undefined ? undefined : naming.name(entry);
  }

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
        const entry = await this.#reads.read(dn, naming.attributes, failed.signal);
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

  idFilter(id: string): LdapFilter | undefined {
    return this.#dialect.idFilter(id);
  }

  async rootDse(signal: AbortSignal): Promise<RootDse> {
    const entry = await this.#reads.read(ROOT_DSE, ROOT_DSE_ATTRIBUTES, signal);
    return {
      namingContexts: textsIn(entry, "namingcontexts"),
      supportedControls: textsIn(entry, "supportedcontrol"),
      vendorName: textsIn(entry, "vendorname")[0],
    };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #connect(signal: AbortSignal): Promise<LdapConnection> {
    const started = this.#clock.now();
    const paused = (server: Server): boolean => (this.#pausedUntil.get(server) ?? 0) > started;
    const { servers } = this.#settings;
    const inOrder = [
      ...servers.filter((server) => !paused(server)),
      ...servers.filter((server) => paused(server)),
    ];
    const onFailure = (server: Server, error: AgentError): void => {
      this.#pausedUntil.set(server, this.#clock.now() + SERVER_PAUSE_MS);
      this.#log.warn("directory.unreachable", { server: server.url, reason: error.message });
    };
    const connection = await openConnection(inOrder, this.#settings, onFailure, signal);
    this.#pausedUntil.delete(connection.server);
    this.#log.debug("directory.connect", {
      server: connection.server.url,
      ms: this.#clock.now() - started,
    });
    return connection;
  }

  /** The search on its way, or undefined when the connection had died and another one should be tried. */
  async #start(
    lease: Lease,
    query: DirectoryQuery,
    naming: EntryNaming,
    signal: AbortSignal,
  ): Promise<PagedSearch | undefined> {
    const { connection } = lease;
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
        names: this.#names,
        pageSize: this.#settings.pageSize,
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
    const request = { dn: ROOT_DSE, attributes: ["supportedControl"], names: this.#names };
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
    for (const entry of open) await completeRanges(connection, entry, this.#names, signal);
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
