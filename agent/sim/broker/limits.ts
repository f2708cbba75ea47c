import type { MessageContent } from "./content.ts";
import { invalidArgument, type Refusal } from "./refusal.ts";
import { SECTION, scanSections } from "./section.ts";
import { decodeValue, encodedEntries } from "./value.ts";

/** Message, session, reply-to session and partition ids are at most this long (Service Bus quotas). */
const MAX_ID_CHARACTERS = 128;
/** All properties of a message together, and each of them (Service Bus quotas). */
const MAX_PROPERTIES_BYTES = 64 * 1024;
const MAX_PROPERTY_BYTES = 32 * 1024;

const PARTITION_KEY = "x-opt-partition-key";

/** Why the service would not take this message, whatever queue it is for. */
export function limitRefusal(content: MessageContent): Refusal | undefined {
  const partitionKey = partitionKeyOf(content);
  const ids = {
    MessageId: content.messageId,
    SessionId: content.sessionId,
    ReplyToSessionId: content.replyToSessionId,
    PartitionKey: partitionKey,
  };
  for (const [name, id] of Object.entries(ids)) {
    if ((id?.length ?? 0) <= MAX_ID_CHARACTERS) continue;
    return invalidArgument(`The ${name} is longer than ${MAX_ID_CHARACTERS} characters.`);
  }
  const { sessionId } = content;
  if (partitionKey !== undefined && sessionId !== undefined && partitionKey !== sessionId) {
    return invalidArgument("The PartitionKey and the SessionId of a message must be the same.");
  }
  return propertiesRefusal(content);
}

function partitionKeyOf({ annotations }: MessageContent): string | undefined {
  const entry = annotations.find(({ key }) => key === PARTITION_KEY);
  const value = entry === undefined ? undefined : decodeValue(entry.value);
  return typeof value === "string" ? value : undefined;
}

function propertiesRefusal(content: MessageContent): Refusal | undefined {
  const { annotations, properties, applicationProperties } = content;
  const annotated = annotations.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  const total = annotated + properties.length + applicationProperties.length;
  if (total > MAX_PROPERTIES_BYTES) {
    return invalidArgument(
      `The properties of the message have ${total} bytes, the limit is ${MAX_PROPERTIES_BYTES}.`,
    );
  }
  // Looked into only when one of them can be too large at all.
  if (applicationProperties.length <= MAX_PROPERTY_BYTES) return undefined;
  const [section] = scanSections(applicationProperties);
  if (section?.descriptor !== SECTION.applicationProperties) return undefined;
  for (const { key, value } of encodedEntries(section.bytes, section.valueOffset)) {
    if (value.length <= MAX_PROPERTY_BYTES) continue;
    return invalidArgument(
      `The property '${key}' has ${value.length} bytes, the limit is ${MAX_PROPERTY_BYTES}.`,
    );
  }
  return undefined;
}
