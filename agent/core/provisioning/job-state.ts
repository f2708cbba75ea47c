import type { Quarantine } from "./quarantine.ts";

/** Graph `synchronizationStatusCode`, and `Disabled` for a job that was quarantined for too long. */
export type JobStatus =
  | "NotConfigured"
  | "NotRun"
  | "Active"
  | "Paused"
  | "Quarantine"
  | "Disabled";

/** What a job holds on to, so that two agents of different configurations are noticed. */
export interface JobPin {
  readonly directory: string;
  /** Fingerprint of the agents' configuration. */
  readonly configuration: string;
}

export interface CycleCounts {
  readonly imported: number;
  /** Of the imported ones: those in scope. */
  readonly entitled: number;
  readonly exported: number;
  readonly escrowed: number;
  readonly skipped: number;
}

/** One run of a job (Graph `synchronizationTaskExecution`). Times are milliseconds since 1970 (UTC). */
export interface CycleExecution {
  readonly cycleId: string;
  readonly kind: "initial" | "incremental" | "onDemand";
  readonly timeBegan: number;
  readonly timeEnded: number;
  readonly state: "Succeeded" | "Failed" | "EntryLevelErrors";
  readonly counts: CycleCounts;
  /** What stopped it, for a person; no values. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

/** What a job knows between its cycles. Times are milliseconds since 1970 (UTC). */
export interface JobState {
  readonly status: JobStatus;
  /** The token that the next incremental cycle starts with; undefined makes it an initial one. */
  readonly watermark: string | undefined;
  readonly pin: JobPin | undefined;
  /** Of the job's own mapping and scope: another one makes the next cycle an initial one, with links kept. */
  readonly configuration: string | undefined;
  readonly quarantine: Quarantine | undefined;
  /** Removals were allowed once by an operator (`ForceDeletes`), for the next cycle. */
  readonly forceDeletes: boolean;
  readonly lastExecution: CycleExecution | undefined;
  readonly lastSuccessfulExecution: CycleExecution | undefined;
  readonly lastSuccessfulExecutionWithExports: CycleExecution | undefined;
  readonly countSuccessiveCompleteFailures: number;
  readonly escrowsPruned: boolean;
  readonly steadyStateFirstAchievedTime: number | undefined;
  readonly steadyStateLastAchievedTime: number | undefined;
}

/** A job that has never run. */
export const NEW_JOB: JobState = {
  status: "NotRun",
  watermark: undefined,
  pin: undefined,
  configuration: undefined,
  quarantine: undefined,
  forceDeletes: false,
  lastExecution: undefined,
  lastSuccessfulExecution: undefined,
  lastSuccessfulExecutionWithExports: undefined,
  countSuccessiveCompleteFailures: 0,
  escrowsPruned: false,
  steadyStateFirstAchievedTime: undefined,
  steadyStateLastAchievedTime: undefined,
};
