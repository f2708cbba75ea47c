import type { ProvisioningObjectSummary } from "../core/provisioning/object-summary.ts";
import type { Escrow, StagedDelete, StagedDeleteStatus } from "../core/provisioning/shadow.ts";
import type { Clock, JobOverview, JobStore, Store, SummaryFilter } from "../ports.ts";
import { writeBackup } from "./backup.ts";
import { listEscrows } from "./escrow-rows.ts";
import { listJobs } from "./job-rows.ts";
import { takeLease } from "./lease.ts";
import type { Sqlite } from "./sqlite.ts";
import { SqliteJobStore } from "./sqlite-job-store.ts";
import { decideStagedDeletes, listStagedDeletes } from "./staged-delete-rows.ts";
import { listSummaries, pruneSummaries } from "./summary-rows.ts";

/** The store in one SQLite file (write-ahead log), which several processes may have open. */
export class SqliteStore implements Store {
  readonly #sqlite: Sqlite;
  readonly #clock: Clock;

  constructor(sqlite: Sqlite, clock: Clock) {
    this.#sqlite = sqlite;
    this.#clock = clock;
  }

  async openJob(
    jobId: string,
    options: {
      readonly owner: string;
      readonly leaseMs: number;
      readonly isGone?: (owner: string) => boolean;
    },
  ): Promise<JobStore> {
    const lease = takeLease(this.#sqlite, jobId, { ...options, clock: this.#clock });
    return new SqliteJobStore(this.#sqlite, lease, this.#clock);
  }

  async jobs(): Promise<readonly JobOverview[]> {
    return listJobs(this.#sqlite, this.#clock.now());
  }

  escrows(jobId: string): AsyncGenerator<readonly Escrow[], void> {
    return listEscrows(this.#sqlite, jobId);
  }

  stagedDeletes(
    jobId: string,
    { status }: { readonly status?: StagedDeleteStatus } = {},
  ): AsyncGenerator<readonly (StagedDelete & { readonly status: StagedDeleteStatus })[], void> {
    return listStagedDeletes(this.#sqlite, jobId, status);
  }

  async decideStagedDeletes(
    jobId: string,
    names: readonly string[] | "all",
    status: Exclude<StagedDeleteStatus, "pending">,
  ): ReturnType<Store["decideStagedDeletes"]> {
    return decideStagedDeletes(this.#sqlite, jobId, { names, status });
  }

  summaries(filter: SummaryFilter): AsyncGenerator<readonly ProvisioningObjectSummary[], void> {
    return listSummaries(this.#sqlite, filter);
  }

  async pruneSummaries(): Promise<number> {
    return pruneSummaries(this.#sqlite, this.#clock.now());
  }

  async backup(file: string): Promise<void> {
    await writeBackup(this.#sqlite, file);
  }

  async close(): Promise<void> {
    this.#sqlite.close();
  }
}
