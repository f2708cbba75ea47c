import type { ScimResource } from "../core/scim/resource.ts";
import type { TargetGone, TargetRefusal } from "../ports.ts";
import type { ScimReply } from "./request-sender.ts";
import { parseResource } from "./scim-answer.ts";

/** Answers by which a resource is not there. */
const GONE: ReadonlySet<number> = new Set([404, 410]);
/** Refusals that may pass, besides those of 5xx. */
const RETRYABLE: ReadonlySet<number> = new Set([408, 423, 425]);
const NOT_IMPLEMENTED = 501;

export function isSuccess(reply: ScimReply): boolean {
  return (
    reply.kind === "answered" &&
    reply.status >= 200 &&
    reply.status < 300 &&
    reply.error === undefined
  );
}

export function isGone(reply: ScimReply): boolean {
  return reply.kind === "answered" && GONE.has(reply.status);
}

export function toGone({ requestId }: ScimReply): TargetGone {
  return { kind: "gone", requestId };
}

/** What a request came to that was not done. */
export function toRefusal(reply: ScimReply): TargetRefusal {
  const { requestId } = reply;
  if (reply.kind === "unanswered") {
    const detail = {
      cut: "the connection was cut, time and again",
      "timed out": "no answer in time, time and again",
      "too large": "the answer is too large to be read",
    }[reply.because];
    const retryable = reply.because !== "too large";
    return {
      kind: "refused",
      status: undefined,
      scimType: undefined,
      detail,
      retryable,
      requestId,
    };
  }
  const { status, error } = reply;
  return {
    kind: "refused",
    status,
    scimType: error?.scimType,
    detail: error?.detail ?? `status ${status}`,
    retryable: RETRYABLE.has(status) || (status >= 500 && status !== NOT_IMPLEMENTED),
    requestId,
  };
}

/** An answer that says success and is not what it should be. Perhaps it will be next time. */
export function toMalformed(reply: ScimReply, detail: string): TargetRefusal {
  return { ...toRefusal(reply), detail, retryable: true };
}

/** The resource of an answer that may have one. */
export function resourceOf(reply: ScimReply): ScimResource | undefined {
  return reply.kind === "answered" ? parseResource(reply.body) : undefined;
}
