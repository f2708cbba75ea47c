import { generatePatch } from "../core/scim/patch-generation.ts";
import type { PatchMessage } from "../core/scim/patch-operation.ts";
import type { PatchStyle } from "../core/scim/patch-style.ts";
import type {
  MemberChange,
  MembersChanged,
  RefusedMembers,
  TargetGone,
  TargetRefusal,
  TargetUpdated,
} from "../ports.ts";

/** Requests that one change may spend on finding out which members were refused. */
const MAX_SPLITS = 64;
/** Refusals that no smaller batch would escape: the group itself is meant. */
const OF_THE_GROUP: ReadonlySet<number> = new Set([403, 405, 423, 501]);

export interface MemberBatchOptions {
  readonly style: PatchStyle;
  /** Most members of one request. */
  readonly batchSize: number;
  readonly patch: (
    message: PatchMessage,
  ) => Promise<
    (TargetUpdated & { readonly requestIds: readonly string[] }) | TargetGone | TargetRefusal
  >;
}

interface Batch {
  readonly op: "add" | "remove";
  readonly ids: readonly string[];
}

/**
 * Changes the members of a group, so many a request: first those that come, then those that go. A request is applied
 * as a whole or not at all, so that one member that the target does not know would keep out all others of its batch:
 * a batch that is refused for good is halved until it stands alone.
 */
export async function changeInBatches(
  { add, remove }: MemberChange,
  options: MemberBatchOptions,
): Promise<MembersChanged | TargetGone> {
  const { batchSize, patch, style } = options;
  const waiting = [...batchesOf("add", add, batchSize), ...batchesOf("remove", remove, batchSize)];
  const applied = { add: [] as string[], remove: [] as string[] };
  const refused: RefusedMembers[] = [];
  const requestIds: string[] = [];
  let splits = 0;
  for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
    const outcome = await patch(memberMessage(batch, style));
    if (outcome.kind === "gone") return outcome;
    if (outcome.kind === "updated") {
      requestIds.push(...outcome.requestIds);
      applied[batch.op].push(...batch.ids);
      continue;
    }
    requestIds.push(outcome.requestId);
    if (isDivisible(batch, outcome) && splits < MAX_SPLITS) {
      splits++;
      const half = Math.ceil(batch.ids.length / 2);
      waiting.unshift(...batchesOf(batch.op, batch.ids, half));
      continue;
    }
    const { op, ids } = batch;
    refused.push({
      add: op === "add" ? ids : [],
      remove: op === "remove" ? ids : [],
      refusal: outcome,
    });
  }
  return { kind: "changed", applied, refused, requestIds };
}

function isDivisible({ ids }: Batch, { status, retryable }: TargetRefusal): boolean {
  return ids.length > 1 && status !== undefined && !retryable && !OF_THE_GROUP.has(status);
}

function batchesOf(op: Batch["op"], ids: readonly string[], size: number): readonly Batch[] {
  const unique = [...new Set(ids)];
  const batches: Batch[] = [];
  for (let at = 0; at < unique.length; at += size) {
    batches.push({ op, ids: unique.slice(at, at + size) });
  }
  return batches;
}

function memberMessage({ op, ids }: Batch, style: PatchStyle): PatchMessage {
  const group = { members: ids.map((value) => ({ value })) };
  const [before, after] = op === "add" ? [{}, group] : [group, {}];
  const limits = { maxValues: ids.length, maxOperations: ids.length };
  const messages = generatePatch(before, after, { resourceType: "Group", style, ...limits });
  // As many operations as members, or one: a single message either way.
  return messages[0] as PatchMessage;
}
