import { describe, expect, it } from "vitest";
import { ScimError } from "../../agent/core/scim/error.ts";
import { applyPatch } from "../../agent/core/scim/patch.ts";
import { parsePatch } from "../../agent/core/scim/patch-operation.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import {
  ENTERPRISE_USER_SCHEMA,
  GROUP_SCHEMA,
  PATCH_OP_MESSAGE,
  USER_SCHEMA,
} from "../../agent/core/scim/urn.ts";

const MANAGER = `${ENTERPRISE_USER_SCHEMA}:manager`;
const WORK = { type: "work", value: "old@example.com", primary: true };

const USER: ScimResource = {
  schemas: [USER_SCHEMA],
  id: "u1",
  userName: "u1091",
  active: true,
  name: { formatted: "givenName familyName", givenName: "givenName", familyName: "familyName" },
  emails: [WORK],
};

const EMPLOYEE: ScimResource = {
  ...USER,
  schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
  [ENTERPRISE_USER_SCHEMA]: {
    manager: { value: "m1", $ref: "../Users/m1", displayName: "Boss" },
  },
};

const GROUP: ScimResource = {
  schemas: [GROUP_SCHEMA],
  id: "g1",
  displayName: "g",
  members: [{ value: "a", display: "A" }, { value: "b" }, { value: "c" }],
};

function send(resource: ScimResource, ...operations: unknown[]): ScimResource {
  const before = structuredClone(resource);
  const resourceType = resource.schemas[0] === GROUP_SCHEMA ? "Group" : "User";
  const parsed = parsePatch({ schemas: [PATCH_OP_MESSAGE], Operations: operations });
  try {
    const outcome = applyPatch(resource, parsed, { resourceType, profile: "entra" });
    expect(outcome.changed).toBe(outcome.resource !== resource);
    return outcome.resource;
  } finally {
    expect(resource).toEqual(before);
  }
}

function refusal(resource: ScimResource, ...operations: unknown[]): string {
  try {
    send(resource, ...operations);
  } catch (error) {
    if (error instanceof ScimError) return `${error.status} ${error.scimType}`;
    throw error;
  }
  return "none";
}

describe("the requests in Microsoft's documentation", () => {
  it.each(["Replace", "replace"])("%s multi-valued and complex properties", (op) => {
    const patched = send(
      USER,
      { op, path: 'emails[type eq "work"].value', value: "updatedEmail@microsoft.com" },
      { op, path: "name.familyName", value: "updatedFamilyName" },
    );
    expect(patched).toEqual({
      ...USER,
      emails: [{ ...WORK, value: "updatedEmail@microsoft.com" }],
      name: { ...(USER["name"] as object), familyName: "updatedFamilyName" },
    });
  });

  it("replaces a single-valued property", () => {
    const userName = "5b50642d-79fc-4410-9e90-4c077cdd1a59@testuser.com";
    expect(send(USER, { op: "Replace", path: "userName", value: userName })).toEqual({
      ...USER,
      userName,
    });
  });

  it.each([false, "False", "false"])("disables a user with %j", (value) => {
    const disabled = { ...USER, active: false };
    expect(send(USER, { op: "Replace", path: "active", value })).toEqual(disabled);
    expect(send(USER, { op: "Replace", value: { active: value } })).toEqual(disabled);
  });

  it("adds a single-value string attribute", () => {
    expect(send(USER, { op: "Add", path: "nickName", value: "Babs" })).toEqual({
      ...USER,
      nickName: "Babs",
    });
  });

  it("replaces several attributes, one operation each", () => {
    const value = "Eqpj";
    const patched = send(
      USER,
      { op: "Replace", path: "displayName", value: "Pvlo" },
      { op: "Replace", path: 'emails[type eq "work"].value', value: "x@test.microsoft.com" },
      { op: "Replace", path: "name.givenName", value: "Gtfd" },
      { op: "Replace", path: "name.familyName", value: "Pkqf" },
      { op: "Replace", path: "externalId", value },
      { op: "Replace", path: `${ENTERPRISE_USER_SCHEMA}:employeeNumber`, value },
    );
    expect(patched).toEqual({
      ...USER,
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      displayName: "Pvlo",
      emails: [{ ...WORK, value: "x@test.microsoft.com" }],
      name: { formatted: "givenName familyName", givenName: "Gtfd", familyName: "Pkqf" },
      externalId: value,
      [ENTERPRISE_USER_SCHEMA]: { employeeNumber: value },
    });
  });

  it("replaces several attributes in one operation with paths for names", () => {
    const patched = send(
      USER,
      { op: "replace", path: 'emails[type eq "work"].value', value: "x@test.microsoft.com" },
      {
        op: "replace",
        value: {
          displayName: "Bjfe",
          "name.givenName": "Kkom",
          "name.familyName": "Unua",
          [`${ENTERPRISE_USER_SCHEMA}:employeeNumber`]: "Aklq",
        },
      },
    );
    expect(patched).toEqual({
      ...USER,
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      displayName: "Bjfe",
      emails: [{ ...WORK, value: "x@test.microsoft.com" }],
      name: { formatted: "givenName familyName", givenName: "Kkom", familyName: "Unua" },
      [ENTERPRISE_USER_SCHEMA]: { employeeNumber: "Aklq" },
    });
  });

  it("adds members by value, and those that are there change nothing", () => {
    const op = {
      op: "Add",
      path: "members",
      value: [
        { $ref: null, value: "a" },
        { $ref: null, value: "d" },
      ],
    };
    const grown = send(GROUP, op);
    expect(grown).toEqual({ ...GROUP, members: [...(GROUP["members"] as []), { value: "d" }] });
    expect(send(grown, op)).toBe(grown);
  });

  it("removes members by a list of values", () => {
    expect(
      send(GROUP, {
        op: "Remove",
        path: "members",
        value: [{ $ref: null, value: "a" }, { value: "c" }, { value: "gone" }],
      }),
    ).toEqual({
      ...GROUP,
      members: [{ value: "b" }],
    });
    expect(send(GROUP, { op: "remove", path: 'members[value eq "b"]' })["members"]).toEqual([
      { value: "a", display: "A" },
      { value: "c" },
    ]);
  });

  it("stores roles as they are given, JSON in a text or not", () => {
    const value = '{"id":"06b07648","value":"Admin","displayName":"Admin"}';
    expect(send(USER, { op: "Add", path: "roles", value: [{ value }] })["roles"]).toEqual([
      { value },
    ]);
    expect(
      send(USER, {
        op: "add",
        path: "roles",
        value: [{ primary: "True", Value: "Admin", id: "1" }],
      })["roles"],
    ).toEqual([{ primary: true, value: "Admin" }]);
  });

  it.each(["m2", { value: "m2" }, [{ $ref: null, value: "m2" }]])(
    "takes manager as %j, under its URN or without",
    (value) => {
      for (const path of [MANAGER, "manager", `${ENTERPRISE_USER_SCHEMA}.manager`]) {
        expect(send(EMPLOYEE, { op: "Replace", path, value })).toEqual({
          ...EMPLOYEE,
          [ENTERPRISE_USER_SCHEMA]: { manager: { value: "m2" } },
        });
      }
    },
  );
});

describe("a manager", () => {
  it("keeps what is known of it when it is the same", () => {
    expect(send(EMPLOYEE, { op: "Add", path: MANAGER, value: "m1" })).toBe(EMPLOYEE);
    const value = [{ value: "m1", $ref: "../Users/m1" }];
    expect(send(EMPLOYEE, { op: "Replace", path: MANAGER, value })).toBe(EMPLOYEE);
  });

  it.each([
    { op: "Remove", path: MANAGER },
    { op: "Remove", path: MANAGER, value: "m1" },
    { op: "Remove", path: `${MANAGER}.value` },
    { op: "Replace", path: `${MANAGER}.value`, value: "" },
    { op: "Replace", path: MANAGER, value: null },
    { op: "Replace", path: MANAGER, value: "" },
    { op: "Replace", path: MANAGER, value: [] },
    { op: "Replace", path: MANAGER, value: { value: "" } },
    { op: "Replace", path: MANAGER, value: [{ $ref: null, value: null }] },
    { op: "Replace", value: { manager: { Value: "" } } },
    { op: "Replace", value: { [ENTERPRISE_USER_SCHEMA]: { manager: null } } },
  ])("is cleared by %j", (operation) => {
    expect(send(EMPLOYEE, operation)).toEqual(USER);
    expect(send(USER, operation)).toBe(USER);
  });

  it("is not cleared by an Add of nothing", () => {
    for (const value of [null, "", { value: "" }, []]) {
      expect(send(EMPLOYEE, { op: "Add", path: MANAGER, value })).toBe(EMPLOYEE);
    }
    expect(send(EMPLOYEE, { op: "Add", path: `${MANAGER}.value`, value: "" })).toBe(EMPLOYEE);
  });
});

describe("single values", () => {
  it.each([["x"], { value: "x" }, [{ $ref: null, Value: "x" }]])("are found in %j", (value) => {
    expect(send(USER, { op: "Add", path: "title", value })).toEqual({ ...USER, title: "x" });
  });

  it.each([null, "", [], { value: "" }, [{ value: null }]])("are cleared by %j", (value) => {
    const titled = { ...USER, title: "x" };
    expect(send(titled, { op: "Replace", path: "title", value })).toEqual(USER);
    expect(send(titled, { op: "Replace", value: { title: value } })).toEqual(USER);
    expect(refusal(USER, { op: "Replace", path: "userName", value })).toBe("400 mutability");
  });

  it("are cleared within a complex attribute, which merges", () => {
    const value = { givenName: "", familyName: null, middleName: "m" };
    expect(send(USER, { op: "Replace", path: "name", value })["name"]).toEqual({
      formatted: "givenName familyName",
      middleName: "m",
    });
  });
});

describe("a path with a filter", () => {
  it.each(["Add", "Replace"])("creates the element that %s does not find", (op) => {
    const patched = send(
      USER,
      { op, path: 'emails[type eq "other"].value', value: "o@x" },
      { op, path: 'phoneNumbers[type eq "work" and primary eq "True"].value', value: "1" },
      { op, path: "addresses[type eq work].locality", value: "Delft" },
      { op, path: "roles[value eq 5 and primary eq false]", value: { display: "five" } },
      { op, path: 'ims[type eq "xmpp"]', value: "me" },
      { op, path: "entitlements.value", value: "e" },
    );
    expect(patched).toEqual({
      ...USER,
      emails: [WORK, { type: "other", value: "o@x" }],
      phoneNumbers: [{ type: "work", primary: true, value: "1" }],
      addresses: [{ type: "work", locality: "Delft" }],
      roles: [{ value: "5", primary: false, display: "five" }],
      ims: [{ type: "xmpp", value: "me" }],
      entitlements: [{ value: "e" }],
    });
  });

  it.each([
    'emails[type eq "a" or type eq "b"].value',
    'emails[type eq "a" and type eq "b"].value',
    'emails[not (type eq "home")][type eq "x"]',
    'emails[type co "other"].value',
    "emails[display pr].value",
    "emails[value eq null].value",
    'emails[nonsense eq "x"].value',
    "emails[type eq true].value",
    'emails[display.x eq "x"].value',
  ])("creates nothing from %s", (path) => {
    expect(refusal(USER, { op: "Add", path, value: "x" })).toMatch(/^400 (noTarget|invalidPath)$/);
  });

  it("creates no member from what only the service provider may say", () => {
    const operation = { op: "Add", path: 'members[display eq "x"].type', value: "User" };
    expect(refusal(GROUP, operation)).toBe("400 noTarget");
  });

  it("creates nothing out of nothing", () => {
    expect(send(USER, { op: "Replace", path: 'emails[type eq "other"].value', value: "" })).toBe(
      USER,
    );
    expect(send(USER, { op: "Add", path: 'emails[type eq "other"]', value: null })).toBe(USER);
    expect(send(USER, { op: "Remove", path: 'emails[type eq "other"].value' })).toBe(USER);
  });

  it.each([
    { op: "Remove", path: 'emails[type eq "work"].value' },
    { op: "Replace", path: 'emails[type eq "work"].value', value: "" },
    { op: "Replace", path: 'emails[type eq "work"].value', value: { value: "" } },
    { op: "Replace", path: 'emails[type eq "work"]', value: { value: "" } },
    { op: "Replace", path: "emails", value: [{ value: null }] },
    { op: "Replace", path: "emails", value: "" },
    { op: "Remove", path: "emails", value: [{ value: "OLD@example.com" }] },
    { op: "Remove", path: "emails", value: { type: "work", value: "old@example.com" } },
    { op: "Remove", path: "emails", value: "old@example.com" },
  ])("or without takes the element away with its value: %j", (operation) => {
    const { emails: _emails, ...silent } = USER;
    expect(send(USER, operation)).toEqual(silent);
  });

  it("leaves an element that says something else", () => {
    const user = { ...USER, emails: [{ ...WORK, display: "d" }] };
    expect(send(user, { op: "Remove", path: 'emails[type eq "work"].value' })["emails"]).toEqual([
      { type: "work", primary: true, display: "d" },
    ]);
    expect(
      send(USER, { op: "Replace", path: 'emails[type eq "work"]', value: { display: "d" } })[
        "emails"
      ],
    ).toEqual([{ ...WORK, display: "d" }]);
  });

  it("reads True as true, and picks by it", () => {
    const roles = [{ value: "a", primary: true }, { value: "b" }];
    const operation = { op: "Replace", path: 'roles[primary eq "True"].value', value: "c" };
    expect(send({ ...USER, roles }, operation)["roles"]).toEqual([
      { value: "c", primary: true },
      { value: "b" },
    ]);
  });
});

describe("Remove with a list", () => {
  it.each([[[]], [[{}]], [[{ value: null }]], [[{ value: "gone" }]]])(
    "of nobody empties no group: %j",
    (value) => {
      expect(send(GROUP, { op: "Remove", path: "members", value })).toBe(GROUP);
    },
  );

  it.each([
    { op: "Remove", path: "members" },
    { op: "Remove", path: "members", value: null },
    { op: "Replace", path: "members", value: null },
    { op: "Replace", value: { members: null } },
  ])("is not %j, which empties it", (operation) => {
    const { members: _members, ...empty } = GROUP;
    expect(send(GROUP, operation)).toEqual(empty);
  });

  it("takes values of every type, and no others", () => {
    const emails = [
      { type: "work", value: "a" },
      { type: "home", value: "A" },
      { type: "other", value: "b" },
      { display: "none" },
    ];
    const left = send(
      { ...USER, emails },
      { op: "Remove", path: "emails", value: [{ value: "a" }, { value: "null" }] },
    );
    expect(left["emails"]).toEqual([{ type: "other", value: "b" }, { display: "none" }]);
  });

  it("takes addresses by all that they say", () => {
    const addresses = [
      { type: "work", locality: "Delft", primary: true },
      { type: "work", locality: "Leiden" },
    ];
    const value = [{ locality: "Delft", type: "work" }];
    expect(
      send({ ...USER, addresses }, { op: "Remove", path: "addresses", value })["addresses"],
    ).toEqual([{ type: "work", locality: "Leiden" }]);
  });
});

it("a type that reads null is no missing type", () => {
  const emails = [{ value: "a" }];
  const value = [{ value: "a", type: "null" }];
  expect(send({ ...USER, emails }, { op: "Add", path: "emails", value })["emails"]).toEqual([
    ...emails,
    ...value,
  ]);
});

describe("names", () => {
  it("are resolved against the core first, then the extensions", () => {
    const value = { Department: "D", TITLE: "t", 'emails[type eq "home"].value': "h@x" };
    expect(send(USER, { op: "Add", value })).toEqual({
      ...USER,
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      title: "t",
      emails: [WORK, { type: "home", value: "h@x" }],
      [ENTERPRISE_USER_SCHEMA]: { department: "D" },
    });
  });

  it("may be the dotted ones of old jobs", () => {
    const path = `${ENTERPRISE_USER_SCHEMA.toUpperCase()}.department`;
    const employed = {
      ...USER,
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      [ENTERPRISE_USER_SCHEMA]: { department: "D" },
    };
    expect(send(USER, { op: "Add", path, value: "D" })).toEqual(employed);
    expect(send(USER, { op: "Add", value: { [path]: "D" } })).toEqual(employed);
    expect(send(USER, { op: "Add", path: `${USER_SCHEMA}.title`, value: "t" })).toEqual({
      ...USER,
      title: "t",
    });
  });

  it("are ignored when no schema knows them", () => {
    const value = {
      schemas: [
        USER_SCHEMA,
        "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
      ],
      "urn:ietf:params:scim:schemas:extension:custom:2.0:User": { x: 1 },
      "urn:ietf:params:scim:schemas:extension:custom:2.0:User:tag": "x",
      "name.nonsense": "x",
      "a b": 1,
    };
    expect(send(USER, { op: "Replace", value })).toBe(USER);
  });

  it("of the core schema's URN stand at the top", () => {
    const value = { [USER_SCHEMA]: { title: "t", [USER_SCHEMA]: { "name.givenName": "g" } } };
    expect(send(USER, { op: "Replace", value })).toEqual({
      ...USER,
      title: "t",
      name: { ...(USER["name"] as object), givenName: "g" },
    });
  });
});

it.each([
  ["400 invalidValue", { op: "Replace", path: "active", value: "maybe" }],
  ["400 invalidValue", { op: "Replace", path: "title", value: ["a", "b"] }],
  ["400 invalidValue", { op: "Replace", path: "title", value: [[["a"]]] }],
  ["400 invalidValue", { op: "Replace", path: "title", value: { x: "a" } }],
  ["400 invalidValue", { op: "Replace", path: "manager", value: [{ value: "a" }, { value: "b" }] }],
  ["400 invalidValue", { op: "Replace", path: "manager", value: true }],
  ["400 invalidValue", { op: "Replace", path: "name", value: "x" }],
  ["400 invalidPath", { op: "Replace", path: "nonsense", value: "x" }],
  ["400 mutability", { op: "Remove", path: "userName" }],
  ["400 mutability", { op: "Replace", path: "id", value: "x" }],
  ["400 noTarget", { op: "Remove" }],
])("Entra too is refused with %s for %j", (expected, operation) => {
  expect(refusal(USER, operation)).toBe(expected);
});
