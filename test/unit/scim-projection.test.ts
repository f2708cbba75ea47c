import { describe, expect, it } from "vitest";
import { ScimError } from "../../agent/core/scim/error.ts";
import { type ProjectionOptions, projectResource } from "../../agent/core/scim/projection.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA, USER_SCHEMA } from "../../agent/core/scim/urn.ts";

const ALWAYS = { schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA], id: "a1" };
const ADA: ScimResource = {
  ...ALWAYS,
  userName: "ada",
  name: { givenName: "Ada", familyName: "King" },
  emails: [{ type: "work", value: "ada@example.com" }, { value: "ada@home.example" }],
  tags: ["x"],
  [ENTERPRISE_USER_SCHEMA]: { department: "R", manager: { value: "m1", displayName: "M" } },
};

const project = (options: ProjectionOptions) => projectResource(ADA, options, "User");
const chosen = (...attributes: string[]) => project({ attributes });
const without = (...excludedAttributes: string[]) => project({ excludedAttributes });

function omit(resource: ScimResource, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(resource).filter(([name]) => !names.includes(name)));
}

describe("projectResource", () => {
  it("changes nothing when nothing is asked", () => {
    expect(project({})).toBe(ADA);
    expect(project({ attributes: [], excludedAttributes: [] })).toBe(ADA);
  });

  it.each<[readonly string[], object]>([
    [["USERNAME"], { userName: "ada" }],
    [[`${USER_SCHEMA}:userName`, "nothing"], { userName: "ada" }],
    [["name.GivenName"], { name: { givenName: "Ada" } }],
    [["name.givenName", "name"], { name: ADA["name"] }],
    [["name", "name.givenName"], { name: ADA["name"] }],
    [["emails.type", "emails.value"], { emails: ADA["emails"] }],
    [["emails.type"], { emails: [{ type: "work" }] }],
    [["emails.display"], {}],
    [["tags.value"], {}],
    [["userName.value"], {}],
    [["tags"], { tags: ["x"] }],
    [["manager"], { [ENTERPRISE_USER_SCHEMA]: { manager: { value: "m1", displayName: "M" } } }],
    [["manager.value"], { [ENTERPRISE_USER_SCHEMA]: { manager: { value: "m1" } } }],
    [["manager.$ref"], {}],
    [
      [ENTERPRISE_USER_SCHEMA.toUpperCase()],
      { [ENTERPRISE_USER_SCHEMA]: ADA[ENTERPRISE_USER_SCHEMA] },
    ],
    [[USER_SCHEMA], { userName: "ada", name: ADA["name"], emails: ADA["emails"] }],
    [["id"], {}],
  ])("keeps %j besides schemas and id", (attributes, expected) => {
    expect(chosen(...attributes)).toEqual({ ...ALWAYS, ...expected });
  });

  it("drops what is excluded, never schemas and id", () => {
    expect(without("id", "SCHEMAS", "emails", "urn:x:y:tags")).toEqual(omit(ADA, "emails"));
    expect(without("name.givenName")).toEqual({ ...ADA, name: { familyName: "King" } });
    expect(without("name.givenName", "name.familyName")).toEqual(omit(ADA, "name"));
    expect(without("name.middleName", "tags.value", "emails.display")).toEqual(ADA);
    expect(without("emails.value")).toEqual({ ...ADA, emails: [{ type: "work" }] });
    expect(without("emails.value", "emails.type")).toEqual(omit(ADA, "emails"));
    expect(without(ENTERPRISE_USER_SCHEMA)).toEqual(omit(ADA, ENTERPRISE_USER_SCHEMA));
    expect(without("manager.displayName")).toEqual({
      ...ADA,
      [ENTERPRISE_USER_SCHEMA]: { department: "R", manager: { value: "m1" } },
    });
  });

  it("never shows a password, asked for or not", () => {
    const resource = { ...ADA, Password: "secret" };
    expect(projectResource(resource, {}, "User")).toEqual(ADA);
    expect(projectResource(resource, { attributes: ["password"] }, "User")).toEqual(ALWAYS);
  });

  it("leaves the resource as it was", () => {
    const before = structuredClone(ADA);
    without("name.givenName", "emails.type");
    chosen("name.givenName");
    expect(ADA).toEqual(before);
  });

  it("reaches no prototype", () => {
    const resource: ScimResource = JSON.parse(
      '{"schemas":[],"id":"1","__proto__":{"x":1},"constructor":{"prototype":2}}',
    );
    const found = projectResource(resource, { attributes: ["constructor"] }, "Group");
    expect(JSON.stringify(found)).toBe('{"schemas":[],"id":"1","constructor":{"prototype":2}}');
    const rest = projectResource(resource, { excludedAttributes: ["constructor"] }, "Group");
    expect(JSON.stringify(rest)).toBe('{"schemas":[],"id":"1","__proto__":{"x":1}}');
  });

  it.each<[string, ProjectionOptions]>([
    ["both lists", { attributes: ["a"], excludedAttributes: ["b"] }],
    ["what is no path", { attributes: ["emails[type pr]"] }],
    ["what is no path to exclude", { excludedAttributes: [""] }],
    ["more than 512 paths", { attributes: Array.from({ length: 513 }, () => "a") }],
  ])("refuses %s", (_, options) => {
    const refused = () => project(options);
    expect(refused).toThrow(ScimError);
    expect(refused).toThrow(expect.objectContaining({ status: 400, scimType: "invalidValue" }));
  });
});
