import { describe, expect, it } from "vitest";
import { ScimError } from "../../agent/core/scim/error.ts";
import { applyPatch } from "../../agent/core/scim/patch.ts";
import type { PatchOperation } from "../../agent/core/scim/patch-operation.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA, GROUP_SCHEMA, USER_SCHEMA } from "../../agent/core/scim/urn.ts";

const BABS = "2819c223-7f76-453a-919d-413861904646";
const JAMES = "08e1d05d-121c-4561-8b96-473d93df9210";
const MANDY = "902c246b-6245-4190-8e05-00816be7344a";

const WORK_ADDRESS = {
  type: "work",
  streetAddress: "100 Universal City Plaza",
  locality: "Hollywood",
  region: "CA",
  postalCode: "91608",
  country: "USA",
  primary: true,
};
const NEW_ADDRESS = {
  type: "work",
  streetAddress: "911 Universal City Plaza",
  locality: "Hollywood",
  region: "CA",
  postalCode: "91608",
  country: "US",
  formatted: "911 Universal City Plaza\nHollywood, CA 91608 US",
  primary: true,
};

const WORK = { type: "work", value: "bjensen@example.com", primary: true };
const HOME = { type: "home", value: "babs@jensen.org" };

const USER: ScimResource = {
  schemas: [USER_SCHEMA],
  id: BABS,
  userName: "bjensen",
  name: { familyName: "Jensen", givenName: "Barbara" },
  emails: [WORK, HOME],
  addresses: [WORK_ADDRESS],
  meta: { resourceType: "User", version: 'W/"1"' },
};

const EMPLOYEE: ScimResource = {
  ...USER,
  schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
  [ENTERPRISE_USER_SCHEMA]: {
    department: "Tours",
    manager: { value: "m1", $ref: "../Users/m1", displayName: "Boss" },
  },
};

const GROUP: ScimResource = {
  schemas: [GROUP_SCHEMA],
  id: "g1",
  displayName: "Tour Guides",
  members: [
    { value: BABS, $ref: `../Users/${BABS}`, display: "Babs Jensen" },
    { value: JAMES, type: "User" },
  ],
};

function patch(resource: ScimResource, ...operations: PatchOperation[]): ScimResource {
  const before = structuredClone(resource);
  const resourceType = resource.schemas?.[0] === GROUP_SCHEMA ? "Group" : "User";
  try {
    const { resource: after, changed } = applyPatch(resource, operations, {
      resourceType,
      profile: "rfc7644",
    });
    expect(changed).toBe(after !== resource);
    return after;
  } finally {
    expect(resource).toEqual(before);
  }
}

function refusal(resource: ScimResource, ...operations: PatchOperation[]): string {
  try {
    patch(resource, ...operations);
  } catch (error) {
    if (error instanceof ScimError) return `${error.status} ${error.scimType}`;
    throw error;
  }
  return "none";
}

describe("the examples of RFC 7644 section 3.5.2", () => {
  it("adds a member to a group, and changes nothing when it is there", () => {
    const value = [{ display: "Mandy", $ref: `../Users/${MANDY}`, value: MANDY }];
    const grown = patch(GROUP, { op: "add", path: "members", value });
    expect(grown).toEqual({
      ...GROUP,
      members: [...(GROUP["members"] as []), { $ref: `../Users/${MANDY}`, value: MANDY }],
    });
    expect(patch(grown, { op: "add", path: "members", value })).toBe(grown);
  });

  it("adds attributes without a path, names in any letter case", () => {
    const value = { emails: [{ value: "babs@home.example", type: "other" }], nickname: "Babs" };
    expect(patch(USER, { op: "add", value })).toEqual({
      ...USER,
      emails: [WORK, HOME, { value: "babs@home.example", type: "other" }],
      nickName: "Babs",
    });
  });

  it("removes one member", () => {
    expect(patch(GROUP, { op: "remove", path: `members[value eq "${BABS}"]` })).toEqual({
      ...GROUP,
      members: [{ value: JAMES, type: "User" }],
    });
  });

  it("removes all members, even when a value is given", () => {
    const { members: _members, ...empty } = GROUP;
    expect(patch(GROUP, { op: "remove", path: "members" })).toEqual(empty);
    expect(patch(GROUP, { op: "remove", path: "members", value: [{ value: BABS }] })).toEqual(
      empty,
    );
  });

  it("removes values that a complex filter picks", () => {
    const path = 'emails[type eq "work" and value ew "example.com"]';
    expect(patch(USER, { op: "remove", path })).toEqual({ ...USER, emails: [HOME] });
  });

  it("removes and adds a member in one request", () => {
    const patched = patch(
      GROUP,
      { op: "remove", path: `members[value eq "${BABS}"]` },
      { op: "add", path: "members", value: [{ value: MANDY }] },
    );
    expect(patched).toEqual({
      ...GROUP,
      members: [{ value: JAMES, type: "User" }, { value: MANDY }],
    });
  });

  it("exchanges all members by remove and add, and by replace", () => {
    const value = [{ value: BABS }, { value: MANDY }];
    const removed = patch(
      GROUP,
      { op: "remove", path: "members" },
      { op: "add", path: "members", value },
    );
    expect(removed).toEqual({ ...GROUP, members: value });
    expect(patch(GROUP, { op: "replace", path: "members", value })).toEqual({
      ...GROUP,
      members: [
        { value: BABS, $ref: `../Users/${BABS}`, display: "Babs Jensen" },
        { value: MANDY },
      ],
    });
  });

  it("replaces the work address, and its street alone", () => {
    const path = 'addresses[type eq "work"]';
    expect(patch(USER, { op: "replace", path, value: NEW_ADDRESS })).toEqual({
      ...USER,
      addresses: [NEW_ADDRESS],
    });
    const street = {
      op: "replace",
      path: `${path}.streetAddress`,
      value: "1010 Broadway",
    } as const;
    expect(patch(USER, street)).toEqual({
      ...USER,
      addresses: [{ ...WORK_ADDRESS, streetAddress: "1010 Broadway" }],
    });
  });

  it("replaces attributes without a path", () => {
    const emails = [
      { value: "bjensen@example.com", type: "work", primary: true },
      { value: "babs@jensen.org", type: "other" },
    ];
    expect(patch(USER, { op: "replace", value: { emails, nickname: "Babs" } })).toEqual({
      ...USER,
      emails,
      nickName: "Babs",
    });
  });
});

describe("add", () => {
  it.each<[string, PatchOperation]>([
    ["an equal value", { op: "add", path: "userName", value: "bjensen" }],
    ["an equal element", { op: "add", path: "emails", value: [HOME] }],
    [
      "an equal element by another spelling",
      { op: "add", path: "emails", value: { ...HOME, value: "BABS@jensen.org" } },
    ],
    ["an equal address", { op: "add", path: "addresses", value: [{ ...WORK_ADDRESS }] }],
    ["null", { op: "add", path: "name.givenName", value: null }],
    ["null for a complex attribute", { op: "add", path: "name", value: null }],
    [
      "null for elements that are picked",
      { op: "add", path: 'emails[type eq "work"]', value: null },
    ],
    ["no sub-attribute", { op: "add", path: "name", value: {} }],
    ["null within", { op: "add", path: "name", value: { familyName: null } }],
    ["an empty list", { op: "add", path: "phoneNumbers", value: [] }],
    [
      "elements with nothing in them",
      { op: "add", path: "phoneNumbers", value: [{}, null, { x: 1 }] },
    ],
    [
      "a schema, which follows the extensions",
      { op: "add", path: "schemas", value: [ENTERPRISE_USER_SCHEMA] },
    ],
    ["null for an extension", { op: "add", path: ENTERPRISE_USER_SCHEMA, value: null }],
    [
      "read-only and unknown names",
      {
        op: "add",
        value: {
          id: "x",
          meta: {},
          schemas: [],
          groups: [{ value: "g" }],
          x: 1,
          "urn:x:y": { z: 1 },
        },
      },
    ],
    ["an extension's attribute without URN", { op: "add", value: { department: "x" } }],
  ])("changes nothing for %s", (_name, operation) => {
    expect(patch(USER, operation)).toBe(USER);
  });

  it("changes nothing for null where something is", () => {
    const value = { [ENTERPRISE_USER_SCHEMA]: null };
    expect(patch(EMPLOYEE, { op: "add", value })).toBe(EMPLOYEE);
    expect(patch(EMPLOYEE, { op: "add", path: ENTERPRISE_USER_SCHEMA, value: null })).toBe(
      EMPLOYEE,
    );
  });

  it("merges into a complex attribute and into the elements that are picked", () => {
    expect(patch(USER, { op: "add", path: "name", value: { GivenName: "Babs" } })["name"]).toEqual({
      familyName: "Jensen",
      givenName: "Babs",
    });
    const path = 'emails[type eq "home"]';
    expect(patch(USER, { op: "add", path, value: { display: "d" } })["emails"]).toEqual([
      WORK,
      { ...HOME, display: "d" },
    ]);
  });

  it("adds what is new about an element that is there", () => {
    const value = { ...HOME, display: "Babs" };
    expect(patch(USER, { op: "add", path: "emails", value })["emails"]).toEqual([WORK, value]);
  });

  it("leaves one element primary", () => {
    const value = [{ value: "n@example.com", primary: true }];
    expect(patch(USER, { op: "add", path: "emails", value })["emails"]).toEqual([
      { ...WORK, primary: false },
      HOME,
      ...value,
    ]);
    const again = { op: "replace", path: 'emails[type eq "home"].primary', value: true } as const;
    expect(patch(USER, again, again)["emails"]).toEqual([
      { ...WORK, primary: false },
      { ...HOME, primary: true },
    ]);
  });

  it("sets a sub-attribute of all elements, or makes one", () => {
    expect(patch(USER, { op: "add", path: "emails.display", value: "x" })["emails"]).toEqual([
      { ...WORK, display: "x" },
      { ...HOME, display: "x" },
    ]);
    expect(patch(USER, { op: "add", path: "ims.value", value: "x" })["ims"]).toEqual([
      { value: "x" },
    ]);
  });

  it("lists an extension in schemas as soon as it has an attribute", () => {
    const employed = {
      ...USER,
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      [ENTERPRISE_USER_SCHEMA]: { department: "Tours" },
    };
    const path = `${ENTERPRISE_USER_SCHEMA.toUpperCase()}:Department`;
    expect(patch(USER, { op: "add", path, value: "Tours" })).toEqual(employed);
    const value = { Department: "Tours", "no:such": 1 };
    expect(patch(USER, { op: "add", path: ENTERPRISE_USER_SCHEMA, value })).toEqual(employed);
    const nested = { [ENTERPRISE_USER_SCHEMA]: value };
    expect(patch(USER, { op: "replace", value: nested })).toEqual(employed);
    expect(patch({ ...USER, schemas: undefined as never }, { op: "add", value: nested })).toEqual({
      ...employed,
      schemas: [ENTERPRISE_USER_SCHEMA],
    });
  });

  it("takes core attributes under the core schema's URN", () => {
    const title = { ...USER, title: "Guide" };
    expect(patch(USER, { op: "add", value: { [USER_SCHEMA]: { title: "Guide" } } })).toEqual(title);
    expect(patch(USER, { op: "add", path: `${USER_SCHEMA}:title`, value: "Guide" })).toEqual(title);
  });

  it("writes canonical names over those of the resource", () => {
    const odd = {
      schemas: [USER_SCHEMA],
      id: "1",
      UserName: "x",
      Emails: [{ Type: "work", VALUE: "a" }],
    };
    expect(
      patch(
        odd,
        { op: "replace", path: "userName", value: "y" },
        { op: "replace", path: 'emails[type eq "work"].value', value: "b" },
      ),
    ).toEqual({
      schemas: [USER_SCHEMA],
      id: "1",
      userName: "y",
      emails: [{ Type: "work", value: "b" }],
    });
  });
});

describe("replace", () => {
  it("adds an attribute that is absent", () => {
    expect(patch(USER, { op: "replace", path: "title", value: "Guide" })).toEqual({
      ...USER,
      title: "Guide",
    });
  });

  it("leaves the sub-attributes of a complex attribute that are not given", () => {
    const value = { givenName: "Babs", familyName: null };
    expect(patch(USER, { op: "replace", path: "name", value })["name"]).toEqual({
      givenName: "Babs",
    });
    expect(
      patch(EMPLOYEE, {
        op: "replace",
        path: `${ENTERPRISE_USER_SCHEMA}:manager`,
        value: { value: "m2" },
      })[ENTERPRISE_USER_SCHEMA],
    ).toEqual({
      department: "Tours",
      manager: { value: "m2", $ref: "../Users/m1", displayName: "Boss" },
    });
  });

  it("replaces the whole of the elements that match", () => {
    const path = 'emails[type eq "work"]';
    expect(patch(USER, { op: "replace", path, value: { value: "n@x" } })["emails"]).toEqual([
      { value: "n@x" },
      HOME,
    ]);
    expect(patch(USER, { op: "replace", path, value: null })["emails"]).toEqual([HOME]);
    expect(patch(USER, { op: "replace", path, value: {} })["emails"]).toEqual([HOME]);
  });

  it("takes null and an empty list for no value", () => {
    const { emails: _emails, ...silent } = USER;
    expect(patch(USER, { op: "replace", path: "emails", value: [] })).toEqual(silent);
    expect(patch(USER, { op: "replace", value: { emails: null } })).toEqual(silent);
    const { name: _name, ...nameless } = USER;
    expect(patch(USER, { op: "replace", path: "name", value: null })).toEqual(nameless);
  });

  it("keeps an empty text", () => {
    expect(patch(USER, { op: "replace", path: "title", value: "" })).toEqual({
      ...USER,
      title: "",
    });
  });

  it("drops an extension with its URN when nothing is left of it", () => {
    expect(patch(EMPLOYEE, { op: "replace", value: { [ENTERPRISE_USER_SCHEMA]: null } })).toEqual(
      USER,
    );
  });

  it("stores what is written only", () => {
    expect(patch(USER, { op: "replace", path: "password", value: "t1meMa$heen" })).toEqual({
      ...USER,
      password: "t1meMa$heen",
    });
  });
});

describe("remove", () => {
  it.each<[string, PatchOperation]>([
    ["an attribute", { op: "remove", path: "title" }],
    ["a sub-attribute", { op: "remove", path: "name.middleName" }],
    ["an element", { op: "remove", path: 'emails[value eq "gone"]' }],
    ["a sub-attribute of an element", { op: "remove", path: 'emails[value eq "gone"].type' }],
    ["an extension", { op: "remove", path: ENTERPRISE_USER_SCHEMA }],
    ["all elements", { op: "remove", path: "ims" }],
  ])("succeeds for %s that is not there", (_name, operation) => {
    expect(patch(USER, operation)).toBe(USER);
  });

  it("leaves a stored list of nothing", () => {
    const stored = { ...USER, ims: [] };
    expect(patch(stored, { op: "remove", path: "ims" })).toBe(stored);
  });

  it("takes away sub-attributes, and what is left empty", () => {
    const { name: _name, ...nameless } = USER;
    const patched = patch(
      USER,
      { op: "remove", path: "name.givenName" },
      { op: "remove", path: "name.familyName" },
    );
    expect(patched).toEqual(nameless);
    expect(patch(USER, { op: "remove", path: 'emails[type eq "work"].value' })["emails"]).toEqual([
      { type: "work", primary: true },
      HOME,
    ]);
    const ims = { ...USER, ims: [{ value: "x" }] };
    expect(patch(ims, { op: "remove", path: "ims.value" })).toEqual(USER);
  });

  it("takes an extension off schemas with its last attribute", () => {
    const patched = patch(
      EMPLOYEE,
      { op: "remove", path: `${ENTERPRISE_USER_SCHEMA}:department` },
      { op: "remove", path: `${ENTERPRISE_USER_SCHEMA}:manager` },
    );
    expect(patched).toEqual(USER);
    expect(patch(EMPLOYEE, { op: "remove", path: ENTERPRISE_USER_SCHEMA })).toEqual(USER);
  });

  it("finds members by other filters too", () => {
    const left = { ...GROUP, members: [(GROUP["members"] as unknown[])[0]] };
    for (const path of [
      'members[type eq "User"]',
      `members[value eq "${JAMES}" and type pr]`,
      'members[value sw "08"]',
    ]) {
      expect(patch(GROUP, { op: "remove", path })).toEqual(left);
    }
    expect(patch(GROUP, { op: "remove", path: "members[value eq 5]" })).toBe(GROUP);
    expect(patch(GROUP, { op: "remove", path: `members[value.x eq "${JAMES}"]` })).toBe(GROUP);
  });

  it("takes every element of a stored list with the same identity", () => {
    const twice = { ...GROUP, members: [{ value: BABS }, { value: BABS }, "plain"] };
    expect(patch(twice, { op: "remove", path: `members[value eq "${BABS}"]` })).toEqual({
      ...GROUP,
      members: [{ value: "plain" }],
    });
  });
});

describe("a PATCH", () => {
  it("works on what the operation before it left", () => {
    const patched = patch(
      USER,
      { op: "add", path: "phoneNumbers", value: { type: "work", value: "1" } },
      { op: "replace", path: 'phoneNumbers[type eq "work"].value', value: "2" },
      { op: "add", path: "phoneNumbers", value: { value: "3" } },
    );
    expect(patched["phoneNumbers"]).toEqual([{ type: "work", value: "2" }, { value: "3" }]);
  });

  it("is applied whole or not at all", () => {
    const operations: PatchOperation[] = [
      { op: "remove", path: "emails" },
      { op: "replace", path: 'addresses[type eq "home"].locality', value: "x" },
    ];
    expect(refusal(USER, ...operations)).toBe("400 noTarget");
  });

  it("is no change when its operations cancel out", () => {
    expect(
      patch(USER, { op: "add", path: "title", value: "x" }, { op: "remove", path: "title" }),
    ).toBe(USER);
  });

  it("says which operation was refused", () => {
    const options = { resourceType: "User", profile: "rfc7644" } as const;
    const operations = [
      { op: "add", path: "title", value: "x" },
      { op: "add", path: "nonsense", value: "x" },
    ] as const;
    expect(() => applyPatch(USER, operations, options)).toThrow(
      "operation 1: the path names no attribute of a User",
    );
  });

  it("passes on what is no fault of the request", () => {
    const broken = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new TypeError("broken");
        },
      },
    );
    const options = { resourceType: "User", profile: "rfc7644" } as const;
    expect(() => applyPatch(USER, [{ op: "add", value: broken }], options)).toThrow(TypeError);
  });

  it.each<[string, PatchOperation]>([
    ["400 noTarget", { op: "remove" }],
    ["400 noTarget", { op: "replace", path: 'emails[type eq "other"].value', value: "x" }],
    ["400 noTarget", { op: "replace", path: 'emails[type eq "other"]', value: { value: "x" } }],
    ["400 noTarget", { op: "add", path: 'emails[type eq "other"].value', value: "x" }],
    ["400 invalidPath", { op: "add", path: "nonsense", value: "x" }],
    ["400 invalidPath", { op: "add", path: "name.nonsense", value: "x" }],
    ["400 invalidPath", { op: "add", path: "userName.value", value: "x" }],
    ["400 invalidPath", { op: "add", path: "", value: "x" }],
    ["400 invalidPath", { op: "add", path: "a..b", value: "x" }],
    ["400 invalidPath", { op: "add", path: "urn:no:such:schema:attribute", value: "x" }],
    ["400 invalidPath", { op: "add", path: 'userName[value eq "x"]', value: "x" }],
    ["400 invalidPath", { op: "add", path: 'name[givenName eq "x"].familyName', value: "x" }],
    ["400 invalidPath", { op: "add", path: 'schemas[value eq "x"]', value: "x" }],
    ["400 invalidPath", { op: "remove", path: `${ENTERPRISE_USER_SCHEMA}[value eq "x"]` }],
    ["400 invalidPath", { op: "add", path: "department", value: "x" }],
    ["400 invalidPath", { op: "add", path: `${ENTERPRISE_USER_SCHEMA}.department`, value: "x" }],
    ["400 invalidPath", { op: "add", value: { "name.givenName": "x" } }],
    ["400 invalidPath", { op: "add", value: { [`${ENTERPRISE_USER_SCHEMA}:department`]: "x" } }],
    ["400 invalidPath", { op: "add", value: { 'emails[type eq "work"].value': "x" } }],
    ["400 invalidFilter", { op: "remove", path: "emails[type is work]" }],
    ["400 invalidFilter", { op: "remove", path: "emails[primary gt true]" }],
    ["400 invalidValue", { op: "add", value: "x" }],
    ["400 invalidValue", { op: "add", value: { [USER_SCHEMA]: [] } }],
    ["400 invalidValue", { op: "replace", path: "userName", value: 5 }],
    ["400 invalidValue", { op: "replace", path: "userName", value: "" }],
    ["400 invalidValue", { op: "replace", path: "active", value: "True" }],
    ["400 invalidValue", { op: "replace", path: "name", value: "x" }],
    ["400 invalidValue", { op: "replace", path: "name", value: [{ givenName: "x" }] }],
    ["400 invalidValue", { op: "replace", path: "name.givenName", value: { value: "x" } }],
    ["400 invalidValue", { op: "add", path: "emails", value: "x" }],
    ["400 invalidValue", { op: "add", path: "emails", value: [{ value: 1 }] }],
    ["400 invalidValue", { op: "replace", path: "emails.primary", value: true }],
    [
      "400 invalidValue",
      {
        op: "replace",
        path: "ims",
        value: [
          { value: "a", primary: true },
          { value: "b", primary: true },
        ],
      },
    ],
    ["400 mutability", { op: "remove", path: "userName" }],
    ["400 mutability", { op: "replace", path: "userName", value: null }],
    ["400 mutability", { op: "replace", value: { userName: null } }],
    ["400 mutability", { op: "remove", path: "schemas" }],
    ["400 mutability", { op: "remove", path: USER_SCHEMA }],
    ["400 mutability", { op: "replace", path: "id", value: "x" }],
    ["400 mutability", { op: "replace", path: "meta.version", value: "x" }],
    ["400 mutability", { op: "add", path: "groups", value: [{ value: "g" }] }],
    [
      "400 mutability",
      { op: "add", path: `${ENTERPRISE_USER_SCHEMA}:manager.displayName`, value: "x" },
    ],
  ])("is refused with %s for %j", (expected, operation) => {
    const home = { ...USER, emails: [WORK, { ...HOME, primary: false }, { value: "third" }] };
    expect(refusal(home, operation)).toBe(expected);
  });

  it.each<PatchOperation>([
    { op: "replace", path: `members[value eq "${BABS}"].value`, value: "x" },
    { op: "remove", path: `members[value eq "${BABS}"].value` },
    { op: "replace", path: `members[value eq "${BABS}"]`, value: { value: "x" } },
    { op: "replace", path: `members[value eq "${BABS}"]`, value: { $ref: `../Users/${BABS}` } },
    { op: "add", path: "members.type", value: "Group" },
  ])("leaves what is immutable about a member: %j", (operation) => {
    expect(refusal(GROUP, operation)).toBe("400 mutability");
  });

  it("may say again what is immutable", () => {
    const path = `members[value eq "${JAMES}"]`;
    const value = { value: JAMES, type: "User", display: "ignored" };
    expect(patch(GROUP, { op: "replace", path, value })).toBe(GROUP);
    expect(
      patch(GROUP, { op: "add", path: "members", value: [{ value: JAMES, type: "Group" }] }),
    ).toBe(GROUP);
  });
});
