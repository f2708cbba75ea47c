import { describe, expect, it } from "vitest";
import { ScimError } from "../../agent/core/scim/error.ts";
import { parsePath } from "../../agent/core/scim/path.ts";
import { ENTERPRISE_USER_SCHEMA } from "../../agent/core/scim/urn.ts";

const TYPE_IS_WORK = {
  kind: "compare",
  path: { attribute: "type" },
  operator: "eq",
  value: "work",
};

describe("parsePath", () => {
  it.each([
    ["userName", { attribute: "userName" }],
    ["name.givenName", { attribute: "name", subAttribute: "givenName" }],
    [`${ENTERPRISE_USER_SCHEMA}:manager`, { schema: ENTERPRISE_USER_SCHEMA, attribute: "manager" }],
    ['emails[type eq "work"]', { attribute: "emails", filter: TYPE_IS_WORK }],
    [
      'emails[type eq "work"].value',
      { attribute: "emails", subAttribute: "value", filter: TYPE_IS_WORK },
    ],
    [
      'urn:x:y:things[type eq "work"].$ref',
      { schema: "urn:x:y", attribute: "things", subAttribute: "$ref", filter: TYPE_IS_WORK },
    ],
  ])("parses %s", (text, path) => {
    expect(parsePath(text)).toEqual(path);
  });

  it.each([
    ["", "invalidPath"],
    ['"userName"', "invalidPath"],
    ["user name", "invalidPath"],
    ["userName.", "invalidPath"],
    ["a.b.c", "invalidPath"],
    ["__proto__.x", "invalidPath"],
    ["constructor.prototype", "invalidPath"],
    ["name.constructor", "invalidPath"],
    ["a[b pr].prototype", "invalidPath"],
    ["a(b pr)", "invalidPath"],
    ["a[b pr].c.d", "invalidPath"],
    ["a[b pr] .c", "invalidPath"],
    ["a[b pr].c d", "invalidPath"],
    ["a.b[c pr].d", "invalidPath"],
    ["a[b pr](c)", "invalidPath"],
    ["a[b pr]c", "invalidPath"],
    ["a[", "invalidFilter"],
    ["a[]", "invalidFilter"],
    ["a[b pr", "invalidFilter"],
    ["a[b is c]", "invalidFilter"],
    ['a["', "invalidFilter"],
  ])("refuses %j as %s", (text, scimType) => {
    const refused = () => parsePath(text);
    expect(refused).toThrow(ScimError);
    expect(refused).toThrow(expect.objectContaining({ status: 400, scimType }));
  });
});
