import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import type { ScimRequest } from "../core/exchange.ts";
import { isObject } from "../core/scim/resource.ts";
import type { DeadLetterReason } from "./dead-letter.ts";

/** Where the parts of an answer go. */
export interface ReplyAddress {
  readonly queue: string;
  /** The requester's session; undefined for a plain reply queue. */
  readonly sessionId: string | undefined;
}

export interface RequestEnvelope {
  readonly request: ScimRequest;
  readonly replyTo: ReplyAddress;
  /** Milliseconds since 1970 when the requester gives up; undefined when it did not say. */
  readonly expiresAt: number | undefined;
  readonly acceptsGzip: boolean;
  /** `prefer: stream`: as many parts as it takes. */
  readonly stream: boolean;
}

export interface Refusal {
  readonly reason: DeadLetterReason;
  /** For the person who looks at the dead-letter queue. */
  readonly description: string;
}

/** Service Bus refuses longer session ids. */
const MAX_SESSION_ID_LENGTH = 128;
/** Service Bus refuses message ids above 128 characters, and a part's adds a GUID, two colons and the part's number. */
const MAX_MESSAGE_ID_LENGTH = 80;
/** A request is small: a filter of 16 KiB and lists of attributes. */
const MAX_BODY_BYTES = 256 * 1024;

/**
 * Reads a request from a message (DESIGN section 4; OASIS "HTTP over AMQP 1.0" WD06, projected mode).
 * @returns the refusal when the message is none that can be answered
 */
export function parseRequest(
  message: ServiceBusReceivedMessage,
  { replyQueues }: { readonly replyQueues: readonly string[] },
): { readonly envelope: RequestEnvelope } | { readonly refusal: Refusal } {
  const replyTo = parseReplyAddress(message, replyQueues);
  if ("reason" in replyTo) return { refusal: replyTo };
  const { messageId, subject, to } = message;
  if (
    typeof messageId !== "string" ||
    messageId === "" ||
    messageId.length > MAX_MESSAGE_ID_LENGTH
  ) {
    return refuse(
      "RequestIncomplete",
      `The message has no messageId of at most ${MAX_MESSAGE_ID_LENGTH} characters, such as a GUID; replies could not name it.`,
    );
  }
  if ((replyTo.sessionId?.length ?? 0) > MAX_SESSION_ID_LENGTH) {
    return refuse(
      "RequestIncomplete",
      `The message's replyToSessionId has more than ${MAX_SESSION_ID_LENGTH} characters; no queue takes a reply with it.`,
    );
  }
  if (typeof subject !== "string" || !/^[A-Za-z]{1,16}$/.test(subject)) {
    return refuse(
      "RequestIncomplete",
      "The message's subject is not an HTTP method, such as GET or POST.",
    );
  }
  if (typeof to !== "string" || !to.startsWith("/") || to.length > 2048) {
    return refuse(
      "RequestIncomplete",
      "The message's `to` is not a request path, such as /Users/.search.",
    );
  }
  const headers = parseHeaders(message.applicationProperties ?? {});
  if (headers.get("http:request") !== "1.1") {
    return refuse(
      "RequestIncomplete",
      'The application property http:request is not "1.1"; the agent speaks HTTP over AMQP 1.0, projected mode.',
    );
  }
  const body = parseBody(message.body);
  if ("reason" in body) return { refusal: body };
  const request: ScimRequest = {
    method: subject.toUpperCase(),
    path: to,
    headers,
    body: body.value,
    requestId: messageId,
    correlationId: typeof message.correlationId === "string" ? message.correlationId : messageId,
  };
  return {
    envelope: {
      request,
      replyTo,
      expiresAt: message.expiresAtUtc?.getTime(),
      acceptsGzip: lists(headers.get("accept-encoding"), "gzip"),
      stream: lists(headers.get("prefer"), "stream"),
    },
  };
}

function refuse(reason: DeadLetterReason, description: string): { readonly refusal: Refusal } {
  return { refusal: { reason, description } };
}

function parseReplyAddress(
  message: ServiceBusReceivedMessage,
  replyQueues: readonly string[],
): ReplyAddress | Refusal {
  const { replyTo, replyToSessionId } = message;
  if (replyTo === undefined || replyTo === "") {
    return {
      reason: "ReplyToMissing",
      description: `The message has no replyTo, so there is nowhere to answer. Set replyTo to one of: ${replyQueues.join(", ")}.`,
    };
  }
  const queue = replyQueues.find((allowed) => allowed.toLowerCase() === replyTo.toLowerCase());
  if (queue === undefined) {
    return {
      reason: "ReplyToForbidden",
      description: `This agent does not reply to "${replyTo.slice(0, 260)}". It may use: ${replyQueues.join(", ")} (bus.replyQueues in its configuration).`,
    };
  }
  return { queue, sessionId: replyToSessionId === "" ? undefined : replyToSessionId };
}

function parseHeaders(properties: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "string") headers.set(name.toLowerCase(), value);
  }
  return headers;
}

/** The body is bytes (an AMQP data section); other clients may send it as text or as a value that is parsed already. */
function parseBody(body: unknown): { readonly value: unknown } | Refusal {
  if (body === undefined || body === null) return { value: undefined };
  if (isObject(body) && !(body instanceof Uint8Array)) return { value: body };
  const bytes = typeof body === "string" ? Buffer.from(body, "utf8") : body;
  if (!(bytes instanceof Uint8Array)) return notJson("The body is neither bytes nor text.");
  if (bytes.length === 0) return { value: undefined };
  if (bytes.length > MAX_BODY_BYTES)
    return notJson(`The body has more than ${MAX_BODY_BYTES} bytes.`);
  try {
    return { value: JSON.parse(Buffer.from(bytes).toString("utf8")) };
  } catch (error) {
    // The engine's message quotes the body, which may hold values of people.
    const where = /position \d+/.exec(String(error))?.[0];
    return notJson(`The body is not JSON${where === undefined ? "" : ` (${where})`}.`);
  }
}

function notJson(problem: string): Refusal {
  return {
    reason: "RequestNotJson",
    description: `${problem} Send a SCIM message as application/scim+json.`,
  };
}

/** Whether a header that is a list of tokens with parameters has this token. */
function lists(header: string | undefined, token: string): boolean {
  const tokens = (header ?? "").split(",").map((part) => part.split(";")[0]?.trim().toLowerCase());
  return tokens.includes(token);
}
