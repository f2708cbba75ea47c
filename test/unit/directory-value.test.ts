import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAccountControl } from "../../agent/core/directory-value/account-control.ts";
import { readAccountState } from "../../agent/core/directory-value/account-state.ts";
import {
  LANGUAGE_TAGGED,
  parseAttributeDescription,
} from "../../agent/core/directory-value/attribute-description.ts";
import { readCountry } from "../../agent/core/directory-value/country.ts";
import { parseFileTime } from "../../agent/core/directory-value/file-time.ts";
import {
  parseGeneralizedTime,
  printGeneralizedTime,
} from "../../agent/core/directory-value/generalized-time.ts";
import {
  parseGuid,
  parseUuid,
  parseUuidBytes,
  printGuid,
  printUuid,
} from "../../agent/core/directory-value/guid.ts";
import { octetsOf, printBase64 } from "../../agent/core/directory-value/octets.ts";
import { printPhoto } from "../../agent/core/directory-value/photo.ts";
import { readProxyAddresses } from "../../agent/core/directory-value/proxy-addresses.ts";
import { parseSid, printSid } from "../../agent/core/directory-value/sid.ts";

const NEVER = "9223372036854775807";
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });
const anyBytes = fc.uint8Array({ maxLength: 80 });
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.stringMatching(/^[-0-9S.,ZTx:+]{0,30}$/),
);

describe("a GUID", () => {
  const stored = bytes("33221100554477668899aabbccddeeff");
  const plain = bytes("00112233445566778899aabbccddeeff");
  const text = "00112233-4455-6677-8899-aabbccddeeff";

  it("has the first three groups turned around where Active Directory stores it, and not on the wire of RFC 4533", () => {
    expect([printGuid(stored), printUuid(plain)]).toEqual([text, text]);
    expect([parseGuid(text), parseUuidBytes(text)]).toEqual([stored, plain]);
  });

  it("comes back from text, in both orders", () => {
    fc.assert(
      fc.property(sixteen, (value) => {
        expect(parseGuid(printGuid(value) ?? "")).toEqual(value);
        expect(parseUuidBytes(printUuid(value) ?? "")).toEqual(value);
        expect(parseGuid((printGuid(value) ?? "").toUpperCase())).toEqual(value);
        expect(parseUuid(printGuid(value) ?? "")).toBe(printGuid(value));
      }),
    );
  });

  it("is nothing else, whatever comes", () => {
    fc.assert(
      fc.property(anyBytes, anyText, (value, other) => {
        expect(printGuid(value) !== undefined).toBe(value.length === 16);
        expect(printUuid(value) !== undefined).toBe(value.length === 16);
        const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(other);
        expect(parseGuid(other) !== undefined).toBe(isUuid);
        expect(parseUuidBytes(other) !== undefined).toBe(isUuid);
      }),
    );
  });
});

describe("a security identifier", () => {
  it.each([
    ["S-1-5-32-544", "01020000000000052000000020020000"],
    [
      "S-1-5-21-1924055121-1586487524-549926028-1108",
      "01050000000000051500000051c0ae72e4e08f5e8c34c72054040000",
    ],
    ["S-1-1-0", "010100000000000100000000"],
    ["S-1-4294967295-0", "01010000ffffffff00000000"],
    ["S-1-0x000100000000-7", "010100010000000007000000"],
  ])("is %s", (text, hex) => {
    expect(printSid(bytes(hex))).toBe(text);
    expect(parseSid(text)).toEqual(bytes(hex));
    expect(parseSid(text.toLowerCase())).toEqual(bytes(hex));
  });

  it.each([
    ["nothing", ""],
    ["another revision", "02020000000000052000000020020000"],
    ["no sub-authority", "0100000000000005"],
    ["too many sub-authorities", `0110000000000005${"01000000".repeat(16)}`],
    ["a byte too few", "010200000000000520000000200200"],
    ["a byte too many", "0102000000000005200000002002000000"],
  ])("is none with %s", (_, hex) => {
    expect(printSid(bytes(hex))).toBeUndefined();
  });

  it.each([
    "S-1-5",
    "S-2-5-1",
    "S-1-5-01",
    "S-1-5--1",
    "S-1-5-4294967296",
    "S-1-4294967296-1",
    "S-1-0x000000000005-1",
    "S-1-0x5-1",
    `S-1-5${"-1".repeat(16)}`,
    "S-1-5-1 ",
    "",
  ])("is no text such as %j", (text) => {
    expect(parseSid(text)).toBeUndefined();
  });

  it("comes back from text", () => {
    const subAuthorities = fc.array(fc.nat(2 ** 31 - 1), { minLength: 1, maxLength: 15 });
    const authority = fc.bigInt({ min: 0n, max: 2n ** 48n - 1n });
    fc.assert(
      fc.property(authority, subAuthorities, (first, rest) => {
        const value = Buffer.alloc(8 + rest.length * 4);
        value[0] = 1;
        value[1] = rest.length;
        value.writeUIntBE(Number(first), 2, 6);
        for (const [at, part] of rest.entries()) value.writeUInt32LE(part * 2, 8 + at * 4);
        expect(parseSid(printSid(value) ?? "")).toEqual(Uint8Array.from(value));
      }),
    );
  });

  it("is text that says the same whenever bytes can be read, and nothing throws", () => {
    const headed = anyBytes.map((rest) => Uint8Array.from([1, rest.length >> 2, ...rest]));
    fc.assert(
      fc.property(fc.oneof(anyBytes, headed), anyText, (value, text) => {
        const printed = printSid(value);
        if (printed !== undefined) expect(parseSid(printed)).toEqual(Uint8Array.from(value));
        const parsed = parseSid(text);
        if (parsed !== undefined) expect(printSid(parsed)?.toLowerCase()).toBe(text.toLowerCase());
      }),
    );
  });
});

describe("a FILETIME", () => {
  it.each([
    ["116444736000000000", 0],
    ["133496823129870000", Date.UTC(2024, 0, 14, 5, 5, 12, 987)],
    ["116444735999999999", -1],
    ["1", Date.UTC(1601, 0, 1)],
    ["0", "never"],
    [NEVER, "never"],
    ["00", "never"],
  ])("reads %s", (text, expected) => {
    expect(parseFileTime(text)).toBe(expected);
  });

  it.each(["", "-1", "-864000000000", "1.5", "9223372036854775808", "0x1", " 1", "1".repeat(20)])(
    "is not %j",
    (text) => {
      expect(parseFileTime(text)).toBeUndefined();
    },
  );

  it("counts as the calendar does", () => {
    const min = new Date("1601-01-02T00:00:00Z");
    const max = new Date("9999-12-31T23:59:59Z");
    fc.assert(
      fc.property(fc.date({ min, max, noInvalidDate: true }), fc.nat(9999), (date, rest) => {
        const sinceStart = BigInt(date.getTime()) - BigInt(Date.UTC(1601, 0, 1));
        const ticks = sinceStart * 10_000n + BigInt(rest);
        expect(parseFileTime(ticks.toString())).toBe(date.getTime());
      }),
    );
  });

  it("is read or not, without throwing", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const read = parseFileTime(text);
        expect(read === undefined || read === "never" || Number.isInteger(read)).toBe(true);
      }),
    );
  });
});

describe("a generalized time", () => {
  it("comes back from what is printed, with a fraction and without", () => {
    const seconds = fc.integer({ min: Date.UTC(1601, 0, 1) / 1000, max: 253_402_300_799 });
    fc.assert(
      fc.property(seconds, fc.boolean(), (time, fraction) => {
        expect(parseGeneralizedTime(printGeneralizedTime(time, fraction))).toBe(time * 1000);
      }),
    );
  });

  it("is read or not, without throwing", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const read = parseGeneralizedTime(text);
        expect(read === undefined || Number.isInteger(read)).toBe(true);
      }),
    );
  });
});

describe("userAccountControl", () => {
  it.each([
    ["512", ["normalAccount"]],
    ["514", ["disabled", "normalAccount"]],
    ["66082", ["disabled", "normalAccount", "passwordNeverExpires", "passwordNotRequired"]],
    ["532480", ["serverTrust"]],
    ["8388624", ["lockedOut", "passwordExpired"]],
    ["0", []],
    ["-2147483646", ["disabled"]],
    ["2147483650", ["disabled"]],
  ])("reads the flags of %s", (text, flags) => {
    expect([...(parseAccountControl(text) ?? ["none"])].sort()).toEqual(flags);
  });

  it.each(["", "x", "4294967296", "-2147483649", "2.0", "0x2", "99999999999"])(
    "is not %j",
    (text) => {
      expect(parseAccountControl(text)).toBeUndefined();
    },
  );
});

describe("the state of an account", () => {
  const now = Date.UTC(2024, 0, 14, 5, 5, 12, 987);
  const atNow = "133496823129870000";
  const later = "133496823129880000";
  const enabled = { userAccountControl: "512" };
  const usable = { ok: true, disabled: false, expired: false, lockedOut: false };

  it.each([
    [enabled, {}],
    [{ ...enabled, accountExpires: "0", lockoutTime: "0" }, {}],
    [{ ...enabled, accountExpires: NEVER }, {}],
    [{ userAccountControl: "514" }, { disabled: true }],
    [{ ...enabled, accountExpires: later }, {}],
    [{ ...enabled, accountExpires: atNow }, { expired: true }],
    [{ ...enabled, accountExpires: "1" }, { expired: true }],
    [{ ...enabled, lockoutTime: atNow }, { lockedOut: true }],
    [{ ...enabled, lockoutTime: atNow, computedControl: "0" }, {}],
    [{ ...enabled, computedControl: "16" }, { lockedOut: true }],
    [
      { userAccountControl: "514", accountExpires: "1", computedControl: "8388624" },
      { disabled: true, expired: true, lockedOut: true },
    ],
  ])("of %j", (account, state) => {
    expect(readAccountState(account, now)).toEqual({ ...usable, ...state });
  });

  it.each([
    [{}, "needs userAccountControl, which is absent or may not be read"],
    [{ userAccountControl: "" }, "userAccountControl cannot be read as a number"],
    [{ ...enabled, accountExpires: "x" }, "accountExpires cannot be read as a time"],
    [{ ...enabled, lockoutTime: "-1" }, "lockoutTime cannot be read as a time"],
    [
      { ...enabled, computedControl: "x" },
      "msDS-User-Account-Control-Computed cannot be read as a number",
    ],
  ])("is not known of %j, which is no account in use", (account, reason) => {
    const state = readAccountState({ userAccountControl: undefined, ...account }, now);
    expect(state).toEqual({ ok: false, reason });
  });
});

describe("a country", () => {
  it.each([
    ["DE", "756", "DE"],
    [" de ", undefined, "DE"],
    ["XK", "0", "XK"],
    [undefined, "756", "CH"],
    [undefined, "4", "AF"],
    [undefined, "004", "AF"],
    ["DEU", "276", "DE"],
    ["", "840", "US"],
    [undefined, "0", undefined],
    [undefined, "999", undefined],
    [undefined, "1e2", undefined],
    [undefined, "-40", undefined],
    [undefined, undefined, undefined],
  ])("of c %j and countryCode %j is %j", (c, countryCode, expected) => {
    expect(readCountry({ c, countryCode })).toBe(expected);
  });

  it("has 249 numbers, each with two letters of its own", () => {
    const known = Array.from({ length: 1000 }, (_, n) =>
      readCountry({ c: undefined, countryCode: String(n) }),
    ).filter((code) => code !== undefined);
    expect(known).toHaveLength(249);
    expect(new Set(known).size).toBe(249);
    expect(known.filter((code) => !/^[A-Z]{2}$/.test(code))).toEqual([]);
  });
});

describe("proxyAddresses", () => {
  it("have one primary address, others by alphabet, and what is no mail address left out", () => {
    expect(
      readProxyAddresses([
        "smtp:b@example.com",
        "X500:/o=Example/cn=ada",
        "SMTP:Ada@example.com",
        "sip:ada@example.com",
        "smtp:ADA@example.com",
        "Smtp:a@example.com",
        "smtp:A@example.com",
        "smtp:",
        "SMTP: ",
        "c@example.com",
      ]),
    ).toEqual({ primary: "Ada@example.com", others: ["A@example.com", "b@example.com"] });
    expect(readProxyAddresses(["smtp:a@b"])).toEqual({ primary: undefined, others: ["a@b"] });
    expect(readProxyAddresses(["SMTP:b@x", "SMTP:a@x"])).toEqual({
      primary: "a@x",
      others: ["b@x"],
    });
  });

  it("say the same in whatever order a server sends them, and nothing twice", () => {
    const prefix = fc.constantFrom("smtp:", "SMTP:", "sMtP:", "X400:", "");
    const address = fc.stringMatching(/^[abAB]{0,2}@[xX]$/);
    const values = fc.array(fc.tuple(prefix, address).map((parts) => parts.join("")));
    fc.assert(
      fc.property(values, (list) => {
        const read = readProxyAddresses(list);
        expect(readProxyAddresses([...list].reverse())).toEqual(read);
        const all = [...(read.primary === undefined ? [] : [read.primary]), ...read.others];
        const folded = all.map((one) => one.toLowerCase());
        expect(new Set(folded).size).toBe(all.length);
        const sent = list.filter((one) => /^smtp:/i.test(one)).map((one) => one.slice(5));
        expect(new Set(folded)).toEqual(new Set(sent.map((one) => one.toLowerCase())));
      }),
    );
  });
});

describe("octets", () => {
  it("are base64, the same whether they came as bytes or as text that is UTF-8", () => {
    fc.assert(
      fc.property(anyBytes, fc.string({ unit: "grapheme" }), (value, text) => {
        expect(Buffer.from(printBase64(value), "base64")).toEqual(Buffer.from(value));
        expect(printBase64(text)).toBe(printBase64(octetsOf(text)));
        expect(Buffer.from(octetsOf(text)).toString("utf8")).toBe(text);
      }),
    );
  });

  it("are a picture by their first bytes", () => {
    const kinds = ["ffd8ffe0", "89504e470d0a", "474946383961", "424d", "ff", "", "00ffd8ff"];
    expect(kinds.map((hex) => printPhoto(bytes(hex)))).toEqual([
      "data:image/jpeg;base64,/9j/4A==",
      "data:image/png;base64,iVBORw0K",
      "data:image/gif;base64,R0lGODlh",
      "data:image/bmp;base64,Qk0=",
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("an attribute description", () => {
  it("has a type and options, in no order and in no letter case", () => {
    const wanted = { type: "cn", options: ["lang-ja", "x-phonetic"] };
    expect(parseAttributeDescription("cn;lang-ja;x-phonetic")).toEqual(wanted);
    expect(parseAttributeDescription("CN;X-Phonetic;LANG-JA;lang-ja")).toEqual(wanted);
    expect(parseAttributeDescription("")).toEqual({ type: "", options: [] });
  });

  it("may bear one language in a mapping", () => {
    const good = ["cn", "cn;lang-ja", "2.5.4.3;LANG-zh-Hant-TW", "extensionAttribute1"];
    const bad = [
      "cn;binary",
      "cn;lang-",
      "cn;lang-ja;lang-en",
      "cn;lang-en-",
      "cn;range=0-1",
      ";x",
    ];
    expect([...good, ...bad].filter((name) => LANGUAGE_TAGGED.test(name))).toEqual(good);
  });
});
