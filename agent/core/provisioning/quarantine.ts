/** Why a job was slowed (Graph `quarantineReason`). */
export type QuarantineReason =
  | "EncounteredBaseEscrowThreshold"
  | "EncounteredTotalEscrowThreshold"
  | "EncounteredEscrowProportionThreshold"
  | "EncounteredQuarantineException"
  | "QuarantinedOnDemand"
  | "TooManyDeletes"
  | "IngestionInterrupted"
  | "Unknown";

/** What stopped the whole job, for a person; no values. */
export interface QuarantineError {
  readonly code: string;
  readonly message: string;
}

/** A job that is slowed (Graph `synchronizationQuarantine`). Times are milliseconds since 1970 (UTC). */
export interface Quarantine {
  readonly reason: QuarantineReason;
  readonly error: QuarantineError | undefined;
  /** Since when for this reason. */
  readonly currentBegan: number;
  /** Since when without a success in between. */
  readonly seriesBegan: number;
  /** Cycles of the series that ended in quarantine, the first included. */
  readonly seriesCount: number;
  readonly nextAttempt: number;
}

/** What a cycle did, as far as quarantine looks at it. */
export interface FailureCounts {
  /** Entries that the cycle worked on. */
  readonly events: number;
  /** Entries that failed for another reason than a reference. */
  readonly failures: number;
  /** Entries of which a reference could not be set. */
  readonly referenceFailures: number;
}

/** Failures (references excluded) from which on their proportion counts. */
const PROPORTION_FROM_FAILURES = 5_000;
/** Failures (references excluded) per hundred events that are too many. */
const MAX_FAILED_PERCENT = 40;
/** Failures, references excluded. */
const MAX_FAILURES = 40_000;
/** Failures, references included. */
const MAX_TOTAL_FAILURES = 60_000;

/** The reason to quarantine a job after a cycle with these counts (entra.md 5.2); undefined for none. */
export function evaluateFailures({
  events,
  failures,
  referenceFailures,
}: FailureCounts): QuarantineReason | undefined {
  if (failures + referenceFailures > MAX_TOTAL_FAILURES) return "EncounteredTotalEscrowThreshold";
  if (failures > MAX_FAILURES) return "EncounteredBaseEscrowThreshold";
  const isProportionTooLarge = failures * 100 > events * MAX_FAILED_PERCENT;
  if (failures >= PROPORTION_FROM_FAILURES && isProportionTooLarge) {
    return "EncounteredEscrowProportionThreshold";
  }
  return undefined;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** How long the first cycle after a quarantine waits; each further one twice as long, up to a day. */
const FIRST_DELAY_MS = 5 * MINUTE_MS;

/** Reasons for which a cycle removes nothing, and does the rest. */
const HOLDS_REMOVALS: ReadonlySet<QuarantineReason> = new Set([
  "TooManyDeletes",
  "IngestionInterrupted",
]);

/** How long a series may last before the job is disabled. */
const DISABLED_AFTER_MS = 28 * DAY_MS;

/** How a cycle ended, as far as quarantine looks at it. */
export type CycleEnd =
  | { readonly kind: "success" }
  | {
      readonly kind: "quarantine";
      readonly reason: QuarantineReason;
      readonly error?: QuarantineError | undefined;
    };

/**
 * The quarantine after a cycle, undefined when there is none. One success lifts it. Each cycle that ends in quarantine again
 * doubles the wait for the next, from 5 minutes up to a day; where only removals are held back there is no wait, since nothing
 * is wrong with the target: adds and updates go on at the usual pace.
 */
export function nextQuarantine(
  before: Quarantine | undefined,
  end: CycleEnd,
  now: number,
): Quarantine | undefined {
  if (end.kind === "success") return undefined;
  const { reason, error } = end;
  const seriesCount = (before?.seriesCount ?? 0) + 1;
  const delay = HOLDS_REMOVALS.has(reason)
    ? 0
    : Math.min(DAY_MS, FIRST_DELAY_MS * 2 ** (seriesCount - 1));
  return {
    reason,
    error,
    currentBegan: before?.reason === reason ? before.currentBegan : now,
    seriesBegan: before?.seriesBegan ?? now,
    seriesCount,
    nextAttempt: now + delay,
  };
}

/** Whether a scheduled cycle of a job may run. */
export type CycleVerdict =
  | { readonly kind: "run" }
  | { readonly kind: "wait"; readonly until: number; readonly reason: QuarantineReason }
  /** For 28 days no cycle succeeded: the job stays off until an operator restarts it. */
  | { readonly kind: "disable"; readonly since: number; readonly reason: QuarantineReason };

export function evaluateCycle(quarantine: Quarantine | undefined, now: number): CycleVerdict {
  if (quarantine === undefined) return { kind: "run" };
  const { reason, seriesBegan, nextAttempt } = quarantine;
  if (now - seriesBegan >= DISABLED_AFTER_MS)
    return { kind: "disable", since: seriesBegan, reason };
  if (now < nextAttempt) return { kind: "wait", until: nextAttempt, reason };
  return { kind: "run" };
}
