import { AgentError } from "../core/error.ts";

/** What Node says of a certificate that it does not trust. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ALTNAME/;

export interface FailureContext {
  /** Host and port. */
  readonly host: string;
  readonly requestId: string;
}

export function isUntrusted(cause: unknown): boolean {
  const code = codeOf(cause);
  return code !== undefined && UNTRUSTED.test(code);
}

/** No answer came, or none but that the target is down. */
export function unreachable(
  { host, requestId }: FailureContext,
  { because, cause }: { readonly because: string; readonly cause: unknown },
): AgentError {
  const code = codeOf(cause);
  const reason = code === undefined ? because : `${because} (${code})`;
  return new AgentError("target.unreachable", `${host}: ${reason}, request ${requestId}`, {
    cause,
    hint: isUntrusted(cause)
      ? "the certificate of the target is not trusted: check the host's name and the option for its authority"
      : "check the URL of the target, DNS, and that outbound connections to it are open",
  });
}

export function throttled(
  { host, requestId }: FailureContext,
  afterMs: number | undefined,
): AgentError {
  const asked = afterMs === undefined ? "" : `, which asks for ${Math.ceil(afterMs / 1000)} s`;
  return new AgentError("target.throttled", `${host} answers 429, request ${requestId}`, {
    hint: `fewer requests at a time, or a higher limit at the target${asked}`,
  });
}

export function denied({ host, requestId }: FailureContext, status: number): AgentError {
  return new AgentError("target.denied", `${host} answers ${status}, request ${requestId}`, {
    hint: "check the token of the target, when it expires and what it allows",
  });
}

export function refused({ host, requestId }: FailureContext, what: string): AgentError {
  return new AgentError("target.refused", `${host} ${what}, request ${requestId}`, {
    hint: "check the URL of the target: it ends before /Users and /Groups",
  });
}

/** Only where it leads: paths and queries may hold what is nobody's business. */
export function redirected(
  context: FailureContext,
  {
    status,
    location,
    origin,
  }: {
    readonly status: number;
    readonly location: string | undefined;
    readonly origin: string;
  },
): AgentError {
  const to = URL.canParse(location ?? "", origin)
    ? new URL(location ?? "", origin).origin
    : "nowhere";
  return refused(context, `answers ${status}, a redirect to ${to}, and redirects are not followed`);
}

function codeOf(cause: unknown): string | undefined {
  const code = (cause as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
