import { AgentError } from "../core/error.ts";

/** SQLite's primary result codes (sqlite3.h). */
const BUSY = 5;
const LOCKED = 6;
const READ_ONLY = 8;
const IO_ERROR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const NOT_A_DATABASE = 26;

const CORRUPT_HINT =
  "restore a backup, or move the file away: the next cycle then reads everything and finds the resources of the target again by matching";

/** The failure as the port names it; what is no trouble of the file stays what it is. */
export function stateError(cause: unknown, file: string): unknown {
  switch (primaryCode(cause)) {
    case BUSY:
    case LOCKED:
      return new AgentError("state.locked", `another process writes ${file}`, {
        cause,
        hint: "try again; a backup or a long command may be running",
      });
    case CORRUPT:
    case NOT_A_DATABASE:
      return corrupt(file, { cause });
    case FULL:
      return new AgentError("state.unavailable", `${file} cannot grow`, {
        cause,
        hint: "the disk is full, or the file has reached its limit",
      });
    case READ_ONLY:
    case IO_ERROR:
    case CANNOT_OPEN:
      return new AgentError("state.unavailable", `${file} cannot be read or written`, {
        cause,
        hint: "check that its folder is there and who may write it and the files beside it (-wal, -shm)",
      });
    default:
      return cause;
  }
}

export function corrupt(file: string, options: { readonly cause?: unknown } = {}): AgentError {
  return new AgentError("state.corrupt", `${file} is damaged`, { ...options, hint: CORRUPT_HINT });
}

/** The extended code's low byte; a connection that cannot be opened says its code in the message alone. */
function primaryCode(cause: unknown): number | undefined {
  if (!(cause instanceof Error)) return undefined;
  if ("rawCode" in cause && typeof cause.rawCode === "number") return cause.rawCode & 0xff;
  const [, code] = /^ConnectionFailed\(.*: (\d+)"\)$/.exec(cause.message) ?? [];
  return code === undefined ? undefined : Number(code) & 0xff;
}
