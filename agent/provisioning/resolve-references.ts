import { evaluateDeleteGuard, type HeldRemoval } from "../core/provisioning/delete-guard.ts";
import type { Shadow, StagedDelete } from "../core/provisioning/shadow.ts";
import { ENTERPRISE_USER_SCHEMA, USER_SCHEMA } from "../core/scim/urn.ts";
import type { StoreBatch, TargetRefusal } from "../ports.ts";
import { escrowEntry } from "./escrow-entry.ts";
import type { ExportParts } from "./export-entry.ts";
import { exportedOf, withExported } from "./exported.ts";
import { EntryRecord, errorCodeOf } from "./record.ts";
import type { DecidedDelete } from "./removals.ts";
import type { SourceReferences } from "./source-object.ts";

export interface ReferenceOptions {
  /** Removals of members that were held, by anchor of the group and id of the member. */
  readonly staged: ReadonlyMap<string, ReadonlyMap<string, DecidedDelete>>;
  readonly forceDeletes: boolean;
  /** Whether anything may be removed. */
  readonly mayRemove: boolean;
}

/** What came of the references of one resource. */
export interface ReferenceResult {
  readonly batch: StoreBatch;
  readonly held: readonly HeldRemoval[];
}

interface Resolved {
  /** By the directory's id: those that are linked. */
  readonly targetIds: ReadonlyMap<string, string>;
  readonly waiting: readonly { readonly attribute: string; readonly reference: string }[];
}

/**
 * Sets the references of a linked resource to those of its source, as far as what they point at is provisioned; the rest waits.
 * @param references of the source, by the directory's ids
 * @returns undefined when nothing is to be changed or kept
 * @throws AgentError as the target's and the store's
 */
export async function resolveReferences(
  shadow: Shadow,
  references: SourceReferences,
  parts: ExportParts,
  options: ReferenceOptions,
  signal: AbortSignal,
): Promise<ReferenceResult | undefined> {
  const resolved = await resolve(shadow, references, parts);
  const before = await parts.store.waitingOf([shadow.anchor]);
  const isWaitingNew =
    before.length !== resolved.waiting.length ||
    before.some(
      ({ reference, attribute }) =>
        !resolved.waiting.some((one) => one.reference === reference && one.attribute === attribute),
    );
  const waiting: StoreBatch = isWaitingNew
    ? { waiting: [{ anchor: shadow.anchor, references: resolved.waiting }] }
    : {};
  const changed =
    shadow.resourceType === "User"
      ? await setManager(shadow, { references, resolved }, parts, signal)
      : await setMembers(shadow, { references, resolved }, parts, options, signal);
  if (changed === undefined) return isWaitingNew ? { batch: waiting, held: [] } : undefined;
  return { ...changed, batch: { ...changed.batch, ...waiting } };
}

async function resolve(
  { resourceType }: Shadow,
  { manager, members }: SourceReferences,
  { store }: ExportParts,
): Promise<Resolved> {
  const attribute = resourceType === "User" ? "manager" : "members";
  const ids = resourceType === "User" ? (manager === undefined ? [] : [manager]) : members;
  if (ids.length === 0) return { targetIds: new Map(), waiting: [] };
  const shadows = await store.shadowsBySourceId(ids);
  const waiting = ids
    .filter((id) => !shadows.has(id))
    .map((reference) => ({ attribute, reference }));
  const targetIds = new Map([...shadows].map(([id, { targetId }]) => [id, targetId]));
  return { targetIds, waiting };
}

interface Wanted {
  readonly references: SourceReferences;
  readonly resolved: Resolved;
}

async function setManager(
  shadow: Shadow,
  { references, resolved }: Wanted,
  parts: ExportParts,
  signal: AbortSignal,
): Promise<ReferenceResult | undefined> {
  const { manager: source } = references;
  const manager = source === undefined ? undefined : resolved.targetIds.get(source);
  const { manager: old } = exportedOf(shadow);
  if (manager === old) return undefined;
  const record = recordOf(shadow, parts);
  const change = { before: managerOf(old), after: managerOf(manager) };
  const outcome = await parts.target.update("User", shadow.targetId, change, signal);
  record.modified(change.before, change.after);
  if (outcome.kind === "gone") return gone(shadow, record, parts);
  if (outcome.kind === "refused") return refused(shadow, { refusal: outcome, record }, parts);
  parts.counts.exported++;
  record.step("referenceResolution", "success", { description: "manager" });
  record.step("export", "success", {
    description: manager === undefined ? "manager cleared" : "manager set",
    requestId: outcome.requestIds.join(" "),
  });
  const next = withExported(shadow, { manager });
  return { batch: { shadows: [next], summaries: [record.finish()] }, held: [] };
}

/** Enough of a user for the difference of its manager. */
function managerOf(value: string | undefined): Readonly<Record<string, unknown>> {
  if (value === undefined) return { schemas: [USER_SCHEMA] };
  return {
    schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
    [ENTERPRISE_USER_SCHEMA]: { manager: { value } },
  };
}

async function setMembers(
  shadow: Shadow,
  { resolved }: Wanted,
  parts: ExportParts,
  options: ReferenceOptions,
  signal: AbortSignal,
): Promise<ReferenceResult | undefined> {
  const wanted = new Set(resolved.targetIds.values());
  const { members } = exportedOf(shadow);
  const held = new Set(members);
  const add = [...wanted].filter((id) => !held.has(id));
  const extra = members.filter((id) => !wanted.has(id));
  const owners = await parts.store.shadowsByTargetId(extra);
  // What was deleted at the target has left its groups by that.
  const vanished = extra.filter((id) => !owners.has(id));
  const leaving = extra.flatMap((id) => owners.get(id) ?? []);
  const guarded = guardMembers(shadow, leaving, parts, { ...options, linked: members.length });
  const { remove, staged, cleared } = guarded;
  const clearedBack = [...(options.staged.get(shadow.anchor)?.keys() ?? [])]
    .filter((member) => resolved.targetIds.has(member))
    .map((member) => ({ anchor: shadow.anchor, member }));
  const nothing = add.length + remove.length + vanished.length + staged.length === 0;
  if (nothing && clearedBack.length === 0 && guarded.held.length === 0) return undefined;
  const bookkeeping = {
    stagedDeletes: staged,
    clearedStagedDeletes: [...cleared, ...clearedBack],
  };
  const record = recordOf(shadow, parts);
  const change = { add, remove: remove.map(({ targetId }) => targetId) };
  const rest = (removed: ReadonlySet<string>, added: readonly string[]) => [
    ...members.filter((id) => !removed.has(id)),
    ...added,
  ];
  if (change.add.length + change.remove.length === 0) {
    const next = withExported(shadow, { members: rest(new Set(vanished), []) });
    return { batch: { ...bookkeeping, shadows: [next] }, held: guarded.held };
  }
  const outcome = await parts.target.changeMembers(shadow.targetId, change, signal);
  if (outcome.kind === "gone") return gone(shadow, record, parts);
  const { applied } = outcome;
  if (applied.add.length + applied.remove.length > 0) parts.counts.exported++;
  const next = withExported(shadow, {
    members: rest(new Set([...vanished, ...applied.remove]), applied.add),
  });
  record.modified({ members: [...applied.remove] }, { members: [...applied.add] });
  const requestId = outcome.requestIds.join(" ");
  const description = `${applied.add.length} members added, ${applied.remove.length} removed`;
  record.step("referenceResolution", "success", { description: "members" });
  record.step("export", outcome.refused.length === 0 ? "success" : "warning", {
    description,
    requestId,
  });
  const [problem] = outcome.refused;
  if (problem === undefined) {
    const batch = { ...bookkeeping, shadows: [next], summaries: [record.finish()] };
    return { batch, held: guarded.held };
  }
  const failed = await refused(next, { refusal: problem.refusal, record }, parts);
  return {
    batch: { ...failed.batch, ...bookkeeping, shadows: [next] },
    held: guarded.held,
  };
}

function guardMembers(
  group: Shadow,
  leaving: readonly Shadow[],
  { job, clock, context }: ExportParts,
  { staged, forceDeletes, mayRemove, linked }: ReferenceOptions & { readonly linked: number },
) {
  const none = { remove: [], staged: [], cleared: [], held: [] };
  if (leaving.length === 0 || !mayRemove) return none;
  const { anchor, resourceType } = group;
  const decided = staged.get(anchor);
  const statusOf = ({ sourceId }: Shadow) => decided?.get(sourceId)?.status;
  const approved = leaving.filter((one) => statusOf(one) === "approved");
  const undecided = leaving.filter(
    (one) => statusOf(one) === undefined || statusOf(one) === "pending",
  );
  const clear = (shadows: readonly Shadow[]) =>
    shadows
      .filter(({ sourceId }) => decided?.has(sourceId))
      .map(({ sourceId }) => ({ anchor, member: sourceId }));
  const count = { resourceType, group: anchor, removals: undecided.length, linked };
  const held = forceDeletes ? [] : evaluateDeleteGuard([count], job.deleteGuard);
  const waits = undecided.some((one) => statusOf(one) === "pending") && !forceDeletes;
  if (held.length === 0 && !waits) {
    const remove = [...approved, ...undecided];
    return { remove, staged: [], cleared: clear(remove), held: [] };
  }
  const detail = "removals of before wait to be approved or rejected";
  const reasons =
    held.length > 0 ? held : [{ ...count, because: "limit reached" as const, detail }];
  const fresh = undecided.filter((one) => statusOf(one) === undefined);
  const rows = fresh.map((member): StagedDelete => {
    const because = `no member any more; held: ${reasons[0]?.detail ?? ""}`;
    return {
      ...{ anchor, member: member.sourceId, targetId: group.targetId, resourceType },
      ...{ name: member.name, action: "removeMember", because, cycleId: context.cycleId },
      stagedAt: clock.now(),
    };
  });
  return { remove: approved, staged: rows, cleared: clear(approved), held: reasons };
}

function recordOf(shadow: Shadow, { context }: ExportParts): EntryRecord {
  const record = new EntryRecord(context, shadow);
  record.target(shadow.targetId, shadow.name);
  record.action("update");
  return record;
}

/** Read again, it is matched and created anew. */
function gone(shadow: Shadow, record: EntryRecord, parts: ExportParts): Promise<ReferenceResult> {
  const message = "the target has it no more";
  record.step("referenceResolution", "failure", { description: message });
  return escrow(shadow, { code: "InvalidAnchor", message, record }, parts);
}

function refused(
  shadow: Shadow,
  { refusal, record }: { readonly refusal: TargetRefusal; readonly record: EntryRecord },
  parts: ExportParts,
): Promise<ReferenceResult> {
  const { status, requestId } = refusal;
  const message = `the target answered ${status ?? "nothing"} to a reference`;
  record.step("referenceResolution", "failure", { description: message, requestId });
  return escrow(shadow, { code: errorCodeOf(refusal), message, record }, parts);
}

async function escrow(
  { sourceId, resourceType, anchor }: Shadow,
  {
    code: errorCode,
    message,
    record,
  }: { readonly code: string; readonly message: string; readonly record: EntryRecord },
  parts: ExportParts,
): Promise<ReferenceResult> {
  record.fail(errorCode, message);
  const failure = { sourceId, resourceType, anchor, reference: true, errorCode, message };
  const batch = await escrowEntry(failure, parts);
  return { batch: { ...batch, summaries: [record.finish()] }, held: [] };
}
