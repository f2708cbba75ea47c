/** What kind of failure it was. The table below gives each one its exit code and whether a retry is of use. */
export type ErrorCode =
  | "usage"
  | "input.invalid"
  | "scope.missing"
  | "config.invalid"
  | "mapping.invalid"
  | "directory.unreachable"
  | "directory.busy"
  | "directory.incomplete"
  | "directory.denied"
  | "directory.refused"
  | "bus.unreachable"
  | "bus.busy"
  | "bus.denied"
  | "bus.missing"
  | "reply.timeout"
  | "reply.unavailable"
  | "reply.refused"
  | "target.unreachable"
  | "target.throttled"
  | "target.denied"
  | "target.refused"
  | "state.corrupt"
  | "state.refused"
  | "state.locked"
  | "state.unavailable"
  | "internal";

interface ErrorClass {
  readonly retryable: boolean;
  /** Exit code of a command that ends with this error (sysexits.h where it has a fitting one). */
  readonly exit: number;
}

/** The only table of error codes: exit codes, retries and the documentation are read from it. */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorClass>> = {
  usage: { retryable: false, exit: 64 },
  "input.invalid": { retryable: false, exit: 65 },
  "scope.missing": { retryable: false, exit: 66 },
  "config.invalid": { retryable: false, exit: 78 },
  "mapping.invalid": { retryable: false, exit: 78 },
  "directory.unreachable": { retryable: true, exit: 75 },
  "directory.busy": { retryable: true, exit: 75 },
  "directory.incomplete": { retryable: true, exit: 74 },
  "directory.denied": { retryable: false, exit: 77 },
  "directory.refused": { retryable: false, exit: 76 },
  "bus.unreachable": { retryable: true, exit: 75 },
  "bus.busy": { retryable: true, exit: 75 },
  "bus.denied": { retryable: false, exit: 77 },
  "bus.missing": { retryable: false, exit: 78 },
  "reply.timeout": { retryable: true, exit: 75 },
  "reply.unavailable": { retryable: true, exit: 75 },
  "reply.refused": { retryable: false, exit: 76 },
  "target.unreachable": { retryable: true, exit: 75 },
  "target.throttled": { retryable: true, exit: 75 },
  "target.denied": { retryable: false, exit: 77 },
  "target.refused": { retryable: false, exit: 76 },
  "state.corrupt": { retryable: false, exit: 70 },
  "state.refused": { retryable: false, exit: 78 },
  "state.locked": { retryable: true, exit: 75 },
  "state.unavailable": { retryable: true, exit: 74 },
  internal: { retryable: false, exit: 70 },
};

export interface AgentErrorOptions {
  readonly cause?: unknown;
  /** What a person should look at or do next. */
  readonly hint?: string;
}

/**
 * A failure of the whole operation (bind refused, broker gone, configuration wrong). What is wrong with one entry is
 * a value, never this. Messages and hints carry no secret and no value of a person.
 */
export class AgentError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: AgentErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AgentError";
    this.code = code;
    this.hint = options.hint;
  }

  /** Whether the same request may succeed later with nothing changed. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  get exit(): number {
    return ERROR_CODES[this.code].exit;
  }
}
