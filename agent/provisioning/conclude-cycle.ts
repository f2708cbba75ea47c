import type { AgentError } from "../core/error.ts";
import type { HeldRemoval } from "../core/provisioning/delete-guard.ts";
import type { CycleExecution, JobState } from "../core/provisioning/job-state.ts";
import {
  type CycleEnd,
  type CycleVerdict,
  evaluateFailures,
  nextQuarantine,
} from "../core/provisioning/quarantine.ts";
import type { CycleParts } from "./cycle.ts";
import type { EntryCounts } from "./entry-result.ts";
import type { ImportOutcome } from "./import-changes.ts";

/** Cycles in a row that may fail for what may pass, before the job is slowed. */
const MAX_COMPLETE_FAILURES = 5;

/** What a cycle came to. */
export interface CycleSummary {
  readonly cycleId: string;
  readonly kind: "initial" | "incremental";
  readonly state: JobState;
  readonly beganAt: number;
  readonly counts: EntryCounts;
  readonly held: readonly HeldRemoval[];
  readonly import: ImportOutcome | undefined;
  readonly withheld: AgentError | undefined;
  readonly error: AgentError | undefined;
}

export type CycleReport =
  /** It did not run: the job is in quarantine or disabled. */
  | { readonly kind: "waiting"; readonly verdict: Exclude<CycleVerdict, { kind: "run" }> }
  | {
      readonly kind: "ran";
      readonly execution: CycleExecution;
      readonly held: readonly HeldRemoval[];
      /** The state after it. */
      readonly state: JobState;
      /** What stopped it, or why nothing was removed. */
      readonly error: AgentError | undefined;
    };

/**
 * Writes what the cycle came to, the watermark with it: the last thing that a cycle does.
 * @throws AgentError as the store's
 */
export async function concludeCycle(
  { job, store, clock, log }: Pick<CycleParts, "job" | "store" | "clock" | "log">,
  cycle: CycleSummary,
): Promise<CycleReport> {
  const now = clock.now();
  const { state, counts, held, withheld, error, cycleId, kind } = cycle;
  const stopped = error ?? withheld;
  const execution: CycleExecution = {
    ...{ cycleId, kind, timeBegan: cycle.beganAt, timeEnded: now },
    state: error !== undefined ? "Failed" : counts.escrowed > 0 ? "EntryLevelErrors" : "Succeeded",
    counts: {
      imported: counts.imported,
      entitled: counts.entitled,
      exported: counts.exported,
      escrowed: counts.escrowed,
      skipped: counts.skipped,
    },
    error: stopped === undefined ? undefined : { code: stopped.code, message: stopped.message },
  };
  const failures = error === undefined ? 0 : state.countSuccessiveCompleteFailures + 1;
  const end = endOf(cycle, failures);
  const quarantine =
    end === undefined ? state.quarantine : nextQuarantine(state.quarantine, end, now);
  const isGood = error === undefined && withheld === undefined;
  const next: Partial<JobState> = {
    status: quarantine === undefined ? "Active" : "Quarantine",
    quarantine,
    countSuccessiveCompleteFailures: failures,
    lastExecution: execution,
    ...(isGood ? { lastSuccessfulExecution: execution, forceDeletes: false } : {}),
    ...(isGood && counts.exported > 0 ? { lastSuccessfulExecutionWithExports: execution } : {}),
    ...(isGood && cycle.import !== undefined ? watermarkOf(cycle, cycle.import, job) : {}),
    ...(isGood && counts.exported === 0 && counts.escrowed === 0
      ? {
          steadyStateFirstAchievedTime: state.steadyStateFirstAchievedTime ?? now,
          steadyStateLastAchievedTime: now,
        }
      : {}),
  };
  await store.write({ state: next, execution });
  await store.discardImport();
  const fields = { cycle: cycleId, kind, state: execution.state, ...execution.counts };
  if (stopped !== undefined) {
    log.error("cycle.failed", { ...fields, code: stopped.code, message: stopped.message });
  }
  if (quarantine !== undefined && state.quarantine?.reason !== quarantine.reason) {
    log.error("job.quarantined", {
      reason: quarantine.reason,
      held: held.map(({ detail }) => detail),
    });
  }
  if (quarantine === undefined && state.quarantine !== undefined) log.info("job.released", {});
  return { kind: "ran", execution, held, state: { ...state, ...next }, error: stopped };
}

function watermarkOf(
  { state }: CycleSummary,
  { nextWatermark, configuration }: ImportOutcome,
  job: CycleParts["job"],
): Partial<JobState> {
  const { directory = "" } = job.source;
  return {
    watermark: nextWatermark,
    configuration: job.configuration,
    pin: state.pin ?? { directory, configuration },
  };
}

/** @returns undefined for a failure that may pass: it changes nothing yet */
function endOf(
  { error, withheld, held, counts }: CycleSummary,
  failures: number,
): CycleEnd | undefined {
  if (error !== undefined) {
    const said = { code: error.code, message: error.message };
    if (!error.retryable || failures >= MAX_COMPLETE_FAILURES) {
      return { kind: "quarantine", reason: "EncounteredQuarantineException", error: said };
    }
    return undefined;
  }
  const reason = evaluateFailures({
    events: counts.imported,
    failures: counts.escrowed - counts.referenceFailures,
    referenceFailures: counts.referenceFailures,
  });
  if (reason !== undefined) return { kind: "quarantine", reason };
  if (held.length > 0) {
    const [first] = held;
    const said = { code: "TooManyDeletes", message: first?.detail ?? "" };
    return { kind: "quarantine", reason: "TooManyDeletes", error: said };
  }
  // Adds and updates flow meanwhile, at the usual pace.
  if (withheld !== undefined) {
    const said = { code: withheld.code, message: withheld.message };
    return { kind: "quarantine", reason: "IngestionInterrupted", error: said };
  }
  return { kind: "success" };
}
