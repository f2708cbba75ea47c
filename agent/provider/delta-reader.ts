import {
  changeTimes,
  readsVolatile,
  restrictMapping,
  sourceAttributes,
} from "../core/compiled-mapping.ts";
import { printFileTime } from "../core/directory-value/file-time.ts";
import type { AnswerElement, Change, ListEnd } from "../core/exchange.ts";
import { allOf, anyOf, type LdapFilter } from "../core/ldap-filter.ts";
import type { MappedEntry } from "../core/map-entry.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { clauseAttributes, outsideMembers, type ResolvedScope } from "../core/scope-verdict.ts";
import { isVolatile } from "../core/volatile-attribute.ts";
import type { DirectoryChanges, DirectoryMark, PinnedDirectory } from "../ports.ts";
import { type DeltaToken, encodeToken, MAX_AGAIN } from "./delta-token.ts";
import { beginScope, type PendingScope } from "./pending-scope.ts";
import type { PlannedRead } from "./plan-read.ts";
import { type ReadOptions, type ResourceQuery, readResources } from "./read-resources.ts";
import { readWhole } from "./read-whole.ts";
import { References } from "./references.ts";
import { scopeDigest } from "./scope-digest.ts";
import { rememberScope } from "./scope-objects.ts";
import { RESOURCE_TYPE_NAMES, type ServedDirectory } from "./served-directory.ts";

type ChangeElement = Extract<AnswerElement, { readonly kind: "change" }>;
type Elements = AsyncGenerator<readonly AnswerElement[], ListEnd>;
type Told = Extract<DirectoryChanges, { readonly kind: "changes" }>;

/** All of a delta is read from one server. */
export type PinnedServed = ServedDirectory & { readonly directory: PinnedDirectory };

type ListedChange = "create" | "update" | "present";

interface DeltaOptions extends ReadOptions {
  /** Of the agent and of what was asked for, for the token. */
  readonly configuration: string;
  readonly plans: readonly PlannedRead[];
}

/** Ids of one search. */
const IDS_AT_ONCE = 100;
/** Listed entries that are told from the rest; what is beyond is listed twice, which means the same. */
const MAX_REMEMBERED = 200_000;

/**
 * Everything in scope as changes, users before groups (shape of draft-sehgal-scim-delta-query), or what has changed since a
 * token. Directories do not say all of it: a membership does not touch the member's entry, and a unit that is renamed takes people
 * along in silence. Where that may have happened, or where a directory does not tell what is gone, the ids of all that is in
 * scope follow as `present`, and the listing is full: what it does not name is to be asked for.
 *
 * An entry that cannot be mapped is `present` with its problem: it is in scope, so its absence must not be concluded.
 */
export class DeltaReader {
  readonly #served: PinnedServed;
  readonly #options: DeltaOptions;
  readonly #references: References;
  /** Milliseconds since 1970 (UTC): before anything was read. */
  readonly #at: number;
  /** What the configuration reads though servers change it without a word. */
  readonly #volatile: readonly string[];
  /** Ids whose entries may look different soon though nothing will say so. */
  readonly #again = new Set<string>();

  constructor(served: PinnedServed, options: DeltaOptions) {
    this.#served = served;
    this.#options = options;
    this.#references = new References(served.directory);
    this.#at = options.now;
    const mapped = RESOURCE_TYPE_NAMES.flatMap((type) => readsVolatile(served.mappings[type]));
    const asked = RESOURCE_TYPE_NAMES.flatMap((type) => clauseAttributes(served.scope, type));
    this.#volatile = [
      ...new Set([...mapped, ...asked.filter((name) => isVolatile(name, { isReference: false }))]),
    ];
  }

  /**
   * All of it, and then what has changed meanwhile, since a listing is no snapshot.
   * @throws AgentError as `resolveScope` and `readWhole`; the end, and with it the token, comes only after a whole read
   */
  async *everything(signal: AbortSignal): Elements {
    const { directory } = this.#served;
    // Before the read: what changes meanwhile is told after it.
    const { mark, because, passedOver } = await directory.mark(this.#interest(), signal);
    const strategy = mark?.strategy ?? "none";
    this.#options.log.info("delta.marked", { strategy, because, passedOver });
    const scope = beginScope(this.#served, signal);
    yield* this.#list({ scope, changeType: "create" }, signal);
    const resolved = await scope.resolved;
    const { objectIds: objects } = resolved;
    this.#warnOfOutsiders(resolved);
    const digest = scopeDigest(resolved);
    const later = mark === undefined ? undefined : await this.#meanwhile(mark, digest, signal);
    if (later !== undefined) yield* this.#tell(later.told, later.scope, signal);
    const end = { mark: later?.told.mark ?? mark, digest, objects };
    return this.#end("full", end, signal);
  }

  /**
   * What has changed since a token.
   * @returns `expired`, with the reason, when that cannot be told any more
   * @throws AgentError as `Directory.changes`; the elements throw as `everything`
   */
  async since(
    token: DeltaToken & { readonly mark: DirectoryMark },
    signal: AbortSignal,
  ): Promise<Elements | { readonly expired: string }> {
    const told = await this.#served.directory.changes(token.mark, this.#interest(), signal);
    if (told.kind === "expired") return { expired: told.because };
    const changed = [...told.changed, ...(await this.#changedByTime(token.at, signal))];
    return this.#changes(token, { ...told, changed }, signal);
  }

  /** Entries that have become different because a time has come, such as that at which an account expires. */
  async #changedByTime(since: number, signal: AbortSignal): Promise<readonly string[]> {
    const { directory, mappings } = this.#served;
    const ids: string[] = [];
    const names = RESOURCE_TYPE_NAMES.flatMap((type) => changeTimes(mappings[type]));
    for (const attribute of new Set(names)) {
      const from = { kind: "greaterOrEqual", attribute, value: printFileTime(since) } as const;
      const to = { kind: "lessOrEqual", attribute, value: printFileTime(this.#at) } as const;
      const ldapFilter = allOf([from, to]);
      const { baseDn } = directory;
      const query = { ldapFilter, baseDn, searchScope: "sub", attributes: [] } as const;
      const found = readWhole(directory, query, signal);
      for await (const batch of found) ids.push(...batch.map(({ id }) => id));
    }
    return ids;
  }

  async *#changes(token: DeltaToken, told: Told, signal: AbortSignal): Elements {
    const { log } = this.#options;
    const { strategy } = told.mark;
    const counts = { changed: told.changed.length, deleted: told.deleted.length };
    const isIdle = counts.changed + counts.deleted + token.again.length === 0;
    // The scope can only have changed with an entry of the directory, so that it need not be read.
    if (isIdle && told.complete && !told.treeChanged) {
      log.info("delta.read", { strategy, ...counts, listing: "changes" });
      const { scope: digest, objects } = token;
      return this.#end("changes", { mark: told.mark, digest, objects }, signal);
    }
    rememberScope(this.#served.scope, token.objects);
    const scope = beginScope(this.#served, signal);
    const resolved = await scope.resolved;
    const digest = scopeDigest(resolved);
    const isSilent = this.#volatile.length > 0;
    const why = isSilent
      ? `servers do not tell changes of ${this.#volatile.join(", ")}`
      : listingReason(told, digest !== token.scope);
    const listing = why === undefined ? "changes" : "full";
    log.info("delta.read", { strategy, ...counts, listing, ...(why === undefined ? {} : { why }) });
    const changed = [...new Set([...told.changed, ...token.again])];
    const listed = new Set<string>();
    for await (const batch of this.#tell({ ...told, changed }, scope, signal)) {
      for (const { change } of batch) {
        const isThere = change.changeType !== "delete";
        if (isThere && listed.size < MAX_REMEMBERED) listed.add(change.changedResourceId);
      }
      yield batch;
    }
    // Read once more already: whoever is still outside is there to stay.
    for (const id of token.again) this.#again.delete(id);
    if (why !== undefined) {
      const changeType = isSilent ? "update" : "present";
      for await (const batch of this.#list({ scope, changeType }, signal)) {
        const rest = batch.filter(({ change }) => !listed.has(change.changedResourceId));
        if (rest.length > 0) yield rest;
      }
    }
    const { objectIds: objects } = resolved;
    return this.#end(listing, { mark: told.mark, digest, objects }, signal);
  }

  /**
   * What has changed during a listing, when that is all there is to it. Otherwise the listing may lack somebody who came in
   * silence, and the next delta has to start where it began.
   */
  async #meanwhile(
    mark: DirectoryMark,
    digest: string,
    signal: AbortSignal,
  ): Promise<{ readonly told: Told; readonly scope: PendingScope } | undefined> {
    const told = await this.#served.directory.changes(mark, this.#interest(), signal);
    if (told.kind === "expired" || !told.complete || told.treeChanged) return undefined;
    const scope = beginScope(this.#served, signal);
    return scopeDigest(await scope.resolved) === digest ? { told, scope } : undefined;
  }

  /** Changed entries as they are now, and those that are out of scope, not there any more, or deleted. */
  async *#tell(
    { changed, deleted }: Pick<Told, "changed" | "deleted">,
    scope: PendingScope,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ChangeElement[], void> {
    const left = new Set(changed);
    for (const plan of this.#options.plans) {
      for (let at = 0; at < changed.length; at += IDS_AT_ONCE) {
        const filters = changed.slice(at, at + IDS_AT_ONCE).flatMap((id) => this.#filterOf(id));
        if (filters.length === 0) continue;
        const only = { ldapFilter: anyOf(filters), bases: [this.#served.directory.baseDn] };
        const found = this.#read({ scope, plan, changeType: "update", ...only }, signal);
        for await (const batch of found) {
          for (const { change } of batch) left.delete(change.changedResourceId);
          yield batch;
        }
      }
    }
    const resolved = await scope.resolved;
    const removals = [
      ...[...left].map((id) => removal(id, "outOfScope")),
      ...deleted.map((id) => removal(id, "deleted")),
    ];
    if (removals.length > 0) yield removals;
    this.#rememberOutsiders(left, resolved);
  }

  #filterOf(id: string): readonly LdapFilter[] {
    const filter = this.#served.directory.idFilter(id);
    return filter === undefined ? [] : [filter];
  }

  /**
   * A group gets the new name of a member some time after that was renamed (OpenLDAP's overlay refint), and does not say so:
   * whoever was not found in a group is looked at once more.
   */
  #rememberOutsiders(ids: Iterable<string>, scope: ResolvedScope): void {
    if (scope.groups.length === 0) return;
    for (const id of ids) this.#remember(id);
  }

  /** Once in each full read: nobody would look for them otherwise. */
  #warnOfOutsiders(scope: ResolvedScope): void {
    const { log, logValues } = this.#options;
    for (const { group, count, examples } of outsideMembers(scope)) {
      log.warn("scope.outside", { group, members: count, ...(logValues ? { examples } : {}) });
    }
  }

  #remember(id: string): void {
    if (this.#again.size < MAX_AGAIN) this.#again.add(id);
  }

  async *#list(
    options: { readonly scope: PendingScope; readonly changeType: ListedChange },
    signal: AbortSignal,
  ): AsyncGenerator<readonly ChangeElement[], void> {
    for (const plan of this.#options.plans) {
      const bare = { ...plan.query, mapping: restrictMapping(plan.query.mapping, () => false) };
      const query = options.changeType === "present" ? bare : plan.query;
      yield* this.#read({ ...options, plan: { ...plan, query } }, signal);
    }
  }

  async *#read(
    {
      plan,
      changeType,
      ...rest
    }: Pick<ResourceQuery, "scope"> &
      Partial<Pick<ResourceQuery, "ldapFilter" | "bases">> & {
        readonly plan: PlannedRead;
        readonly changeType: ListedChange;
      },
    signal: AbortSignal,
  ): AsyncGenerator<readonly ChangeElement[], void> {
    const { log, logValues, now } = this.#options;
    const { resourceType } = plan.query.mapping;
    const query = {
      ...{ log, logValues, now, served: this.#served, references: this.#references },
      ...plan.query,
      ...rest,
      ...(changeType === "present" ? {} : { onDangling: (id: string) => this.#remember(id) }),
    };
    for await (const batch of readResources(query, signal)) {
      yield batch.map((mapped) => toChange(mapped, { resourceType, changeType, plan }));
    }
  }

  /** What the configuration reads: changes of other attributes do not matter. */
  #interest(): readonly string[] {
    const { mappings, scope } = this.#served;
    const names = RESOURCE_TYPE_NAMES.flatMap((type) => [
      ...sourceAttributes(mappings[type]),
      ...clauseAttributes(scope, type),
    ]);
    return [...new Set(names)].sort();
  }

  async #end(
    listing: "full" | "changes",
    {
      mark,
      digest,
      objects,
    }: {
      readonly mark: DirectoryMark | undefined;
      readonly digest: string;
      readonly objects: readonly string[];
    },
    signal: AbortSignal,
  ): Promise<ListEnd> {
    const { directory } = this.#served;
    const token = {
      version: 2,
      directory: directory.name,
      server: await directory.server(signal),
      configuration: this.#options.configuration,
      mark,
      scope: digest,
      objects,
      at: this.#at,
      again: [...this.#again],
    } as const;
    return { listing, nextDeltaToken: encodeToken(token) };
  }
}

/** Why the ids of all that is in scope have to be listed, for the log; undefined when the changes are the whole story. */
function listingReason(told: Told, isScopeChanged: boolean): string | undefined {
  if (!told.complete) return "the directory does not say what is gone";
  if (told.treeChanged) return "a unit was changed, and perhaps moved with all below it";
  return isScopeChanged ? "members of a scope group came or left" : undefined;
}

function removal(id: string, reason: NonNullable<Change["reason"]>): ChangeElement {
  return { kind: "change", change: { changeType: "delete", changedResourceId: id, reason } };
}

function toChange(
  mapped: MappedEntry,
  {
    resourceType,
    changeType,
    plan,
  }: {
    readonly resourceType: ResourceTypeName;
    readonly changeType: ListedChange;
    readonly plan: PlannedRead;
  },
): ChangeElement {
  if (mapped.kind === "problem") {
    const { problem } = mapped;
    const change = { resourceType, changedResourceId: problem.id, problem };
    return { kind: "change", change: { ...change, changeType: "present" } };
  }
  const change = { resourceType, changeType, changedResourceId: mapped.resource.id };
  if (changeType === "present") return { kind: "change", change };
  return { kind: "change", change, resource: plan.project(mapped.resource) };
}
