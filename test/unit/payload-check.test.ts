import { describe, expect, it } from "vitest";
import { checkPayload } from "../../agent/core/scim/payload-check.ts";
import { RESOURCE_TYPES } from "../../agent/core/scim/resource-type.ts";
import {
  ENTERPRISE_USER_SCHEMA,
  GROUP_SCHEMA,
  PATCH_OP_MESSAGE,
  USER_SCHEMA,
} from "../../agent/core/scim/urn.ts";

const { User, Group } = RESOURCE_TYPES;
const SCHEMAS = [User.schema, ...User.extensions, Group.schema];

const post = (body: unknown, path = "/scim/Users") =>
  checkPayload({ method: "POST", path, body }, SCHEMAS);
const patch = (...Operations: readonly object[]) =>
  checkPayload(
    { method: "PATCH", path: "/scim/Users/a", body: { schemas: [PATCH_OP_MESSAGE], Operations } },
    SCHEMAS,
  );

describe("a payload against the target's schemas", () => {
  it("passes what they allow", () => {
    expect(
      post({
        schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
        externalId: "1",
        meta: { resourceType: "User" },
        userName: "ada",
        ACTIVE: true,
        name: { givenName: "Ada" },
        emails: [{ type: "work", value: "ada@example.com", primary: true }],
        [ENTERPRISE_USER_SCHEMA]: { department: "R&D", manager: { value: "7" } },
      }),
    ).toEqual([]);
    expect(
      post({ schemas: [GROUP_SCHEMA], displayName: "g", members: [{ value: "1" }] }, "/Groups"),
    ).toEqual([]);
  });

  it.each([
    [{ displayName: "Ada" }, ["userName: it is required"]],
    [{ userName: null }, ["userName: it is required, and would be cleared"]],
    [{ userName: "a", id: "1" }, ["id: it is read-only"]],
    [{ userName: "a", shoeSize: 1 }, ["shoeSize: the target's schema has no such attribute"]],
    [{ userName: "a", active: 1 }, ["active: number instead of boolean"]],
    [{ userName: "a", title: ["x"] }, ["title: a list instead of string"]],
    [{ userName: "a", name: "Ada" }, ["name: string instead of an object"]],
    [{ userName: "a", groups: [] }, ["groups: it is read-only"]],
    [
      { userName: "a", emails: [{ value: 1 }, { kind: "x" }] },
      [
        "emails[0].value: number instead of string",
        "emails[1].kind: the target's schema has no such sub-attribute",
      ],
    ],
    [
      { userName: "a", "urn:example:ext": { a: 1 } },
      ["urn:example:ext: the target has no such schema"],
    ],
    [
      { userName: "a", [ENTERPRISE_USER_SCHEMA]: { team: "x", manager: { displayName: "B" } } },
      [
        `${ENTERPRISE_USER_SCHEMA}:team: the target's schema has no such attribute`,
        `${ENTERPRISE_USER_SCHEMA}:manager.displayName: it is read-only`,
      ],
    ],
  ])("names what is wrong with %j", (body, problems) => {
    expect(post(body)).toEqual(problems);
  });

  it.each([
    [{ op: "Replace", path: "active", value: "False" }, []],
    [{ op: "replace", path: 'emails[type eq "work"].value', value: "a@b" }, []],
    [{ op: "add", path: 'emails[type eq "work"]', value: { value: "a@b" } }, []],
    [{ op: "replace", path: `${ENTERPRISE_USER_SCHEMA}:manager`, value: { value: "1" } }, []],
    [{ op: "replace", value: { "name.givenName": "Ada", title: "x" } }, []],
    [{ op: "Add", path: `${ENTERPRISE_USER_SCHEMA}:manager`, value: "1" }, []],
    [{ op: "Add", path: "name", value: "Ada" }, ["name: string instead of an object"]],
    [{ op: "remove", path: "title" }, []],
    [
      { op: "add", path: "members", value: [] },
      ["members: the target's schema has no such attribute"],
    ],
    [
      { op: "replace", path: 'emails[type eq "work"].address', value: "x" },
      ["emails.address: the target's schema has no such sub-attribute"],
    ],
    [{ op: "replace", path: "active", value: "yes" }, ["active: string instead of boolean"]],
    [{ op: "remove", path: "userName" }, ["userName: it is required, and would be cleared"]],
    [{ op: "replace", path: "groups", value: [] }, ["groups: it is read-only"]],
    [{ op: "replace", path: "no path", value: 1 }, ["no path: the path is not an attribute path"]],
    [{ op: "replace", value: 1 }, ["value: an operation without path needs an object"]],
  ])("reads the operation %j", (operation, problems) => {
    expect(patch(operation)).toEqual(problems);
  });

  it("says once that the target has no such resource", () => {
    const write = { method: "POST", path: "/Groups", body: { displayName: "g" } };
    expect(checkPayload(write, [User.schema])).toEqual([
      `schemas: the target has no schema ${GROUP_SCHEMA}`,
    ]);
  });

  it("has nothing to say of what is no write of a resource", () => {
    expect(checkPayload({ method: "DELETE", path: "/Users/1", body: undefined }, SCHEMAS)).toEqual(
      [],
    );
    expect(checkPayload({ method: "POST", path: "/Bulk", body: {} }, SCHEMAS)).toEqual([]);
  });
});
