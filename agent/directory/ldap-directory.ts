import type { Entry } from "../core/entry.ts";
import { AgentError } from "../core/error.ts";
import type { LdapFilter } from "../core/ldap-filter.ts";
import type {
  Clock,
  DeltaMark,
  Directory,
  DirectoryChanges,
  DirectoryMark,
  DirectoryQuery,
  LeftOut,
  Log,
  PinnedDirectory,
  ReadOutcome,
  RootDse,
} from "../ports.ts";
import { AttributeNames } from "./attribute-names.ts";
import { DIALECTS } from "./dialect.ts";
import { DirectoryServer } from "./directory-server.ts";
import { checkOptions, type LdapDirectoryOptions, type LdapSettings } from "./options.ts";
import { PinnedLdapDirectory } from "./pinned-directory.ts";
import { Semaphore } from "./semaphore.ts";

export interface LdapDirectoryPorts {
  readonly log: Log;
  /** Default: the system's clock. */
  readonly clock?: Clock;
}

/** For so long a server that did not answer is tried after the others. */
const SERVER_PAUSE_MS = 30_000;
const MAX_WAITING_SEARCHES = 256;

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
  readonly leftOut: readonly LeftOut[];
  readonly #settings: LdapSettings;
  readonly #clock: Clock;
  readonly #turns: Semaphore;
  readonly #servers: readonly DirectoryServer[];
  readonly #pausedUntil = new Map<string, number>();
  readonly #closing = new AbortController();

  constructor(
    settings: LdapSettings,
    { log, clock = { now: () => Date.now() } }: LdapDirectoryPorts,
  ) {
    this.name = settings.name;
    this.baseDn = settings.baseDn;
    this.leftOut = DIALECTS[settings.kind].leftOut;
    this.#settings = settings;
    this.#clock = clock;
    this.#turns = new Semaphore({
      permits: settings.maxConnections,
      maxWaiting: MAX_WAITING_SEARCHES,
    });
    const directoryLog = log.child({ directory: settings.name });
    const names = new AttributeNames([
      ...DIALECTS[settings.kind].binaryAttributes,
      ...settings.binaryAttributes,
    ]);
    this.#servers = settings.servers.map(
      (server) =>
        new DirectoryServer(server, {
          settings,
          names,
          turns: this.#turns,
          log: directoryLog,
          clock,
          onUnreachable: (error) => {
            // Another server knows the same account and its password.
            if (error.code === "directory.denied") return;
            this.#pausedUntil.set(server.url, clock.now() + SERVER_PAUSE_MS);
            directoryLog.warn("directory.unreachable", {
              server: server.url,
              reason: error.message,
            });
          },
        }),
    );
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
    return DIALECTS[this.#settings.kind].idFilter(id);
  }

  pin({ server }: { readonly server?: string } = {}): PinnedDirectory {
    return new PinnedLdapDirectory(this, () => this.#pick(server));
  }

  async close(): Promise<void> {
    const reason = new AgentError("directory.unreachable", "the directory was closed");
    this.#closing.abort(reason);
    this.#turns.rejectWaiting(reason);
    await Promise.all(this.#servers.map((server) => server.close(reason)));
  }

  /**
   * The first server that has or takes a connection; those that failed lately are asked last. A refused bind ends the
   * attempt: the other servers know the same account, and each further try brings it nearer to its lockout.
   * @param only the url of the only one that will do
   */
  async #pick(only: string | undefined): Promise<DirectoryServer> {
    this.#closing.signal.throwIfAborted();
    const failures: AgentError[] = [];
    for (const server of this.#inOrder(only)) {
      try {
        await server.open(this.#closing.signal);
        this.#pausedUntil.delete(server.server.url);
        return server;
      } catch (error) {
        if (this.#closing.signal.aborted || !(error instanceof AgentError)) throw error;
        if (error.code === "directory.denied") throw error;
        failures.push(error);
      }
    }
    throw combined(failures, only);
  }

  #inOrder(only: string | undefined): readonly DirectoryServer[] {
    if (only !== undefined) return this.#servers.filter(({ server }) => server.url === only);
    const now = this.#clock.now();
    const paused = ({ server }: DirectoryServer): boolean =>
      (this.#pausedUntil.get(server.url) ?? 0) > now;
    return [
      ...this.#servers.filter((server) => !paused(server)),
      ...this.#servers.filter((server) => paused(server)),
    ];
  }
}

/** The first failure says what is wrong with the preferred server; the others are told in its message. */
function combined(failures: readonly AgentError[], only: string | undefined): AgentError {
  const [first, ...others] = failures;
  if (first === undefined) {
    return new AgentError("directory.unreachable", `${only} is no server of this directory`);
  }
  if (others.length === 0) return first;
  // As long as one of them may come back, a retry is of use.
  const code = failures.find((failure) => failure.retryable)?.code ?? first.code;
  return new AgentError(code, failures.map((failure) => failure.message).join("; "), {
    cause: first,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}
