import { AgentError } from "../core/error.ts";
import { NEW_JOB } from "../core/provisioning/job-state.ts";
import type { Clock } from "../ports.ts";
import type { Sqlite } from "./sqlite.ts";

/** A job that this process holds. The fence grows with each holder, and no write of an earlier one is taken. */
export interface Lease {
  readonly jobId: string;
  /** Of the job's rows. */
  readonly job: number;
  readonly owner: string;
  readonly fence: number;
  readonly leaseMs: number;
}

interface LeaseOptions {
  readonly owner: string;
  readonly leaseMs: number;
  readonly isGone?: ((owner: string) => boolean) | undefined;
  readonly clock: Clock;
}

/** @throws AgentError `state.locked` with who holds the job and until when */
export function takeLease(
  sqlite: Sqlite,
  jobId: string,
  { owner, leaseMs, isGone, clock }: LeaseOptions,
): Lease {
  return sqlite.transaction(() => {
    const now = clock.now();
    sqlite.run("INSERT INTO job (job_id, state) VALUES (?, ?) ON CONFLICT DO NOTHING", [
      jobId,
      JSON.stringify(NEW_JOB),
    ]);
    const row = sqlite.first("SELECT key, owner, expires_at, fence FROM job WHERE job_id = ?", [
      jobId,
    ]);
    if (row === undefined) throw new Error(`job ${jobId} was not begun`);
    const holder = row["owner"];
    const until = sqlite.numberOf(row, "expires_at");
    if (typeof holder === "string" && until > now && isGone?.(holder) !== true) {
      throw new AgentError("state.locked", `job ${jobId} is run by ${holder}`, {
        hint: `it holds the job until ${new Date(until).toISOString()} and goes on while it runs`,
      });
    }
    const job = sqlite.numberOf(row, "key");
    const fence = sqlite.numberOf(row, "fence") + 1;
    sqlite.run("UPDATE job SET owner = ?, expires_at = ?, fence = ? WHERE key = ?", [
      owner,
      now + leaseMs,
      fence,
      job,
    ]);
    return { jobId, job, owner, fence, leaseMs };
  });
}

/** One that ran out may still be renewed as long as nobody else took the job. @throws AgentError `state.locked` */
export function renewLease(sqlite: Sqlite, lease: Lease, clock: Clock): void {
  const changed = sqlite.run(
    "UPDATE job SET expires_at = ? WHERE key = ? AND fence = ? AND owner IS NOT NULL",
    [clock.now() + lease.leaseMs, lease.job, lease.fence],
  );
  if (changed === 0) throw lost(sqlite, lease);
}

export function releaseLease(sqlite: Sqlite, { job, fence }: Lease): void {
  sqlite.run("UPDATE job SET owner = NULL, expires_at = 0 WHERE key = ? AND fence = ?", [
    job,
    fence,
  ]);
}

/** Within the transaction that it protects. @throws AgentError `state.locked` */
export function requireLease(sqlite: Sqlite, lease: Lease): void {
  const held = sqlite.first("SELECT 1 FROM job WHERE key = ? AND fence = ? AND owner IS NOT NULL", [
    lease.job,
    lease.fence,
  ]);
  if (held === undefined) throw lost(sqlite, lease);
}

function lost(sqlite: Sqlite, { jobId, job }: Lease): AgentError {
  const owner = sqlite.first("SELECT owner FROM job WHERE key = ?", [job])?.["owner"];
  const holder = typeof owner === "string" ? `is run by ${owner} now` : "was given up";
  return new AgentError("state.locked", `job ${jobId} ${holder}`, {
    hint: "this process was too slow to renew its hold; nothing of what it wanted to write was written",
  });
}
