import type { Shadow, WaitingReference } from "../core/provisioning/shadow.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { BATCH_ROWS, inBatches } from "./batches.ts";
import { listValue, type Row, type Sqlite } from "./sqlite.ts";

const COLUMNS =
  "anchor, source_id, target_id, resource_type, name, fingerprint, active, in_scope, exported";

const BY_KEY = {
  anchor: "anchor",
  sourceId: "source_id",
  targetId: "target_id",
} as const;

export function saveShadow(sqlite: Sqlite, job: number, shadow: Shadow): void {
  // The directory's id is the entry: a row that has it under another anchor is of before the anchor changed.
  sqlite.run("DELETE FROM shadow WHERE job = ? AND source_id = ? AND anchor <> ?", [
    job,
    shadow.sourceId,
    shadow.anchor,
  ]);
  sqlite.run(
    `INSERT INTO shadow (job, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (job, anchor) DO UPDATE SET source_id = excluded.source_id,
       target_id = excluded.target_id, resource_type = excluded.resource_type, name = excluded.name,
       fingerprint = excluded.fingerprint, active = excluded.active, in_scope = excluded.in_scope,
       exported = excluded.exported`,
    [
      job,
      shadow.anchor,
      shadow.sourceId,
      shadow.targetId,
      shadow.resourceType,
      shadow.name,
      shadow.fingerprint,
      shadow.active ? 1 : 0,
      shadow.inScope ? 1 : 0,
      JSON.stringify(shadow.exported),
    ],
  );
}

/** With what it waits for. Who waits for it goes on waiting: a deleted entry may be restored under its old id. */
export function removeShadow(sqlite: Sqlite, job: number, anchor: string): void {
  sqlite.run("DELETE FROM waiting WHERE job = ? AND anchor = ?", [job, anchor]);
  sqlite.run("DELETE FROM shadow WHERE job = ? AND anchor = ?", [job, anchor]);
}

export function shadowsBy(
  sqlite: Sqlite,
  job: number,
  { key, values }: { readonly key: keyof typeof BY_KEY; readonly values: readonly string[] },
): ReadonlyMap<string, Shadow> {
  const rows = sqlite.rows(
    `SELECT ${COLUMNS} FROM shadow
     WHERE job = ? AND ${BY_KEY[key]} IN (SELECT value FROM json_each(?))`,
    [job, listValue(values)],
  );
  const shadows = rows.map((row) => toShadow(sqlite, row));
  return new Map(shadows.map((shadow) => [shadow[key], shadow]));
}

/** Those in scope whose manager or member was exported with one of these ids. */
export function shadowsReferringTo(
  sqlite: Sqlite,
  job: number,
  targetIds: readonly string[],
): readonly Shadow[] {
  const rows = sqlite.rows(
    `WITH wanted AS (SELECT value AS id FROM json_each(?2))
     SELECT ${COLUMNS} FROM shadow WHERE job = ?1 AND in_scope = 1 AND (
       json_extract(exported, '$.manager') IN (SELECT id FROM wanted) OR
       EXISTS (SELECT 1 FROM json_each(exported, '$.members') m WHERE m.value IN (SELECT id FROM wanted)))
     ORDER BY anchor`,
    [job, listValue(targetIds)],
  );
  return rows.map((row) => toShadow(sqlite, row));
}

export interface ShadowFilter {
  readonly resourceType?: ResourceTypeName;
  readonly inScope?: boolean;
  /** Only those that the items of this import do not name. */
  readonly absentFrom?: number;
}

/** By anchor. */
export function listShadows(
  sqlite: Sqlite,
  job: number,
  { resourceType, inScope, absentFrom }: ShadowFilter,
): AsyncGenerator<readonly Shadow[], void> {
  const conditions = ["job = ?", "anchor > ?"];
  const values: (string | number)[] = [];
  if (resourceType !== undefined) {
    conditions.push("resource_type = ?");
    values.push(resourceType);
  }
  if (inScope !== undefined) {
    // Unary plus keeps the planner on the index that is in order of anchor.
    conditions.push("+in_scope = ?");
    values.push(inScope ? 1 : 0);
  }
  if (absentFrom !== undefined) {
    conditions.push(
      "NOT EXISTS (SELECT 1 FROM staged_item i WHERE i.import = ? AND i.source_id = shadow.source_id)",
    );
    values.push(absentFrom);
  }
  const sql = `SELECT ${COLUMNS} FROM shadow WHERE ${conditions.join(" AND ")}
    ORDER BY anchor LIMIT ${BATCH_ROWS}`;
  return inBatches((after) =>
    sqlite.rows(sql, [job, after?.anchor ?? "", ...values]).map((row) => toShadow(sqlite, row)),
  );
}

export function countLinked(
  sqlite: Sqlite,
  job: number,
): Readonly<Record<ResourceTypeName, number>> {
  const rows = sqlite.rows(
    `SELECT resource_type, count(*) AS linked FROM shadow WHERE job = ? AND in_scope = 1
     GROUP BY resource_type`,
    [job],
  );
  const counted = new Map(
    rows.map((row) => [sqlite.textOf(row, "resource_type"), sqlite.numberOf(row, "linked")]),
  );
  return { User: counted.get("User") ?? 0, Group: counted.get("Group") ?? 0 };
}

export function saveWaiting(
  sqlite: Sqlite,
  job: number,
  {
    anchor,
    references,
  }: {
    readonly anchor: string;
    readonly references: readonly Omit<WaitingReference, "anchor">[];
  },
): void {
  sqlite.run("DELETE FROM waiting WHERE job = ? AND anchor = ?", [job, anchor]);
  for (const { attribute, reference } of references) {
    sqlite.run(
      "INSERT INTO waiting (job, anchor, attribute, reference) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      [job, anchor, attribute, reference],
    );
  }
}

/** In order of anchor, attribute and reference. */
export function waitingBy(
  sqlite: Sqlite,
  job: number,
  { key, values }: { readonly key: "anchor" | "reference"; readonly values: readonly string[] },
): readonly WaitingReference[] {
  const rows = sqlite.rows(
    `SELECT anchor, attribute, reference FROM waiting
     WHERE job = ? AND ${key} IN (SELECT value FROM json_each(?))
     ORDER BY anchor, attribute, reference`,
    [job, listValue(values)],
  );
  return rows.map((row) => ({
    anchor: sqlite.textOf(row, "anchor"),
    attribute: sqlite.textOf(row, "attribute"),
    reference: sqlite.textOf(row, "reference"),
  }));
}

function toShadow(sqlite: Sqlite, row: Row): Shadow {
  return {
    anchor: sqlite.textOf(row, "anchor"),
    sourceId: sqlite.textOf(row, "source_id"),
    targetId: sqlite.textOf(row, "target_id"),
    resourceType: sqlite.textOf(row, "resource_type") as ResourceTypeName,
    name: sqlite.textOf(row, "name"),
    fingerprint: sqlite.textOf(row, "fingerprint"),
    exported: sqlite.documentOf(row, "exported"),
    active: sqlite.numberOf(row, "active") === 1,
    inScope: sqlite.numberOf(row, "in_scope") === 1,
  };
}
