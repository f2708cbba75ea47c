import { AgentError } from "../core/error.ts";
import type {
  ImportEnd,
  StagedImport,
  StagedItem,
  StagedItemAt,
} from "../core/provisioning/staged-import.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { BATCH_ROWS, inBatches, removeInBatches } from "./batches.ts";
import type { Row, Sqlite, SqlValue } from "./sqlite.ts";

/** Items of one part, of which each takes one ordinal: parts come in any order. */
const ITEMS_PER_PART = 1_000_000;

/** Of the import that lies on disk for a job, if any. */
export function importKey(sqlite: Sqlite, job: number): number | undefined {
  const row = sqlite.first("SELECT key FROM staged_import WHERE job = ?", [job]);
  return row === undefined ? undefined : sqlite.numberOf(row, "key");
}

export function readImport(sqlite: Sqlite, job: number): StagedImport | undefined {
  const row = sqlite.first(
    `SELECT cycle_id, kind, began_at, listing, next_watermark,
       (SELECT count(*) FROM staged_part p WHERE p.import = key) AS parts,
       (SELECT count(*) FROM staged_item i WHERE i.import = key) AS items,
       (SELECT count(*) FROM staged_item i WHERE i.import = key AND processed = 1) AS processed
     FROM staged_import WHERE job = ?`,
    [job],
  );
  if (row === undefined) return undefined;
  return {
    cycleId: sqlite.textOf(row, "cycle_id"),
    kind: sqlite.textOf(row, "kind") as StagedImport["kind"],
    beganAt: sqlite.numberOf(row, "began_at"),
    parts: sqlite.numberOf(row, "parts"),
    items: sqlite.numberOf(row, "items"),
    processed: sqlite.numberOf(row, "processed"),
    end: endOf(row),
  };
}

function endOf(row: Row): ImportEnd | undefined {
  const { listing, next_watermark: nextWatermark } = row;
  if (listing !== "full" && listing !== "changes") return undefined;
  return {
    listing,
    nextWatermark: typeof nextWatermark === "string" ? nextWatermark : undefined,
  };
}

export function beginImport(
  sqlite: Sqlite,
  job: number,
  { cycleId, kind, beganAt }: Pick<StagedImport, "cycleId" | "kind" | "beganAt">,
): void {
  dropImport(sqlite, job);
  sqlite.run("INSERT INTO staged_import (job, cycle_id, kind, began_at) VALUES (?, ?, ?, ?)", [
    job,
    cycleId,
    kind,
    beganAt,
  ]);
}

/** Takes it out of sight; its items are removed by `sweepItems`. */
export function dropImport(sqlite: Sqlite, job: number): void {
  sqlite.run("DELETE FROM staged_import WHERE job = ?", [job]);
}

/** Removes parts and items of imports that were dropped, of any job. Keys are never used twice. */
export async function sweepItems(sqlite: Sqlite): Promise<void> {
  for (const table of ["staged_item", "staged_part"]) {
    const key = table === "staged_item" ? "rowid" : "(import, part)";
    const columns = table === "staged_item" ? "rowid" : "import, part";
    await removeInBatches((limit) =>
      sqlite.run(
        `DELETE FROM ${table} WHERE ${key} IN (SELECT ${columns} FROM ${table}
           WHERE import NOT IN (SELECT key FROM staged_import) LIMIT ?)`,
        [limit],
      ),
    );
  }
}

/** @returns false for a part that is there already */
export function stagePart(
  sqlite: Sqlite,
  job: number,
  { part, items }: { readonly part: number; readonly items: readonly StagedItem[] },
): boolean {
  return savePart(sqlite, openImportKey(sqlite, job), { part, items });
}

/** Items that were asked for behind what was listed. */
export function stageAnswers(sqlite: Sqlite, job: number, items: readonly StagedItem[]): void {
  const key = importKey(sqlite, job);
  if (key === undefined) throw new AgentError("internal", "there is no import");
  const row = sqlite.first(
    "SELECT coalesce(max(part), -1) AS last FROM staged_part WHERE import = ?",
    [key],
  );
  savePart(sqlite, key, { part: sqlite.numberOf(row ?? {}, "last") + 1, items });
}

function savePart(
  sqlite: Sqlite,
  key: number,
  { part, items }: { readonly part: number; readonly items: readonly StagedItem[] },
): boolean {
  if (items.length > ITEMS_PER_PART) throw new AgentError("internal", "too many items in a part");
  const sql = "INSERT INTO staged_part (import, part) VALUES (?, ?) ON CONFLICT DO NOTHING";
  if (sqlite.run(sql, [key, part]) === 0) return false;
  for (const [index, item] of items.entries()) {
    sqlite.run(
      `INSERT INTO staged_item (import, ordinal, source_id, resource_type, change_type, reason, data)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      [
        key,
        part * ITEMS_PER_PART + index,
        item.sourceId,
        item.resourceType,
        item.changeType,
        item.reason ?? null,
        item.data === undefined ? null : JSON.stringify(item.data),
      ],
    );
  }
  return true;
}

export function endImport(
  sqlite: Sqlite,
  job: number,
  { listing, nextWatermark }: ImportEnd,
): void {
  sqlite.run("UPDATE staged_import SET listing = ?, next_watermark = ? WHERE key = ?", [
    listing,
    nextWatermark ?? null,
    openImportKey(sqlite, job),
  ]);
}

/** @throws AgentError `internal` when there is none, or its answer was whole already */
function openImportKey(sqlite: Sqlite, job: number): number {
  const row = sqlite.first("SELECT key FROM staged_import WHERE job = ? AND listing IS NULL", [
    job,
  ]);
  if (row === undefined) throw new AgentError("internal", "no import is open");
  return sqlite.numberOf(row, "key");
}

export function markProcessed(sqlite: Sqlite, job: number, ordinal: number): void {
  sqlite.run(
    `UPDATE staged_item SET processed = 1 WHERE ordinal = ?
       AND import = (SELECT key FROM staged_import WHERE job = ?)`,
    [ordinal, job],
  );
}

/** Those that are not marked, by ordinal. */
export function listItems(
  sqlite: Sqlite,
  job: number,
  { resourceType }: { readonly resourceType?: ResourceTypeName | undefined },
): AsyncGenerator<readonly StagedItemAt[], void> {
  const sql = `SELECT ordinal, source_id, resource_type, change_type, reason, data FROM staged_item
    WHERE import = ?1 AND ordinal > ?2 AND processed = 0 AND (?3 IS NULL OR resource_type = ?3)
    ORDER BY ordinal LIMIT ${BATCH_ROWS}`;
  const key = importKey(sqlite, job) ?? -1;
  return inBatches((after: StagedItemAt | undefined) => {
    const values: SqlValue[] = [key, after?.ordinal ?? -1, resourceType ?? null];
    return sqlite.rows(sql, values).map((row) => toItem(sqlite, row));
  });
}

/** Those of which only the id came, and of whose content nothing is known that still holds. */
export function listUnfamiliar(
  sqlite: Sqlite,
  job: number,
): AsyncGenerator<readonly StagedItemAt[], void> {
  const sql = `SELECT ordinal, source_id, resource_type, change_type, reason, data FROM staged_item i
    WHERE import = ?1 AND ordinal > ?2 AND change_type = 'present' AND data IS NULL
      AND NOT EXISTS (SELECT 1 FROM shadow s WHERE s.job = ?3 AND s.source_id = i.source_id
        AND s.in_scope = 1 AND s.active = 1)
      AND NOT EXISTS (SELECT 1 FROM judged j WHERE j.job = ?3 AND j.source_id = i.source_id)
    ORDER BY ordinal LIMIT ${BATCH_ROWS}`;
  const key = importKey(sqlite, job) ?? -1;
  return inBatches((after: StagedItemAt | undefined) =>
    sqlite.rows(sql, [key, after?.ordinal ?? -1, job]).map((row) => toItem(sqlite, row)),
  );
}

export function saveJudged(sqlite: Sqlite, job: number, sourceId: string): void {
  sqlite.run("INSERT INTO judged (job, source_id) VALUES (?, ?) ON CONFLICT DO NOTHING", [
    job,
    sourceId,
  ]);
}

export function removeJudged(sqlite: Sqlite, job: number, sourceId: string): void {
  sqlite.run("DELETE FROM judged WHERE job = ? AND source_id = ?", [job, sourceId]);
}

/** What a whole listing does not name is judged anew when it comes back. */
export function forgetUnlisted(sqlite: Sqlite, job: number): void {
  sqlite.run(
    `DELETE FROM judged WHERE job = ?1 AND source_id NOT IN
       (SELECT source_id FROM staged_item WHERE import = ?2)`,
    [job, importKey(sqlite, job) ?? -1],
  );
}

function toItem(sqlite: Sqlite, row: Row): StagedItemAt {
  const { reason } = row;
  return {
    ordinal: sqlite.numberOf(row, "ordinal"),
    sourceId: sqlite.textOf(row, "source_id"),
    resourceType: sqlite.textOf(row, "resource_type") as ResourceTypeName,
    changeType: sqlite.textOf(row, "change_type") as StagedItem["changeType"],
    reason: reason === "deleted" || reason === "outOfScope" ? reason : undefined,
    data:
      row["data"] === null ? undefined : sqlite.documentOf<Record<string, unknown>>(row, "data"),
  };
}
