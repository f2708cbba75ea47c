import { ERROR_CODES, type ErrorCode } from "../core/error.ts";
import { markdownTable } from "./markdown-table.ts";

const MEANINGS: Readonly<Record<ErrorCode, string>> = {
  usage: "The command line is wrong. `--help` shows what it takes.",
  "input.invalid": "A file or value that a command was given is wrong.",
  "scope.missing":
    "The base, an organizational unit or a group of the scope is not in the directory.",
  "config.invalid":
    "The configuration is wrong or a secret is missing. Every wrong option is named.",
  "mapping.invalid": "A mapping file is wrong or missing.",
  "directory.unreachable": "No server of the directory answers, or the connection was cut.",
  "directory.busy": "The directory asks to come back later.",
  "directory.incomplete": "A read was cut before its end. Nothing was concluded from it.",
  "directory.denied": "The directory refused the account or its password, or what it may read.",
  "directory.refused": "The directory refused a request for another reason.",
  "bus.unreachable": "Service Bus does not answer.",
  "bus.busy": "Service Bus throttles, or a queue is full.",
  "bus.denied": "Service Bus refused the credential, or what it may do.",
  "bus.missing": "The namespace or a queue does not exist.",
  "reply.timeout": "No whole reply came in time. Perhaps no agent listens.",
  "reply.unavailable": "The agent replied that it cannot answer now (5xx).",
  "reply.refused": "The agent replied that it does not answer such a request (4xx).",
  "target.unreachable": "The target does not answer, or answers that it is down (502, 503, 504).",
  "target.throttled": "The target asks for fewer requests (429), for longer than was waited.",
  "target.denied": "The target refused the token, or what it may read.",
  "target.refused":
    "The target does not answer as a SCIM service provider does: a wrong URL, most likely.",
  "state.corrupt": "The state file is damaged. A backup, or a new file and a full cycle, helps.",
  "state.refused": "The state file is of a newer version, or of another program.",
  "state.locked": "Another process runs the job, or writes the state file.",
  "state.unavailable": "The state file cannot be read or written: a full disk, or its rights.",
  internal: "A mistake of the agent itself. Please report it.",
};

/** The error codes as a Markdown table. */
export function errorTable(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { exit, retryable }]) => {
    return [`\`${code}\``, String(exit), retryable ? "yes" : "no", meaningOf(code)];
  });
  return markdownTable(["Code", "Exit code", "Worth another try", "What it means"], rows);
}

function meaningOf(code: string): string {
  return Object.entries(MEANINGS).find(([known]) => known === code)?.[1] ?? "";
}
