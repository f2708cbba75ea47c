import { describe, expect, it } from "vitest";
import { ScimError } from "../../agent/core/scim/error.ts";
import { parseFilter } from "../../agent/core/scim/filter.ts";
import { compileFilter } from "../../agent/core/scim/filter-match.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA, USER_SCHEMA } from "../../agent/core/scim/urn.ts";

const ADA: ScimResource = {
  schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
  id: "a1",
  externalId: "Ext-1",
  userName: "Ada",
  DisplayName: "Ada King",
  active: true,
  password: "secret",
  profileUrl: "https://example.com/Ada",
  name: { givenName: "Ada", familyName: null },
  emails: [
    { type: "work", value: "ada@example.com", primary: true },
    { type: "home", value: "ada@home.example", display: "" },
    { type: "empty" },
  ],
  phoneNumbers: [],
  roles: [{ value: "admin", primary: "True" }],
  x509Certificates: [{ value: "TUlJ" }],
  meta: { created: "2020-01-01T00:00:00.1234567Z", lastModified: "long ago" },
  size: 5,
  serial: "12345678901234567000",
  vip: true,
  tag: "5",
  list: ["x", null, "y"],
  nested: { value: "deep", list: [{ a: 1 }, { a: 2 }] },
  [ENTERPRISE_USER_SCHEMA]: {
    employeeNumber: "701984",
    department: "R and D",
    manager: { value: "m1", $ref: "../Users/m1" },
  },
  "urn:example:2.0:User": { costCode: "C1", badge: { colour: "red" } },
};

const EMPTY: ScimResource = { schemas: [USER_SCHEMA], id: "e1" };

function matches(filter: string, resource: ScimResource = ADA): boolean {
  return compileFilter(parseFilter(filter), "User")(resource);
}

describe("compileFilter", () => {
  it.each([
    "USERNAME eq ada",
    'displayname eq "ada king"',
    "id eq a1 and externalId eq Ext-1",
    "schemas co enterprise",
    "emails eq ada@home.example",
    "emails.value ew EXAMPLE and emails[primary eq true and type eq work]",
    "emails[type eq work].value sw ada@ex",
    "emails[type eq work].value pr",
    "emails[type eq empty].value eq null",
    "emails[type eq empty].value ne x",
    "emails[type eq other].value ne x",
    "emails[not (value pr)]",
    "emails.value ne ada@example.com",
    "name[givenName eq ada]",
    "name.givenName pr and not (name.familyName pr)",
    "name ne x",
    "schemas[value co enterprise]",
    "list[value eq y] and list eq X and list ne x",
    "list.value eq y",
    'roles[primary eq "True"].value eq admin',
    "active eq TRUE and not (active eq false)",
    'active eq "true" and active ne "yes"',
    "vip eq true and vip ne false",
    "size ge 5 and size le 5 and size gt 4.5 and size lt 6",
    'size ne "5"',
    "tag eq 5 and employeeNumber eq 701984",
    "employeeNumber ne 1.5",
    "userName gt abc and userName ge ADA and userName lt b and userName le ada",
    "meta.created gt 2020-01-01T00:00:00.123Z and meta.created lt 2020-01-01T00:00:00.124Z",
    "meta.created ge 2019-12-31T23:00:00-01:00 and meta.created le 2020-01-02",
    "meta.created sw 2020-01 and meta.created ne yesterday",
    "meta.lastModified co AGO and meta.lastModified ne 2020-01-01T00:00:00Z",
    "manager eq m1 and manager.value eq m1 and manager pr",
    `${ENTERPRISE_USER_SCHEMA}:manager.value eq m1`,
    `${ENTERPRISE_USER_SCHEMA.toUpperCase()}:DEPARTMENT sw r`,
    `${ENTERPRISE_USER_SCHEMA}.department sw r`,
    `${ENTERPRISE_USER_SCHEMA} pr`,
    `${ENTERPRISE_USER_SCHEMA}[department pr]`,
    `${USER_SCHEMA} pr`,
    `${USER_SCHEMA}:meta.created pr and ${USER_SCHEMA}:size eq 5`,
    "urn:example:2.0:user:COSTCODE eq c1",
    "urn:example:2.0:User:badge.colour eq RED",
    "nested eq deep and nested.list pr",
    "password eq null and not (password pr)",
    "title eq null and title ne x",
    "emails ne null and phoneNumbers eq null",
    "x509Certificates.value eq TUlJ",
  ])("%s holds", (filter) => {
    expect(matches(filter)).toBe(true);
  });

  it.each([
    "externalId eq ext-1",
    "externalId sw EXT",
    "manager eq M1",
    "profileUrl eq https://example.com/ada",
    "x509Certificates.value eq tulj",
    'emails[type eq "home" and primary eq true]',
    "emails[type eq home].value eq ada@example.com",
    "emails[type eq home].display pr",
    "emails[type eq other].value pr",
    "emails[emails.type eq work]",
    "emails[nothing.at eq work]",
    "emails[type.at eq work]",
    "name eq ada",
    "name[givenName eq king]",
    "userName.length eq 3",
    "constructor pr",
    "toString pr",
    "name.constructor pr",
    "password eq secret",
    "userName eq true",
    "serial eq 12345678901234567890",
    "employeeNumber eq 70198.4",
    "active eq 1",
    "active co tr",
    "active eq yes",
    "vip lt 5",
    'vip gt "a"',
    "size co 5",
    'size eq "5"',
    'size lt "9"',
    "tag gt 4.5",
    "meta.created eq 2020-13-01T00:00:00Z",
    "meta.created eq 5",
    "meta.created eq yesterday",
    "meta.lastModified gt 1999-01-01",
    "urn:example:2.0:Other:costCode pr",
    "urn:ietf:params:scim:schemas:core:2.0:Group:displayName pr",
    "userName.givenName pr",
    "list.other pr",
    "userName[givenName pr]",
  ])("%s does not hold", (filter) => {
    expect(matches(filter)).toBe(false);
  });

  it.each([
    "active gt true",
    'active ge "x"',
    "emails[primary lt false]",
    "x509Certificates.value le TUlJ",
    "size gt true",
    "userName lt false",
    "userName co null",
    "emails[type gt null]",
    "meta.created gt yesterday",
    "meta.created le 5",
  ])("refuses %s", (filter) => {
    const refused = () => compileFilter(parseFilter(filter), "User");
    expect(refused).toThrow(ScimError);
    expect(refused).toThrow(expect.objectContaining({ status: 400, scimType: "invalidFilter" }));
  });

  it("takes an attribute that is not there for null, [] and different from everything", () => {
    const holding = [
      "userName eq null",
      "userName ne x",
      "emails.value ne x",
      `${ENTERPRISE_USER_SCHEMA} eq null`,
      "manager.value eq null",
      "not (emails[type eq work])",
    ];
    expect(holding.filter((filter) => !matches(filter, EMPTY))).toEqual([]);
  });

  it("compares an empty string, though it does not count as present", () => {
    const resource = { ...EMPTY, title: "" };
    expect(matches('title eq "" and title ne x and title eq null', resource)).toBe(true);
    expect(matches('title ne "" or title pr', resource)).toBe(false);
  });

  it("reads members of a group, and not those of a user, by the schema of groups", () => {
    const group: ScimResource = {
      schemas: ["urn:ietf:params:scim:schemas:core:2.0:Group"],
      id: "g1",
      displayName: "Staff",
      members: [{ value: "A" }, { value: "b" }],
    };
    const found = (filter: string) => compileFilter(parseFilter(filter), "Group")(group);
    expect(found("displayName eq STAFF and members eq b and members[value eq A]")).toBe(true);
    expect(found("members eq a")).toBe(false);
  });

  it("finds no time where a value is none", () => {
    const resource = { ...EMPTY, meta: { created: 5 } };
    expect(matches("meta.created lt 2020-01-01T00:00:00Z or meta.created eq 5", resource)).toBe(
      false,
    );
  });

  it("refuses no nested value path that was built by hand", () => {
    const filter = {
      kind: "valuePath",
      path: { attribute: "nested" },
      filter: {
        kind: "valuePath",
        path: { attribute: "list" },
        filter: { kind: "compare", path: { attribute: "a" }, operator: "eq", value: 2 },
      },
    } as const;
    expect(compileFilter(filter, "User")(ADA)).toBe(true);
    expect(compileFilter(filter, "User")(EMPTY)).toBe(false);
  });
});
