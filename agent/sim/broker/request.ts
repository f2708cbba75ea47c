import {
  encodeDescribed,
  encodeInt,
  encodeList,
  encodeMap,
  encodeString,
  encodeSymbol,
  NULL,
} from "./encode.ts";
import { findSection, SECTION, scanSections, sectionMap } from "./section.ts";
import { type AmqpValue, DecodeError, decodeValue, encodedItems } from "./value.ts";

/** A request to `$cbs` or `$management`. */
export interface Request {
  /** Still encoded; goes back as the correlation id with its type. */
  readonly messageId: Buffer;
  readonly replyTo: string;
  readonly operation: string;
  /** Application properties, decoded. */
  readonly properties: ReadonlyMap<string, AmqpValue>;
  /** The value of the body, still encoded. */
  readonly body: Buffer;
}

export interface Response {
  readonly status: number;
  readonly description: string;
  readonly errorCondition?: string;
  /** Entries of the map in the body, keys and values in turn, encoded. */
  readonly body?: readonly Buffer[];
}

/** `$cbs` and `$management` spell the same properties differently, and the client reads either spelling only there. */
export interface ResponseNames {
  readonly status: string;
  readonly description: string;
}

export const CBS_NAMES: ResponseNames = {
  status: "status-code",
  description: "status-description",
};

export const MANAGEMENT_NAMES: ResponseNames = {
  status: "statusCode",
  description: "statusDescription",
};

const MESSAGE_ID = 0;
const REPLY_TO = 4;
const CORRELATION_ID_POSITION = 5;

/**
 * @throws DecodeError when it is no request: without message id or reply address, or with another kind of body
 */
export function parseRequest(message: Buffer): Request {
  const sections = scanSections(message);
  const propertySection = findSection(sections, SECTION.properties);
  const bodySection = findSection(sections, SECTION.amqpValue);
  if (propertySection === undefined || bodySection === undefined) {
    throw new DecodeError("expected properties and a value");
  }
  const items = encodedItems(propertySection.bytes, propertySection.valueOffset);
  const messageId = items[MESSAGE_ID];
  const replyToItem = items[REPLY_TO];
  const replyTo = replyToItem === undefined ? null : decodeValue(replyToItem);
  if (messageId === undefined || typeof replyTo !== "string") {
    throw new DecodeError("expected a message id and a reply address");
  }
  const properties = new Map<string, AmqpValue>();
  const encoded = sectionMap(findSection(sections, SECTION.applicationProperties));
  for (const [key, value] of encoded) properties.set(key, decodeValue(value));
  const operation = properties.get("operation");
  return {
    messageId,
    replyTo,
    operation: typeof operation === "string" ? operation : "",
    properties,
    body: bodySection.bytes.subarray(bodySection.valueOffset),
  };
}

/** The answer as a message. */
export function encodeResponse(request: Request, response: Response, names: ResponseNames): Buffer {
  const unset = new Array<Buffer>(CORRELATION_ID_POSITION).fill(NULL);
  const properties = [
    encodeString(names.status),
    encodeInt(response.status),
    encodeString(names.description),
    encodeString(response.description),
  ];
  if (response.errorCondition !== undefined) {
    properties.push(encodeString("errorCondition"), encodeSymbol(response.errorCondition));
  }
  return Buffer.concat([
    encodeDescribed(SECTION.properties, encodeList([...unset, request.messageId])),
    encodeDescribed(SECTION.applicationProperties, encodeMap(properties)),
    encodeDescribed(SECTION.amqpValue, encodeMap(response.body ?? [])),
  ]);
}
