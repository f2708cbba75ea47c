import type { Entry } from "./core/entry.ts";
import type { LdapFilter } from "./core/ldap-filter.ts";
import type { LeftOutRule } from "./core/left-out.ts";
import type { CycleExecution, JobState } from "./core/provisioning/job-state.ts";
import type {
  ProvisioningAction,
  ProvisioningObjectSummary,
  ProvisioningStatus,
} from "./core/provisioning/object-summary.ts";
import type { RestartPlan } from "./core/provisioning/reset-scope.ts";
import type {
  Escrow,
  Shadow,
  StagedDelete,
  StagedDeleteStatus,
  WaitingReference,
} from "./core/provisioning/shadow.ts";
import type {
  ImportEnd,
  StagedImport,
  StagedItem,
  StagedItemAt,
} from "./core/provisioning/staged-import.ts";
import type { ScimResource } from "./core/scim/resource.ts";
import type { SchemaDefinition } from "./core/scim/schema.ts";
import type { ResourceTypeName } from "./core/scope.ts";

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

/** The ways in which directories tell what has changed. */
export type DeltaStrategyName =
  | "dirSync"
  | "usnChanged"
  | "syncRepl"
  | "accessLog"
  | "entryCsn"
  | "modifyTimestamp";

/** How far a directory had come. Whoever keeps it cannot read it; it is JSON. */
export interface DirectoryMark {
  readonly strategy: DeltaStrategyName;
  readonly position: Readonly<Record<string, unknown>>;
}

/** How far a directory has come, and which way of telling changes that is of. */
export interface DeltaMark {
  /** Undefined where none works: then everything is read each time. */
  readonly mark: DirectoryMark | undefined;
  /** For a person: why this way. */
  readonly because: string;
  /** The ways that would have been better, and why they do not work here. */
  readonly passedOver: readonly {
    readonly strategy: DeltaStrategyName;
    readonly because: string;
  }[];
}

/** What has happened in a directory since a mark. */
export type DirectoryChanges =
  | {
      readonly kind: "changes";
      /** Ids of entries that are there and may be different; of whatever kind and place. */
      readonly changed: readonly string[];
      /** Ids of entries that were deleted; strangers too. */
      readonly deleted: readonly string[];
      /** Whether entries may have moved of which nothing is said, with one above them. */
      readonly treeChanged: boolean;
      /** Whether all that left the directory is in `deleted`; otherwise only a listing of ids tells who is there. */
      readonly complete: boolean;
      /** Where the next ones start. */
      readonly mark: DirectoryMark;
    }
  | {
      readonly kind: "expired";
      /** For a person: why the changes since the mark cannot be told any more. */
      readonly because: string;
    };

/** Where entries are imported from: one configured directory. */
export interface Directory {
  readonly name: string;
  readonly baseDn: string;
  /** Whether people belong to a group that does not list them (Active Directory: primaryGroupID). */
  readonly hasPrimaryGroups: boolean;
  /** What is never provisioned, whatever the configuration says. */
  readonly leftOut: readonly LeftOutRule[];

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
   * How far the directory has come, to be asked before a read.
   * @param interest attributes whose changes matter
   * @throws AgentError as `read`; `config.invalid` when the configured strategy does not work on this server
   */
  mark(interest: readonly string[], signal: AbortSignal): Promise<DeltaMark>;

  /**
   * What has changed since a mark that was given with the same `interest`.
   * @throws AgentError as `read`; `directory.incomplete`, `directory.busy` (the server lacks changes that were read before)
   */
  changes(
    since: DirectoryMark,
    interest: readonly string[],
    signal: AbortSignal,
  ): Promise<DirectoryChanges>;

  /**
   * What the server says of itself; proves that it answers.
   * @throws AgentError as `read`
   */
  rootDse(signal: AbortSignal): Promise<RootDse>;

  /**
   * The directory for one run. Servers replicate with a lag, so what is read together is read from one of them.
   * @param options.server url of the only server that will do, as `PinnedDirectory.server` gave it; otherwise the first
   *   one that takes a connection. A pinned directory without it is pinned already and gives itself.
   */
  pin(options?: { readonly server?: string }): PinnedDirectory;

  close(): Promise<void>;
}

/**
 * One run's view: every call goes to the server of the first one. When that server is lost the run fails with
 * `directory.unreachable` and never goes on with another; the next run may. `close` leaves the connections to the
 * directory, which keeps them for other runs.
 */
export interface PinnedDirectory extends Directory {
  /**
   * The url of the server that the run is on; connects when it has not yet.
   * @throws AgentError `directory.unreachable` (also when the named server is not configured or stays away),
   *   `directory.busy`, `directory.denied`, `directory.refused`; the signal's reason
   */
  server(signal: AbortSignal): Promise<string>;
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

/**
 * What the target said no to, or what is wrong with its answer: a problem of one resource, which stops nothing else.
 */
export interface TargetRefusal {
  readonly kind: "refused";
  /** HTTP status; undefined when no answer came, though the target answers others. */
  readonly status: number | undefined;
  /** Error keyword of RFC 7644 section 3.12, as the target spells it. */
  readonly scimType: string | undefined;
  /** For a person. May be the target's words, and hence hold values of one. At most 1,000 characters. */
  readonly detail: string;
  /** Whether the same request may succeed later with nothing changed. */
  readonly retryable: boolean;
  /** Of the request, as in the logs of both sides. */
  readonly requestId: string;
}

/** The target does not have the resource (any more). */
export interface TargetGone {
  readonly kind: "gone";
  readonly requestId: string;
}

/** The resources that a matching attribute finds; several are a problem of the source or of the target. */
export interface TargetFound {
  readonly kind: "found";
  readonly resources: readonly ScimResource[];
  readonly requestId: string;
}

export interface TargetCreated {
  readonly kind: "created";
  /** Given by the target. */
  readonly id: string;
  /** As the target keeps it; undefined when it did not say. */
  readonly resource: ScimResource | undefined;
  readonly requestId: string;
}

/** Nobody knows whether the resource was created: look it up by its matching attribute before anything else. */
export interface TargetUnknown {
  readonly kind: "unknown";
  /** For a person, without values. */
  readonly detail: string;
  readonly requestId: string;
}

export interface TargetUpdated {
  readonly kind: "updated";
  /** As the target keeps it now; undefined when it did not say. */
  readonly resource: ScimResource | undefined;
  /** Of each request, in order; none when there was nothing to change. */
  readonly requestIds: readonly string[];
}

/** Ids of members, which are the target's. */
export interface MemberChange {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

export interface RefusedMembers extends MemberChange {
  readonly refusal: TargetRefusal;
}

/** A change of members that is large may come to pass in part. */
export interface MembersChanged {
  readonly kind: "changed";
  readonly applied: MemberChange;
  /** The members that were refused, alone where that could be found out, and why. */
  readonly refused: readonly RefusedMembers[];
  readonly requestIds: readonly string[];
}

/** How the reading of all resources ended. Whatever is not whole says nothing about what was not listed. */
export type TargetReadOutcome =
  | { readonly whole: true; readonly resources: number; readonly pages: number }
  | {
      readonly whole: false;
      readonly because:
        | "paging ignored"
        | "changed"
        | "cursor expired"
        | "cursor repeated"
        | "limit";
      /** For a person, without values. */
      readonly detail: string;
      readonly resources: number;
    };

/**
 * The SCIM service provider that is provisioned. Requests for the same resource are sent one after the other in the
 * order of the calls, whatever runs at the same time; failures that may pass are tried again before they are told.
 * Every method may throw AgentError `target.unreachable` (no answer, or the whole target is down), `target.throttled`
 * (429 for longer than was waited), `target.denied` (401; 403 on a listing) and `target.refused` (404 on an endpoint,
 * a redirect), and the signal's reason; none of them is about one resource.
 */
export interface Target {
  /**
   * Looks up what cannot be there, which has to find nothing.
   * @throws AgentError as above; `target.refused` for any answer but an empty list
   */
  test(signal: AbortSignal): Promise<void>;

  /**
   * The resources whose attribute equals `value`. Those that say otherwise are refused, since a target that ignores
   * filters lists strangers. Groups come without members.
   * @param lookup.path an attribute path, also `emails[type eq "work"].value`
   */
  find(
    resourceType: ResourceTypeName,
    lookup: { readonly path: string; readonly value: string },
    signal: AbortSignal,
  ): Promise<TargetFound | TargetRefusal>;

  /** Groups come without members. */
  read(
    resourceType: ResourceTypeName,
    id: string,
    signal: AbortSignal,
  ): Promise<
    | { readonly kind: "found"; readonly resource: ScimResource; readonly requestId: string }
    | TargetGone
    | TargetRefusal
  >;

  /**
   * Whether a user has this manager, or a group this member, asked without reading either.
   * @param reference.id of the manager or member at the target
   */
  hasReference(
    resourceType: ResourceTypeName,
    id: string,
    reference: { readonly attribute: "manager" | "members"; readonly id: string },
    signal: AbortSignal,
  ): Promise<
    | { readonly kind: "answered"; readonly holds: boolean; readonly requestId: string }
    | TargetRefusal
  >;

  /**
   * Creates a resource without its references: a manager is set by `update` and members by `changeMembers`, when both
   * ends are there. `id`, `meta` and `groups` are the target's and not sent.
   */
  create(
    resourceType: ResourceTypeName,
    resource: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<TargetCreated | TargetUnknown | TargetRefusal>;

  /**
   * Sends what is different between `before`, as the target is believed to have it, and `after`; nothing when nothing
   * is. Members of a group are left alone. After a refusal some of several requests may have been applied.
   */
  update(
    resourceType: ResourceTypeName,
    id: string,
    change: {
      readonly before: Readonly<Record<string, unknown>>;
      readonly after: Readonly<Record<string, unknown>>;
    },
    signal: AbortSignal,
  ): Promise<TargetUpdated | TargetGone | TargetRefusal>;

  /** Disables a user (soft delete) or restores it. */
  setActive(
    id: string,
    active: boolean,
    signal: AbortSignal,
  ): Promise<TargetUpdated | TargetGone | TargetRefusal>;

  /** Adds and removes members of a group, in batches. To repeat it changes nothing. */
  changeMembers(
    id: string,
    change: MemberChange,
    signal: AbortSignal,
  ): Promise<MembersChanged | TargetGone>;

  /** What is not there counts as deleted. */
  delete(
    resourceType: ResourceTypeName,
    id: string,
    signal: AbortSignal,
  ): Promise<{ readonly kind: "deleted"; readonly requestId: string } | TargetRefusal>;

  /**
   * All resources of a type, by cursor when the target offers it (RFC 9865), else by index. No resource comes twice.
   * The return value says whether the read was whole; by index that means that the count came out right, since
   * nothing proves more.
   * @throws AgentError as above; `target.refused` also for what is no list
   */
  all(
    resourceType: ResourceTypeName,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ScimResource[], TargetReadOutcome>;

  /** The target's schemas (RFC 7644 section 4); undefined when it has none to show. */
  schemas(signal: AbortSignal): Promise<readonly SchemaDefinition[] | undefined>;

  /** Cuts what still runs. */
  close(): Promise<void>;
}

/** What one transaction of a job writes: all of it or nothing. Removals come first. */
export interface StoreBatch {
  /** The members that are given; the others stay as they are. */
  readonly state?: Partial<JobState>;
  /** Put first in the list of the job's last runs. */
  readonly execution?: CycleExecution;
  /** By anchor; one whose anchor is known replaces it. */
  readonly shadows?: readonly Shadow[];
  /** Anchors; what they wait for goes as well. Who waits for them goes on waiting. */
  readonly removedShadows?: readonly string[];
  /** For each anchor all references that still wait; none of the anchor's others stays. */
  readonly waiting?: readonly {
    readonly anchor: string;
    readonly references: readonly Omit<WaitingReference, "anchor">[];
  }[];
  /** By source id. */
  readonly escrows?: readonly Escrow[];
  /** Source ids. */
  readonly clearedEscrows?: readonly string[];
  /** A removal that was staged before keeps what was decided about it. */
  readonly stagedDeletes?: readonly StagedDelete[];
  readonly clearedStagedDeletes?: readonly Pick<StagedDelete, "anchor" | "member">[];
  readonly summaries?: readonly ProvisioningObjectSummary[];
  /** Ids of entries that were read and need not be asked for as long as they are only `present`. */
  readonly judged?: readonly string[];
  /** Ids of entries whose content counts as unknown again. */
  readonly unjudged?: readonly string[];
  /** Ordinals of staged items that this deals with. */
  readonly processed?: readonly number[];
}

/** The state of one job, held by one process at a time. Lists are answered in batches, in a stable order. */
export interface JobStore {
  readonly jobId: string;

  /** @throws AgentError `state.locked` when another process has taken the job */
  renew(): Promise<void>;
  /** Gives the job up; what comes later is refused. */
  release(): Promise<void>;

  state(): Promise<JobState>;
  /** @throws AgentError `state.locked` when another process has taken the job: nothing was written */
  write(batch: StoreBatch): Promise<void>;
  /** Clears what the plan names, in one transaction. @throws AgentError as `write` */
  reset(plan: RestartPlan): Promise<void>;

  shadowsByAnchor(anchors: readonly string[]): Promise<ReadonlyMap<string, Shadow>>;
  shadowsBySourceId(sourceIds: readonly string[]): Promise<ReadonlyMap<string, Shadow>>;
  shadowsByTargetId(targetIds: readonly string[]): Promise<ReadonlyMap<string, Shadow>>;
  shadows(filter?: {
    readonly resourceType?: ResourceTypeName;
    readonly inScope?: boolean;
  }): AsyncGenerator<readonly Shadow[], void>;
  /** Shadows in scope that were exported with one of these as manager or member. */
  shadowsReferringTo(targetIds: readonly string[]): Promise<readonly Shadow[]>;
  /** Shadows in scope, for the delete guard. */
  linkedCounts(): Promise<Readonly<Record<ResourceTypeName, number>>>;

  /** Who waits for these (the directory's ids). */
  waitersOf(references: readonly string[]): Promise<readonly WaitingReference[]>;
  /** What these anchors wait for. */
  waitingOf(anchors: readonly string[]): Promise<readonly WaitingReference[]>;

  /** What is held, with what was decided. At most as many as there are objects, and members of groups. */
  stagedDeletes(): Promise<readonly (StagedDelete & { readonly status: StagedDeleteStatus })[]>;

  /** Escrows whose time has come, the longest due first. */
  dueEscrows(now: number, limit: number): Promise<readonly Escrow[]>;
  escrowsBySourceId(sourceIds: readonly string[]): Promise<ReadonlyMap<string, Escrow>>;

  /** The import that lies on disk, perhaps of a process that died. */
  stagedImport(): Promise<StagedImport | undefined>;
  /** Begins an import and discards the one before. @throws AgentError as `write` */
  beginImport(begin: Pick<StagedImport, "cycleId" | "kind" | "beganAt">): Promise<void>;
  /**
   * Keeps the items of one part of an answer; a part that is there already changes nothing, in whatever order they come.
   * @returns whether it was new
   * @throws AgentError as `write`; `internal` when no import has begun or it has ended
   */
  stagePart(part: number, items: readonly StagedItem[]): Promise<boolean>;
  /** Says that the answer was whole. @throws AgentError as `stagePart` */
  endImport(end: ImportEnd): Promise<void>;
  /** Items that no `processed` named yet, by ordinal (parts in order, and in each part as given). */
  stagedItems(filter?: {
    readonly resourceType?: ResourceTypeName;
  }): AsyncGenerator<readonly StagedItemAt[], void>;
  /**
   * Shadows in scope that the import does not name: they are to be asked for.
   * @throws AgentError `internal` when the import is not a whole `full` listing, which proves no absence
   */
  absentShadows(): AsyncGenerator<readonly Shadow[], void>;
  /**
   * Adds what was asked for to the import, behind what was listed; it may have ended.
   * @throws AgentError as `write`; `internal` when there is no import
   */
  stageAnswers(items: readonly StagedItem[]): Promise<void>;
  /**
   * Items that are `present` without content and have to be asked for: they are neither linked, active and in scope, nor
   * judged.
   */
  unfamiliarItems(): AsyncGenerator<readonly StagedItemAt[], void>;
  /** Whatever the import does not name is judged no more. @throws AgentError as `absentShadows` and `write` */
  forgetUnlisted(): Promise<void>;
  /** Gives up what is staged. @throws AgentError as `write` */
  discardImport(): Promise<void>;
}

/** A job as anyone may see it, whoever runs it. */
export interface JobOverview {
  readonly jobId: string;
  readonly state: JobState;
  /** The last runs, newest first. */
  readonly executions: readonly CycleExecution[];
  readonly shadows: Readonly<Record<ResourceTypeName, number>>;
  readonly escrows: number;
  readonly stagedDeletes: Readonly<Record<StagedDeleteStatus, number>>;
  /** Who runs it now. */
  readonly lease: { readonly owner: string; readonly expiresAt: number } | undefined;
}

/** Which rows of the provisioning log; all that are given must hold. */
export interface SummaryFilter {
  readonly jobId?: string;
  readonly cycleId?: string;
  readonly changeId?: string;
  readonly actions?: readonly ProvisioningAction[];
  readonly statuses?: readonly ProvisioningStatus[];
  /** Milliseconds since 1970 (UTC), inclusive. */
  readonly from?: number;
  /** Exclusive. */
  readonly to?: number;
  readonly sourceId?: string;
  readonly targetId?: string;
  /** Found in ids, names, details, codes or values, in any letter case of ASCII. */
  readonly text?: string;
  readonly order?: "newest" | "oldest";
  readonly limit?: number;
}

/**
 * What the provisioning service remembers. Every method throws AgentError `state.locked` when another process writes
 * for too long, `state.unavailable` (disk full, no right, gone), `state.corrupt`.
 */
export interface Store {
  /**
   * Takes a job for this process, for `leaseMs` at a time; begins it when it is not known.
   * @param options `owner`: shown to whoever finds the job taken; `isGone`: whether an owner is known to run no more, so
   *   that its lease need not be waited for
   * @throws AgentError `state.locked` when another process holds it, with who and until when
   */
  openJob(
    jobId: string,
    options: {
      readonly owner: string;
      readonly leaseMs: number;
      readonly isGone?: (owner: string) => boolean;
    },
  ): Promise<JobStore>;

  /** By id. */
  jobs(): Promise<readonly JobOverview[]>;

  escrows(jobId: string): AsyncGenerator<readonly Escrow[], void>;

  /** In order of name. */
  stagedDeletes(
    jobId: string,
    filter?: { readonly status?: StagedDeleteStatus },
  ): AsyncGenerator<readonly (StagedDelete & { readonly status: StagedDeleteStatus })[], void>;
  /**
   * Approves or rejects what was staged, by name, anchor or target id; whoever runs the job sees it in its next cycle. Nothing
   * is decided unless every name is known and says which object is meant.
   */
  decideStagedDeletes(
    jobId: string,
    names: readonly string[] | "all",
    status: Exclude<StagedDeleteStatus, "pending">,
  ): Promise<{
    readonly decided: number;
    readonly unknown: readonly string[];
    readonly ambiguous: readonly string[];
  }>;

  /** Rows of the provisioning log, as a stream of batches. */
  summaries(filter: SummaryFilter): AsyncGenerator<readonly ProvisioningObjectSummary[], void>;
  /** Removes rows of the provisioning log that are older than 30 days. @returns how many */
  pruneSummaries(): Promise<number>;

  /**
   * Writes the whole store into another file while it is in use; the file appears when it is complete.
   * @throws AgentError `input.invalid` when the file is there already
   */
  backup(file: string): Promise<void>;
  close(): Promise<void>;
}
