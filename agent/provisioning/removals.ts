import {
  evaluateDeleteGuard,
  type HeldRemoval,
  type RemovalCount,
} from "../core/provisioning/delete-guard.ts";
import type { StagedDelete, StagedDeleteStatus } from "../core/provisioning/shadow.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { StoreBatch } from "../ports.ts";
import { concurrently } from "./concurrently.ts";
import { joinBatches, type PlannedRemoval } from "./entry-result.ts";
import { escrowEntry } from "./escrow-entry.ts";
import type { ExportParts } from "./export-entry.ts";
import { exportedOf, withExported } from "./exported.ts";
import { errorCodeOf } from "./record.ts";

export type DecidedDelete = StagedDelete & { readonly status: StagedDeleteStatus };

/** Removals of one transaction. */
const AT_ONCE = 64;

export interface RemovalOptions {
  /** By anchor: what was held before, with what was decided about it. */
  readonly staged: ReadonlyMap<string, DecidedDelete>;
  readonly forceDeletes: boolean;
  /** Linked and in scope before the cycle. */
  readonly linked: Readonly<Record<ResourceTypeName, number>>;
  readonly concurrency: number;
}

/**
 * Disables and deletes what is to be removed, after all of it was counted: where the guard says so, nothing of a type is sent and
 * all of it waits for an operator. What waits from before keeps later removals of its type waiting too.
 * @returns what was held
 * @throws AgentError as the target's and the store's
 */
export async function applyRemovals(
  planned: readonly PlannedRemoval[],
  parts: ExportParts,
  options: RemovalOptions,
  signal: AbortSignal,
): Promise<readonly HeldRemoval[]> {
  const { staged, forceDeletes } = options;
  const statusOf = ({ shadow }: PlannedRemoval) => staged.get(shadow.anchor)?.status;
  const undecided = planned.filter(
    (removal) => statusOf(removal) === undefined || statusOf(removal) === "pending",
  );
  const held = forceDeletes ? [] : evaluateHeld(undecided, parts, options);
  const isHeld = ({ shadow }: PlannedRemoval) =>
    held.some(({ resourceType }) => resourceType === shadow.resourceType);
  await rejectAll(
    planned.filter((removal) => statusOf(removal) === "rejected"),
    parts,
  );
  await holdAll(undecided.filter(isHeld), parts, { staged, held });
  const approved = planned.filter((removal) => statusOf(removal) === "approved");
  const passed = undecided.filter((removal) => !isHeld(removal));
  await sendAll([...approved, ...passed], parts, options, signal);
  return held;
}

function evaluateHeld(
  undecided: readonly PlannedRemoval[],
  { job }: ExportParts,
  { staged, linked }: RemovalOptions,
): readonly HeldRemoval[] {
  return (["User", "Group"] as const).flatMap((resourceType) => {
    const ofType = undecided.filter(({ shadow }) => shadow.resourceType === resourceType);
    const count: RemovalCount = {
      ...{ resourceType, removals: ofType.length },
      linked: linked[resourceType],
    };
    const [held] = evaluateDeleteGuard([count], job.deleteGuard);
    if (held !== undefined) return [held];
    if (!ofType.some(({ shadow }) => staged.get(shadow.anchor)?.status === "pending")) return [];
    const detail = "removals of before wait to be approved or rejected";
    return [{ ...count, because: "limit reached" as const, detail }];
  });
}

async function rejectAll(
  rejected: readonly PlannedRemoval[],
  { store, counts }: ExportParts,
): Promise<void> {
  counts.skipped += rejected.length;
  const judged = rejected.filter((one) => one.judged).map(({ shadow }) => shadow.sourceId);
  if (judged.length > 0) await store.write({ judged });
}

async function holdAll(
  removals: readonly PlannedRemoval[],
  { store, clock, context, counts }: ExportParts,
  { staged, held }: Pick<RemovalOptions, "staged"> & { readonly held: readonly HeldRemoval[] },
): Promise<void> {
  const batches = removals.map(({ shadow, decision, record }): StoreBatch => {
    const { anchor, targetId, resourceType, name } = shadow;
    const because = `${decision.detail}; held: ${held.find((one) => one.resourceType === resourceType)?.detail ?? ""}`;
    const known = staged.get(anchor);
    const row: StagedDelete = {
      ...{ anchor, member: undefined, targetId, resourceType, name, because },
      ...{ action: decision.action, cycleId: context.cycleId },
      stagedAt: known?.stagedAt ?? clock.now(),
    };
    counts.skipped++;
    record.action("stageddelete");
    record.target(targetId, name);
    record.skip("TooManyDeletes", because);
    record.step("processing", "skipped", { description: because });
    // The log says it once, not in every cycle.
    const summaries = known === undefined ? [record.finish()] : [];
    return { shadows: [shadow], stagedDeletes: [row], summaries };
  });
  for (let at = 0; at < batches.length; at += AT_ONCE) {
    await store.write(joinBatches(batches.slice(at, at + AT_ONCE)));
  }
}

async function sendAll(
  removals: readonly PlannedRemoval[],
  parts: ExportParts,
  { concurrency }: RemovalOptions,
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < removals.length; at += AT_ONCE) {
    const { results, error } = await concurrently(removals.slice(at, at + AT_ONCE), {
      limit: concurrency,
      work: (removal) => applyRemoval(removal, parts, signal),
    });
    await parts.store.write(joinBatches(results));
    if (error !== undefined) throw error;
  }
}

/**
 * Disables or deletes one resource.
 * @throws AgentError as the target's
 */
export async function applyRemoval(
  { shadow, decision, attributes, judged, record }: PlannedRemoval,
  parts: ExportParts,
  signal: AbortSignal,
): Promise<StoreBatch> {
  const { target, counts } = parts;
  const { anchor, sourceId, targetId, resourceType, name } = shadow;
  const done = {
    clearedStagedDeletes: [{ anchor, member: undefined }],
    clearedEscrows: [sourceId],
  };
  record.target(targetId, name);
  record.action(decision.action);
  record.step("processing", "success", { description: decision.detail });
  const before = exportedOf(shadow).attributes;
  const after = { ...(attributes ?? before), active: false };
  const outcome =
    decision.action === "delete"
      ? await target.delete(resourceType, targetId, signal)
      : attributes === undefined
        ? await target.setActive(targetId, false, signal)
        : await target.update(resourceType, targetId, { before, after }, signal);
  if (outcome.kind === "refused") {
    const errorCode = errorCodeOf(outcome);
    const message = `the target answered ${outcome.status ?? "nothing"} to the ${decision.action}`;
    record.step("export", "failure", { description: message, requestId: outcome.requestId });
    record.fail(errorCode, `${message}: ${outcome.detail}`);
    const failure = { sourceId, resourceType, anchor, reference: false, errorCode, message };
    const batch = await escrowEntry(failure, parts);
    return { ...batch, judged: [], unjudged: [sourceId], summaries: [record.finish()] };
  }
  counts.exported++;
  if (outcome.kind === "gone" || outcome.kind === "deleted" || decision.link === "remove") {
    const isGone = outcome.kind === "gone";
    const description = isGone ? "the target has it no more" : "deleted";
    record.step("export", "success", {
      description,
      requestId: outcome.kind === "updated" ? "" : outcome.requestId,
    });
    return {
      ...done,
      removedShadows: [anchor],
      unjudged: [sourceId],
      summaries: [record.finish()],
    };
  }
  record.modified(before, after);
  record.step("export", "success", {
    description: "disabled",
    requestId: outcome.requestIds.join(" "),
  });
  const inScope = decision.link === "manage";
  const next = { ...withExported(shadow, { attributes: after }), active: false, inScope };
  return {
    ...done,
    shadows: [next],
    judged: judged ? [sourceId] : [],
    summaries: [record.finish()],
  };
}
