import { DecodeError, decodeValue, encodedEntries, valueEnd } from "./value.ts";

/** Section descriptors of AMQP 1.0 part 3 section 3.2. */
export const SECTION = {
  header: 0x70,
  deliveryAnnotations: 0x71,
  messageAnnotations: 0x72,
  properties: 0x73,
  applicationProperties: 0x74,
  data: 0x75,
  amqpSequence: 0x76,
  amqpValue: 0x77,
  footer: 0x78,
} as const;

const SYMBOLIC: ReadonlyMap<string, number> = new Map([
  ["amqp:header:list", SECTION.header],
  ["amqp:delivery-annotations:map", SECTION.deliveryAnnotations],
  ["amqp:message-annotations:map", SECTION.messageAnnotations],
  ["amqp:properties:list", SECTION.properties],
  ["amqp:application-properties:map", SECTION.applicationProperties],
  ["amqp:data:binary", SECTION.data],
  ["amqp:amqp-sequence:list", SECTION.amqpSequence],
  ["amqp:amqp-value:*", SECTION.amqpValue],
  ["amqp:footer:map", SECTION.footer],
]);

/** One section: its descriptor, its bytes as they came, and where in them the value behind the descriptor starts. */
export interface Section {
  readonly descriptor: number;
  readonly bytes: Buffer;
  readonly valueOffset: number;
}

function descriptorOf(value: unknown): number {
  if (typeof value === "number") return value;
  const descriptor = typeof value === "string" ? SYMBOLIC.get(value) : undefined;
  if (descriptor === undefined) throw new DecodeError("expected a section of a message");
  return descriptor;
}

/**
 * The sections of an encoded message, without copying them.
 * @throws DecodeError when the bytes are not one message from end to end
 */
export function scanSections(message: Buffer): Section[] {
  const sections: Section[] = [];
  let at = 0;
  let last: number = SECTION.header;
  while (at < message.length) {
    if (message[at] !== 0x00) throw new DecodeError("expected a section of a message");
    const valueOffset = valueEnd(message, at + 1);
    const descriptor = descriptorOf(decodeValue(message, at + 1));
    if (descriptor < last || descriptor > SECTION.footer) {
      throw new DecodeError("the sections of the message are out of order");
    }
    // rhea, and so the client library, writes the footer in front of the body.
    if (descriptor !== SECTION.footer) last = descriptor;
    const end = valueEnd(message, valueOffset);
    sections.push({
      descriptor,
      bytes: message.subarray(at, end),
      valueOffset: valueOffset - at,
    });
    at = end;
  }
  return sections;
}

/** The section with this descriptor, if the message has one. */
export function findSection(sections: readonly Section[], descriptor: number): Section | undefined {
  return sections.find((section) => section.descriptor === descriptor);
}

/**
 * The messages in a delivery of format 0x80013700: every data section of the envelope holds one. What else the
 * envelope has repeats the first message and is not looked at.
 * @throws DecodeError
 */
export function batchedMessages(envelope: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (const section of scanSections(envelope)) {
    if (section.descriptor !== SECTION.data) continue;
    const message = decodeValue(section.bytes, section.valueOffset);
    if (!Buffer.isBuffer(message)) throw new DecodeError("expected a binary in a data section");
    messages.push(message);
  }
  return messages;
}

/**
 * The entries of a section that is a map, decoded by key.
 * @throws DecodeError
 */
export function sectionMap(section: Section | undefined): Map<string, Buffer> {
  if (section === undefined) return new Map();
  const entries = encodedEntries(section.bytes, section.valueOffset);
  return new Map(entries.map((entry) => [entry.key, entry.value]));
}
