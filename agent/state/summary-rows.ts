import { AgentError } from "../core/error.ts";
import type { ProvisioningObjectSummary } from "../core/provisioning/object-summary.ts";
import type { SummaryFilter } from "../ports.ts";
import { BATCH_ROWS, inBatches, removeInBatches } from "./batches.ts";
import { listValue, type Sqlite, type SqlValue } from "./sqlite.ts";

const DAY_MS = 86_400_000;

/** How long a row of the provisioning log is kept, as Entra does. */
const RETENTION_DAYS = 30;

/** Pages of the file that are given back to the disk after rows were removed. */
const VACUUM_PAGES = 10_000;

/** Characters of a text to look for. */
const MAX_TEXT_CHARACTERS = 1_000;

export function saveSummary(sqlite: Sqlite, summary: ProvisioningObjectSummary): void {
  const at = Date.parse(summary.activityDateTime);
  if (Number.isNaN(at)) throw new AgentError("internal", "a summary without a time");
  sqlite.run(
    `INSERT INTO summary (at, job_id, cycle_id, change_id, action, status, source_id, target_id, document)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      at,
      summary.jobId,
      summary.cycleId,
      summary.changeId,
      summary.provisioningAction,
      summary.provisioningStatusInfo.status,
      summary.sourceIdentity.id,
      summary.targetIdentity?.id ?? null,
      JSON.stringify(summary),
    ],
  );
}

interface SummaryRow {
  readonly at: number;
  readonly key: number;
  readonly summary: ProvisioningObjectSummary;
}

/** Rows that come in while it reads are not seen with the newest first, and may be with the oldest first. */
export async function* listSummaries(
  sqlite: Sqlite,
  filter: SummaryFilter,
): AsyncGenerator<readonly ProvisioningObjectSummary[], void> {
  const { conditions, values } = conditionsOf(filter);
  const isNewest = filter.order !== "oldest";
  const sql = `SELECT key, at, document FROM summary
    WHERE ${[...conditions, `(at, key) ${isNewest ? "<" : ">"} (?, ?)`].join(" AND ")}
    ORDER BY at ${isNewest ? "DESC" : "ASC"}, key ${isNewest ? "DESC" : "ASC"} LIMIT ${BATCH_ROWS}`;
  const start = isNewest ? Number.MAX_SAFE_INTEGER : -Number.MAX_SAFE_INTEGER;
  let wanted = filter.limit ?? Number.POSITIVE_INFINITY;
  const batches = inBatches((after: SummaryRow | undefined) =>
    sqlite.rows(sql, [...values, after?.at ?? start, after?.key ?? start]).map((row) => ({
      at: sqlite.numberOf(row, "at"),
      key: sqlite.numberOf(row, "key"),
      summary: sqlite.documentOf<ProvisioningObjectSummary>(row, "document"),
    })),
  );
  if (wanted <= 0) return;
  for await (const batch of batches) {
    yield batch.slice(0, wanted).map(({ summary }) => summary);
    wanted -= batch.length;
    if (wanted <= 0) return;
  }
}

function conditionsOf(filter: SummaryFilter): {
  readonly conditions: readonly string[];
  readonly values: readonly SqlValue[];
} {
  const parts: (readonly [string, SqlValue | undefined])[] = [
    ["job_id = ?", filter.jobId],
    ["cycle_id = ?", filter.cycleId],
    ["change_id = ?", filter.changeId],
    ["action IN (SELECT value FROM json_each(?))", filter.actions && listValue(filter.actions)],
    ["status IN (SELECT value FROM json_each(?))", filter.statuses && listValue(filter.statuses)],
    ["at >= ?", filter.from],
    ["at < ?", filter.to],
    ["source_id = ?", filter.sourceId],
    ["target_id = ?", filter.targetId],
    ["document LIKE ? ESCAPE '~'", filter.text === undefined ? undefined : likeOf(filter.text)],
  ];
  const given = parts.filter((part): part is readonly [string, SqlValue] => part[1] !== undefined);
  return {
    conditions: given.map(([condition]) => condition),
    values: given.map(([, value]) => value),
  };
}

/** The text as it stands in JSON. */
function likeOf(text: string): string {
  if (text.length > MAX_TEXT_CHARACTERS) {
    throw new AgentError(
      "input.invalid",
      `more than ${MAX_TEXT_CHARACTERS} characters to look for`,
    );
  }
  const json = JSON.stringify(text).slice(1, -1);
  return `%${json.replace(/[%_~]/g, "~$&")}%`;
}

export async function pruneSummaries(sqlite: Sqlite, now: number): Promise<number> {
  const before = now - RETENTION_DAYS * DAY_MS;
  const removed = await removeInBatches((limit) =>
    sqlite.run(
      "DELETE FROM summary WHERE key IN (SELECT key FROM summary WHERE at < ? ORDER BY at LIMIT ?)",
      [before, limit],
    ),
  );
  if (removed > 0) sqlite.rows(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
  return removed;
}
