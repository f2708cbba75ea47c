import { describe, expect, it } from "vitest";
import { COMMON_ATTRIBUTES } from "../../agent/core/scim/common-attributes.ts";
import { findAttribute, RESOURCE_TYPES } from "../../agent/core/scim/resource-type.ts";
import type { AttributeDefinition } from "../../agent/core/scim/schema.ts";
import { ENTERPRISE_USER_SCHEMA, GROUP_SCHEMA, USER_SCHEMA } from "../../agent/core/scim/urn.ts";

const SCHEMAS = [
  RESOURCE_TYPES.User.schema,
  ...RESOURCE_TYPES.User.extensions,
  RESOURCE_TYPES.Group.schema,
];

function pathsOf(attributes: readonly AttributeDefinition[]): [string, AttributeDefinition][] {
  return attributes.flatMap((attribute) => [
    [attribute.name, attribute],
    ...pathsOf(attribute.subAttributes ?? []).map(([name, sub]): [string, AttributeDefinition] => [
      `${attribute.name}.${name}`,
      sub,
    ]),
  ]);
}

const ALL = [...COMMON_ATTRIBUTES, ...SCHEMAS.flatMap(({ attributes }) => attributes)];
const PATHS = pathsOf(ALL);

describe("the schemas", () => {
  it("are those of RFC 7643 section 8.7.1", () => {
    expect(SCHEMAS.map(({ id, name, attributes }) => [id, name, attributes.length])).toEqual([
      [USER_SCHEMA, "User", 21],
      [ENTERPRISE_USER_SCHEMA, "EnterpriseUser", 6],
      [GROUP_SCHEMA, "Group", 2],
    ]);
  });

  it("hold ids, references and binaries as case exact and nothing else", () => {
    const exact = PATHS.filter(([, { caseExact }]) => caseExact).map(([path]) => path);
    expect(exact).toEqual([
      "schemas",
      "id",
      "externalId",
      "meta.resourceType",
      "meta.location",
      "meta.version",
      "profileUrl",
      "photos.value",
      "groups.value",
      "groups.$ref",
      "x509Certificates.value",
      "manager.value",
      "manager.$ref",
      "members.value",
      "members.$ref",
    ]);
  });

  it("follow the errata: no complex sub-attribute, no uniqueness on complex ones, references with types", () => {
    const subs = ALL.flatMap(({ subAttributes }: AttributeDefinition) => subAttributes ?? []);
    expect(subs.filter(({ type }) => type === "complex")).toEqual([]);
    for (const [path, attribute] of PATHS) {
      expect([path, "uniqueness" in attribute]).toEqual([path, attribute.type !== "complex"]);
      expect([path, "subAttributes" in attribute]).toEqual([path, attribute.type === "complex"]);
      expect([path, "referenceTypes" in attribute]).toEqual([path, attribute.type === "reference"]);
    }
    expect(findAttribute("User", "groups.$ref")?.subAttribute?.referenceTypes).toEqual(["Group"]);
  });

  it("require names and ids, keep groups and meta read-only, and never return the password", () => {
    const pathsWhere = (test: (attribute: AttributeDefinition) => boolean) =>
      PATHS.filter(([, attribute]) => test(attribute)).map(([path]) => path);
    expect(pathsWhere(({ required }) => required)).toEqual([
      "schemas",
      "id",
      "userName",
      "displayName",
    ]);
    expect(pathsWhere(({ uniqueness }) => uniqueness === "server")).toEqual(["id", "userName"]);
    expect(pathsWhere(({ returned }) => returned === "always")).toEqual(["schemas", "id"]);
    expect(pathsWhere(({ returned }) => returned === "never")).toEqual(["password"]);
    expect(pathsWhere(({ mutability }) => mutability === "writeOnly")).toEqual(["password"]);
    expect(pathsWhere(({ mutability }) => mutability === "immutable")).toEqual([
      "members.value",
      "members.$ref",
      "members.type",
    ]);
    expect(pathsWhere(({ mutability }) => mutability === "readOnly")).toEqual([
      "id",
      "meta",
      "meta.resourceType",
      "meta.created",
      "meta.lastModified",
      "meta.location",
      "meta.version",
      "groups",
      "groups.value",
      "groups.$ref",
      "groups.display",
      "groups.type",
      "manager.displayName",
      "members.display",
    ]);
  });

  it("describe an attribute in its own JSON representation", () => {
    expect(RESOURCE_TYPES.Group.schema.attributes[0]).toEqual({
      name: "displayName",
      type: "string",
      multiValued: false,
      required: true,
      caseExact: false,
      mutability: "readWrite",
      returned: "default",
      uniqueness: "none",
    });
  });
});

describe("findAttribute", () => {
  const summary = (type: "User" | "Group", path: string) => {
    const found = findAttribute(type, path);
    if (found === undefined) return undefined;
    const { schema, extension, attribute, subAttribute } = found;
    return [schema, extension, attribute.name, ...(subAttribute ? [subAttribute.name] : [])];
  };

  it.each([
    ["USERNAME", [USER_SCHEMA, false, "userName"]],
    ["Name.FamilyName", [USER_SCHEMA, false, "name", "familyName"]],
    ["meta.created", [USER_SCHEMA, false, "meta", "created"]],
    [`${USER_SCHEMA}:externalid`, [USER_SCHEMA, false, "externalId"]],
    ["manager.VALUE", [ENTERPRISE_USER_SCHEMA, true, "manager", "value"]],
    [`${ENTERPRISE_USER_SCHEMA.toLowerCase()}:manager`, [ENTERPRISE_USER_SCHEMA, true, "manager"]],
    [`${ENTERPRISE_USER_SCHEMA}.department`, [ENTERPRISE_USER_SCHEMA, true, "department"]],
    ["members", undefined],
    ["userName.value", undefined],
    ["name.nothing", undefined],
    [ENTERPRISE_USER_SCHEMA, undefined],
    [`${ENTERPRISE_USER_SCHEMA}:userName`, undefined],
    ["urn:x:y:userName", undefined],
    ["not a path", undefined],
  ])("finds %s of a user", (path, expected) => {
    expect(summary("User", path)).toEqual(expected);
  });

  it("knows no extension of groups", () => {
    expect(summary("Group", "displayName")).toEqual([GROUP_SCHEMA, false, "displayName"]);
    expect(summary("Group", "department")).toBeUndefined();
  });

  it("takes a parsed path", () => {
    expect(findAttribute("Group", { attribute: "MEMBERS" })?.attribute.name).toBe("members");
  });
});
