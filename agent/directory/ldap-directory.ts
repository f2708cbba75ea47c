import { Resolver } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import type { Entry } from "../core/entry.ts";
import type { LdapFilter } from "../core/ldap-filter.ts";
import type { LeftOutRule } from "../core/left-out.ts";
import type {
  Clock,
  DeltaMark,
  Directory,
  DirectoryChanges,
  DirectoryMark,
  DirectoryQuery,
  Log,
  PinnedDirectory,
  ReadOutcome,
  RootDse,
} from "../ports.ts";
import { AttributeNames } from "./attribute-names.ts";
import { DIALECTS, type Dialect } from "./dialect.ts";
import { checkOptions, type LdapDirectoryOptions, type LdapSettings } from "./options.ts";
import { PinnedLdapDirectory } from "./pinned-directory.ts";
import { ServerChoice } from "./server-choice.ts";
import { DiscoveredServers, listServers, type SrvResolver } from "./server-list.ts";
import { srvNames } from "./srv-records.ts";

export interface LdapDirectoryPorts {
  readonly log: Log;
  /** Default: the system's clock. */
  readonly clock?: Clock;
  /** Finds servers. Default: the system's name servers. */
  readonly resolver?: SrvResolver;
  /** Addresses of a server's host; default: the system's. */
  readonly lookup?: LookupFunction;
  /** From 0 to below 1; default `Math.random`. */
  readonly random?: () => number;
}

/** A name server that does not answer is asked again once, and then the next one. */
const NAME_SERVER_TIMEOUT_MS = 2_000;

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

/** All servers of one directory. A call outside of a run is a run of its own. */
class LdapDirectory implements Directory {
  readonly name: string;
  readonly baseDn: string;
  readonly leftOut: readonly LeftOutRule[];
  readonly hasPrimaryGroups: boolean;
  readonly #dialect: Dialect;
  readonly #servers: ServerChoice;

  constructor(settings: LdapSettings, ports: LdapDirectoryPorts) {
    this.name = settings.name;
    this.baseDn = settings.baseDn;
    this.#dialect = DIALECTS[settings.kind];
    this.leftOut = this.#dialect.leftOut;
    this.hasPrimaryGroups = settings.kind === "activeDirectory";
    const log = ports.log.child({ directory: settings.name });
    const clock = ports.clock ?? { now: () => Date.now() };
    const names = new AttributeNames([
      ...this.#dialect.binaryAttributes,
      ...settings.binaryAttributes,
    ]);
    const list = serverList(settings, { ...ports, log, clock });
    this.#servers = new ServerChoice({
      settings,
      names,
      log,
      clock,
      list,
      lookup: ports.lookup,
    });
  }

  search(
    query: DirectoryQuery,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Entry[], ReadOutcome> {
    return this.pin().search(query, signal);
  }

  read(dn: string, attributes: readonly string[], signal: AbortSignal): Promise<Entry | undefined> {
    return this.pin().read(dn, attributes, signal);
  }

  resolve(dns: readonly string[], signal: AbortSignal): Promise<readonly (string | undefined)[]> {
    return this.pin().resolve(dns, signal);
  }

  mark(interest: readonly string[], signal: AbortSignal): Promise<DeltaMark> {
    return this.pin().mark(interest, signal);
  }

  changes(
    since: DirectoryMark,
    interest: readonly string[],
    signal: AbortSignal,
  ): Promise<DirectoryChanges> {
    return this.pin().changes(since, interest, signal);
  }

  rootDse(signal: AbortSignal): Promise<RootDse> {
    return this.pin().rootDse(signal);
  }

  idFilter(id: string): LdapFilter | undefined {
    return this.#dialect.idFilter(id);
  }

  pin({ server }: { readonly server?: string } = {}): PinnedDirectory {
    return new PinnedLdapDirectory(this, () => this.#servers.pick(server));
  }

  close(): Promise<void> {
    return this.#servers.close();
  }
}

function serverList(
  { discovery, servers, ...settings }: LdapSettings,
  {
    log,
    clock,
    random = Math.random,
    resolver = new Resolver({ timeout: NAME_SERVER_TIMEOUT_MS, tries: 2 }),
  }: LdapDirectoryPorts & { readonly clock: Clock },
) {
  if (discovery === undefined) return listServers(servers);
  const { globalCatalog, startTls, connectTimeoutMs: timeoutMs } = settings;
  const names = srvNames(discovery, settings);
  const tls = { globalCatalog, startTls, timeoutMs };
  return new DiscoveredServers({ names, ...tls, resolver, clock, random, log });
}
