import { AgentError } from "../core/error.ts";
import type { Job } from "../core/provisioning/job.ts";
import type { StagedItem } from "../core/provisioning/staged-import.ts";
import { replyElements } from "../core/reply-elements.ts";
import { isObject } from "../core/scim/resource.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { JobStore, Log, Reply, Requester } from "../ports.ts";

const DELTA_REQUEST_MESSAGE = "urn:ietf:params:scim:api:messages:2.0:delta:request";
/** Items of one transaction. */
const STAGED_AT_ONCE = 1000;

/** What was read of the source, and what it is good for. */
export interface ImportOutcome {
  /** Whether all that the agent had to say is there: only then anything may be removed. */
  readonly whole: boolean;
  readonly listing: "full" | "changes";
  readonly nextWatermark: string | undefined;
  /** Items with content or with a removal, and with a problem. */
  readonly items: number;
  /** Also those that are only `present`. */
  readonly listed: number;
  /** Fingerprint of the configuration of the agent that answered. */
  readonly configuration: string;
  /** Why it is not whole; of the agent, without values. */
  readonly cut: { readonly code: "directory.incomplete"; readonly message: string } | undefined;
}

export type ImportResult =
  | { readonly kind: "imported"; readonly import: ImportOutcome }
  /** The agent cannot tell what has changed since the watermark: everything is to be read. */
  | { readonly kind: "expired"; readonly detail: string };

export interface ImportParts {
  readonly job: Job;
  readonly store: JobStore;
  readonly requester: Requester;
  readonly log: Log;
}

/**
 * Asks an agent for everything, or for what has changed since the watermark, and puts it on disk. An answer that ended early is
 * kept as far as it came: what it says of an entry is true, what it does not say proves nothing.
 * @throws AgentError as the requester's and the store's; `reply.refused` for an answer that says no (4xx), `reply.unavailable`
 *   for one that failed with nothing in it (5xx)
 */
export async function importChanges(
  { job, store, requester, log }: ImportParts,
  {
    cycleId,
    watermark,
    now,
  }: {
    readonly cycleId: string;
    readonly watermark: string | undefined;
    readonly now: number;
  },
  signal: AbortSignal,
): Promise<ImportResult> {
  const { directory, importTimeoutMs } = job.source;
  const reply = await requester.request(
    {
      method: "POST",
      path: "/.delta",
      headers: directory === undefined ? {} : { directory },
      body: {
        schemas: [DELTA_REQUEST_MESSAGE],
        ...(watermark === undefined ? {} : { deltaToken: watermark }),
      },
      stream: true,
      correlationId: cycleId,
      timeoutMs: importTimeoutMs,
    },
    {},
    signal,
  );
  try {
    if (reply.status === 410 && watermark !== undefined) {
      return { kind: "expired", detail: await detailOf(reply) };
    }
    if (reply.status >= 400 && reply.status < 500) {
      const message = `the agent refused the import (${reply.status}): ${await detailOf(reply)}`;
      throw new AgentError("reply.refused", message);
    }
    const kind = watermark === undefined ? "initial" : "incremental";
    await store.beginImport({ cycleId, kind, beganAt: now });
    const outcome = await stageReply(reply, { job, store });
    if (!outcome.whole && outcome.listed === 0) {
      const message = `the agent cannot read the directory: ${await detailOf(reply)}`;
      throw new AgentError("reply.unavailable", message);
    }
    const { whole, items, listed, listing } = outcome;
    log.info("import.ended", { kind, whole, listing, items, listed, parts: reply.parts });
    return { kind: "imported", import: outcome };
  } finally {
    await reply.release();
  }
}

async function stageReply(
  reply: Reply,
  { job, store }: Pick<ImportParts, "job" | "store">,
): Promise<ImportOutcome> {
  const failed = reply.status !== 200;
  let part = 0;
  let items = 0;
  let listed = 0;
  let waiting: ImportedItem[] = [];
  const flush = async () => {
    const known = await withTypes(waiting, store);
    if (known.length > 0) await store.stagePart(part++, known);
    waiting = [];
  };
  let cut: string | undefined;
  try {
    for await (const element of replyElements(reply.documents())) {
      const item = toItem(element);
      const { resourceType } = item;
      if (resourceType !== undefined && job.rules[resourceType] === undefined) continue;
      listed++;
      if (item.changeType !== "present" || item.data !== undefined) items++;
      waiting.push(item);
      if (waiting.length >= STAGED_AT_ONCE) await flush();
    }
  } catch (error) {
    // Slices of a resource that was not sent to its end.
    if (!(error instanceof RangeError) || !failed) throw error;
  }
  await flush();
  const end = await endOf(reply);
  if (failed) cut = `the directory was not read to its end (${reply.status}): ${end.detail}`;
  else await store.endImport({ listing: end.listing, nextWatermark: end.nextWatermark });
  return {
    whole: !failed,
    listing: end.listing,
    nextWatermark: failed ? undefined : end.nextWatermark,
    items,
    listed,
    configuration: reply.headers.get("configuration") ?? "",
    cut: cut === undefined ? undefined : { code: "directory.incomplete", message: cut },
  };
}

/** An item as it came: of what is gone, a directory may not say what it was. */
type ImportedItem = Omit<StagedItem, "resourceType"> & {
  readonly resourceType: ResourceTypeName | undefined;
};

/** A removal is of what is linked or waited for; a directory reports strangers too, and they are left out here. */
async function withTypes(
  items: readonly ImportedItem[],
  store: JobStore,
): Promise<readonly StagedItem[]> {
  const removed = items.filter(({ changeType }) => changeType === "delete");
  const ids = removed.map(({ sourceId }) => sourceId);
  const shadows = await store.shadowsBySourceId(ids);
  const waitedFor = new Set((await store.waitersOf(ids)).map(({ reference }) => reference));
  return items.flatMap((item) => {
    if (item.changeType !== "delete") {
      return item.resourceType === undefined ? [] : { ...item, resourceType: item.resourceType };
    }
    const isWaitedFor = waitedFor.has(item.sourceId) && item.reason === "deleted";
    const resourceType =
      shadows.get(item.sourceId)?.resourceType ?? (isWaitedFor ? "User" : undefined);
    return resourceType === undefined ? [] : { ...item, resourceType };
  });
}

/** @throws AgentError `reply.refused` for what is no item of a delta */
function toItem(element: unknown): ImportedItem {
  if (isObject(element)) {
    const { resourceType, changeType, changedResourceId: sourceId, data, reason } = element;
    const problem = element["problem"];
    const isTyped = isResourceType(resourceType);
    const mayBeUntyped = changeType === "delete" && resourceType === undefined;
    const known = isChangeType(changeType) && typeof sourceId === "string";
    if (known && (isTyped || mayBeUntyped)) {
      return {
        resourceType: isTyped ? resourceType : undefined,
        changeType,
        sourceId,
        reason: reason === "deleted" || reason === "outOfScope" ? reason : undefined,
        data: isObject(problem) ? { problem } : isObject(data) ? data : undefined,
      };
    }
  }
  throw new AgentError("reply.refused", "the agent's answer holds what is no change of a resource");
}

function isResourceType(value: unknown): value is ResourceTypeName {
  return value === "User" || value === "Group";
}

function isChangeType(value: unknown): value is StagedItem["changeType"] {
  return ["create", "update", "delete", "present"].includes(String(value));
}

interface End {
  readonly listing: "full" | "changes";
  readonly nextWatermark: string | undefined;
  readonly detail: string;
}

/** What the last document says. */
async function endOf(reply: Reply): Promise<End> {
  let last: Readonly<Record<string, unknown>> = {};
  for await (const document of reply.documents()) last = document;
  const { listing, nextDeltaToken, detail } = last;
  return {
    listing: listing === "full" ? "full" : "changes",
    nextWatermark: typeof nextDeltaToken === "string" ? nextDeltaToken : undefined,
    detail: typeof detail === "string" ? detail : "it said no more",
  };
}

async function detailOf(reply: Reply): Promise<string> {
  return (await endOf(reply)).detail;
}
