import { AgentError } from "../core/error.ts";
import { writeBackup } from "./backup.ts";
import type { Sqlite } from "./sqlite.ts";

export interface Migration {
  /** Counted from 1, without gaps. */
  readonly version: number;
  readonly sql: string;
}

/** Tells the file from those of other programs ("HSA" and 1; PRAGMA application_id). */
const APPLICATION_ID = 0x48534101;

/**
 * Brings the file to the newest version, each migration in a transaction of its own. A file that holds anything is backed up
 * beside itself before. Two processes may do this at the same time.
 * @param options `now`: ms since 1970, for the backup's name
 */
export async function migrate(
  sqlite: Sqlite,
  { migrations, now }: { readonly migrations: readonly Migration[]; readonly now: number },
): Promise<void> {
  const version = versionOf(sqlite);
  if (version > 0 && version < newestOf(migrations)) {
    await writeBackup(sqlite, backupName(sqlite, { version, now }));
  }
  for (const migration of migrations) applyMigration(sqlite, migration);
}

/**
 * Looks at the file without changing it.
 * @throws AgentError `state.refused` for a file of a newer version or of another program
 */
export function requireKnown(sqlite: Sqlite, migrations: readonly Migration[]): void {
  requireOwnFile(sqlite);
  const version = versionOf(sqlite);
  const newest = newestOf(migrations);
  if (version <= newest) return;
  throw new AgentError(
    "state.refused",
    `${sqlite.file} has version ${version}, and this program knows ${newest} at most`,
    { hint: "use the newer program, or restore the backup that it made beside the file" },
  );
}

function newestOf(migrations: readonly Migration[]): number {
  return Math.max(0, ...migrations.map(({ version }) => version));
}

function applyMigration(sqlite: Sqlite, { version, sql }: Migration): void {
  sqlite.transaction(() => {
    // Another process may have been faster.
    if (versionOf(sqlite) >= version) return;
    sqlite.exec(sql);
    sqlite.exec(`PRAGMA user_version = ${version}; PRAGMA application_id = ${APPLICATION_ID}`);
  });
}

function requireOwnFile(sqlite: Sqlite): void {
  const [id] = Object.values(sqlite.first("PRAGMA application_id") ?? {});
  if (id === APPLICATION_ID) return;
  const isEmpty = sqlite.first("SELECT 1 FROM sqlite_schema LIMIT 1") === undefined;
  if (isEmpty && id === 0) return;
  throw new AgentError("state.refused", `${sqlite.file} is a database of another program`, {
    hint: "name another file for the state",
  });
}

function versionOf(sqlite: Sqlite): number {
  return sqlite.numberOf(sqlite.first("PRAGMA user_version") ?? {}, "user_version");
}

function backupName(
  { file }: Sqlite,
  { version, now }: { readonly version: number; readonly now: number },
): string {
  const at = new Date(now).toISOString().replace(/[:.]/g, "-");
  return `${file}.version-${version}.${at}.${process.pid}.backup`;
}
