import type { ServiceBusMessage } from "@azure/service-bus";
import type { PartHeader } from "../core/answer-assembly.ts";

export const CONTENT_TYPE = "application/scim+json";

/** The least time that a reply waits for its requester. */
const MIN_REPLY_LIFE_MS = 2 * 60 * 1000;

/** Service Bus refuses longer message ids, and a part's holds the name of its answer. */
const MAX_ANSWER_LENGTH = 128;

export interface PartMessageOptions {
  readonly requestId: string;
  readonly sessionId: string | undefined;
  /** Bytes as they are sent, compressed or not. */
  readonly body: Buffer;
  readonly gzip: boolean;
  /** Name and version, as `name/version`. */
  readonly agent: string;
  readonly configuration: string;
  /** Response headers, lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds until the requester gives up. */
  readonly restMs: number;
}

/** A part of an answer as a message (DESIGN section 4). */
export function toPartMessage(header: PartHeader, options: PartMessageOptions): ServiceBusMessage {
  const { requestId, sessionId, body, gzip } = options;
  return {
    messageId: `${requestId}:${header.answer}:${header.part}`,
    correlationId: requestId,
    subject: String(header.status),
    contentType: CONTENT_TYPE,
    timeToLive: Math.max(options.restMs, MIN_REPLY_LIFE_MS),
    ...(sessionId === undefined ? {} : { sessionId }),
    body,
    applicationProperties: {
      "http:response": "1.1",
      answer: header.answer,
      part: header.part,
      last: header.end !== undefined,
      ...header.end,
      ...(gzip ? { "content-encoding": "gzip" } : {}),
      agent: options.agent,
      configuration: options.configuration,
      ...options.headers,
    },
  };
}

/** What a received message says of itself as a part; undefined when it is none. */
export function parsePartHeader(message: {
  readonly subject?: string | undefined;
  readonly applicationProperties?: Readonly<Record<string, unknown>> | undefined;
}): PartHeader | undefined {
  const properties = message.applicationProperties ?? {};
  const { answer, part, last, parts, items, digest } = properties;
  const { subject } = message;
  if (properties["http:response"] !== "1.1" || !/^[1-5]\d\d$/.test(subject ?? "")) return undefined;
  const status = Number(subject);
  if (!isName(answer) || !isCount(part) || typeof last !== "boolean") return undefined;
  if (!last) return { answer, part, status };
  if (!isCount(parts) || !isCount(items) || typeof digest !== "string") return undefined;
  return { answer, part, status, end: { parts, items, digest } };
}

/** It is remembered: it has to be as short as the message id that it is part of. */
function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_ANSWER_LENGTH;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
