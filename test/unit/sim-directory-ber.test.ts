import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BerSink } from "../../agent/sim/directory/ber-sink.ts";
import { BerError, BerSource, SEQUENCE } from "../../agent/sim/directory/ber-source.ts";
import { MAX_FILTER_DEPTH } from "../../agent/sim/directory/filter.ts";
import { FrameReader, MAX_MESSAGE_BYTES } from "../../agent/sim/directory/frame.ts";
import { decodeRequest } from "../../agent/sim/directory/request.ts";

const SEED = 11;

describe("BER", () => {
  it.each([
    [0, "020100"],
    [127, "02017f"],
    [128, "02020080"],
    [256, "02020100"],
    [-1, "0201ff"],
    [-128, "020180"],
    [-129, "0202ff7f"],
    [2 ** 31 - 1, "02047fffffff"],
    [-(2 ** 31), "020480000000"],
  ])("writes %i in the fewest octets and reads it back", (value, hex) => {
    const sink = new BerSink();
    sink.integer(value);
    const octets = sink.take();
    expect([octets.toString("hex"), new BerSource(octets).integer()]).toEqual([hex, value]);
  });

  it.each([0, 127, 128, 255, 256, 65_535, 65_536, 200_000])("wraps %i octets", (length) => {
    const sink = new BerSink();
    sink.octets(Buffer.alloc(length, 7));
    sink.octets("first");
    sink.wrap(SEQUENCE, 0);
    const inside = new BerSource(sink.take()).inside(SEQUENCE);
    expect([inside.text(), inside.octets(4).equals(Buffer.alloc(length, 7)), inside.done]).toEqual([
      "first",
      true,
      true,
    ]);
  });

  it("reads back any text", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), (texts) => {
        const sink = new BerSink();
        for (const text of [...texts].reverse()) sink.octets(text);
        const source = new BerSource(sink.take());
        const read = texts.map(() => source.text());
        expect([read, source.done]).toEqual([texts, true]);
      }),
      { seed: SEED },
    );
  });

  it.each([
    ["a length of no end", "0480", "indefinite length"],
    ["a length of five octets", "0485000000000100", "length of more than four octets"],
    // What reads a length as a signed number walks backwards here, for ever.
    [
      "a length with the highest bit set",
      "0484fffffffa00000000",
      "element is longer than its parent",
    ],
    ["an element that is cut", "0403aabb", "element is longer than its parent"],
    ["a header that is cut", "04", "element is cut"],
    ["another element", "020100", "expected tag 0x4, found 0x2"],
  ])("refuses %s", (_, hex, message) => {
    expect(() => new BerSource(Buffer.from(hex, "hex")).octets(4)).toThrow(new BerError(message));
  });

  it("refuses text that is not UTF-8", () => {
    expect(() => new BerSource(Buffer.from("0402c328", "hex")).text()).toThrow(BerError);
  });
});

describe("requests", () => {
  it("come out of random octets as requests or as BER errors, never otherwise", () => {
    const request = Buffer.from(
      "3025020102632004000a01020a0100020100020100010100870b6f626a656374436c6173733000",
      "hex",
    );
    const broken = fc.tuple(fc.nat(request.length - 1), fc.nat(255)).map(([at, octet]) => {
      const copy = Buffer.from(request);
      copy[at] = octet;
      return copy;
    });
    let decoded = 0;
    fc.assert(
      fc.property(fc.oneof(broken, fc.uint8Array().map(Buffer.from)), (octets) => {
        try {
          decodeRequest(octets);
          decoded += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(BerError);
        }
      }),
      { seed: SEED, numRuns: 3000 },
    );
    expect(decoded).toBeGreaterThan(100);
  });

  it("refuse a filter that would exhaust the stack", () => {
    const nested = (depth: number): Buffer => {
      const sink = new BerSink();
      sink.octets("cn", 0x87);
      for (let i = 0; i < depth; i += 1) sink.wrap(0xa2, 0);
      const filter = sink.take();
      const head = Buffer.from("04000a01020a0100020100020100010100", "hex");
      const body = Buffer.concat([head, filter, Buffer.from("3000", "hex")]);
      const operation = wrapped(0x63, body);
      return wrapped(SEQUENCE, Buffer.concat([Buffer.from("020101", "hex"), operation]));
    };
    expect(decodeRequest(nested(MAX_FILTER_DEPTH)).operation.kind).toBe("search");
    expect(() => decodeRequest(nested(MAX_FILTER_DEPTH + 1))).toThrow(BerError);
    expect(() => decodeRequest(nested(100_000))).toThrow(BerError);
  });
});

function wrapped(tag: number, content: Buffer): Buffer {
  const sink = new BerSink();
  sink.octets(content, tag);
  return sink.take();
}

describe("frames", () => {
  it("are the same however the octets are cut", () => {
    const messages = [
      wrapped(SEQUENCE, Buffer.alloc(0)),
      wrapped(SEQUENCE, Buffer.alloc(300, 1)),
      wrapped(SEQUENCE, Buffer.alloc(3, 2)),
    ];
    const stream = Buffer.concat(messages);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 20 }), (cuts) => {
        const reader = new FrameReader();
        const edges = [0, ...[...cuts].sort((a, b) => a - b), stream.length];
        const frames = edges.flatMap((edge, i) =>
          i === 0 ? [] : reader.push(stream.subarray(edges[i - 1], edge)),
        );
        expect(frames.map((frame) => frame.toString("hex"))).toEqual(
          messages.map((message) => message.toString("hex")),
        );
      }),
      { seed: SEED },
    );
  });

  it("are refused above the limit before they have come", () => {
    const header = (length: number): Buffer => {
      const octets = Buffer.from("308400000000", "hex");
      octets.writeUInt32BE(length, 2);
      return octets;
    };
    expect(new FrameReader().push(header(MAX_MESSAGE_BYTES - 6))).toEqual([]);
    expect(() => new FrameReader().push(header(MAX_MESSAGE_BYTES - 5))).toThrow(
      new BerError("message too large"),
    );
  });
});
