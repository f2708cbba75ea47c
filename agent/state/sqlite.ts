import Database from "libsql";
import { AgentError } from "../core/error.ts";
import { corrupt, stateError } from "./state-error.ts";

/** What can be bound. A boolean ends the process inside of libsql 0.5. */
export type SqlValue = string | number | null;

export type Row = Readonly<Record<string, unknown>>;

/** How long a statement waits for another process that writes, in ms. It blocks this process. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * One connection to a SQLite file. Statements are read to their end (`all`), because libsql leaves a statement open, and with it
 * its view of the file, when only the first row is taken.
 */
export class Sqlite {
  readonly file: string;
  readonly #database: Database.Database;
  readonly #statements = new Map<string, Database.Statement<unknown[]>>();

  constructor(file: string) {
    this.file = file;
    this.#database = this.#guarded(() => new Database(file));
    this.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }

  /** One or more statements without values, such as a schema. */
  exec(sql: string): void {
    this.#guarded(() => this.#database.exec(sql));
  }

  /** @returns how many rows were changed */
  run(sql: string, values: readonly SqlValue[] = []): number {
    return this.#guarded(() => this.#statement(sql).run(bindable(values)).changes);
  }

  rows(sql: string, values: readonly SqlValue[] = []): readonly Row[] {
    return this.#guarded(() => this.#statement(sql).all(bindable(values)) as Row[]);
  }

  first(sql: string, values: readonly SqlValue[] = []): Row | undefined {
    return this.rows(sql, values)[0];
  }

  /** Runs `work` as a whole or not at all; it must not wait for anything. */
  transaction<T>(work: () => T): T {
    this.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.exec("COMMIT");
      return result;
    } catch (error) {
      // A full disk has rolled back already, and a second time would hide the first error.
      if (this.#database.inTransaction) this.exec("ROLLBACK");
      throw error;
    }
  }

  textOf(row: Row, column: string): string {
    const value = row[column];
    if (typeof value === "string") return value;
    throw corrupt(this.file);
  }

  numberOf(row: Row, column: string): number {
    const value = row[column];
    if (typeof value === "number") return value;
    throw corrupt(this.file);
  }

  /** A column that holds JSON of this store's own writing. */
  documentOf<T extends object>(row: Row, column: string): T {
    try {
      return JSON.parse(this.textOf(row, column)) as T;
    } catch (cause) {
      throw cause instanceof SyntaxError ? corrupt(this.file, { cause }) : cause;
    }
  }

  close(): void {
    if (!this.#database.open) return;
    this.#foldLog();
    this.#statements.clear();
    this.#database.close();
  }

  /**
   * Moves the write-ahead log into the file. SQLite does so when the last connection closes, but libsql leaves one open until its
   * statements are collected.
   */
  #foldLog(): void {
    try {
      this.exec("PRAGMA busy_timeout = 0");
      this.rows("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // Somebody else reads or the disk is full: what is in the log stays there, and the next process finds it.
    }
  }

  #statement(sql: string): Database.Statement<unknown[]> {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw stateError(cause, this.file);
    }
  }
}

/** @throws AgentError `input.invalid` for a NUL character: libsql would cut the text there, and two ids would be one */
function bindable(values: readonly SqlValue[]): SqlValue[] {
  for (const value of values) {
    if (typeof value === "string" && value.includes("\0")) {
      throw new AgentError("input.invalid", "a text with a NUL character cannot be kept");
    }
  }
  return [...values];
}

/** Values for `IN (SELECT value FROM json_each(?))`. */
export function listValue(values: readonly string[]): string {
  return JSON.stringify(values);
}
