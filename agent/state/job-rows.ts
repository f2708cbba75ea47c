import { type CycleExecution, type JobState, NEW_JOB } from "../core/provisioning/job-state.ts";
import type { RestartPlan } from "../core/provisioning/reset-scope.ts";
import type { StagedDeleteStatus } from "../core/provisioning/shadow.ts";
import type { JobOverview } from "../ports.ts";
import { countLinked } from "./shadow-rows.ts";
import type { Row, Sqlite } from "./sqlite.ts";

/** Runs that are kept of a job. */
const KEPT_EXECUTIONS = 100;

export function readState(sqlite: Sqlite, job: number): JobState {
  const row = sqlite.first("SELECT state FROM job WHERE key = ?", [job]);
  return { ...NEW_JOB, ...(row && sqlite.documentOf<Partial<JobState>>(row, "state")) };
}

export function saveState(sqlite: Sqlite, job: number, change: Partial<JobState>): void {
  const state = { ...readState(sqlite, job), ...change };
  sqlite.run("UPDATE job SET state = ? WHERE key = ?", [JSON.stringify(state), job]);
}

export function saveExecution(sqlite: Sqlite, job: number, execution: CycleExecution): void {
  sqlite.run("INSERT INTO execution (job, document) VALUES (?, ?)", [
    job,
    JSON.stringify(execution),
  ]);
  sqlite.run(
    `DELETE FROM execution WHERE job = ?1 AND key <=
       (SELECT key FROM execution WHERE job = ?1 ORDER BY key DESC LIMIT 1 OFFSET ?2)`,
    [job, KEPT_EXECUTIONS],
  );
}

/** What a restart clears; the held removals go with the links that they were of. */
export function resetJob(sqlite: Sqlite, job: number, plan: RestartPlan): void {
  if (plan.escrows) sqlite.run("DELETE FROM escrow WHERE job = ?", [job]);
  if (plan.shadows) {
    for (const table of ["shadow", "waiting", "staged_delete", "judged"]) {
      sqlite.run(`DELETE FROM ${table} WHERE job = ?`, [job]);
    }
  }
  const isHeld = ["Quarantine", "Disabled"].includes(readState(sqlite, job).status);
  saveState(sqlite, job, {
    // The cycle that reads everything pins what it finds: so an operator accepts agents with a new configuration.
    ...(plan.watermark ? { watermark: undefined, pin: undefined } : {}),
    ...(plan.quarantine ? { quarantine: undefined } : {}),
    ...(plan.quarantine && isHeld ? { status: "Active" } : {}),
    ...(plan.forceDeletes ? { forceDeletes: true } : {}),
  });
}

export function listJobs(sqlite: Sqlite, now: number): readonly JobOverview[] {
  const rows = sqlite.rows("SELECT key, job_id, owner, expires_at FROM job ORDER BY job_id");
  return rows.map((row) => overviewOf(sqlite, row, now));
}

function overviewOf(sqlite: Sqlite, row: Row, now: number): JobOverview {
  const job = sqlite.numberOf(row, "key");
  const owner = row["owner"];
  const expiresAt = sqlite.numberOf(row, "expires_at");
  const executions = sqlite.rows("SELECT document FROM execution WHERE job = ? ORDER BY key DESC", [
    job,
  ]);
  const escrows = sqlite.first("SELECT count(*) AS escrows FROM escrow WHERE job = ?", [job]);
  return {
    jobId: sqlite.textOf(row, "job_id"),
    state: readState(sqlite, job),
    executions: executions.map((one) => sqlite.documentOf<CycleExecution>(one, "document")),
    shadows: countLinked(sqlite, job),
    escrows: sqlite.numberOf(escrows ?? {}, "escrows"),
    stagedDeletes: countStagedDeletes(sqlite, job),
    lease: typeof owner === "string" && expiresAt > now ? { owner, expiresAt } : undefined,
  };
}

function countStagedDeletes(
  sqlite: Sqlite,
  job: number,
): Readonly<Record<StagedDeleteStatus, number>> {
  const rows = sqlite.rows(
    "SELECT status, count(*) AS staged FROM staged_delete WHERE job = ? GROUP BY status",
    [job],
  );
  const counted = new Map(
    rows.map((row) => [sqlite.textOf(row, "status"), sqlite.numberOf(row, "staged")]),
  );
  const countOf = (status: StagedDeleteStatus) => counted.get(status) ?? 0;
  return {
    pending: countOf("pending"),
    approved: countOf("approved"),
    rejected: countOf("rejected"),
  };
}
