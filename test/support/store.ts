import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProvisioningObjectSummary } from "../../agent/core/provisioning/object-summary.ts";
import type { Escrow, Shadow, StagedDelete } from "../../agent/core/provisioning/shadow.ts";
import type { StagedItem } from "../../agent/core/provisioning/staged-import.ts";
import type { Clock, JobStore, Store } from "../../agent/ports.ts";
import { openStore, type StoreOptions } from "../../agent/state/open-store.ts";

/** 1 August 2026. */
export const BEGAN = Date.UTC(2026, 7, 1);

class SetClock implements Clock {
  #now = BEGAN;

  now(): number {
    return this.#now;
  }

  reset(): void {
    this.#now = BEGAN;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}

/** A folder for state files, and what is open in it. */
export class StoreFolder {
  readonly clock = new SetClock();
  readonly #opened: Store[] = [];
  #folder: Promise<string> | undefined;

  async path(name = "state.db"): Promise<string> {
    this.#folder ??= mkdtemp(join(tmpdir(), "store-"));
    return join(await this.#folder, name);
  }

  async open(options: Partial<StoreOptions> = {}): Promise<Store> {
    const store = await openStore({ file: await this.path(), clock: this.clock, ...options });
    this.#opened.push(store);
    return store;
  }

  async clear(): Promise<void> {
    for (const store of this.#opened.splice(0)) await store.close();
    if (this.#folder !== undefined) await rm(await this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
    this.clock.reset();
  }
}

export const JOB = "people";

export function takeJob(store: Store, owner = "this process"): Promise<JobStore> {
  return store.openJob(JOB, { owner, leaseMs: 60_000 });
}

export async function gather<T>(batches: AsyncIterable<readonly T[]>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

export function shadow(name: string, change: Partial<Shadow> = {}): Shadow {
  return {
    anchor: `anchor-${name}`,
    sourceId: `id-${name}`,
    targetId: `target-${name}`,
    resourceType: "User",
    name,
    fingerprint: "c1-0123456789abcdef",
    exported: { userName: name, name: { familyName: "Łukasz \u0000 \ud83d\ude00" } },
    active: true,
    inScope: true,
    ...change,
  };
}

export function escrow(name: string, change: Partial<Escrow> = {}): Escrow {
  return {
    sourceId: `id-${name}`,
    resourceType: "User",
    anchor: undefined,
    reference: false,
    errorCode: "Conflict",
    message: "the target refused it",
    attempts: 1,
    firstFailedAt: BEGAN,
    lastFailedAt: BEGAN,
    nextAttemptAt: BEGAN,
    ...change,
  };
}

export function stagedDelete(name: string, change: Partial<StagedDelete> = {}): StagedDelete {
  return {
    anchor: `anchor-${name}`,
    member: undefined,
    targetId: `target-${name}`,
    resourceType: "User",
    name,
    action: "disable",
    because: "it left the scope",
    cycleId: "cycle-1",
    stagedAt: BEGAN,
    ...change,
  };
}

export function item(name: string, change: Partial<StagedItem> = {}): StagedItem {
  return {
    resourceType: "User",
    changeType: "create",
    sourceId: `id-${name}`,
    reason: undefined,
    data: { id: `id-${name}`, userName: name },
    ...change,
  };
}

/** `seconds` after the beginning. */
export function summary(
  name: string,
  seconds: number,
  change: Partial<ProvisioningObjectSummary> = {},
): ProvisioningObjectSummary {
  const system = { id: "system", displayName: "System", details: {} };
  const identity = { displayName: name, identityType: "User", details: {} };
  return {
    id: `summary-${name}-${seconds}`,
    activityDateTime: new Date(BEGAN + seconds * 1_000).toISOString(),
    jobId: JOB,
    cycleId: "cycle-1",
    changeId: `change-${name}`,
    correlationId: "correlation-1",
    durationInMilliseconds: 12,
    provisioningAction: "create",
    provisioningStatusInfo: { status: "success", errorInformation: null },
    provisioningSteps: [
      {
        name: "EntryExportAdd",
        provisioningStepType: "export",
        status: "success",
        description: "it was created",
        details: { requestId: "request-1" },
      },
    ],
    modifiedProperties: [{ displayName: "userName", oldValue: null, newValue: name }],
    sourceIdentity: { id: `id-${name}`, ...identity },
    targetIdentity: { id: `target-${name}`, ...identity },
    sourceSystem: system,
    targetSystem: system,
    initiatedBy: { id: "service", displayName: "service", initiatorType: "system" },
    ...change,
  };
}
