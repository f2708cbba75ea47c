import { describe, expect, it } from "vitest";
import { covers, parseAddress } from "../../agent/sim/broker/address.ts";
import {
  encodeDelivery,
  parseContent,
  withApplicationProperties,
} from "../../agent/sim/broker/content.ts";
import {
  encodeArray,
  encodeBinary,
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
  encodeUuid,
  NULL,
} from "../../agent/sim/broker/encode.ts";
import {
  deliveryTag,
  lockTokenBytes,
  lockTokenOf,
  lockTokenOfTag,
} from "../../agent/sim/broker/lock-token.ts";
import { batchedMessages, SECTION, scanSections } from "../../agent/sim/broker/section.ts";
import { DecodeError, decodeValue, valueEnd } from "../../agent/sim/broker/value.ts";

const FACTS = {
  deliveryCount: 0,
  enqueuedAt: 0,
  sequenceNumber: 1,
  enqueuedSequenceNumber: 1,
  state: "active",
  timeToLiveMs: undefined,
} as const;

describe("values", () => {
  it.each([
    ["null", NULL, null],
    ["ubyte", encodeUbyte(200), 200],
    ["uint 0", encodeUint(0), 0],
    ["small uint", encodeUint(255), 255],
    ["uint", encodeUint(4_294_967_295), 4_294_967_295],
    ["int", encodeInt(-5), -5],
    ["long", encodeLong(2 ** 52), 2 ** 52],
    ["negative long", encodeLong(-2), -2],
    ["long beyond a number", Buffer.from("817fffffffffffffff", "hex"), 2n ** 63n - 1n],
    ["timestamp", encodeTimestamp(1_700_000_000_123), new Date(1_700_000_000_123)],
    ["string", encodeString("ä".repeat(200)), "ä".repeat(200)],
    ["symbol", encodeSymbol("a:b"), "a:b"],
    ["binary", encodeBinary(Buffer.alloc(300, 1)), Buffer.alloc(300, 1)],
    ["uuid", encodeUuid(Buffer.alloc(16, 9)), Buffer.alloc(16, 9)],
    ["empty list", encodeList([]), []],
    ["long list", encodeList(new Array(300).fill(encodeUint(1))), new Array(300).fill(1)],
    ["map", encodeMap([encodeString("k"), encodeInt(1)]), new Map([["k", 1]])],
    ["array", encodeArray(0x81, [encodeLong(1), encodeLong(2)]), [1, 2]],
    ["described", encodeDescribed(0x77, encodeString("x")), "x"],
  ])("%s is read as it was written", (_name, encoded, value) => {
    expect(decodeValue(encoded)).toEqual(value);
    expect(valueEnd(encoded, 0)).toBe(encoded.length);
  });

  it.each([
    ["nothing", ""],
    ["a cut string", "a105616263"],
    ["a list longer than its bytes", "c00501"],
    ["a count that cannot be", "d0000000040fffffff"],
    ["an unknown code", "10"],
    ["descriptors without end", "00".repeat(100)],
  ])("%s is refused", (_name, hex) => {
    expect(() => decodeValue(Buffer.from(hex, "hex"))).toThrow(DecodeError);
  });

  it("nesting without end is refused", () => {
    let value: Buffer = encodeList([NULL]);
    for (let level = 0; level < 50; level++) value = encodeList([value]);
    expect(() => decodeValue(value)).toThrow(DecodeError);
  });
});

describe("a message", () => {
  // An odd but legal message: wide encodings that no writer here would choose.
  const properties = Buffer.from("005373d00000000a00000002a1026d31a000", "hex");
  const applicationProperties = encodeDescribed(
    SECTION.applicationProperties,
    encodeMap([
      encodeString("int"),
      encodeInt(5),
      encodeString("decimal"),
      Buffer.from("840000000000000001", "hex"),
    ]),
  );
  const body = Buffer.concat([
    encodeDescribed(SECTION.data, encodeBinary(Buffer.from("one"))),
    encodeDescribed(SECTION.data, encodeBinary(Buffer.from("two"))),
    encodeDescribed(SECTION.footer, encodeMap([encodeSymbol("f"), encodeUint(1)])),
  ]);
  const raw = Buffer.concat([
    encodeDescribed(SECTION.header, encodeList([Buffer.from([0x41]), encodeUbyte(7)])),
    encodeDescribed(
      SECTION.messageAnnotations,
      encodeMap([
        encodeSymbol("x-mine"),
        encodeInt(1),
        encodeSymbol("x-opt-sequence-number"),
        encodeLong(99),
      ]),
    ),
    properties,
    applicationProperties,
    body,
  ]);

  it("keeps the sender's bytes of properties, application properties, body and footer", () => {
    const delivered = encodeDelivery(
      parseContent(raw, () => "unused"),
      FACTS,
    );
    const tail = Buffer.concat([properties, applicationProperties, body]);
    expect(delivered.subarray(delivered.length - tail.length).equals(tail)).toBe(true);
    const [header, annotations] = scanSections(delivered).map((section) =>
      decodeValue(section.bytes, section.valueOffset),
    );
    expect(header).toEqual([true, 7, null, null, 0]);
    expect(annotations).toEqual(
      new Map<string, unknown>([
        ["x-mine", 1],
        ["x-opt-enqueued-time", new Date(0)],
        ["x-opt-sequence-number", 1],
        ["x-opt-enqueue-sequence-number", 1],
        ["x-opt-message-state", 0],
      ]),
    );
  });

  it("without an id gets one, and its other properties stay", () => {
    const subject = encodeDescribed(
      SECTION.properties,
      encodeList([NULL, NULL, NULL, encodeString("POST")]),
    );
    const content = parseContent(Buffer.concat([subject, body]), () => "given");
    const [section] = scanSections(content.properties);
    expect(content.messageId).toBe("given");
    expect(decodeValue(content.properties, section?.valueOffset)).toEqual([
      "given",
      null,
      null,
      "POST",
    ]);
    expect(parseContent(body, () => "given").messageId).toBe("given");
  });

  it("changes only the application properties that are named", () => {
    const changed = withApplicationProperties(
      parseContent(raw, () => "unused"),
      [
        { key: "int", value: encodeString("text") },
        { key: "new", value: encodeInt(1) },
      ],
    );
    const [section] = scanSections(changed.applicationProperties);
    expect(decodeValue(changed.applicationProperties, section?.valueOffset)).toEqual(
      new Map<string, unknown>([
        ["int", "text"],
        ["decimal", Buffer.from("0000000000000001", "hex")],
        ["new", 1],
      ]),
    );
    expect(changed.properties.equals(properties)).toBe(true);
  });

  it("keeps no window into the buffer it came in", () => {
    const received = Buffer.from(raw);
    const content = parseContent(received, () => "unused");
    received.fill(0);
    expect(content.properties.equals(properties)).toBe(true);
  });

  it.each([
    ["text", Buffer.from("hello")],
    ["sections out of order", Buffer.concat([body, properties])],
    ["a cut section", raw.subarray(0, raw.length - 1)],
  ])("%s is refused", (_name, bytes) => {
    expect(() => parseContent(bytes, () => "unused")).toThrow(DecodeError);
  });

  it("comes out of a batch, whose envelope is not looked at", () => {
    const envelope = Buffer.concat([
      properties,
      encodeDescribed(SECTION.data, encodeBinary(raw)),
      encodeDescribed(SECTION.data, encodeBinary(body)),
    ]);
    expect(batchedMessages(envelope)).toEqual([raw, body]);
    expect(batchedMessages(properties)).toEqual([]);
  });
});

describe("a lock token", () => {
  const token = "00112233-4455-6677-8899-aabbccddeeff";

  it("travels as a tag in the order of a .NET Guid", () => {
    expect(deliveryTag(token).toString("hex")).toBe("33221100554477668899aabbccddeeff");
    expect(lockTokenOfTag(deliveryTag(token))).toBe(token);
  });

  it("travels elsewhere in RFC order", () => {
    expect(lockTokenOf(lockTokenBytes(token))).toBe(token);
  });
});

describe("an address", () => {
  it.each([
    ["Queue", { path: "queue", queue: "queue", deadLetter: false, management: false }],
    [
      "sb://host:5672/q/$Management",
      { path: "q/$management", queue: "q", deadLetter: false, management: true },
    ],
    [
      "/a/b/$DeadLetterQueue/$management",
      {
        path: "a/b/$deadletterqueue/$management",
        queue: "a/b",
        deadLetter: true,
        management: true,
      },
    ],
  ])("%s", (address, expected) => {
    expect(parseAddress(address)).toEqual(expected);
  });

  it("is covered by itself and by what is above it, not by what begins alike", () => {
    expect([covers("q", "q"), covers("q", "q/$management"), covers("", "q")]).toEqual([
      true,
      true,
      true,
    ]);
    expect([covers("q", "q2"), covers("q/$management", "q")]).toEqual([false, false]);
  });
});
