import type { Entry } from "../core/entry.ts";
import type { LdapFilter } from "../core/ldap-filter.ts";
import type { LeftOutRule } from "../core/left-out.ts";
import type {
  DeltaMark,
  Directory,
  DirectoryChanges,
  DirectoryMark,
  DirectoryQuery,
  PinnedDirectory,
  ReadOutcome,
  RootDse,
} from "../ports.ts";
import type { DirectoryServer } from "./directory-server.ts";
import { unlessAborted } from "./unless-aborted.ts";

/** A run's view of an LDAP directory. Picked once for all calls that wait; one that gives up takes nothing away. */
export class PinnedLdapDirectory implements PinnedDirectory {
  readonly name: string;
  readonly baseDn: string;
  readonly leftOut: readonly LeftOutRule[];
  readonly hasPrimaryGroups: boolean;
  readonly #directory: Directory;
  readonly #pick: () => Promise<DirectoryServer>;
  #picked: Promise<DirectoryServer> | undefined;

  /** @param pick finds the server; asked again after it has failed, and never after it has not */
  constructor(directory: Directory, pick: () => Promise<DirectoryServer>) {
    this.name = directory.name;
    this.baseDn = directory.baseDn;
    this.leftOut = directory.leftOut;
    this.hasPrimaryGroups = directory.hasPrimaryGroups;
    this.#directory = directory;
    this.#pick = pick;
  }

  async *search(
    query: DirectoryQuery,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Entry[], ReadOutcome> {
    const server = await this.#server(signal);
    return yield* server.search(query, signal);
  }

  async read(
    dn: string,
    attributes: readonly string[],
    signal: AbortSignal,
  ): Promise<Entry | undefined> {
    const server = await this.#server(signal);
    return server.read(dn, attributes, signal);
  }

  async resolve(
    dns: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (string | undefined)[]> {
    const server = await this.#server(signal);
    return server.resolve(dns, signal);
  }

  async mark(interest: readonly string[], signal: AbortSignal): Promise<DeltaMark> {
    const server = await this.#server(signal);
    return server.delta.mark(interest, signal);
  }

  async changes(
    since: DirectoryMark,
    interest: readonly string[],
    signal: AbortSignal,
  ): Promise<DirectoryChanges> {
    const server = await this.#server(signal);
    return server.delta.changes(since, interest, signal);
  }

  async rootDse(signal: AbortSignal): Promise<RootDse> {
    const server = await this.#server(signal);
    return server.rootDse(signal);
  }

  async server(signal: AbortSignal): Promise<string> {
    const { server } = await this.#server(signal);
    return server.url;
  }

  idFilter(id: string): LdapFilter | undefined {
    return this.#directory.idFilter(id);
  }

  pin(options: { readonly server?: string } = {}): PinnedDirectory {
    return options.server === undefined ? this : this.#directory.pin(options);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #server(signal: AbortSignal): Promise<DirectoryServer> {
    signal.throwIfAborted();
    this.#picked ??= this.#pickOnce();
    return unlessAborted(this.#picked, signal);
  }

  async #pickOnce(): Promise<DirectoryServer> {
    try {
      return await this.#pick();
    } catch (error) {
      this.#picked = undefined;
      throw error;
    }
  }
}
