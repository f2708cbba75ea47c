import { AgentError } from "../core/error.ts";
import type { JobState } from "../core/provisioning/job-state.ts";
import type { RestartPlan } from "../core/provisioning/reset-scope.ts";
import type { Escrow, Shadow, WaitingReference } from "../core/provisioning/shadow.ts";
import type {
  ImportEnd,
  StagedImport,
  StagedItem,
  StagedItemAt,
} from "../core/provisioning/staged-import.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { Clock, JobStore, StoreBatch } from "../ports.ts";
import { dueEscrows, escrowsBySourceId, removeEscrow, saveEscrow } from "./escrow-rows.ts";
import {
  beginImport,
  dropImport,
  endImport,
  forgetUnlisted,
  importKey,
  listItems,
  listUnfamiliar,
  markProcessed,
  readImport,
  removeJudged,
  saveJudged,
  stageAnswers,
  stagePart,
  sweepItems,
} from "./import-rows.ts";
import { readState, resetJob, saveExecution, saveState } from "./job-rows.ts";
import { type Lease, releaseLease, renewLease, requireLease } from "./lease.ts";
import {
  countLinked,
  listShadows,
  removeShadow,
  type ShadowFilter,
  saveShadow,
  saveWaiting,
  shadowsBy,
  shadowsReferringTo,
  waitingBy,
} from "./shadow-rows.ts";
import type { Sqlite } from "./sqlite.ts";
import {
  type DecidedDelete,
  listStagedDeletes,
  removeStagedDelete,
  saveStagedDelete,
} from "./staged-delete-rows.ts";
import { saveSummary } from "./summary-rows.ts";

/** A job whose lease every write looks at, in the same transaction. */
export class SqliteJobStore implements JobStore {
  readonly jobId: string;
  readonly #sqlite: Sqlite;
  readonly #lease: Lease;
  readonly #clock: Clock;

  constructor(sqlite: Sqlite, lease: Lease, clock: Clock) {
    this.jobId = lease.jobId;
    this.#sqlite = sqlite;
    this.#lease = lease;
    this.#clock = clock;
  }

  get #job(): number {
    return this.#lease.job;
  }

  async renew(): Promise<void> {
    renewLease(this.#sqlite, this.#lease, this.#clock);
  }

  async release(): Promise<void> {
    releaseLease(this.#sqlite, this.#lease);
  }

  async state(): Promise<JobState> {
    return readState(this.#sqlite, this.#job);
  }

  async write(batch: StoreBatch): Promise<void> {
    this.#transaction((sqlite, job) => {
      for (const anchor of batch.removedShadows ?? []) removeShadow(sqlite, job, anchor);
      for (const sourceId of batch.clearedEscrows ?? []) removeEscrow(sqlite, job, sourceId);
      for (const staged of batch.clearedStagedDeletes ?? []) {
        removeStagedDelete(sqlite, job, staged);
      }
      for (const shadow of batch.shadows ?? []) saveShadow(sqlite, job, shadow);
      for (const waiting of batch.waiting ?? []) saveWaiting(sqlite, job, waiting);
      for (const escrow of batch.escrows ?? []) saveEscrow(sqlite, job, escrow);
      for (const staged of batch.stagedDeletes ?? []) saveStagedDelete(sqlite, job, staged);
      for (const sourceId of batch.unjudged ?? []) removeJudged(sqlite, job, sourceId);
      for (const sourceId of batch.judged ?? []) saveJudged(sqlite, job, sourceId);
      for (const summary of batch.summaries ?? []) saveSummary(sqlite, summary);
      for (const ordinal of batch.processed ?? []) markProcessed(sqlite, job, ordinal);
      if (batch.execution !== undefined) saveExecution(sqlite, job, batch.execution);
      if (batch.state !== undefined) saveState(sqlite, job, batch.state);
    });
  }

  async reset(plan: RestartPlan): Promise<void> {
    this.#transaction((sqlite, job) => {
      resetJob(sqlite, job, plan);
      // What was read with the watermark of before must not be worked on with nothing known.
      if (plan.watermark) dropImport(sqlite, job);
    });
    await sweepItems(this.#sqlite);
  }

  async shadowsByAnchor(values: readonly string[]): Promise<ReadonlyMap<string, Shadow>> {
    return shadowsBy(this.#sqlite, this.#job, { key: "anchor", values });
  }

  async shadowsBySourceId(values: readonly string[]): Promise<ReadonlyMap<string, Shadow>> {
    return shadowsBy(this.#sqlite, this.#job, { key: "sourceId", values });
  }

  async shadowsByTargetId(values: readonly string[]): Promise<ReadonlyMap<string, Shadow>> {
    return shadowsBy(this.#sqlite, this.#job, { key: "targetId", values });
  }

  shadows(filter: Omit<ShadowFilter, "absentFrom"> = {}): AsyncGenerator<readonly Shadow[], void> {
    return listShadows(this.#sqlite, this.#job, filter);
  }

  async shadowsReferringTo(targetIds: readonly string[]): Promise<readonly Shadow[]> {
    return shadowsReferringTo(this.#sqlite, this.#job, targetIds);
  }

  async linkedCounts(): Promise<Readonly<Record<ResourceTypeName, number>>> {
    return countLinked(this.#sqlite, this.#job);
  }

  async waitersOf(values: readonly string[]): Promise<readonly WaitingReference[]> {
    return waitingBy(this.#sqlite, this.#job, { key: "reference", values });
  }

  async waitingOf(values: readonly string[]): Promise<readonly WaitingReference[]> {
    return waitingBy(this.#sqlite, this.#job, { key: "anchor", values });
  }

  async stagedDeletes(): Promise<readonly DecidedDelete[]> {
    const all: DecidedDelete[] = [];
    for await (const batch of listStagedDeletes(this.#sqlite, this.jobId, undefined)) {
      all.push(...batch);
    }
    return all;
  }

  async dueEscrows(now: number, limit: number): Promise<readonly Escrow[]> {
    return dueEscrows(this.#sqlite, this.#job, { now, limit });
  }

  async escrowsBySourceId(sourceIds: readonly string[]): Promise<ReadonlyMap<string, Escrow>> {
    return escrowsBySourceId(this.#sqlite, this.#job, sourceIds);
  }

  async stagedImport(): Promise<StagedImport | undefined> {
    return readImport(this.#sqlite, this.#job);
  }

  async beginImport(begin: Pick<StagedImport, "cycleId" | "kind" | "beganAt">): Promise<void> {
    this.#transaction((sqlite, job) => beginImport(sqlite, job, begin));
    await sweepItems(this.#sqlite);
  }

  async stagePart(part: number, items: readonly StagedItem[]): Promise<boolean> {
    return this.#transaction((sqlite, job) => stagePart(sqlite, job, { part, items }));
  }

  async endImport(end: ImportEnd): Promise<void> {
    this.#transaction((sqlite, job) => endImport(sqlite, job, end));
  }

  async stageAnswers(items: readonly StagedItem[]): Promise<void> {
    this.#transaction((sqlite, job) => stageAnswers(sqlite, job, items));
  }

  unfamiliarItems(): AsyncGenerator<readonly StagedItemAt[], void> {
    return listUnfamiliar(this.#sqlite, this.#job);
  }

  async forgetUnlisted(): Promise<void> {
    this.#requireWholeListing();
    this.#transaction(forgetUnlisted);
  }

  stagedItems(
    filter: { readonly resourceType?: ResourceTypeName } = {},
  ): AsyncGenerator<readonly StagedItemAt[], void> {
    return listItems(this.#sqlite, this.#job, filter);
  }

  async *absentShadows(): AsyncGenerator<readonly Shadow[], void> {
    const absentFrom = this.#requireWholeListing();
    yield* listShadows(this.#sqlite, this.#job, { inScope: true, absentFrom });
  }

  async discardImport(): Promise<void> {
    this.#transaction(dropImport);
    await sweepItems(this.#sqlite);
  }

  #requireWholeListing(): number {
    const staged = readImport(this.#sqlite, this.#job);
    const key = importKey(this.#sqlite, this.#job);
    if (staged?.end?.listing !== "full" || key === undefined) {
      throw new AgentError("internal", "only a whole listing proves that something is absent");
    }
    return key;
  }

  /** Nothing is written once another process holds the job. */
  #transaction<T>(work: (sqlite: Sqlite, job: number) => T): T {
    return this.#sqlite.transaction(() => {
      requireLease(this.#sqlite, this.#lease);
      return work(this.#sqlite, this.#job);
    });
  }
}
