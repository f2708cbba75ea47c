import { BerReader, BerWriter } from "ldapts";
import { describe, expect, it } from "vitest";
import type { LdapFilter } from "../../agent/core/ldap-filter.ts";
import { AttributeNames } from "../../agent/directory/attribute-names.ts";
import { decodeEntry } from "../../agent/directory/entry-decoding.ts";
import { writeLdapFilter } from "../../agent/directory/filter-encoding.ts";
import { FrameCutter } from "../../agent/directory/frames.ts";
import { MAX_REQUEST_BYTES, search, simpleBind } from "../../agent/directory/requests.ts";
import { tlv } from "../support/ldap-script.ts";

function encoded(filter: LdapFilter): string {
  const writer = new BerWriter();
  writeLdapFilter(writer, filter);
  return writer.buffer.toString("hex");
}

const text = (value: string, tag = 4): Buffer => tlv(tag, Buffer.from(value));
const hex = (...parts: readonly Buffer[]): string => Buffer.concat(parts).toString("hex");

describe("a filter on the wire", () => {
  const cases: readonly (readonly [string, LdapFilter, Buffer])[] = [
    ["presence", { kind: "present", attribute: "objectClass" }, text("objectClass", 0x87)],
    [
      "equality with text that is not ASCII, as UTF-8",
      { kind: "equality", attribute: "cn", value: "René 王" },
      tlv(0xa3, text("cn"), tlv(4, Buffer.from("52656ec3a920e78e8b", "hex"))),
    ],
    [
      "characters that the string form escapes, as they are",
      { kind: "equality", attribute: "cn", value: "*()\\\u0000" },
      tlv(0xa3, text("cn"), tlv(4, Buffer.from("2a28295c00", "hex"))),
    ],
    [
      "equality with bytes, as they are",
      { kind: "equality", attribute: "objectGUID", value: Uint8Array.of(0, 0x80, 0xff, 0xc3) },
      tlv(0xa3, text("objectGUID"), tlv(4, Buffer.of(0, 0x80, 0xff, 0xc3))),
    ],
    [
      "order",
      {
        kind: "and",
        filters: [
          { kind: "greaterOrEqual", attribute: "uSNChanged", value: "7" },
          { kind: "lessOrEqual", attribute: "uSNChanged", value: "9" },
        ],
      },
      tlv(0xa0, tlv(0xa5, text("uSNChanged"), text("7")), tlv(0xa6, text("uSNChanged"), text("9"))),
    ],
    [
      "not and or",
      {
        kind: "not",
        filter: { kind: "or", filters: [{ kind: "present", attribute: "2.5.4.3;lang-de" }] },
      },
      tlv(0xa2, tlv(0xa1, text("2.5.4.3;lang-de", 0x87))),
    ],
    [
      "substrings with every part",
      { kind: "substrings", attribute: "cn", initial: "É", any: ["x", "", "y"], final: "z" },
      tlv(
        0xa4,
        text("cn"),
        tlv(0x30, text("É", 0x80), text("x", 0x81), text("y", 0x81), text("z", 0x82)),
      ),
    ],
    [
      "substrings with a last part only",
      { kind: "substrings", attribute: "mail", final: "@example.com" },
      tlv(0xa4, text("mail"), tlv(0x30, text("@example.com", 0x82))),
    ],
    [
      "substrings without a part, as presence",
      { kind: "substrings", attribute: "cn", any: [""] },
      text("cn", 0x87),
    ],
  ];
  for (const [what, filter, bytes] of cases) {
    it(`is ${what}`, () => {
      expect(encoded(filter)).toBe(bytes.toString("hex"));
    });
  }

  it("nests up to 64 levels", () => {
    let filter: LdapFilter = { kind: "present", attribute: "cn" };
    for (let level = 1; level < 64; level++) filter = { kind: "not", filter };
    const deepest = filter;
    expect(() => encoded(deepest)).not.toThrow();
    expect(() => encoded({ kind: "not", filter: deepest })).toThrow(
      expect.objectContaining({
        code: "directory.refused",
        message: "filter nests deeper than 64",
      }),
    );
  });

  it("names no attribute that cannot be one", () => {
    for (const attribute of ["", "cn)(x", "a b", "1", "cn;", "cn=*", "é"]) {
      expect(() => encoded({ kind: "present", attribute })).toThrow(
        expect.objectContaining({
          code: "directory.refused",
          message: `"${attribute}" in a filter is not an attribute`,
        }),
      );
    }
  });
});

describe("a request on the wire", () => {
  it("is a bind with name and password", () => {
    expect(simpleBind("cn=é", "pässword")(7).toString("hex")).toBe(
      hex(
        tlv(
          0x30,
          Buffer.of(2, 1, 7),
          tlv(0x60, Buffer.of(2, 1, 3), text("cn=é"), text("pässword", 0x80)),
        ),
      ),
    );
  });

  it("of any size up to the limit is what was asked", () => {
    // The lengths around 64 KB and 128 KB are those at which BerWriter alone loses a byte.
    for (const size of [10, 250, 65_400, 65_535, 130_900, 131_072, 1_000_000]) {
      for (let more = 0; more < 90; more++) {
        const value = "v".repeat(size + more);
        const bytes = search({
          baseDn: "dc=x",
          searchScope: "sub",
          ldapFilter: { kind: "equality", attribute: "cn", value },
          attributes: ["cn"],
        })(1);
        const frames: number[] = [];
        new FrameCutter(MAX_REQUEST_BYTES).push(bytes, (_, start, end) => {
          frames.push(end - start);
        });
        expect(frames).toEqual([bytes.length]);
        const reader = new BerReader(bytes);
        reader.readSequence();
        reader.readInt();
        reader.readSequence(0x63);
        reader.readString();
        for (const tag of [10, 10, 2, 2]) reader.readTag(tag);
        reader.readBoolean();
        reader.readSequence(0xa3);
        expect([reader.readString(), reader.readString() === value]).toEqual(["cn", true]);
        reader.readSequence();
        expect([reader.readString(), reader.remain]).toEqual(["cn", 0]);
        if (size === 1_000_000) break;
      }
    }
  });

  it("above the limit is refused", () => {
    for (const size of [MAX_REQUEST_BYTES, 20 << 20]) {
      const request = search({
        baseDn: "dc=x",
        searchScope: "sub",
        ldapFilter: { kind: "equality", attribute: "cn", value: "v".repeat(size) },
        attributes: [],
      });
      expect(() => request(1)).toThrow(
        expect.objectContaining({
          code: "directory.refused",
          message: "request is above 2097152 bytes",
        }),
      );
    }
  });
});

describe("messages in a stream", () => {
  const messages = [tlv(0x30, Buffer.alloc(3, 1)), tlv(0x30, Buffer.alloc(70_000, 2)), tlv(0x30)];
  const stream = Buffer.concat(messages);

  for (const size of [1, 2, 3, 7, 100, 65_536, stream.length]) {
    it(`are cut out of chunks of ${size} bytes`, () => {
      const cutter = new FrameCutter(70_000);
      const found: string[] = [];
      for (let at = 0; at < stream.length; at += size) {
        cutter.push(stream.subarray(at, at + size), (buffer, start, end) => {
          found.push(buffer.toString("hex", start, end));
        });
      }
      expect(found).toEqual(messages.map((message) => message.toString("hex")));
      expect(cutter.partial).toBe(false);
    });
  }

  it("above the limit are refused before they have come", () => {
    const cutter = new FrameCutter(69_999);
    const header = messages[1]?.subarray(0, 6) ?? Buffer.alloc(0);
    expect(() => cutter.push(header, () => {})).toThrow("above the limit of 69999");
  });
});

describe("an entry", () => {
  it("keeps no view of the bytes that it came in", () => {
    const bytes = Buffer.concat([
      text("cn=x"),
      tlv(0x30, tlv(0x30, text("jpegPhoto"), tlv(0x31, tlv(4, Buffer.of(1, 2, 3))))),
    ]);
    const names = new AttributeNames(["JPEGphoto"]);
    const entry = decodeEntry(new BerReader(bytes), bytes.length, names);
    bytes.fill(0);
    expect(entry).toEqual({
      dn: "cn=x",
      attributes: new Map([["jpegphoto", [Buffer.of(1, 2, 3)]]]),
      openRanges: [],
    });
  });
});

describe("attribute names", () => {
  it("are told apart by every byte, and their options are understood", () => {
    const names = new AttributeNames(["userCertificate"]);
    const look = (name: string) => {
      const bytes = Buffer.from(`<${name}>`);
      const { name: plain, binary, range } = names.lookup(bytes, 1, bytes.length - 1);
      return { plain, binary, range };
    };
    for (let round = 0; round < 2; round++) {
      expect(look("MAIL")).toEqual({ plain: "mail", binary: false, range: undefined });
      expect(look("mail")).toEqual({ plain: "mail", binary: false, range: undefined });
      expect(look("mial")).toEqual({ plain: "mial", binary: false, range: undefined });
      expect(look("userCertificate").binary).toBe(true);
      expect(look("x;binary")).toEqual({ plain: "x", binary: true, range: undefined });
      expect(look("cn;lang-JA;binary").plain).toBe("cn;lang-ja");
      expect(look("member;range=1500-2999").range).toEqual({ low: 1500, high: 2999 });
      expect(look("member;range=1500-*").range).toEqual({ low: 1500, high: undefined });
    }
  });

  it("may be invented without end", () => {
    const names = new AttributeNames([]);
    for (let at = 0; at < 20_000; at++) {
      const bytes = Buffer.from(`x${at}`);
      expect(names.lookup(bytes, 0, bytes.length).name).toBe(`x${at}`);
    }
  });
});
