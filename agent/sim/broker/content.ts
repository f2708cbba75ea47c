import {
  encodeBoolean,
  encodeDescribed,
  encodeInt,
  encodeList,
  encodeLong,
  encodeMap,
  encodeString,
  encodeSymbol,
  encodeTimestamp,
  encodeUbyte,
  encodeUint,
  NULL,
} from "./encode.ts";
import { findSection, SECTION, type Section, scanSections } from "./section.ts";
import { decodeValue, type EncodedEntry, encodedEntries, encodedItems } from "./value.ts";

/** A message as its sender made it. Properties, application properties and body are the sender's bytes. */
export interface MessageContent {
  readonly durable: boolean;
  readonly priority: number | undefined;
  /** What the sender asked for, in milliseconds. */
  readonly timeToLiveMs: number | undefined;
  /** The sender's annotations without those that the broker writes. */
  readonly annotations: readonly EncodedEntry[];
  readonly properties: Buffer;
  readonly applicationProperties: Buffer;
  /** Body sections and footer. */
  readonly body: Buffer;
  /** For comparison only: the encoded message id as text. */
  readonly messageId: string;
  readonly sessionId: string | undefined;
  readonly replyToSessionId: string | undefined;
  /** Milliseconds since 1970 (UTC). */
  readonly scheduledAt: number | undefined;
  /** Bytes that the message keeps in memory. */
  readonly size: number;
}

/** What the broker says of a message when it hands it out. Times are milliseconds since 1970 (UTC). */
export interface DeliveryFacts {
  readonly deliveryCount: number;
  readonly enqueuedAt: number;
  readonly sequenceNumber: number;
  readonly enqueuedSequenceNumber: number;
  readonly state: "active" | "deferred" | "scheduled";
  readonly timeToLiveMs: number | undefined;
  readonly lockedUntil?: number | undefined;
  readonly deadLetterSource?: string | undefined;
}

const ANNOTATION = {
  enqueuedTime: "x-opt-enqueued-time",
  sequenceNumber: "x-opt-sequence-number",
  enqueuedSequenceNumber: "x-opt-enqueue-sequence-number",
  lockedUntil: "x-opt-locked-until",
  messageState: "x-opt-message-state",
  scheduledEnqueueTime: "x-opt-scheduled-enqueue-time",
  deadLetterSource: "x-opt-deadletter-source",
  lockToken: "x-opt-lock-token",
} as const;

const OWN_ANNOTATIONS: ReadonlySet<string> = new Set(Object.values(ANNOTATION));
const STATE_CODE = { active: 0, deferred: 1, scheduled: 2 } as const;
const MAX_UINT = 0xffff_ffff;
const EMPTY = Buffer.alloc(0);

/** Positions in the properties list (part 3 section 3.2.4). */
const MESSAGE_ID = 0;
const GROUP_ID = 10;
const REPLY_TO_GROUP_ID = 12;

interface Header {
  readonly durable: boolean;
  readonly priority: number | undefined;
  readonly timeToLiveMs: number | undefined;
}

function readHeader(section: Section | undefined): Header {
  const value = section === undefined ? [] : decodeValue(section.bytes, section.valueOffset);
  const [durable, priority, ttl] = Array.isArray(value) ? value : [];
  return {
    durable: durable === true,
    priority: typeof priority === "number" ? priority : undefined,
    timeToLiveMs: typeof ttl === "number" ? ttl : undefined,
  };
}

function isNull(item: Buffer | undefined): boolean {
  return item === undefined || decodeValue(item) === null;
}

function textOf(item: Buffer | undefined): string | undefined {
  const value = item === undefined ? null : decodeValue(item);
  return typeof value === "string" ? value : undefined;
}

/** What the broker reads of the properties section, which stays as it is. */
interface PropertyFields {
  readonly bytes: Buffer;
  readonly messageId: Buffer;
  readonly sessionId: string | undefined;
  readonly replyToSessionId: string | undefined;
}

/**
 * A receiver cannot settle a message without an id, so the service gives one to a message that has none. All other
 * fields of the section stay the bytes they were.
 */
function readProperties(
  section: Section | undefined,
  createMessageId: () => string,
): PropertyFields {
  const items = section === undefined ? [] : encodedItems(section.bytes, section.valueOffset);
  const sessionId = textOf(items[GROUP_ID]);
  const replyToSessionId = textOf(items[REPLY_TO_GROUP_ID]);
  const given = items[MESSAGE_ID];
  if (section !== undefined && given !== undefined && !isNull(given)) {
    return { bytes: section.bytes, messageId: given, sessionId, replyToSessionId };
  }
  const messageId = encodeString(createMessageId());
  const bytes = encodeDescribed(
    SECTION.properties,
    encodeList([messageId, ...items.slice(MESSAGE_ID + 1)]),
  );
  return { bytes, messageId, sessionId, replyToSessionId };
}

function idText(encoded: Buffer): string {
  const value = decodeValue(encoded);
  return typeof value === "string" ? value : encoded.toString("latin1");
}

/**
 * Takes a sent message apart.
 * @param raw the bytes of one message; they are copied
 * @throws DecodeError
 */
export function parseContent(raw: Buffer, createMessageId: () => string): MessageContent {
  // A copy, since the bytes are a window into the socket's much larger read buffer.
  const sections = scanSections(Buffer.from(raw));
  const header = readHeader(findSection(sections, SECTION.header));
  const properties = readProperties(findSection(sections, SECTION.properties), createMessageId);
  const messageId = idText(properties.messageId);
  const annotationSection = findSection(sections, SECTION.messageAnnotations);
  const annotations =
    annotationSection === undefined
      ? []
      : encodedEntries(annotationSection.bytes, annotationSection.valueOffset);
  const scheduled = annotations.find((entry) => entry.key === ANNOTATION.scheduledEnqueueTime);
  const scheduledValue = scheduled === undefined ? undefined : decodeValue(scheduled.value);
  const body = sections.filter((section) => section.descriptor >= SECTION.data);
  return {
    ...header,
    annotations: annotations.filter((entry) => !OWN_ANNOTATIONS.has(entry.key)),
    properties: properties.bytes,
    applicationProperties: findSection(sections, SECTION.applicationProperties)?.bytes ?? EMPTY,
    body: Buffer.concat(body.map((section) => section.bytes)),
    messageId,
    sessionId: properties.sessionId,
    replyToSessionId: properties.replyToSessionId,
    scheduledAt: scheduledValue instanceof Date ? scheduledValue.getTime() : undefined,
    size: raw.length,
  };
}

/** The same message with these application properties set or replaced; the others keep their bytes and order. */
export function withApplicationProperties(
  content: MessageContent,
  changes: readonly EncodedEntry[],
): MessageContent {
  if (changes.length === 0) return content;
  const [section] = scanSections(content.applicationProperties);
  const merged = new Map<string, Buffer>();
  if (section !== undefined) {
    for (const { key, value } of encodedEntries(section.bytes, section.valueOffset)) {
      merged.set(key, value);
    }
  }
  for (const { key, value } of changes) merged.set(key, value);
  const items = [...merged].flatMap(([key, value]) => [encodeString(key), value]);
  const applicationProperties = encodeDescribed(SECTION.applicationProperties, encodeMap(items));
  const grown = applicationProperties.length - content.applicationProperties.length;
  return { ...content, applicationProperties, size: content.size + grown };
}

function encodeHeader(content: MessageContent, facts: DeliveryFacts): Buffer {
  const { timeToLiveMs } = facts;
  return encodeDescribed(
    SECTION.header,
    encodeList([
      encodeBoolean(content.durable),
      content.priority === undefined ? NULL : encodeUbyte(content.priority),
      timeToLiveMs === undefined ? NULL : encodeUint(Math.min(timeToLiveMs, MAX_UINT)),
      NULL,
      encodeUint(facts.deliveryCount),
    ]),
  );
}

function encodeAnnotations(content: MessageContent, facts: DeliveryFacts): Buffer {
  const items: Buffer[] = [];
  const add = (key: string, value: Buffer): void => {
    items.push(encodeSymbol(key), value);
  };
  for (const { key, value } of content.annotations) add(key, value);
  add(ANNOTATION.enqueuedTime, encodeTimestamp(facts.enqueuedAt));
  add(ANNOTATION.sequenceNumber, encodeLong(facts.sequenceNumber));
  add(ANNOTATION.enqueuedSequenceNumber, encodeLong(facts.enqueuedSequenceNumber));
  add(ANNOTATION.messageState, encodeInt(STATE_CODE[facts.state]));
  if (facts.lockedUntil !== undefined) {
    add(ANNOTATION.lockedUntil, encodeTimestamp(facts.lockedUntil));
  }
  if (content.scheduledAt !== undefined) {
    add(ANNOTATION.scheduledEnqueueTime, encodeTimestamp(content.scheduledAt));
  }
  if (facts.deadLetterSource !== undefined) {
    add(ANNOTATION.deadLetterSource, encodeString(facts.deadLetterSource));
  }
  return encodeDescribed(SECTION.messageAnnotations, encodeMap(items));
}

/** The message as a receiver gets it: header and message annotations are the broker's, the rest is the sender's. */
export function encodeDelivery(
  content: MessageContent,
  facts: DeliveryFacts,
  { omitBody = false }: { readonly omitBody?: boolean } = {},
): Buffer {
  return Buffer.concat([
    encodeHeader(content, facts),
    encodeAnnotations(content, facts),
    content.properties,
    content.applicationProperties,
    omitBody ? EMPTY : content.body,
  ]);
}
