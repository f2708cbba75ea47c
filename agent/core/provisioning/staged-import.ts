import type { ResourceTypeName } from "../scope.ts";

/** One item of a delta as an agent sent it (DESIGN section 4). */
export interface StagedItem {
  readonly resourceType: ResourceTypeName;
  readonly changeType: "create" | "update" | "delete" | "present";
  /** The directory's id. */
  readonly sourceId: string;
  readonly reason: "deleted" | "outOfScope" | undefined;
  /** The resource, or what stands in its place, as JSON. */
  readonly data: Readonly<Record<string, unknown>> | undefined;
}

/** An item on disk; items are in the order of their ordinals, which have gaps. */
export interface StagedItemAt extends StagedItem {
  readonly ordinal: number;
}

/** What the last part of an answer says. */
export interface ImportEnd {
  readonly listing: "full" | "changes";
  /** The next watermark; undefined when the directory gives none. */
  readonly nextWatermark: string | undefined;
}

/** An import that lies on disk. */
export interface StagedImport {
  readonly cycleId: string;
  readonly kind: "initial" | "incremental";
  /** Milliseconds since 1970 (UTC). */
  readonly beganAt: number;
  readonly parts: number;
  readonly items: number;
  /** Items that were worked on. */
  readonly processed: number;
  /** Undefined until the answer was whole. One that is not whole proves no absence and is of no use after a crash. */
  readonly end: ImportEnd | undefined;
}
