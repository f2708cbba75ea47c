import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CompiledMapping,
  changeTimes,
  compileMapping,
  readsVolatile,
  sourceAttributes,
} from "../../agent/core/compiled-mapping.ts";
import {
  ATTRIBUTE_COMPUTATIONS,
  type AttributeFunction,
  type ComputedSource,
  computeValue,
  ENTRY_COMPUTATIONS,
  type EntryFunction,
} from "../../agent/core/computed-value.ts";
import type { Value } from "../../agent/core/entry.ts";
import { AgentError } from "../../agent/core/error.ts";
import { mapEntry } from "../../agent/core/map-entry.ts";
import type { Flow } from "../../agent/core/mapping.ts";
import { BASE, entry, uuid } from "../support/fake-directory.ts";

const NOW = Date.UTC(2024, 0, 14, 5, 5, 12, 987);
const AT_NOW = "133496823129870000";
const BEFORE_NOW = NOW - 1;
const SID = Buffer.from("01050000000000051500000051c0ae72e4e08f5e8c34c72054040000", "hex");
const GUID = Buffer.from("33221100554477668899aabbccddeeff", "hex");

type Attributes = Readonly<Record<string, Value | readonly Value[]>>;

function compute(source: ComputedSource, attributes: Attributes, now = NOW) {
  return computeValue(source, entry(`cn=a,${BASE}`, uuid(1), attributes), now);
}

const gives = (...values: readonly (string | boolean)[]) => ({ ok: true, values });

describe("what is worked out of an account", () => {
  const enabled = { userAccountControl: "512" };
  it.each<[EntryFunction, Attributes, boolean]>([
    ["accountEnabled", enabled, true],
    ["accountEnabled", { userAccountControl: "514" }, false],
    ["accountEnabled", { ...enabled, accountExpires: AT_NOW, lockoutTime: "1" }, true],
    ["accountEnabled", { ...enabled, accountExpires: "not looked at" }, true],
    ["accountActive", enabled, true],
    ["accountActive", { userAccountControl: "514" }, false],
    ["accountActive", { ...enabled, accountExpires: AT_NOW }, false],
    ["accountActive", { ...enabled, accountExpires: "9223372036854775807" }, true],
    ["accountActive", { ...enabled, accountExpires: "0", lockoutTime: "1" }, true],
    ["accountUsable", enabled, true],
    ["accountUsable", { ...enabled, lockoutTime: AT_NOW }, false],
    ["accountUsable", { ...enabled, "msDS-User-Account-Control-Computed": "16" }, false],
    ["accountUsable", { ...enabled, accountExpires: AT_NOW }, false],
    ["accountUsable", { userAccountControl: "514", lockoutTime: "0" }, false],
  ])("%s of %j is %s", (computed, attributes, expected) => {
    expect(compute({ computed }, attributes)).toEqual(gives(expected));
  });

  it("changes when the time comes", () => {
    const expiring = { ...enabled, accountExpires: AT_NOW };
    expect(compute({ computed: "accountActive" }, expiring, BEFORE_NOW)).toEqual(gives(true));
  });

  it("is not known without userAccountControl", () => {
    const reason = "needs userAccountControl, which is absent or may not be read";
    for (const computed of ["accountEnabled", "accountActive", "accountUsable"] as const) {
      expect(compute({ computed }, { accountExpires: "0" })).toEqual({ ok: false, reason });
    }
  });
});

describe("what is worked out of other attributes of an entry", () => {
  it.each<[EntryFunction, Attributes, readonly string[]]>([
    ["primarySmtpAddress", { proxyAddresses: ["smtp:b@x", "SMTP:a@x"] }, ["a@x"]],
    ["primarySmtpAddress", { proxyAddresses: ["smtp:b@x"] }, []],
    [
      "otherSmtpAddresses",
      { proxyAddresses: ["smtp:c@x", "smtp:b@x", "SMTP:a@x"] },
      ["b@x", "c@x"],
    ],
    ["otherSmtpAddresses", {}, []],
    ["country", { c: "de" }, ["DE"]],
    ["country", { countryCode: "756" }, ["CH"]],
    ["country", { co: "Germany", countryCode: "0" }, []],
  ])("%s of %j is %j", (computed, attributes, expected) => {
    expect(compute({ computed }, attributes)).toEqual(gives(...expected));
  });
});

describe("what is worked out of the values of one attribute", () => {
  const guid = "00112233-4455-6677-8899-aabbccddeeff";
  it.each<[AttributeFunction, Value | readonly Value[], readonly string[]]>([
    ["guid", GUID, [guid]],
    ["guid", guid.toUpperCase(), [guid]],
    // Sixteen bytes that are UTF-8 come as text when the attribute is not known to be bytes.
    ["guid", "dcba feghijklmno", ["61626364-6620-6765-6869-6a6b6c6d6e6f"]],
    ["uuid", GUID, ["33221100-5544-7766-8899-aabbccddeeff"]],
    ["uuid", guid, [guid]],
    ["sid", SID, ["S-1-5-21-1924055121-1586487524-549926028-1108"]],
    ["sid", "s-1-5-32-544", ["S-1-5-32-544"]],
    ["sid", [SID, SID, ""], Array(2).fill("S-1-5-21-1924055121-1586487524-549926028-1108")],
    ["dateTime", AT_NOW, ["2024-01-14T05:05:12.987Z"]],
    ["dateTime", ["0", "9223372036854775807"], []],
    ["dateTime", "20240114050512.0Z", ["2024-01-14T05:05:12.000Z"]],
    ["base64", SID.subarray(0, 3), ["AQUA"]],
    ["base64", "é", ["w6k="]],
    ["photo", Buffer.from("ffd8ff", "hex"), ["data:image/jpeg;base64,/9j/"]],
    ["guid", [], []],
  ])("%s of %j is %j", (computed, value, expected) => {
    expect(compute({ computed, attribute: "X" }, { x: value })).toEqual(gives(...expected));
  });

  it.each<[AttributeFunction, Value]>([
    ["guid", GUID.subarray(1)],
    ["guid", "someone"],
    ["uuid", SID],
    ["sid", GUID],
    ["sid", "S-1-5"],
    ["dateTime", GUID],
    ["dateTime", "14.01.2024"],
    ["dateTime", "9223372036854775806"],
    ["photo", "<svg/>"],
  ])("%s of %j is a problem that names no value", (computed, value) => {
    const reason = `cannot be read as ${computed}`;
    expect(compute({ computed, attribute: "x" }, { x: value })).toEqual({ ok: false, reason });
  });
});

it("gives values of the stated kind or a reason for whatever a directory holds, and never throws", () => {
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.stringMatching(/^-?[0-9]{1,20}$/),
    fc.constantFrom("514", "SMTP:a@x", "smtp:b@x", "20240114050512.0Z", "de"),
  );
  const names = Object.values(ENTRY_COMPUTATIONS).flatMap(({ sources }) => [...sources]);
  const attributes = fc.dictionary(
    fc.constantFrom(...names, "x"),
    fc.array(value, { maxLength: 4 }),
  );
  const sources: readonly ComputedSource[] = [
    ...(Object.keys(ENTRY_COMPUTATIONS) as EntryFunction[]).map((computed) => ({ computed })),
    ...(Object.keys(ATTRIBUTE_COMPUTATIONS) as AttributeFunction[]).map((computed) => ({
      computed,
      attribute: "x",
    })),
  ];
  const counts = { ok: 0, problem: 0 };
  fc.assert(
    fc.property(attributes, fc.constantFrom(...sources), (held, source) => {
      const computed = compute(source, held);
      if (!computed.ok) {
        counts.problem++;
        expect(computed.reason).toMatch(/^(cannot|needs|[\w-]+ cannot) [\w, -]+$/);
        return;
      }
      if (computed.values.length > 0) counts.ok++;
      const isBoolean = "computed" in source && source.computed.startsWith("account");
      const kinds = computed.values.map((one) => typeof one);
      expect(new Set(kinds).size).toBeLessThan(2);
      if (kinds.length > 0) expect(kinds[0]).toBe(isBoolean ? "boolean" : "string");
    }),
    { numRuns: 2000 },
  );
  expect(Math.min(counts.ok, counts.problem)).toBeGreaterThan(50);
});

describe("a computed flow", () => {
  const flows = (...user: readonly Flow[]) => ({
    User: {
      objectClasses: ["user"],
      flows: [{ target: "userName", kind: "direct", attribute: "cn" } as const, ...user],
    },
    Group: {
      objectClasses: ["group"],
      flows: [{ target: "displayName", kind: "direct", attribute: "cn" } as const],
    },
  });
  const of = (target: string, source: ComputedSource): Flow => ({
    target,
    kind: "computed",
    ...source,
  });
  const compiled = (...user: readonly Flow[]): CompiledMapping =>
    compileMapping(flows(...user)).User;
  const problem = (...user: readonly Flow[]): string => {
    try {
      compileMapping(flows(...user));
      return "accepted";
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return error.message.split("\n").slice(1).join("|").trim();
    }
  };
  const map = (mapping: CompiledMapping, attributes: Attributes) =>
    mapEntry(entry(`cn=a,${BASE}`, uuid(1), { cn: "a", ...attributes }), {
      mapping,
      idOf: () => undefined,
      now: NOW,
    });

  it("writes what its function gives: one value to a path with a filter, all of them without", () => {
    const others = { computed: "otherSmtpAddresses" } as const;
    const proxies = { proxyAddresses: ["smtp:c@x", "smtp:b@x"] };
    const elements = (target: string) => map(compiled(of(target, others)), proxies);
    expect(elements('emails[type eq "other"].value')).toMatchObject({
      resource: { emails: [{ type: "other", value: "b@x" }] },
    });
    expect(elements("emails")).toMatchObject({
      resource: { emails: [{ value: "b@x" }, { value: "c@x" }] },
    });
    const active = of("active", { computed: "accountActive" });
    expect(map(compiled(active), { userAccountControl: "514" })).toMatchObject({
      resource: { active: false },
    });
  });

  it("leaves its target out without a value", () => {
    expect(map(compiled(of("title", { computed: "country" })), {})).toEqual({
      kind: "resource",
      resource: {
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
        id: uuid(1),
        externalId: uuid(1),
        meta: { resourceType: "User" },
        userName: "a",
      },
    });
  });

  it("is a problem of the entry when its function cannot say, with the rule and no value", () => {
    const mapping = compiled(of("title", { computed: "sid", attribute: "objectSid" }));
    expect(map(mapping, { objectSid: "secret" })).toEqual({
      kind: "problem",
      problem: {
        resourceType: "User",
        id: uuid(1),
        attribute: "title",
        rule: "title <- sid(objectSid)",
        reason: "cannot be read as sid",
      },
    });
    expect(map(compiled(of("active", { computed: "accountActive" })), {})).toMatchObject({
      problem: { rule: "active <- accountActive" },
    });
  });

  it("names every attribute that it reads", () => {
    const mapping = compiled(
      of("active", { computed: "accountUsable" }),
      of("title", { computed: "sid", attribute: "objectSid" }),
    );
    expect(sourceAttributes(mapping)).toEqual([
      "cn",
      "useraccountcontrol",
      "accountexpires",
      "msds-user-account-control-computed",
      "lockouttime",
      "objectsid",
    ]);
  });

  it.each<[string, ComputedSource, string]>([
    ["active", { computed: "country" }, "active takes a boolean, not the string of country"],
    [
      "title",
      { computed: "accountActive" },
      "title takes a string, not the boolean of accountActive",
    ],
    [
      "x509Certificates",
      { computed: "sid", attribute: "x" },
      "x509Certificates takes a binary, not the string of sid",
    ],
    [
      "profileUrl",
      { computed: "base64", attribute: "x" },
      "profileUrl takes a reference, not the binary of base64",
    ],
    [
      "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
      { computed: "guid", attribute: "manager" },
      "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager is a reference and cannot be computed",
    ],
  ])("to %s is refused when it is %j", (target, source, expected) => {
    expect(problem(of(target, source))).toBe(`resourceTypes.User.flows[1].target: ${expected}`);
  });

  it.each<[string, ComputedSource]>([
    ["x509Certificates", { computed: "base64", attribute: "userCertificate" }],
    ["title", { computed: "base64", attribute: "x" }],
    ["photos", { computed: "photo", attribute: "thumbnailPhoto" }],
    ["title", { computed: "dateTime", attribute: "whenCreated" }],
    ["emails.primary", { computed: "accountEnabled" }],
  ])("to %s is taken when it is %j", (target, source) => {
    expect(problem(of(target, source))).toBe("accepted");
  });

  it("tells when the resource changes without the entry", () => {
    const direct = (target: string, attribute: string): Flow => ({
      target,
      kind: "direct",
      attribute,
    });
    const manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    const still = compiled(
      of("active", { computed: "accountEnabled" }),
      direct(manager, "manager"),
      direct("title", "title"),
    );
    expect([changeTimes(still).length > 0, readsVolatile(still)]).toEqual([false, []]);
    const moving = compiled(
      of("active", { computed: "accountUsable" }),
      direct("title", "Manager"),
      direct("nickName", "canonicalName"),
      direct("userType", "memberOf"),
      direct("roles", "memberOf"),
      direct(manager, "directReports"),
      direct("displayName", "distinguishedName;lang-ja"),
    );
    expect([changeTimes(moving).length > 0, readsVolatile(moving)]).toEqual([
      true,
      [
        "msds-user-account-control-computed",
        "manager",
        "canonicalname",
        "memberof",
        "directreports",
        "distinguishedname;lang-ja",
      ],
    ]);
  });
});
