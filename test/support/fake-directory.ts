import { dnKey, isUnder } from "../../agent/core/dn.ts";
import { type Entry, type Value, valuesOf } from "../../agent/core/entry.ts";
import { AgentError } from "../../agent/core/error.ts";
import { type LdapFilter, printLdapFilter } from "../../agent/core/ldap-filter.ts";
import type { LeftOutRule } from "../../agent/core/left-out.ts";
import type {
  DeltaMark,
  DirectoryChanges,
  DirectoryMark,
  DirectoryQuery,
  PinnedDirectory,
  ReadOutcome,
  RootDse,
} from "../../agent/ports.ts";

export const BASE = "dc=example,dc=com";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The id of the n-th made-up entry. */
export function uuid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
}

/** An entry by its DN and attributes; the anchor is the id unless it is given. */
export function entry(
  dn: string,
  id: string,
  attributes: Readonly<Record<string, Value | readonly Value[]>> = {},
  anchor = id,
): Entry {
  const values = Object.entries(attributes).map(
    ([name, value]) =>
      [
        name.toLowerCase(),
        typeof value === "string" || value instanceof Uint8Array ? [value] : value,
      ] as const,
  );
  return { dn, id, anchor, attributes: new Map(values) };
}

/** A person that the shipped OpenLDAP mapping takes. */
export function person(
  dn: string,
  id: string,
  attributes: Readonly<Record<string, Value | readonly Value[]>> = {},
): Entry {
  const uid = /^[^=]+=([^,]+)/.exec(dn)?.[1] ?? id;
  return entry(dn, id, { objectClass: ["top", "inetOrgPerson"], uid, sn: uid, ...attributes });
}

/** A group that the shipped OpenLDAP mapping takes. */
export function group(dn: string, id: string, member: readonly string[]): Entry {
  const cn = /^[^=]+=([^,]+)/.exec(dn)?.[1] ?? id;
  const members = member.length === 0 ? {} : { member };
  return entry(dn, id, { objectClass: ["top", "groupOfNames"], cn, ...members });
}

/** An organizational unit. */
export function unit(dn: string, id: string): Entry {
  return entry(dn, id, { objectClass: ["top", "organizationalUnit"] });
}

export interface FakeDirectoryOptions {
  readonly name?: string;
  readonly batchSize?: number;
}

type Cut = Extract<ReadOutcome, { readonly whole: false }>;

/**
 * A directory in memory that keeps the port's contract and remembers what it was asked. Text compares without letter
 * case, as servers do for the naming attributes, unless `strict` names the attribute.
 */
export class FakeDirectory implements PinnedDirectory {
  readonly name: string;
  readonly baseDn = BASE;
  /** What this kind of directory leaves out. */
  leftOut: readonly LeftOutRule[] = [];
  hasPrimaryGroups = false;
  /** Of its server; a test may move to another one. */
  url = "ldap://fake.example.com";
  readonly queries: DirectoryQuery[] = [];
  readonly resolved: string[][] = [];
  readonly reads: string[] = [];
  /** What runs were pinned to: a url, or undefined for the server that they are given. */
  readonly pins: (string | undefined)[] = [];
  /** Searches that were left before their end. */
  abandoned = 0;
  closed = false;
  /** What the next question for changes is answered with, once. */
  nextChanges: DirectoryChanges | undefined;
  /** Attributes that this server compares byte by byte. */
  readonly strict = new Set<string>();
  readonly #batchSize: number;
  #entries: Entry[];
  #cut: { readonly after: number; readonly outcome: Omit<Cut, "entries"> } | undefined;
  #failure: { readonly after: number; readonly error: Error } | undefined;
  /** Runs after each batch that was handed out. */
  afterBatch: () => void = () => undefined;

  constructor(
    entries: readonly Entry[],
    { name = "openldap", batchSize = 2 }: FakeDirectoryOptions = {},
  ) {
    this.name = name;
    this.#entries = [...entries];
    this.#batchSize = batchSize;
  }

  /** The attributes that were asked for so far. */
  get asked(): ReadonlySet<string> {
    return new Set(
      this.queries.flatMap(({ attributes }) => attributes.map((a) => a.toLowerCase())),
    );
  }

  /** The filters that searches came with, in RFC 4515 notation. */
  get filters(): readonly string[] {
    return this.queries.map(({ ldapFilter }) => printLdapFilter(ldapFilter));
  }

  /** Puts another entry in the place of the one with its id. */
  replace(other: Entry): void {
    this.#entries = this.#entries.map((one) => (one.id === other.id ? other : one));
  }

  remove(dn: string): void {
    this.#entries = this.#entries.filter((candidate) => dnKey(candidate.dn) !== dnKey(dn));
  }

  /** From now on searches end as cut after so many entries. */
  cutAfter(after: number, because: Cut["because"] = "size limit"): void {
    this.#cut = { after, outcome: { whole: false, because, detail: "said the test" } };
  }

  /** From now on everything fails, searches after so many entries. */
  failAfter(after: number, error: Error): void {
    this.#failure = { after, error };
  }

  async *search(
    query: DirectoryQuery,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Entry[], ReadOutcome> {
    signal.throwIfAborted();
    this.queries.push(query);
    const base = dnKey(query.baseDn);
    if (base !== dnKey(this.baseDn) && this.#at(query.baseDn) === undefined) {
      throw new AgentError("scope.missing", `not in the directory: ${query.baseDn}`);
    }
    const found = this.#entries.filter(
      (candidate) =>
        isInReach(dnKey(candidate.dn), base, query) && this.#matches(candidate, query.ldapFilter),
    );
    const cut = this.#cut;
    const failure = this.#failure;
    const listed = found.slice(0, Math.min(cut?.after ?? Infinity, failure?.after ?? Infinity));
    let isOver = false;
    try {
      for (let at = 0; at < listed.length; at += this.#batchSize) {
        signal.throwIfAborted();
        yield listed.slice(at, at + this.#batchSize).map((one) => select(one, query.attributes));
        this.afterBatch();
      }
      signal.throwIfAborted();
      isOver = true;
      if (failure !== undefined) throw failure.error;
      if (cut !== undefined) return { ...cut.outcome, entries: listed.length };
      return { whole: true, entries: listed.length, pages: 1 };
    } finally {
      if (!isOver) this.abandoned++;
    }
  }

  async read(dn: string, attributes: readonly string[], signal: AbortSignal) {
    this.#enter(signal);
    this.reads.push(dn);
    const found = this.#at(dn);
    return found && select(found, attributes);
  }

  async resolve(dns: readonly string[], signal: AbortSignal) {
    this.#enter(signal);
    this.resolved.push([...dns]);
    return dns.map((dn) => this.#at(dn)?.id);
  }

  idFilter(id: string): LdapFilter | undefined {
    return UUID.test(id) ? { kind: "equality", attribute: "entryUUID", value: id } : undefined;
  }

  /** By `contextCSN` of the base, where the test put one. */
  async mark(_interest: readonly string[], signal: AbortSignal): Promise<DeltaMark> {
    this.#enter(signal);
    const csn = this.#contextCsn();
    const mark =
      csn === undefined ? undefined : ({ strategy: "entryCsn", position: { csn } } as const);
    return { mark, because: "said the test", passedOver: [] };
  }

  async changes(
    since: DirectoryMark,
    _interest: readonly string[],
    signal: AbortSignal,
  ): Promise<DirectoryChanges> {
    this.#enter(signal);
    if (this.nextChanges !== undefined) {
      const next = this.nextChanges;
      this.nextChanges = undefined;
      return next;
    }
    const before = String(since.position["csn"]);
    const csn = this.#contextCsn();
    if (csn === undefined || csn < before) {
      throw new AgentError("directory.busy", "the server is behind");
    }
    const changed = this.#entries
      .filter((one) => csn > before && String(valuesOf(one, "entryCSN")[0] ?? "") >= before)
      .map(({ id }) => id);
    const mark = { strategy: "entryCsn", position: { csn } } as const;
    const complete = csn === before;
    return { kind: "changes", changed, deleted: [], treeChanged: false, complete, mark };
  }

  #contextCsn(): string | undefined {
    const [csn] = this.#entries.flatMap((one) => valuesOf(one, "contextCSN"));
    return csn === undefined ? undefined : String(csn);
  }

  async rootDse(signal: AbortSignal): Promise<RootDse> {
    this.#enter(signal);
    return { namingContexts: [BASE], supportedControls: [], vendorName: undefined };
  }

  /** It is its own view, since it has one server; a run that wants another one finds nobody. */
  pin({ server }: { readonly server?: string } = {}): PinnedDirectory {
    this.pins.push(server);
    if (server === undefined || server === this.url) return this;
    const nobody = new FakeDirectory([], { name: this.name });
    nobody.failAfter(0, new AgentError("directory.unreachable", `${server} is not there`));
    return nobody;
  }

  async server(signal: AbortSignal): Promise<string> {
    this.#enter(signal);
    return this.url;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  #enter(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#failure?.after === 0) throw this.#failure.error;
  }

  #at(dn: string): Entry | undefined {
    const key = dnKey(dn);
    return this.#entries.find((candidate) => dnKey(candidate.dn) === key);
  }

  #matches(candidate: Entry, filter: LdapFilter): boolean {
    switch (filter.kind) {
      case "and":
        return filter.filters.every((part) => this.#matches(candidate, part));
      case "or":
        return filter.filters.some((part) => this.#matches(candidate, part));
      case "not":
        return !this.#matches(candidate, filter.filter);
      case "present":
        return filter.attribute === "objectClass" || this.#texts(candidate, filter).length > 0;
      case "equality":
        return this.#texts(candidate, filter).includes(this.#fold(filter, String(filter.value)));
      case "greaterOrEqual":
        return this.#texts(candidate, filter).some((text) => text >= String(filter.value));
      case "lessOrEqual":
        return this.#texts(candidate, filter).some((text) => text <= String(filter.value));
      case "substrings": {
        const parts = [filter.initial ?? "", ...(filter.any ?? []), filter.final ?? ""];
        const pattern = parts.map((part) =>
          this.#fold(filter, part).replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
        );
        const expression = new RegExp(`^${pattern.join(".*")}$`, "su");
        return this.#texts(candidate, filter).some((text) => expression.test(text));
      }
    }
  }

  #texts(candidate: Entry, filter: { readonly attribute: string }): readonly string[] {
    if (filter.attribute === "entryUUID") return [candidate.id];
    return valuesOf(candidate, filter.attribute).map((value) => this.#fold(filter, String(value)));
  }

  #fold({ attribute }: { readonly attribute: string }, text: string): string {
    return this.strict.has(attribute.toLowerCase()) ? text : text.toLowerCase();
  }
}

function isInReach(key: string, base: string, { searchScope }: DirectoryQuery): boolean {
  if (searchScope === "base") return key === base;
  if (searchScope === "sub") return isUnder(key, base);
  return isUnder(key, base) && key.split(",").length === base.split(",").length + 1;
}

/** Only what was asked for, so that a read that forgot an attribute shows. */
function select(one: Entry, attributes: readonly string[]): Entry {
  const wanted = new Set(attributes.map((name) => name.toLowerCase()));
  return { ...one, attributes: new Map([...one.attributes].filter(([name]) => wanted.has(name))) };
}
