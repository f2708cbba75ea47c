import { nextEscrowRetry } from "../core/provisioning/escrow.ts";
import type { Escrow } from "../core/provisioning/shadow.ts";
import type { StoreBatch } from "../ports.ts";
import type { ExportParts } from "./export-entry.ts";

/** What failed of an entry; texts without values. */
export type EntryFailure = Pick<
  Escrow,
  "sourceId" | "resourceType" | "anchor" | "reference" | "errorCode" | "message"
>;

/**
 * Holds an entry back after a failure, until the next of its growing retry times; after 28 days it is left alone until it
 * changes.
 * @throws AgentError as the store's
 */
export async function escrowEntry(
  failure: EntryFailure,
  { store, clock, counts }: Pick<ExportParts, "store" | "clock" | "counts">,
): Promise<StoreBatch> {
  const { sourceId } = failure;
  const known = (await store.escrowsBySourceId([sourceId])).get(sourceId);
  const now = clock.now();
  const attempts = (known?.attempts ?? 0) + 1;
  const firstFailedAt = known?.firstFailedAt ?? now;
  const retry = nextEscrowRetry({ attempts, firstFailedAt }, now);
  counts.escrowed++;
  if (failure.reference) counts.referenceFailures++;
  // Its retries are the escrow's, and not those of every listing that names it.
  const judged = [sourceId];
  if (retry.kind === "dropped") return { clearedEscrows: [sourceId], judged };
  const row = { ...failure, attempts, firstFailedAt, lastFailedAt: now, nextAttemptAt: retry.at };
  return { escrows: [row], judged };
}
