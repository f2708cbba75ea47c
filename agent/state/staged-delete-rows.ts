import type { StagedDelete, StagedDeleteStatus } from "../core/provisioning/shadow.ts";
import { BATCH_ROWS, inBatches } from "./batches.ts";
import { listValue, type Row, type Sqlite } from "./sqlite.ts";

/** For the object itself, which no member is called. */
const NO_MEMBER = "";

export type DecidedDelete = StagedDelete & { readonly status: StagedDeleteStatus };

/** What was decided about the same removal before stays. */
export function saveStagedDelete(sqlite: Sqlite, job: number, staged: StagedDelete): void {
  sqlite.run(
    `INSERT INTO staged_delete (job, anchor, member, target_id, name, status, document)
     VALUES (?, ?, ?, ?, ?, 'pending', ?)
     ON CONFLICT (job, anchor, member) DO UPDATE SET target_id = excluded.target_id,
       name = excluded.name, document = excluded.document`,
    [
      job,
      staged.anchor,
      staged.member ?? NO_MEMBER,
      staged.targetId,
      staged.name,
      JSON.stringify(staged),
    ],
  );
}

export function removeStagedDelete(
  sqlite: Sqlite,
  job: number,
  { anchor, member }: Pick<StagedDelete, "anchor" | "member">,
): void {
  sqlite.run("DELETE FROM staged_delete WHERE job = ? AND anchor = ? AND member = ?", [
    job,
    anchor,
    member ?? NO_MEMBER,
  ]);
}

/** By name, then anchor and member. */
export function listStagedDeletes(
  sqlite: Sqlite,
  jobId: string,
  status: StagedDeleteStatus | undefined,
): AsyncGenerator<readonly DecidedDelete[], void> {
  const sql = `SELECT document, status FROM staged_delete
    WHERE job = (SELECT key FROM job WHERE job_id = ?1)
      AND (?2 IS NULL OR status = ?2) AND (name, anchor, member) > (?3, ?4, ?5)
    ORDER BY name, anchor, member LIMIT ${BATCH_ROWS}`;
  return inBatches((after: DecidedDelete | undefined) =>
    sqlite
      .rows(sql, [
        jobId,
        status ?? null,
        after?.name ?? "",
        after?.anchor ?? "",
        after?.member ?? NO_MEMBER,
      ])
      .map((row) => toStagedDelete(sqlite, row)),
  );
}

interface Decision {
  readonly decided: number;
  readonly unknown: readonly string[];
  readonly ambiguous: readonly string[];
}

/** All names or none: a person who mistyped one of them looks at the list again. */
export function decideStagedDeletes(
  sqlite: Sqlite,
  jobId: string,
  {
    names,
    status,
  }: { readonly names: readonly string[] | "all"; readonly status: StagedDeleteStatus },
): Decision {
  return sqlite.transaction(() => {
    const job = sqlite.first("SELECT key FROM job WHERE job_id = ?", [jobId]);
    const key = job === undefined ? -1 : sqlite.numberOf(job, "key");
    if (names === "all") {
      const sql = "UPDATE staged_delete SET status = ? WHERE job = ? AND status = 'pending'";
      return { decided: sqlite.run(sql, [status, key]), unknown: [], ambiguous: [] };
    }
    const found = names.map((name) => ({ name, meant: objectsNamed(sqlite, key, name) }));
    const unknown = found.filter(({ meant }) => meant === 0).map(({ name }) => name);
    const ambiguous = found.filter(({ meant }) => meant > 1).map(({ name }) => name);
    if (unknown.length > 0 || ambiguous.length > 0) return { decided: 0, unknown, ambiguous };
    const decided = sqlite.run(
      `UPDATE staged_delete SET status = ?1 WHERE job = ?2 AND ${named("(SELECT value FROM json_each(?3))")}`,
      [status, key, listValue(names)],
    );
    return { decided, unknown, ambiguous };
  });
}

function named(list: string): string {
  return `(name IN ${list} OR anchor IN ${list} OR target_id IN ${list})`;
}

/** How many objects a name means: a group stands for all members that it would lose, and a member for itself in all groups. */
function objectsNamed(sqlite: Sqlite, job: number, name: string): number {
  const row = sqlite.first(
    `SELECT count(DISTINCT CASE WHEN name = ?2 AND member <> '' THEN member ELSE anchor END) AS meant
     FROM staged_delete WHERE job = ?1 AND ${named("(?2)")}`,
    [job, name],
  );
  return row === undefined ? 0 : sqlite.numberOf(row, "meant");
}

function toStagedDelete(sqlite: Sqlite, row: Row): DecidedDelete {
  const staged = sqlite.documentOf<StagedDelete>(row, "document");
  const status = sqlite.textOf(row, "status") as StagedDeleteStatus;
  return { ...staged, member: staged.member, status };
}
