import { describe, expect, it } from "vitest";
import { generatePatch } from "../../agent/core/scim/patch-generation.ts";
import type { PatchStyle } from "../../agent/core/scim/patch-style.ts";
import {
  ENTERPRISE_USER_SCHEMA,
  GROUP_SCHEMA,
  PATCH_OP_MESSAGE,
  USER_SCHEMA,
} from "../../agent/core/scim/urn.ts";

const STYLES: readonly PatchStyle[] = ["rfc7644", "entra", "aadOptscim062020"];
const MANAGER = `${ENTERPRISE_USER_SCHEMA}:manager`;
const USER = { schemas: [USER_SCHEMA], id: "1", userName: "ada" };

type Json = Readonly<Record<string, unknown>>;

/** The operations of the only message. */
function operations(style: PatchStyle, before: Json, after: Json): readonly unknown[] {
  const messages = generatePatch(
    { ...USER, ...before },
    { ...USER, ...after },
    { resourceType: "User", style },
  );
  expect(messages.map(({ schemas }) => schemas)).toEqual(
    messages.length === 0 ? [] : [[PATCH_OP_MESSAGE]],
  );
  return messages.flatMap(({ Operations }) => Operations);
}

describe("the requests in Microsoft's documentation", () => {
  it("disable a user", () => {
    const change = [{ active: true }, { active: false }] as const;
    expect(operations("entra", ...change)).toEqual([
      { op: "Replace", path: "active", value: "False" },
    ]);
    expect(operations("aadOptscim062020", ...change)).toEqual([
      { op: "replace", path: "active", value: false },
    ]);
    expect(operations("rfc7644", ...change)).toEqual([
      { op: "replace", path: "active", value: false },
    ]);
  });

  it("add a single-value string attribute", () => {
    expect(operations("entra", {}, { nickName: "Babs" })).toEqual([
      { op: "Add", path: "nickName", value: "Babs" },
    ]);
    expect(operations("aadOptscim062020", {}, { nickName: "Babs" })).toEqual([
      { op: "add", path: "nickName", value: "Babs" },
    ]);
  });

  it("replace several attributes", () => {
    const person = (v: string) => ({
      displayName: v,
      emails: [{ type: "work", value: v, primary: true }],
      name: { givenName: v, familyName: v },
      [ENTERPRISE_USER_SCHEMA]: { employeeNumber: v },
    });
    expect(operations("entra", person("a"), person("b"))).toEqual([
      { op: "Replace", path: "name.familyName", value: "b" },
      { op: "Replace", path: "name.givenName", value: "b" },
      { op: "Replace", path: "displayName", value: "b" },
      { op: "Replace", path: 'emails[type eq "work"].value', value: "b" },
      { op: "Replace", path: `${ENTERPRISE_USER_SCHEMA}:employeeNumber`, value: "b" },
    ]);
    expect(operations("aadOptscim062020", person("a"), person("b"))).toEqual([
      { op: "replace", path: 'emails[type eq "work"].value', value: "b" },
      {
        op: "replace",
        value: {
          "name.familyName": "b",
          "name.givenName": "b",
          displayName: "b",
          [`${ENTERPRISE_USER_SCHEMA}:employeeNumber`]: "b",
        },
      },
    ]);
    expect(operations("rfc7644", person("a"), person("b"))).toEqual([
      { op: "replace", path: "name.familyName", value: "b" },
      { op: "replace", path: "name.givenName", value: "b" },
      { op: "replace", path: "displayName", value: "b" },
      { op: "replace", path: "emails", value: [{ value: "b", type: "work", primary: true }] },
      { op: "replace", path: `${ENTERPRISE_USER_SCHEMA}:employeeNumber`, value: "b" },
    ]);
  });

  it.each([
    [
      "entra" as const,
      { op: "Remove", path: "members", value: [{ value: "a" }, { value: "b" }] },
      {
        op: "Add",
        path: "members",
        value: [
          { $ref: null, value: "d" },
          { $ref: null, value: "e" },
        ],
      },
    ],
    [
      "aadOptscim062020" as const,
      { op: "remove", path: 'members[value eq "a"]' },
      { op: "remove", path: 'members[value eq "b"]' },
      { op: "add", path: "members", value: [{ value: "d" }, { value: "e" }] },
    ],
    [
      "rfc7644" as const,
      { op: "remove", path: 'members[value eq "a"]' },
      { op: "remove", path: 'members[value eq "b"]' },
      { op: "add", path: "members", value: [{ value: "d" }, { value: "e" }] },
    ],
  ])("remove and add members in the style %s", (style, ...Operations) => {
    const group = (...members: unknown[]) => ({
      schemas: [GROUP_SCHEMA],
      id: "g",
      displayName: "g",
      members,
    });
    const before = group(
      { value: "a" },
      { value: "b" },
      { value: "c", display: "C", type: "User", $ref: "../Users/c" },
      { type: "User" },
    );
    const after = group(
      { value: "d" },
      { value: "c" },
      { value: "e", display: "E" },
      { type: "Group" },
    );
    expect(generatePatch(before, after, { resourceType: "Group", style })).toEqual([
      { schemas: [PATCH_OP_MESSAGE], Operations },
    ]);
  });
});

describe.each(STYLES)("in the style %s", (style) => {
  it.each<[string, Json, Json]>([
    ["nothing", { title: "x" }, { title: "x" }],
    [
      "read-only attributes",
      { id: "2", meta: { version: "1" }, groups: [{ value: "g" }] },
      { id: "3" },
    ],
    ["schemas and what none knows", { schemas: [], x: 1 }, { schemas: ["urn:x"], y: 2 }],
    [
      "null, and lists and objects of nothing",
      { title: null, emails: [], name: {}, roles: null, ims: [null, {}] },
      { name: null },
    ],
    [
      "the order of values",
      { emails: [{ value: "a" }, { value: "b" }] },
      { emails: [{ value: "b" }, { value: "a" }] },
    ],
    [
      "letter case of names",
      { TITLE: "x", Emails: [{ VALUE: "a" }] },
      { title: "x", emails: [{ value: "a" }] },
    ],
    [
      "what the service provider adds to a manager",
      {
        [ENTERPRISE_USER_SCHEMA]: { manager: { value: "m", $ref: "../Users/m", displayName: "M" } },
      },
      { [ENTERPRISE_USER_SCHEMA]: { manager: { value: "m" } } },
    ],
    [
      "the same manager",
      { [ENTERPRISE_USER_SCHEMA]: { manager: { value: "m", $ref: "r" } } },
      { [ENTERPRISE_USER_SCHEMA]: { manager: { value: "m", $ref: "r", displayName: "M" } } },
    ],
    ["no extension", { [ENTERPRISE_USER_SCHEMA]: {} }, { [ENTERPRISE_USER_SCHEMA]: null }],
  ])("%s is no change", (_name, before, after) => {
    expect(operations(style, before, after)).toEqual([]);
  });

  it("removes what is gone", () => {
    const op = style === "entra" ? "Remove" : "remove";
    const before = {
      title: "x",
      name: { givenName: "g" },
      emails: [{ value: "untyped" }],
      [ENTERPRISE_USER_SCHEMA]: { manager: { value: "m" }, department: "d" },
    };
    expect(operations(style, before, {})).toEqual([
      { op, path: style === "rfc7644" ? "name" : "name.givenName" },
      { op, path: "title" },
      { op, path: "emails" },
      { op, path: `${ENTERPRISE_USER_SCHEMA}:department` },
      { op, path: MANAGER },
    ]);
  });

  it("writes a password that is set", () => {
    const op = style === "entra" ? "Add" : "add";
    expect(operations(style, {}, { password: "p" })).toEqual([
      { op, path: "password", value: "p" },
    ]);
  });

  it("cuts long changes into operations and messages", () => {
    const group = (...values: string[]) => ({
      schemas: [GROUP_SCHEMA],
      id: "g",
      displayName: "g",
      members: values.map((value) => ({ value })),
    });
    const options = { resourceType: "Group", style, maxValues: 2, maxOperations: 2 } as const;
    const messages = generatePatch(group("a", "b", "c"), group("d", "e", "f"), options);
    expect(messages.map(({ Operations }) => Operations.length)).toEqual(
      style === "entra" ? [2, 2] : [2, 2, 1],
    );
    const values = messages.flatMap(({ Operations }) =>
      Operations.flatMap(({ value }) => (Array.isArray(value) ? [value.length] : [])),
    );
    expect(values).toEqual(style === "entra" ? [2, 1, 2, 1] : [2, 1]);
    expect(() => generatePatch(USER, USER, { ...options, maxValues: 0 })).toThrow(RangeError);
    expect(() => generatePatch(USER, USER, { ...options, maxOperations: 0 })).toThrow(RangeError);
  });
});

describe("multi-valued attributes", () => {
  const work = { type: "work", value: "w" };
  const home = { type: "home", value: "h" };

  it("are added to when all that was there stays, and replaced otherwise", () => {
    expect(operations("rfc7644", { emails: [work] }, { emails: [work, home] })).toEqual([
      { op: "add", path: "emails", value: [{ value: "h", type: "home" }] },
    ]);
    expect(operations("rfc7644", { emails: [work] }, { emails: [home] })).toEqual([
      { op: "replace", path: "emails", value: [{ value: "h", type: "home" }] },
    ]);
  });

  it("are replaced piece by piece when they are long", () => {
    const options = { resourceType: "User", style: "rfc7644", maxValues: 1 } as const;
    const [message] = generatePatch(
      { ...USER, emails: [{ value: "x" }] },
      { ...USER, emails: [work, home] },
      options,
    );
    expect(message?.Operations).toEqual([
      { op: "replace", path: "emails", value: [{ value: "w", type: "work" }] },
      { op: "add", path: "emails", value: [{ value: "h", type: "home" }] },
    ]);
  });

  it("are written by type in the styles of Entra", () => {
    const before = {
      emails: [
        { ...work, primary: true, display: "d" },
        { type: "other", value: "o", primary: true },
      ],
    };
    const after = { emails: [work, { ...home, primary: true }] };
    expect(operations("entra", before, after)).toEqual([
      { op: "Add", path: 'emails[type eq "home"].value', value: "h" },
      { op: "Add", path: 'emails[type eq "home"].primary', value: "True" },
      { op: "Remove", path: 'emails[type eq "work"].display' },
      { op: "Remove", path: 'emails[type eq "work"].primary' },
      { op: "Remove", path: 'emails[type eq "other"].value' },
    ]);
  });

  it.each<[string, Json, Json]>([
    ["without a type", { value: "x" }, { value: "x" }],
    ["of the same type", { type: "work", value: "x" }, { type: "work", value: "x" }],
    ["of a type in another spelling", { type: "WORK", value: "x" }, { type: "WORK", value: "x" }],
    ["with a type alone", { type: "home", primary: true }, { type: "home", primary: "True" }],
  ])("are written as a whole when one is %s", (_name, element, written) => {
    expect(operations("entra", { emails: [work] }, { emails: [work, element] })).toEqual([
      { op: "Add", path: "emails", value: [written] },
    ]);
    expect(operations("entra", { emails: [work, element] }, { emails: [work] })).toEqual([
      { op: "Replace", path: "emails", value: [work] },
    ]);
  });

  it("are written as a whole when a type is spelled anew", () => {
    const after = { emails: [{ type: "Work", value: "w" }] };
    expect(operations("aadOptscim062020", { emails: [work] }, after)).toEqual([
      { op: "replace", path: "emails", value: after.emails },
    ]);
  });
});

describe("a manager", () => {
  const reports = (manager: unknown) => ({ [ENTERPRISE_USER_SCHEMA]: { manager } });
  const m1 = { value: "m1", $ref: "../Users/m1" };
  const m2 = { value: "m2", $ref: "../Users/m2" };

  it.each<[PatchStyle, unknown, unknown, unknown[]]>([
    ["entra", undefined, { value: "m2" }, [{ op: "Add", path: MANAGER, value: "m2" }]],
    ["entra", { value: "m1" }, { value: "m2" }, [{ op: "Replace", path: MANAGER, value: "m2" }]],
    ["entra", m1, m2, [{ op: "Replace", path: MANAGER, value: [m2] }]],
    ["rfc7644", m1, m2, [{ op: "replace", path: MANAGER, value: m2 }]],
    [
      "aadOptscim062020",
      { value: "m1" },
      { value: "m2" },
      [{ op: "replace", path: MANAGER, value: { value: "m2" } }],
    ],
    [
      "rfc7644",
      m1,
      { value: "m2" },
      [
        { op: "remove", path: MANAGER },
        { op: "add", path: MANAGER, value: { value: "m2" } },
      ],
    ],
    [
      "entra",
      m1,
      { $ref: "../Users/m2" },
      [
        { op: "Remove", path: MANAGER },
        { op: "Add", path: MANAGER, value: [{ $ref: "../Users/m2" }] },
      ],
    ],
  ])("in the style %s goes from %j to %j", (style, before, after, expected) => {
    expect(operations(style, reports(before), reports(after))).toEqual(expected);
  });
});

it("an empty text is a value in the style rfc7644 alone", () => {
  expect(operations("rfc7644", { title: "x" }, { title: "" })).toEqual([
    { op: "replace", path: "title", value: "" },
  ]);
  expect(operations("entra", { title: "x" }, { title: "" })).toEqual([
    { op: "Remove", path: "title" },
  ]);
  expect(operations("aadOptscim062020", { title: "" }, {})).toEqual([]);
});
