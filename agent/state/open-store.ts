import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../core/error.ts";
import type { Clock, Store } from "../ports.ts";
import { FILE_MODE } from "./backup.ts";
import { type Migration, migrate, requireKnown } from "./migration.ts";
import { MIGRATIONS } from "./schema.ts";
import { Sqlite } from "./sqlite.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { corrupt } from "./state-error.ts";

const MEBIBYTE = 1_048_576;

/** Of pages, in KiB: indexes of random ids touch a page for every row. */
const CACHE_KIBIBYTES = 32_768;

/** Of a page, SQLite's own default. */
const PAGE_BYTES = 4_096;

/** What the file may grow to when nothing else is said, in MiB. */
const DEFAULT_MAX_MEBIBYTES = 65_536;

/** How long opening is tried while other processes open the same file, and the wait between, in ms. */
const OPEN_TIMEOUT_MS = 5_000;
const OPEN_RETRY_MS = 50;

export interface StoreOptions {
  readonly file: string;
  readonly clock: Clock;
  /** MiB that the file may grow to. */
  readonly maxMebibytes?: number;
  readonly migrations?: readonly Migration[];
}

/**
 * Opens the store, makes it when it is not there, checks that it is sound, and brings it to the newest version (a file of an older
 * one is backed up beside itself first).
 * @throws AgentError `state.corrupt`, `state.refused` (newer version, or of another program), `state.locked`,
 *   `state.unavailable`
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  await prepareFile(options.file);
  const giveUpAt = performance.now() + OPEN_TIMEOUT_MS;
  while (true) {
    try {
      return await openOnce(options);
    } catch (error) {
      // Changing to the write-ahead log does not wait as other statements do.
      const isLocked = error instanceof AgentError && error.code === "state.locked";
      if (!isLocked || performance.now() > giveUpAt) throw error;
      await sleep(OPEN_RETRY_MS);
    }
  }
}

async function openOnce({
  file,
  clock,
  maxMebibytes = DEFAULT_MAX_MEBIBYTES,
  migrations = MIGRATIONS,
}: StoreOptions): Promise<Store> {
  const sqlite = new Sqlite(file);
  try {
    requireSound(sqlite);
    requireKnown(sqlite, migrations);
    // Before the first table; afterwards it changes nothing.
    sqlite.exec("PRAGMA auto_vacuum = INCREMENTAL");
    sqlite.rows("PRAGMA journal_mode = WAL");
    // A commit is on the disk when it returns: what the target was told must not be forgotten by a power cut.
    sqlite.exec(`PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE_KIBIBYTES}`);
    sqlite.rows(`PRAGMA max_page_count = ${Math.ceil((maxMebibytes * MEBIBYTE) / PAGE_BYTES)}`);
    await migrate(sqlite, { migrations, now: clock.now() });
    return new SqliteStore(sqlite, clock);
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/** SQLite would make the file with the rights that the process gives by default. */
async function prepareFile(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await (await open(file, "a", FILE_MODE)).close();
  } catch (cause) {
    throw new AgentError("state.unavailable", `${file} cannot be opened`, {
      cause,
      hint: "check that its folder is there and who may write it",
    });
  }
}

/** Every page is looked at, indexes against tables are not: that would take minutes. */
function requireSound(sqlite: Sqlite): void {
  const [verdict] = Object.values(sqlite.first("PRAGMA quick_check(1)") ?? {});
  if (verdict !== "ok") throw corrupt(sqlite.file);
}
