import type { ResourceTypeName } from "../scope.ts";

/** What is known of an entry's resource in the target: the link, and what was last exported. */
export interface Shadow {
  /** Source anchor (`externalId`). */
  readonly anchor: string;
  /** The directory's own id: deletes and references name entries by it. */
  readonly sourceId: string;
  /** The resource's `id` in the target. */
  readonly targetId: string;
  readonly resourceType: ResourceTypeName;
  /** For a person who approves or rejects: `userName` or `displayName` as last exported. */
  readonly name: string;
  /** Of what was last exported and of the mapping that made it. */
  readonly fingerprint: string;
  /** What was last exported, as JSON. */
  readonly exported: Readonly<Record<string, unknown>>;
  readonly active: boolean;
  /** False once the entry has left the scope and the service manages the resource no more. */
  readonly inScope: boolean;
}

/** A reference (manager, member) that waits until what it points at is provisioned. */
export interface WaitingReference {
  /** Whose attribute it is. */
  readonly anchor: string;
  readonly attribute: string;
  /** The directory's id of what it points at. */
  readonly reference: string;
}

/** An entry that failed and is tried again. Times are milliseconds since 1970 (UTC). */
export interface Escrow {
  readonly sourceId: string;
  readonly resourceType: ResourceTypeName;
  /** Undefined while it has never been read. */
  readonly anchor: string | undefined;
  /** Whether only a reference failed, which does not count for quarantine. */
  readonly reference: boolean;
  readonly errorCode: string;
  /** For a person; no values. */
  readonly message: string;
  readonly attempts: number;
  readonly firstFailedAt: number;
  readonly lastFailedAt: number;
  readonly nextAttemptAt: number;
}

export type StagedDeleteStatus = "pending" | "approved" | "rejected";

/** A removal that was held back. */
export interface StagedDelete {
  readonly anchor: string;
  /** The directory's id of the member that a group would lose; undefined for the object itself. */
  readonly member: string | undefined;
  readonly targetId: string;
  readonly resourceType: ResourceTypeName;
  /** Of the object, or of the member. An operator decides by it. */
  readonly name: string;
  readonly action: "disable" | "delete" | "removeMember";
  /** Why it would be removed, and why it was held. */
  readonly because: string;
  readonly cycleId: string;
  readonly stagedAt: number;
}
