import { dnKey } from "../core/dn.ts";
import { DnIndex } from "../core/dn-index.ts";
import type { Entry } from "../core/entry.ts";
import { EVERY_ENTRY } from "../core/ldap-filter.ts";
import type { Directory } from "../ports.ts";
import { PrimaryGroups } from "./primary-groups.ts";
import { readWhole } from "./read-whole.ts";

/** Entries that the index of one answer may hold: 64 bytes each at most. What is beyond is looked up one by one. */
const MAX_INDEXED = 4_000_000;
/** So many unknown DNs at once are cheaper to learn by listing the directory than by asking for each. */
const LISTING_THRESHOLD = 2_000;
/** DNs remembered as pointing at nothing; what is beyond is asked for again. */
const MAX_DANGLING = 100_000;
/** Ids that are found without hashing the DN. */
const MAX_RECENT = 10_000;

/**
 * Ids of what entries refer to, for the length of one answer. Never longer: a DN may be given to somebody else, and
 * a reference must not point at who had it before.
 */
export class References {
  readonly primaryGroups: PrimaryGroups;
  readonly #directory: Directory;
  readonly #index: DnIndex;
  /** Ids of the last `resolve` that the index did not take, by key. */
  readonly #beyond = new Map<string, string>();
  /** Ids asked for lately, by DN as it is spelled: many entries refer to the same few. */
  readonly #recent = new Map<string, string>();
  /** Keys of DNs that point at nothing. */
  readonly #dangling = new Set<string>();
  #listed = false;

  constructor(directory: Directory, { maxIndexed = MAX_INDEXED } = {}) {
    this.#directory = directory;
    this.primaryGroups = new PrimaryGroups(directory);
    this.#index = new DnIndex({ limit: maxIndexed });
  }

  /** Remembers an entry that was read anyway. */
  learn(dn: string, id: string): void {
    this.#index.add(dn, id);
  }

  /** Groups that were read with `primaryGroupAttributes`, with their primary members. `primaryGroups.load` must have ended. */
  async withPrimaryMembers(
    groups: readonly Entry[],
    signal: AbortSignal,
  ): Promise<readonly Entry[]> {
    return Promise.all(groups.map((group) => this.primaryGroups.withMembers(group, signal)));
  }

  /** Whether any DN that was looked up points at nothing. */
  get hasDangling(): boolean {
    return this.#dangling.size > 0;
  }

  idOf(dn: string): string | undefined {
    const recent = this.#recent.get(dn);
    if (recent !== undefined) return recent;
    const indexed = this.#index.get(dn);
    const id = indexed ?? (this.#beyond.size === 0 ? undefined : this.#beyond.get(dnKey(dn)));
    if (id === undefined) return undefined;
    if (this.#recent.size >= MAX_RECENT) this.#recent.clear();
    this.#recent.set(dn, id);
    return id;
  }

  /** Whether so many of these DNs are unknown that `list` is the quicker way to learn them. */
  isWorthListing(dns: readonly string[]): boolean {
    return (
      !this.#listed &&
      dns.length > LISTING_THRESHOLD &&
      this.#unknown(dns).length > LISTING_THRESHOLD
    );
  }

  /**
   * Learns the ids of these DNs one by one, as far as there are entries there; `idOf` knows them until the next call at
   * least. Takes no search of its own, so that it may be called while one is under way.
   */
  async resolve(dns: readonly string[], signal: AbortSignal): Promise<void> {
    this.#beyond.clear();
    const unknown = this.#unknown(dns);
    if (unknown.length === 0) return;
    const ids = await this.#directory.resolve(unknown, signal);
    for (const [position, dn] of unknown.entries()) {
      const id = ids[position];
      if (id !== undefined) this.#remember(dn, id);
      else if (this.#dangling.size < MAX_DANGLING) this.#dangling.add(dnKey(dn));
    }
  }

  /**
   * Learns the ids of all entries of the directory. It is a search: never to be called by whoever has one under way,
   * since searches at the same time are limited and all of them could then wait for one more.
   */
  async list(signal: AbortSignal): Promise<void> {
    this.#listed = true;
    const query = {
      baseDn: this.#directory.baseDn,
      searchScope: "sub",
      ldapFilter: EVERY_ENTRY,
      attributes: [],
    } as const;
    for await (const batch of readWhole(this.#directory, query, signal)) {
      for (const entry of batch) this.#index.add(entry.dn, entry.id);
    }
  }

  #remember(dn: string, id: string): void {
    this.#index.add(dn, id);
    if (this.#index.get(dn) === undefined) this.#beyond.set(dnKey(dn), id);
  }

  #unknown(dns: readonly string[]): readonly string[] {
    const unknown = new Map<string, string>();
    for (const dn of dns) {
      if (this.idOf(dn) !== undefined) continue;
      const key = dnKey(dn);
      if (!this.#dangling.has(key)) unknown.set(key, dn);
    }
    return [...unknown.values()];
  }
}
