import { AgentError, type ErrorCode } from "../core/error.ts";

/** Codes of `ServiceBusError` (and of the AMQP layer below it) as kinds of failure. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  MessagingEntityNotFound: "bus.missing",
  MessagingEntityDisabled: "bus.missing",
  UnauthorizedAccess: "bus.denied",
  ServiceBusy: "bus.busy",
  SenderBusyError: "bus.busy",
  QuotaExceeded: "bus.busy",
  MessageSizeExceeded: "internal",
};

const HINTS: Partial<Readonly<Record<ErrorCode, string>>> = {
  "bus.missing":
    "create the queue (see config/README.md), or correct its name in the configuration",
  "bus.denied": "check the key or the role: Listen on the request queue, Send on the reply queues",
  "bus.unreachable":
    "check the namespace's name, DNS, and that port 5671 (443 with transport: webSocket) is open for outbound connections",
  "bus.busy": "the namespace is throttled or a queue is full",
};

/** What Node calls a certificate of an authority that it does not know. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]);
const UNTRUSTED_HINT =
  "an authority that this machine does not know has signed the certificate: name its PEM file in NODE_EXTRA_CA_CERTS in the environment of the agent's service, or in bus.ca with transport: webSocket";

/**
 * What the client threw, as an error of ours. After its own retries the client throws an AggregateError with neither
 * code nor message: the last of the errors inside is the one that counts.
 */
export function toBusError(error: unknown, message: string): AgentError {
  if (error instanceof AgentError) return error;
  const cause = lastError(error);
  const clientsCode = clientCode(cause) ?? "";
  const code = CODES[clientsCode] ?? "bus.unreachable";
  const hint = UNTRUSTED.has(clientsCode) ? UNTRUSTED_HINT : HINTS[code];
  return new AgentError(code, message, { cause, ...(hint === undefined ? {} : { hint }) });
}

function lastError(error: unknown): unknown {
  return error instanceof AggregateError ? lastError(error.errors.at(-1)) : error;
}

/** `code` of a ServiceBusError, or the name that the AMQP layer gives its errors. */
export function clientCode(error: unknown): string | undefined {
  const cause = lastError(error);
  if (!(cause instanceof Error)) return undefined;
  if ("code" in cause && typeof cause.code === "string" && cause.code !== "GeneralError")
    return cause.code;
  return cause.name;
}
