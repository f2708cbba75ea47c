import type { Shadow } from "../core/provisioning/shadow.ts";
import type { StoreBatch } from "../ports.ts";
import type { EntryRecord } from "./record.ts";

/** Counts of a cycle that one entry adds to. */
export interface EntryCounts {
  imported: number;
  entitled: number;
  exported: number;
  escrowed: number;
  skipped: number;
  referenceFailures: number;
}

export function noCounts(): EntryCounts {
  return {
    imported: 0,
    entitled: 0,
    exported: 0,
    escrowed: 0,
    skipped: 0,
    referenceFailures: 0,
  };
}

/** What is decided of an object that is to be taken away. */
export interface RemovalDecision {
  readonly action: "disable" | "delete";
  readonly detail: string;
  readonly link: "manage" | "leave" | "remove";
}

/** A disable or delete that waits until all of them are counted. */
export interface PlannedRemoval {
  readonly shadow: Shadow;
  readonly decision: RemovalDecision;
  /** What is exported with a disable; undefined changes nothing besides. */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the entry itself was read, so that it need not be asked for again while it does not change. */
  readonly judged: boolean;
  readonly record: EntryRecord;
}

/** What came of one entry, to be written in one transaction with others. */
export interface EntryResult {
  readonly batch: StoreBatch;
  readonly removal?: PlannedRemoval | undefined;
  /** Its id at the target is a new one. */
  readonly relinked?: { readonly sourceId: string; readonly from: string | undefined } | undefined;
}

const LISTS = [
  "shadows",
  "removedShadows",
  "waiting",
  "escrows",
  "clearedEscrows",
  "stagedDeletes",
  "clearedStagedDeletes",
  "summaries",
  "judged",
  "unjudged",
  "processed",
] as const satisfies readonly (keyof StoreBatch)[];

/** One transaction of what several entries write. */
export function joinBatches(batches: readonly StoreBatch[]): StoreBatch {
  const joined: Record<string, readonly unknown[]> = {};
  for (const list of LISTS) {
    const all = batches.flatMap((batch): readonly unknown[] => batch[list] ?? []);
    if (all.length > 0) joined[list] = all;
  }
  return joined as StoreBatch;
}
