import { beforeAll, describe, expect, it } from "vitest";
import { loadMapping } from "../../agent/config/mapping-file.ts";
import {
  type CompiledMapping,
  compileMapping,
  referencedDns,
  restrictMapping,
  sourceAttributes,
} from "../../agent/core/compiled-mapping.ts";
import { AgentError } from "../../agent/core/error.ts";
import { parseFlowTarget } from "../../agent/core/flow-target.ts";
import { mapEntry } from "../../agent/core/map-entry.ts";
import type { Flow, Mapping } from "../../agent/core/mapping.ts";
import type { ResourceTypeName } from "../../agent/core/scope.ts";
import { BASE, entry, uuid } from "../support/fake-directory.ts";

const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CORE_USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const CORE_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";

let shipped: Readonly<Record<ResourceTypeName, CompiledMapping>>;

beforeAll(async () => {
  shipped = compileMapping(await loadMapping({ kind: "shipped", name: "openldap" }));
});

const noOne = () => undefined;
const NOW = Date.UTC(2026, 0, 15, 12);
const direct = (target: string, attribute: string): Flow => ({ target, kind: "direct", attribute });
const constant = (target: string, value: string | number | boolean): Flow => ({
  target,
  kind: "constant",
  value,
});

/** A mapping of these flows beside the ones that must be there. */
function mappingOf(user: readonly Flow[], group: readonly Flow[] = []): Mapping {
  return {
    User: { objectClasses: ["inetOrgPerson"], flows: [direct("userName", "uid"), ...user] },
    Group: { objectClasses: ["groupOfNames"], flows: [direct("displayName", "cn"), ...group] },
  };
}

function problemsOf(mapping: Mapping): readonly string[] {
  try {
    compileMapping(mapping);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    expect(error.code).toBe("mapping.invalid");
    return error.message
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

describe("the shipped mapping for Active Directory", () => {
  const boss = `CN=Grace,OU=Corp,${BASE}`;
  const attributes = {
    objectClass: ["top", "person", "organizationalPerson", "user"],
    userPrincipalName: "ada@example.com",
    userAccountControl: "512",
    // 2026-02-01, half a month after NOW.
    accountExpires: "134143776000000000",
    displayName: "Ada",
    cn: "Ada Lovelace",
    sn: "Lovelace",
    givenName: "Ada",
    middleName: "A.",
    mailNickname: "ada",
    title: "Head of Engines",
    employeeType: "Employee",
    preferredLanguage: "en-GB",
    mail: "ada@example.com",
    proxyAddresses: ["x500:/o=x", "smtp:lovelace@example.com", "SMTP:ada@example.com"],
    telephoneNumber: "+44 20 1",
    mobile: "+44 7 2",
    facsimileTelephoneNumber: "+44 20 3",
    pager: "+44 4",
    homePhone: "+44 5",
    streetAddress: "1 Engine Road",
    l: "London",
    postalCode: "W1",
    st: "Greater London",
    co: "United Kingdom",
    countryCode: "826",
    physicalDeliveryOfficeName: "B 12",
    employeeID: "1815",
    department: "Engines",
    division: "Computing",
    company: "Example",
    manager: boss,
  };
  const idOf = (dn: string) => (dn === boss ? uuid(2) : undefined);
  const activeDirectory = async () =>
    compileMapping(await loadMapping({ kind: "shipped", name: "active-directory" })).User;

  it("makes a whole User of a user", async () => {
    const ada = entry(`CN=Ada Lovelace,OU=Corp,${BASE}`, uuid(1), attributes, uuid(9));
    expect(mapEntry(ada, { mapping: await activeDirectory(), idOf, now: NOW })).toEqual({
      kind: "resource",
      resource: {
        schemas: [CORE_USER, ENTERPRISE],
        id: uuid(1),
        externalId: uuid(9),
        meta: { resourceType: "User" },
        userName: "ada@example.com",
        active: true,
        displayName: "Ada",
        name: {
          formatted: "Ada Lovelace",
          familyName: "Lovelace",
          givenName: "Ada",
          middleName: "A.",
        },
        nickName: "ada",
        title: "Head of Engines",
        userType: "Employee",
        preferredLanguage: "en-GB",
        emails: [
          { type: "work", value: "ada@example.com" },
          { type: "other", value: "lovelace@example.com" },
        ],
        phoneNumbers: [
          { type: "work", value: "+44 20 1" },
          { type: "mobile", value: "+44 7 2" },
          { type: "fax", value: "+44 20 3" },
          { type: "pager", value: "+44 4" },
          { type: "home", value: "+44 5" },
        ],
        addresses: [
          {
            type: "work",
            streetAddress: "1 Engine Road",
            locality: "London",
            postalCode: "W1",
            region: "Greater London",
            country: "GB",
          },
          { type: "other", formatted: "B 12" },
        ],
        [ENTERPRISE]: {
          employeeNumber: "1815",
          department: "Engines",
          division: "Computing",
          organization: "Example",
          manager: { value: uuid(2) },
        },
      },
    });
  });

  it("makes the User inactive once the account has expired, and a problem of one whose state may not be read", async () => {
    const mapping = await activeDirectory();
    const active = (attributes: Readonly<Record<string, string>>, now: number) => {
      const one = entry(`CN=a,${BASE}`, uuid(1), { userPrincipalName: "a@b", ...attributes });
      const mapped = mapEntry(one, { mapping, idOf, now });
      return mapped.kind === "problem" ? mapped.problem.reason : mapped.resource["active"];
    };
    const { userAccountControl, accountExpires } = attributes;
    const expiry = Date.UTC(2026, 1, 1);
    expect([
      active({ userAccountControl, accountExpires }, expiry - 1),
      active({ userAccountControl, accountExpires }, expiry),
      active({ userAccountControl: "66050" }, NOW),
      active({ accountExpires }, NOW),
    ]).toEqual([
      true,
      false,
      false,
      "needs userAccountControl, which is absent or may not be read",
    ]);
  });
});

describe("the shipped OpenLDAP mapping", () => {
  it("makes a whole User of a person", () => {
    const boss = `uid=grace,ou=people,${BASE}`;
    const ada = entry(`uid=ada,ou=people,${BASE}`, uuid(1), {
      objectClass: ["top", "inetOrgPerson"],
      uid: ["ada", "ada.lovelace"],
      displayName: "Ada",
      cn: ["Ada Lovelace", "A. Lovelace"],
      sn: "Lovelace",
      givenName: "Ada",
      title: "Head of Engines",
      employeeType: "Employee",
      preferredLanguage: "en-GB",
      mail: ["ada@example.com", "lovelace@example.com"],
      telephoneNumber: "+44 20 1",
      mobile: "+44 7 2",
      facsimileTelephoneNumber: "+44 20 3",
      street: "1 Engine Road",
      l: "London",
      postalCode: "W1",
      st: "Greater London",
      employeeNumber: "1815",
      departmentNumber: "Engines",
      o: "Example",
      manager: boss,
      userPassword: "secret",
    });
    const idOf = (dn: string) => (dn === boss ? uuid(2) : undefined);
    expect(mapEntry(ada, { mapping: shipped.User, idOf, now: NOW })).toEqual({
      kind: "resource",
      resource: {
        schemas: [CORE_USER, ENTERPRISE],
        id: uuid(1),
        externalId: uuid(1),
        meta: { resourceType: "User" },
        userName: "ada",
        active: true,
        displayName: "Ada",
        name: { formatted: "Ada Lovelace", familyName: "Lovelace", givenName: "Ada" },
        title: "Head of Engines",
        userType: "Employee",
        preferredLanguage: "en-GB",
        emails: [{ type: "work", value: "ada@example.com" }],
        phoneNumbers: [
          { type: "work", value: "+44 20 1" },
          { type: "mobile", value: "+44 7 2" },
          { type: "fax", value: "+44 20 3" },
        ],
        addresses: [
          {
            type: "work",
            streetAddress: "1 Engine Road",
            locality: "London",
            postalCode: "W1",
            region: "Greater London",
          },
        ],
        [ENTERPRISE]: {
          employeeNumber: "1815",
          department: "Engines",
          organization: "Example",
          manager: { value: uuid(2) },
        },
      },
    });
  });

  it("makes a whole Group, members that are nowhere left out", () => {
    const ids: Readonly<Record<string, string>> = { "uid=ada": uuid(1), "cn=other": uuid(2) };
    const staff = entry(`cn=staff,${BASE}`, uuid(3), {
      cn: "staff",
      member: ["uid=ada", "uid=gone", "cn=other"],
    });
    expect(mapEntry(staff, { mapping: shipped.Group, idOf: (dn) => ids[dn], now: NOW })).toEqual({
      kind: "resource",
      resource: {
        schemas: [CORE_GROUP],
        id: uuid(3),
        externalId: uuid(3),
        meta: { resourceType: "Group" },
        displayName: "staff",
        members: [{ value: uuid(1) }, { value: uuid(2) }],
      },
    });
  });

  it("leaves out what the entry does not have, extension and its URN included", () => {
    const bare = entry(`uid=a,${BASE}`, uuid(1), { uid: "a", manager: `uid=gone,${BASE}`, l: "" });
    expect(mapEntry(bare, { mapping: shipped.User, idOf: noOne, now: NOW })).toEqual({
      kind: "resource",
      resource: {
        schemas: [CORE_USER],
        id: uuid(1),
        externalId: uuid(1),
        meta: { resourceType: "User" },
        userName: "a",
        active: true,
      },
    });
  });

  it("takes the anchor for externalId and never for id", () => {
    const moved = entry(`uid=a,${BASE}`, uuid(1), { uid: "a" }, uuid(9));
    expect(mapEntry(moved, { mapping: shipped.User, idOf: noOne, now: NOW })).toMatchObject({
      resource: { id: uuid(1), externalId: uuid(9) },
    });
  });

  it.each([[{}], [{ uid: [] }], [{ uid: "" }]])("reports a person without userName: %j", (has) => {
    const nameless = entry(`cn=x,${BASE}`, uuid(1), { sn: "X", ...has });
    expect(mapEntry(nameless, { mapping: shipped.User, idOf: noOne, now: NOW })).toEqual({
      kind: "problem",
      problem: {
        resourceType: "User",
        id: uuid(1),
        attribute: "userName",
        rule: "userName <- uid",
        reason: "has no value",
      },
    });
  });

  it("reports bytes where text belongs, without the value", () => {
    const odd = entry(`uid=x,${BASE}`, uuid(1), { uid: "x", title: Buffer.from("hidden") });
    expect(mapEntry(odd, { mapping: shipped.User, idOf: noOne, now: NOW })).toEqual({
      kind: "problem",
      problem: {
        resourceType: "User",
        id: uuid(1),
        attribute: "title",
        rule: "title <- title",
        reason: "has bytes where string was expected",
      },
    });
  });

  it("names what it reads, and what of it are DNs", () => {
    expect(sourceAttributes(shipped.Group)).toEqual(["cn", "member"]);
    expect(sourceAttributes(shipped.User)).toContain("employeenumber");
    expect(sourceAttributes(shipped.User)).not.toContain("userpassword");
    const entryOf = entry(`uid=x,${BASE}`, uuid(1), { manager: ["uid=b", Buffer.from("x")] });
    expect(referencedDns(entryOf, shipped.User)).toEqual(["uid=b"]);
  });

  it("keeps the name that a resource must have when it is restricted", () => {
    const none = restrictMapping(shipped.User, () => false);
    expect(none.flows.map(({ flow }) => flow.target)).toEqual(["userName"]);
    const some = restrictMapping(shipped.User, ({ text }) => text === "title");
    expect(some.flows.map(({ flow }) => flow.target)).toEqual(["userName", "title"]);
  });
});

describe("compileMapping", () => {
  it("reports every problem of both resource types in one error", () => {
    const problems = problemsOf({
      User: {
        objectClasses: [],
        flows: [
          direct("nope", "x"),
          direct("id", "x"),
          direct("groups.value", "x"),
          direct("externalId", "x"),
          direct("meta.version", "x"),
          direct("schemas", "x"),
          direct("password", "userPassword"),
          direct("name", "cn"),
          direct("name.nope", "cn"),
          direct("userName.value", "cn"),
          direct("not a path", "cn"),
          direct("title[type eq 1]", "title"),
          direct('emails[type ne "work"].value', "mail"),
          direct(`${ENTERPRISE}:manager.displayName`, "cn"),
          direct("displayName", "cn"),
          direct("DISPLAYNAME", "sn"),
        ],
      },
      Group: { objectClasses: ["groupOfNames"], flows: [direct("members.display", "x")] },
    });
    expect(problems).toEqual([
      "resourceTypes.User.flows[0].target: nope is not in the schemas of User",
      "resourceTypes.User.flows[1].target: id cannot be mapped: the agent sets it itself, or never reads it",
      "resourceTypes.User.flows[2].target: groups.value cannot be mapped: the agent sets it itself, or never reads it",
      "resourceTypes.User.flows[3].target: externalId cannot be mapped: the agent sets it itself, or never reads it",
      "resourceTypes.User.flows[4].target: meta.version cannot be mapped: the agent sets it itself, or never reads it",
      "resourceTypes.User.flows[5].target: schemas cannot be mapped: the agent sets it itself, or never reads it",
      "resourceTypes.User.flows[6].target: password cannot be mapped: the agent sets it itself, or never reads it",
      "resourceTypes.User.flows[7].target: name needs a sub-attribute: one of formatted, familyName, givenName, middleName, honorificPrefix, honorificSuffix",
      "resourceTypes.User.flows[8].target: name.nope is not in the schemas of User",
      "resourceTypes.User.flows[9].target: userName.value is not in the schemas of User",
      "resourceTypes.User.flows[10].target: not a path is no SCIM attribute path",
      "resourceTypes.User.flows[11].target: title[type eq 1] has a filter but only one value",
      'resourceTypes.User.flows[12].target: emails[type ne "work"].value has a filter that is more than eq and "and"',
      `resourceTypes.User.flows[13].target: ${ENTERPRISE}:manager.displayName is read-only`,
      "resourceTypes.User.flows[15].target: DISPLAYNAME is written by flows[14] already",
      "resourceTypes.User.objectClasses: needs at least one object class",
      "resourceTypes.User.flows: needs a flow to userName",
      "resourceTypes.Group.flows[0].target: members.display is read-only",
      "resourceTypes.Group.flows: needs a flow to displayName",
    ]);
  });

  it.each([
    ["two spellings of one name", "title", "urn:ietf:params:scim:schemas:core:2.0:User:Title"],
    ["an attribute and its value", "emails", "emails.value"],
    [
      "the same element, letter case aside",
      'emails[type eq "work"]',
      'Emails[TYPE EQ "work"].VALUE',
    ],
    [
      "the same element, whatever the order of its conditions",
      'emails[type eq "work" and primary eq true].value',
      'emails[primary eq true and type eq "work"].value',
    ],
    ["a reference and its value", `${ENTERPRISE}:manager`, `${ENTERPRISE}:manager.value`],
  ])("refuses two flows to one place: %s", (_, a, b) => {
    expect(problemsOf(mappingOf([direct(a, "x"), direct(b, "y")]))).toEqual([
      `resourceTypes.User.flows[2].target: ${b} is written by flows[1] already`,
    ]);
  });

  it("lets flows fill different elements and different members of one", () => {
    const flows = [
      direct('emails[type eq "work"].value', "mail"),
      direct('emails[type eq "home"].value', "home"),
      direct('emails[type eq "work"].display', "cn"),
    ];
    expect(problemsOf(mappingOf(flows))).toEqual([]);
  });

  it.each([
    ["active", "true", 'active takes a boolean, not the string "true"'],
    ["active", 1, "active takes a boolean, not the number 1"],
    ["title", true, "title takes a string, not the boolean true"],
    ["title", 5, "title takes a string, not the number 5"],
    [
      `${ENTERPRISE}:manager`,
      "uid=x",
      `${ENTERPRISE}:manager is a reference and cannot be a constant`,
    ],
  ])("refuses a constant of the wrong type: %s = %j", (target, value, problem) => {
    expect(problemsOf(mappingOf([constant(target, value)]))).toEqual([
      `resourceTypes.User.flows[1].target: ${problem}`,
    ]);
  });

  it.each(["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"])(
    "refuses the prototype's name %s wherever it stands, and leaves prototypes alone",
    (name) => {
      const flows = [
        direct(name, "x"),
        direct(`name.${name}`, "x"),
        direct(`emails[${name} eq "x"].value`, "x"),
        direct(`emails[type eq "x"].${name}`, "x"),
        direct(`${ENTERPRISE}:${name}`, "x"),
        direct(`urn:${name}:userName`, "x"),
      ];
      expect(problemsOf(mappingOf(flows))).toHaveLength(flows.length);
    },
  );

  it("reads attributes that are named like the prototype's members as absent", () => {
    const names = ["__proto__", "constructor", "toString"];
    const targets = ["title", "nickName", "locale"];
    const flows = names.map((name, at) => direct(targets[at] ?? "", name));
    const { User } = compileMapping(mappingOf(flows));
    const mapped = mapEntry(entry(`uid=a,${BASE}`, uuid(1), { uid: "a" }), {
      mapping: User,
      idOf: noOne,
      now: NOW,
    });
    expect(mapped).toEqual({
      kind: "resource",
      resource: {
        schemas: [CORE_USER],
        id: uuid(1),
        externalId: uuid(1),
        meta: { resourceType: "User" },
        userName: "a",
      },
    });
  });
});

describe("parseFlowTarget", () => {
  it("refuses a filter that fixes what the flow writes", () => {
    expect(parseFlowTarget('emails[value eq "a@b"].value', "User")).toEqual({
      problem: "writes what its filter fixes",
    });
    expect(parseFlowTarget('emails[type eq "work"].type', "User")).toEqual({
      problem: "writes what its filter fixes",
    });
  });

  it.each([
    'emails[type eq "work" and type eq "home"].value',
    'emails[type eq "work" and value pr].value',
    "emails[type eq null].value",
    "emails[type pr].value",
    'emails[nope eq "x"].value',
    'emails[type eq "work" or type eq "home"].value',
    'emails[not (type eq "work")].value',
  ])("refuses a filter from which no element can be made: %s", (text) => {
    expect(parseFlowTarget(text, "User")).toEqual({
      problem: 'has a filter that is more than eq and "and"',
    });
  });

  it.each([
    'emails[primary eq "yes"].value',
    "emails[type eq true].value",
    "emails[type eq 5].value",
  ])("refuses a filter with a value of the wrong type: %s", (text) => {
    expect(parseFlowTarget(text, "User")).toEqual({
      problem: "has a filter with a value of the wrong type",
    });
  });

  it("knows references and nothing else as such", () => {
    const isReference = (text: string, type: ResourceTypeName) => {
      const target = parseFlowTarget(text, type);
      return "problem" in target ? target.problem : target.isReference;
    };
    expect(isReference("members", "Group")).toBe(true);
    expect(isReference("members.value", "Group")).toBe(true);
    expect(isReference("manager", "User")).toBe(true);
    expect(isReference(`${ENTERPRISE}:manager.value`, "User")).toBe(true);
    expect(isReference("members.type", "Group")).toBe(false);
    expect(isReference("emails.value", "User")).toBe(false);
    expect(isReference("userName", "User")).toBe(false);
    expect(isReference("photos", "User")).toBe(false);
  });

  it("throws on nothing, however odd", () => {
    for (const text of [
      "",
      " ",
      "[",
      "]",
      "a[",
      'a[b eq "',
      ".",
      ":",
      "urn:",
      "a.b.c",
      "a".repeat(99999),
    ]) {
      expect(parseFlowTarget(text, "User"), text.slice(0, 20)).toHaveProperty("problem");
    }
  });
});

describe("mapEntry", () => {
  const map = (flows: readonly Flow[], attributes: Parameters<typeof entry>[2]) => {
    const { User } = compileMapping(mappingOf(flows));
    const mapped = mapEntry(entry(`uid=a,${BASE}`, uuid(1), { uid: "a", ...attributes }), {
      mapping: User,
      idOf: (dn) => (dn.startsWith("uid=") ? uuid(7) : undefined),
      now: NOW,
    });
    if (mapped.kind === "problem") return mapped.problem;
    const {
      schemas: _schemas,
      id: _id,
      externalId: _externalId,
      meta: _meta,
      ...rest
    } = mapped.resource;
    return rest;
  };

  it("makes an element for each value of a path without filter", () => {
    const flows = [direct("emails", "mail"), direct('emails[type eq "home"].value', "home")];
    expect(map(flows, { mail: ["a@x", "", "b@x"], home: ["c@x", "d@x"] })).toEqual({
      userName: "a",
      emails: [{ value: "a@x" }, { value: "b@x" }, { type: "home", value: "c@x" }],
    });
  });

  it("takes the first value that is not empty for a single target", () => {
    expect(map([direct("title", "title")], { title: ["", "Head", "Hand"] })).toEqual({
      userName: "a",
      title: "Head",
    });
  });

  it("does not look at values behind the one it takes", () => {
    expect(map([direct("active", "enabled")], { enabled: ["TRUE", "perhaps"] })).toEqual({
      userName: "a",
      active: true,
    });
  });

  it("takes the first manager that is there", () => {
    const flows = [direct(`${ENTERPRISE}:manager`, "manager")];
    expect(map(flows, { manager: ["cn=gone", "uid=x", "uid=y", Buffer.from("uid=z")] })).toEqual({
      userName: "a",
      [ENTERPRISE]: { manager: { value: uuid(7) } },
    });
  });

  it("writes constants beside what is read into the same element", () => {
    const flows = [
      constant('emails[type eq "work"].primary', true),
      direct('emails[type eq "work"].value', "mail"),
      constant("userType", "External"),
      constant(`${ENTERPRISE}:costCenter`, "42"),
    ];
    expect(map(flows, { mail: "a@x" })).toEqual({
      userName: "a",
      emails: [{ type: "work", primary: true, value: "a@x" }],
      userType: "External",
      [ENTERPRISE]: { costCenter: "42" },
    });
  });

  it("reports a value that cannot be what the schema wants, without the value", () => {
    expect(map([direct("active", "enabled")], { enabled: "perhaps" })).toEqual({
      resourceType: "User",
      id: uuid(1),
      attribute: "active",
      rule: "active <- enabled",
      reason: "cannot be read as boolean",
    });
    expect(map([direct("active", "enabled")], { enabled: "FALSE" })).toEqual({
      userName: "a",
      active: false,
    });
  });

  it("writes bytes as base64", () => {
    expect(map([direct("x509Certificates", "cert")], { cert: Buffer.from([1, 2]) })).toEqual({
      userName: "a",
      x509Certificates: [{ value: "AQI=" }],
    });
  });
});
