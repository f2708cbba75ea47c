import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isAccountActive } from "../../agent/core/directory-value/account-control.ts";
import { parseFileTime, printFileTime } from "../../agent/core/directory-value/file-time.ts";
import {
  parseGuid,
  parseUuid,
  printGuid,
  printUuid,
} from "../../agent/core/directory-value/guid.ts";
import { mailAddresses } from "../../agent/core/directory-value/proxy-addresses.ts";
import { parseSid, printSid, relativeId } from "../../agent/core/directory-value/sid.ts";

const NEVER = "9223372036854775807";
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));

describe("a GUID", () => {
  it("has its first three groups turned around in Active Directory, and not in RFC 4122", () => {
    const stored = bytes("00112233445566778899aabbccddeeff");
    expect(printGuid(stored)).toBe("33221100-5544-7766-8899-aabbccddeeff");
    expect(printUuid(stored)).toBe("00112233-4455-6677-8899-aabbccddeeff");
  });

  it("comes back from its text, whatever its bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (value) => {
        expect(parseGuid(printGuid(value) ?? "")).toEqual(value);
        expect(parseUuid(printUuid(value)?.toUpperCase() ?? "")).toBe(printUuid(value));
      }),
    );
  });

  it("is none with more bytes or fewer", () => {
    for (const length of [0, 15, 17]) {
      expect(printGuid(new Uint8Array(length))).toBeUndefined();
      expect(printUuid(new Uint8Array(length))).toBeUndefined();
    }
  });
});

describe("a security identifier", () => {
  it.each([
    ["010100000000000512000000", "S-1-5-18"],
    ["01020000000000052000000020020000", "S-1-5-32-544"],
    [
      "010500000000000515000000a065cf7e784b9b5fe77c8770091c0100",
      "S-1-5-21-2127521184-1604012920-1887927527-72713",
    ],
    ["0100ffffffffffff", "S-1-0xFFFFFFFFFFFF"],
  ])("reads %s as %s, and writes it again", (hex, text) => {
    expect(printSid(bytes(hex))).toBe(text);
    expect(parseSid(text)).toEqual(bytes(hex));
  });

  it("is none for other bytes, and says so without failing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (value) => {
        const text = printSid(value);
        if (text !== undefined) expect(parseSid(text)).toEqual(value);
      }),
    );
    expect(printSid(bytes("0201000000000005"))).toBeUndefined();
    expect(printSid(bytes("010100000000000512"))).toBeUndefined();
  });

  it.each(["", "S-1", "S-2-5-18", "S-1-5-4294967296", "S-1-5-x", `S-1-5${"-1".repeat(16)}`])(
    "is none for the text %j",
    (text) => expect(parseSid(text)).toBeUndefined(),
  );

  it("ends with what tells an account from others", () => {
    expect([relativeId("S-1-5-21-1-2-3-513"), relativeId("S")]).toEqual([513, undefined]);
  });
});

describe("FILETIME", () => {
  it("counts 100 nanoseconds since 1601", () => {
    expect(parseFileTime("116444736000000000")).toEqual({ kind: "time", ms: 0 });
    expect(parseFileTime("132223104000000000")).toEqual({
      kind: "time",
      ms: Date.parse("2020-01-01T00:00:00Z"),
    });
  });

  it("has two values for never", () => {
    for (const text of ["0", NEVER]) {
      expect(parseFileTime(text)).toEqual({ kind: "never" });
    }
  });

  it.each(["", "-1", "1.5", "abc", "99999999999999999999"])("is none for %j", (text) => {
    expect(parseFileTime(text)).toBeUndefined();
  });

  it("comes back from a number, for any time since 1601", () => {
    const range = { min: -11_644_473_599_999, max: 4_102_444_800_000 };
    fc.assert(
      fc.property(fc.integer(range), (ms) => {
        expect(parseFileTime(printFileTime(ms))).toEqual({ kind: "time", ms });
      }),
    );
  });
});

describe("an account", () => {
  const at = (iso: string) => Date.parse(iso);
  const expires = printFileTime(at("2026-06-01T00:00:00Z"));
  it.each<[string, string | undefined, string | undefined, string, boolean | undefined]>([
    ["says nothing", undefined, undefined, "2026-01-01", true],
    ["is normal and never expires", "512", NEVER, "2026-01-01", true],
    ["is normal and never expires, by zero", "512", "0", "2026-01-01", true],
    ["is disabled", "514", "0", "2026-01-01", false],
    ["has the bit among others", "66050", "0", "2026-01-01", false],
    ["will expire", "512", expires, "2026-05-31", true],
    ["has expired", "512", expires, "2026-06-01", false],
    ["has expired and is disabled", "514", expires, "2027-01-01", false],
    ["has a flag with the sign bit", "-2147483646", "0", "2026-01-01", false],
    ["has flags that are none", "enabled", "0", "2026-01-01", undefined],
    ["has an expiry that is none", "512", "soon", "2026-01-01", undefined],
  ])("that %s is judged by both", (_, userAccountControl, accountExpires, day, active) => {
    const now = at(`${day}T00:00:00Z`);
    expect(isAccountActive({ userAccountControl, accountExpires }, now)).toBe(active);
  });
});

it("tells the primary mail address by its capitals, and leaves out what is no mail address", () => {
  const values = ["smtp:b@x.example", "X400:c=de", "SMTP:a@x.example", "sip:a@x.example", "SMTP:"];
  expect(mailAddresses(values)).toEqual({ primary: "a@x.example", others: ["b@x.example"] });
  expect(mailAddresses([])).toEqual({ primary: undefined, others: [] });
});
