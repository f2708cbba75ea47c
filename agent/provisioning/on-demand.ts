import { randomUUID } from "node:crypto";
import { AgentError } from "../core/error.ts";
import type { ProvisioningObjectSummary } from "../core/provisioning/object-summary.ts";
import type { StagedItem } from "../core/provisioning/staged-import.ts";
import { isObject } from "../core/scim/resource.ts";
import type { StoreBatch } from "../ports.ts";
import { searchSource } from "./ask-source.ts";
import type { CycleParts } from "./cycle.ts";
import { noCounts } from "./entry-result.ts";
import { EntryExporter, type ExportParts } from "./export-entry.ts";
import { applyRemoval } from "./removals.ts";
import { resolveReferences } from "./resolve-references.ts";
import { idFilterText, toSourceObject } from "./source-object.ts";

const TIMEOUT_MS = 60_000;

/** Why the agent would not hand an entry over, as it explains it. */
export type Explanation = Readonly<Record<string, unknown>>;

export type OnDemandReport =
  /** The agent has no such object in its scope. */
  | { readonly kind: "notImported"; readonly explanation: Explanation | undefined }
  | {
      readonly kind: "provisioned";
      /** Of the entry, and of its references where they were set. */
      readonly summaries: readonly ProvisioningObjectSummary[];
    };

/**
 * Provisions one object now: test connection, import, scope, match and action, as in a cycle, whatever the quarantine says. What
 * would be removed is removed without being counted, since an operator named it.
 * @param subject DN, id of the directory, or `userName`
 * @throws AgentError as the ports', and `usage` when the subject means several objects
 */
export async function provisionOnDemand(
  cycle: CycleParts,
  subject: string,
  signal: AbortSignal,
): Promise<OnDemandReport> {
  const { job, store, target, clock } = cycle;
  const cycleId = randomUUID();
  await target.test(signal);
  const imported = await importSubject(cycle, { subject, correlationId: cycleId }, signal);
  if (imported.item === undefined) {
    return { kind: "notImported", explanation: imported.explanation };
  }
  const { item } = imported;
  const context = {
    ...{ job, clock, cycleId, correlationId: cycleId },
    initiatedBy: "user" as const,
  };
  const parts: ExportParts = { job, store, target, clock, context, counts: noCounts() };
  const ids = [item.sourceId];
  const shadow = (await store.shadowsBySourceId(ids)).get(item.sourceId);
  const escrow = (await store.escrowsBySourceId(ids)).get(item.sourceId);
  const held = (await store.stagedDeletes()).some(
    ({ anchor, member }) => anchor === shadow?.anchor && member === undefined,
  );
  const known = { shadow, escrow, staged: held };
  const result = await new EntryExporter(parts).provision(item, known, signal);
  if (result === undefined) {
    throw new AgentError("usage", `the job ${job.id} provisions no object of this type`);
  }
  const summaries: ProvisioningObjectSummary[] = [];
  const write = async (batch: StoreBatch) => {
    await store.write(batch);
    summaries.push(...(batch.summaries ?? []));
  };
  await write(result.batch);
  if (result.removal !== undefined) await write(await applyRemoval(result.removal, parts, signal));
  const source = toSourceObject(item);
  const linked = (await store.shadowsBySourceId(ids)).get(item.sourceId);
  if (source !== undefined && linked?.inScope === true) {
    const options = { staged: new Map(), forceDeletes: false, mayRemove: true };
    const { references } = source;
    const resolved = await resolveReferences(linked, references, parts, options, signal);
    if (resolved !== undefined) await write(resolved.batch);
  }
  return { kind: "provisioned", summaries };
}

interface Imported {
  readonly item: StagedItem | undefined;
  readonly explanation?: Explanation | undefined;
}

async function importSubject(
  cycle: CycleParts,
  { subject, correlationId }: { readonly subject: string; readonly correlationId: string },
  signal: AbortSignal,
): Promise<Imported> {
  const explanation = await explain(cycle, { subject, correlationId }, signal);
  const { id } = explanation ?? {};
  const literal = JSON.stringify(subject);
  const filter =
    typeof id === "string"
      ? idFilterText([id])
      : `${idFilterText([subject])} or userName eq ${literal} or displayName eq ${literal}`;
  const { items } = await searchSource(cycle, { filter, correlationId }, signal);
  const [item, ...others] = items;
  if (others.length > 0) {
    const ids = items.map(({ sourceId }) => sourceId).join(", ");
    throw new AgentError("usage", `this means ${items.length} objects: ${ids}`, {
      hint: "name one by its id",
    });
  }
  return { item, explanation };
}

/** The agent's verdict on a DN or an id; undefined when it has no such entry, or the subject is neither. */
async function explain(
  { job, requester }: CycleParts,
  { subject, correlationId }: { readonly subject: string; readonly correlationId: string },
  signal: AbortSignal,
): Promise<Explanation | undefined> {
  const { directory } = job.source;
  const reply = await requester.request(
    {
      ...{ method: "POST", path: "/agent/explain", stream: false, correlationId },
      headers: directory === undefined ? {} : { directory },
      body: subject.includes("=") ? { dn: subject } : { id: subject },
      timeoutMs: TIMEOUT_MS,
    },
    {},
    signal,
  );
  try {
    for await (const document of reply.documents()) {
      if (reply.status === 200 && isObject(document)) return document;
      if (reply.status >= 500) {
        const detail = String(document["detail"] ?? "");
        throw new AgentError("reply.unavailable", `the agent cannot read the directory: ${detail}`);
      }
    }
    return undefined;
  } finally {
    await reply.release();
  }
}
