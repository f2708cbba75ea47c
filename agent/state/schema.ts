import type { Migration } from "./migration.ts";

/** Never changed once released; a change is a new migration at the end. */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE job (
        key INTEGER PRIMARY KEY,
        job_id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        owner TEXT,
        expires_at INTEGER NOT NULL DEFAULT 0,
        fence INTEGER NOT NULL DEFAULT 0
      ) STRICT;

      CREATE TABLE execution (
        key INTEGER PRIMARY KEY,
        job INTEGER NOT NULL,
        document TEXT NOT NULL
      ) STRICT;
      CREATE INDEX execution_of_job ON execution (job, key);

      CREATE TABLE shadow (
        key INTEGER PRIMARY KEY,
        job INTEGER NOT NULL,
        anchor TEXT NOT NULL,
        source_id TEXT NOT NULL,
        target_id TEXT NOT NULL,
        resource_type TEXT NOT NULL,
        name TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        active INTEGER NOT NULL,
        in_scope INTEGER NOT NULL,
        exported TEXT NOT NULL,
        UNIQUE (job, anchor),
        UNIQUE (job, source_id)
      ) STRICT;
      CREATE INDEX shadow_by_target ON shadow (job, target_id);
      CREATE INDEX shadow_linked ON shadow (job, in_scope, resource_type);

      CREATE TABLE waiting (
        job INTEGER NOT NULL,
        anchor TEXT NOT NULL,
        attribute TEXT NOT NULL,
        reference TEXT NOT NULL,
        PRIMARY KEY (job, anchor, attribute, reference)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX waiting_for ON waiting (job, reference);

      CREATE TABLE escrow (
        job INTEGER NOT NULL,
        source_id TEXT NOT NULL,
        next_attempt_at INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (job, source_id)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX escrow_due ON escrow (job, next_attempt_at, source_id);

      CREATE TABLE staged_delete (
        job INTEGER NOT NULL,
        anchor TEXT NOT NULL,
        member TEXT NOT NULL,
        target_id TEXT NOT NULL,
        name TEXT NOT NULL,
        status TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (job, anchor, member)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX staged_delete_by_name ON staged_delete (job, name);
      CREATE INDEX staged_delete_by_target ON staged_delete (job, target_id);

      CREATE TABLE judged (
        job INTEGER NOT NULL,
        source_id TEXT NOT NULL,
        PRIMARY KEY (job, source_id)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE staged_import (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        job INTEGER NOT NULL UNIQUE,
        cycle_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        began_at INTEGER NOT NULL,
        listing TEXT,
        next_watermark TEXT
      ) STRICT;
      CREATE TABLE staged_part (
        import INTEGER NOT NULL,
        part INTEGER NOT NULL,
        PRIMARY KEY (import, part)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE staged_item (
        import INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        source_id TEXT NOT NULL,
        resource_type TEXT NOT NULL,
        change_type TEXT NOT NULL,
        reason TEXT,
        data TEXT,
        processed INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (import, ordinal)
      ) STRICT;
      CREATE INDEX staged_item_by_source ON staged_item (import, source_id);

      CREATE TABLE summary (
        key INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        job_id TEXT NOT NULL,
        cycle_id TEXT NOT NULL,
        change_id TEXT NOT NULL,
        action TEXT NOT NULL,
        status TEXT NOT NULL,
        source_id TEXT NOT NULL,
        target_id TEXT,
        document TEXT NOT NULL
      ) STRICT;
      CREATE INDEX summary_at ON summary (at, key);
      CREATE INDEX summary_of_cycle ON summary (cycle_id, at, key);
      CREATE INDEX summary_of_change ON summary (change_id);
      CREATE INDEX summary_of_source ON summary (source_id, at, key);
      CREATE INDEX summary_of_target ON summary (target_id, at, key);
    `,
  },
];
