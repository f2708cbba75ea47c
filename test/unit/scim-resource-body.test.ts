import { describe, expect, it } from "vitest";
import { normalizeResource } from "../../agent/core/scim/resource-body.ts";
import { ENTERPRISE_USER_SCHEMA, GROUP_SCHEMA, USER_SCHEMA } from "../../agent/core/scim/urn.ts";

const STRICT = { resourceType: "User", profile: "rfc7644" } as const;
const ENTRA = { resourceType: "User", profile: "entra" } as const;

describe("normalizeResource", () => {
  it("spells names as in the schema and leaves out what a client may not say", () => {
    const body = {
      Schemas: [USER_SCHEMA, "urn:x:y"],
      USERNAME: "ada",
      id: "1",
      meta: { resourceType: "User" },
      groups: [{ value: "g" }],
      nonsense: 1,
      "urn:x:y": { a: 1 },
      Emails: { Value: "a@x", Primary: true, x: 1 },
      Name: { GivenName: "Ada", familyName: null },
      title: null,
      roles: [],
      [ENTERPRISE_USER_SCHEMA.toLowerCase()]: { Manager: { VALUE: "m", displayName: "Boss" } },
    };
    expect(normalizeResource(body, STRICT)).toEqual({
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      userName: "ada",
      emails: [{ value: "a@x", primary: true }],
      name: { givenName: "Ada" },
      [ENTERPRISE_USER_SCHEMA]: { manager: { value: "m" } },
    });
  });

  it("takes the bodies of Entra", () => {
    const body = {
      schemas: [USER_SCHEMA],
      userName: "ada",
      active: "True",
      addresses: null,
      department: "D",
      manager: "m",
      "name.givenName": "Ada",
      displayName: "",
      roles: [{ primary: "False", value: "r" }],
      meta: { resourceType: "User" },
    };
    expect(normalizeResource(body, ENTRA)).toEqual({
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      userName: "ada",
      active: true,
      name: { givenName: "Ada" },
      roles: [{ primary: false, value: "r" }],
      [ENTERPRISE_USER_SCHEMA]: { department: "D", manager: { value: "m" } },
    });
  });

  it("takes Entra's groups, whose schemas it does not know", () => {
    const body = {
      schemas: [
        GROUP_SCHEMA,
        "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
      ],
      externalId: "e",
      displayName: "g",
      members: [],
      meta: { resourceType: "Group" },
    };
    expect(normalizeResource(body, { resourceType: "Group", profile: "entra" })).toEqual({
      schemas: [GROUP_SCHEMA],
      externalId: "e",
      displayName: "g",
    });
  });

  it("does not change the body", () => {
    const body = { userName: "ada", emails: [{ value: "a", primary: true }] };
    const before = structuredClone(body);
    const { emails } = normalizeResource(body, STRICT);
    expect(body).toEqual(before);
    expect(emails).toEqual(before.emails);
  });

  it.each([
    ["invalidSyntax", "text"],
    ["invalidSyntax", []],
    ["invalidValue", {}],
    ["invalidValue", { userName: null }],
    ["invalidValue", { userName: "" }],
    ["invalidValue", { userName: "a", active: "True" }],
    [
      "invalidValue",
      {
        userName: "a",
        emails: [
          { value: "a", primary: true },
          { value: "b", primary: true },
        ],
      },
    ],
    ["invalidPath", { userName: "a", "name.givenName": "x" }],
  ])("refuses with %s: %j", (scimType, body) => {
    expect(() => normalizeResource(body, STRICT)).toThrow(
      expect.objectContaining({ status: 400, scimType }),
    );
  });

  it("refuses what is nested without end", () => {
    let body: Record<string, unknown> = { userName: "a" };
    for (let level = 0; level < 50_000; level++) body = { [USER_SCHEMA]: body };
    expect(() => normalizeResource(body, ENTRA)).toThrow(
      expect.objectContaining({ status: 400, scimType: "invalidValue" }),
    );
  });
});
