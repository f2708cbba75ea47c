import { AgentError, type ErrorCode } from "./error.ts";
import type { Answer } from "./exchange.ts";
import { ScimError } from "./scim/error.ts";

/** Seconds after which a requester may ask again when the directory did not answer. */
const RETRY_AFTER_S = 30;

/**
 * The answer to a request that failed: a SCIM error document (RFC 7644 section 3.12). What a retry may mend is 503
 * with `retry-after`. The detail never holds values of entries.
 */
export function errorAnswer(error: unknown): Answer & { readonly kind: "document" } {
  if (error instanceof ScimError) {
    const { status, headers } = error;
    const answer = { kind: "document", status, body: error.toBody() } as const;
    return headers === undefined ? answer : { ...answer, headers };
  }
  if (error instanceof AgentError) return agentErrorAnswer(error);
  const internal = new ScimError(500, "internal error; the agent's log has the details");
  return { kind: "document", status: 500, body: internal.toBody() };
}

const DETAILS: Partial<Readonly<Record<ErrorCode, string>>> = {
  "directory.unreachable": "the directory did not answer",
  "directory.busy": "the directory is busy",
  "directory.incomplete": "the directory did not let the read be finished",
  "directory.denied": "the directory refused the agent's account",
  "scope.missing":
    "an organizational unit or group of the scope is not in the directory; the agent's log names it",
};

function agentErrorAnswer(error: AgentError): Answer & { readonly kind: "document" } {
  const status = error.retryable ? 503 : 500;
  const body = new ScimError(
    status,
    `${error.code}: ${DETAILS[error.code] ?? error.message}`,
  ).toBody();
  if (!error.retryable) return { kind: "document", status, body };
  return { kind: "document", status, body, headers: { "retry-after": String(RETRY_AFTER_S) } };
}
