import type { Escrow } from "../core/provisioning/shadow.ts";
import { BATCH_ROWS, inBatches } from "./batches.ts";
import { listValue, type Row, type Sqlite } from "./sqlite.ts";

export function saveEscrow(sqlite: Sqlite, job: number, escrow: Escrow): void {
  sqlite.run(
    `INSERT INTO escrow (job, source_id, next_attempt_at, document) VALUES (?, ?, ?, ?)
     ON CONFLICT (job, source_id) DO UPDATE SET next_attempt_at = excluded.next_attempt_at,
       document = excluded.document`,
    [job, escrow.sourceId, escrow.nextAttemptAt, JSON.stringify(escrow)],
  );
}

export function removeEscrow(sqlite: Sqlite, job: number, sourceId: string): void {
  sqlite.run("DELETE FROM escrow WHERE job = ? AND source_id = ?", [job, sourceId]);
}

export function dueEscrows(
  sqlite: Sqlite,
  job: number,
  { now, limit }: { readonly now: number; readonly limit: number },
): readonly Escrow[] {
  const rows = sqlite.rows(
    `SELECT document FROM escrow WHERE job = ? AND next_attempt_at <= ?
     ORDER BY next_attempt_at, source_id LIMIT ?`,
    [job, now, limit],
  );
  return rows.map((row) => toEscrow(sqlite, row));
}

export function escrowsBySourceId(
  sqlite: Sqlite,
  job: number,
  sourceIds: readonly string[],
): ReadonlyMap<string, Escrow> {
  const rows = sqlite.rows(
    `SELECT document FROM escrow
     WHERE job = ? AND source_id IN (SELECT value FROM json_each(?))`,
    [job, listValue(sourceIds)],
  );
  return new Map(
    rows.map((row) => toEscrow(sqlite, row)).map((escrow) => [escrow.sourceId, escrow]),
  );
}

/** By source id. */
export function listEscrows(
  sqlite: Sqlite,
  jobId: string,
): AsyncGenerator<readonly Escrow[], void> {
  const sql = `SELECT document FROM escrow
    WHERE job = (SELECT key FROM job WHERE job_id = ?) AND source_id > ?
    ORDER BY source_id LIMIT ${BATCH_ROWS}`;
  return inBatches((after: Escrow | undefined) =>
    sqlite.rows(sql, [jobId, after?.sourceId ?? ""]).map((row) => toEscrow(sqlite, row)),
  );
}

function toEscrow(sqlite: Sqlite, row: Row): Escrow {
  const escrow = sqlite.documentOf<Escrow>(row, "document");
  return { ...escrow, anchor: escrow.anchor };
}
