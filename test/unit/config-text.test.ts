import fc from "fast-check";
import { validate } from "node-cron";
import { describe, expect, it } from "vitest";
import { isCron } from "../../agent/config/cron.ts";
import { parseDuration, printDuration } from "../../agent/config/duration.ts";
import { isLoopback, parseLdapUrl } from "../../agent/config/ldap-url.ts";
import { parseListenAddress } from "../../agent/config/listen-address.ts";

describe("a duration", () => {
  it.each([
    ["500ms", 500],
    ["0s", 0],
    ["30s", 30_000],
    ["10m", 600_000],
    ["1h", 3_600_000],
    ["007s", 7000],
  ])("%s is %d milliseconds", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(["", "30", "s", "30 s", "1.5h", "-1s", "1d", "30S", "1h30m", "9999999999s", "30s\n"])(
    "is not %j",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it("comes back from its printed form", () => {
    fc.assert(
      fc.property(fc.nat({ max: 999_999_999 }), (ms) => {
        expect(parseDuration(printDuration(ms))).toBe(ms);
      }),
    );
  });

  it("is printed in its largest whole unit", () => {
    expect([0, 999, 1000, 90_000, 3_600_000].map(printDuration)).toEqual([
      "0s",
      "999ms",
      "1s",
      "90s",
      "1h",
    ]);
  });
});

describe("a cron expression", () => {
  it.each([
    "*/5 * * * *",
    "0 3 * * sun",
    "0,30 8-18 * * Mon-Fri",
    "5 4 1-7/2 jan,JUL *",
    "10 */5 * * * *",
    "0 0 * * 7",
    "0 0 29 2 *",
    "0 0 31 2-3 *",
  ])("may be %s", (text) => {
    expect(isCron(text)).toBe(true);
  });

  it.each([
    "",
    "* * * *",
    "* * * * * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "*/0 * * * *",
    "5/10 * * * *",
    "9-3 * * * *",
    "1-2-3 * * * *",
    "*/5/5 * * * *",
    "1-x * * * *",
    "1- * * * *",
    "-1 * * * *",
    "1, * * * *",
    "0 0 30 2 *",
    "0 0 31 feb,apr,6 *",
    "a * * * *",
    "@hourly",
    "*  * * * *",
  ])("is not %j", (text) => {
    expect(isCron(text)).toBe(false);
  });

  it("is one for the scheduler too", () => {
    const number = (min: number, max: number) =>
      fc.integer({ min: min - 1, max: max + 1 }).map(String);
    const field = (min: number, max: number) =>
      fc.oneof(
        fc.constant("*"),
        number(min, max),
        fc.tuple(number(min, max), number(min, max)).map(([a, b]) => `${a}-${b}`),
        fc.tuple(number(min, max), number(min, max)).map(([a, b]) => `${a},${b}`),
        fc.integer({ min: 0, max: 30 }).map((step) => `*/${step}`),
      );
    const expression = fc.tuple(
      field(0, 59),
      field(0, 23),
      field(1, 31),
      field(1, 12),
      field(0, 7),
    );
    let accepted = 0;
    fc.assert(
      fc.property(expression, (fields) => {
        const text = fields.join(" ");
        if (!isCron(text)) return;
        accepted++;
        expect(validate(text), text).toBe(true);
      }),
      { numRuns: 500 },
    );
    expect(accepted).toBeGreaterThan(50);
  });
});

describe("an LDAP URL", () => {
  it.each([
    [
      "ldap://dc1.example.com",
      { secure: false, isSocket: false, host: "dc1.example.com", port: 389 },
    ],
    ["ldaps://dc1", { secure: true, isSocket: false, host: "dc1", port: 636 }],
    ["ldaps://dc1:3269/", { secure: true, isSocket: false, host: "dc1", port: 3269 }],
    ["ldap://[::1]:3890", { secure: false, isSocket: false, host: "::1", port: 3890 }],
    ["ldap://10.0.0.1:1", { secure: false, isSocket: false, host: "10.0.0.1", port: 1 }],
    [
      "ldapi://%2Frun%2Fslapd%2fldapi",
      { secure: false, isSocket: true, host: "localhost", port: 0 },
    ],
  ])("%s names a server", (text, url) => {
    expect(parseLdapUrl(text)).toEqual(url);
  });

  it.each([
    "",
    "dc1",
    "http://dc1",
    "ldapi:///",
    "ldap://",
    "ldap://:389",
    "ldap://dc1:0",
    "ldap://dc1:65536",
    "ldap://dc1:",
    "ldap://dc1/dc=example,dc=com",
    "ldap://dc1?cn",
    "ldap://dc1#x",
    "ldap://me:secret@dc1",
    "ldap://dc 1",
    "ldap://[::1",
    "ldap://[1:2:3]",
    "ldap://dc1\n",
  ])("is not %j", (text) => {
    expect(parseLdapUrl(text)).toBeUndefined();
  });

  it("is on this machine only for loopback names", () => {
    const hosts = ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "::2"];
    const strangers = ["127.0.0.1.example.com", "localhost.example.com", "0.0.0.0", "::"];
    expect(hosts.map(isLoopback)).toEqual([true, true, true, true, true, false, false]);
    expect(strangers.map(isLoopback)).toEqual([false, false, false, false]);
  });
});

describe("an address to listen on", () => {
  it.each([
    ["127.0.0.1:9464", { host: "127.0.0.1", port: 9464 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    ["localhost:65535", { host: "localhost", port: 65_535 }],
  ])("may be %s", (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
  });

  it.each(["", "9464", ":9464", "127.0.0.1", "::1:9464", "a:65536", "a:1/x", "a:b"])(
    "is not %j",
    (text) => {
      expect(parseListenAddress(text)).toBeUndefined();
    },
  );
});
