import { describe, expect, it } from "vitest";
import { dnKey } from "../../agent/core/dn.ts";
import type { Entry } from "../../agent/core/entry.ts";
import type { Clause, ResourceTypeName, Scope } from "../../agent/core/scope.ts";
import { printClause } from "../../agent/core/scope-clause.ts";
import {
  clauseAttributes,
  evaluateScope,
  prepareScope,
  type ResolvedGroup,
  type ScopeVerdict,
  searchBases,
} from "../../agent/core/scope-verdict.ts";
import { BASE, entry, uuid } from "../support/fake-directory.ts";

const EVERYBODY: Scope = {
  organizationalUnits: { include: [], exclude: [] },
  groups: [],
  combine: "all",
  clauses: [],
};

const STAFF = `cn=staff,ou=groups,${BASE}`;
const NESTED = `cn=nested,ou=groups,${BASE}`;

function units(include: readonly string[], exclude: readonly string[] = []): Scope {
  return { ...EVERYBODY, organizationalUnits: { include, exclude } };
}

/** Members by the group that lists them. */
function members(lists: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(lists).flatMap(([via, dns]) => dns.map((dn) => [dnKey(dn), via] as const)),
  );
}

function verdict(
  who: Entry | string,
  scope: Scope,
  options: {
    readonly groups?: readonly ResolvedGroup[];
    readonly resourceType?: ResourceTypeName;
  } = {},
): ScopeVerdict {
  const { groups = [], resourceType = "User" } = options;
  return evaluateScope(typeof who === "string" ? entry(who, uuid(1)) : who, {
    resourceType,
    scope: prepareScope(scope, { baseDn: BASE, groups }),
  });
}

describe("evaluateScope by place", () => {
  it("takes everybody below the base when nothing is configured", () => {
    expect(verdict(`uid=a,ou=x,${BASE}`, EVERYBODY)).toEqual({
      inScope: true,
      detail: "below the directory's base",
    });
  });

  it.each([`uid=a,dc=other,dc=com`, `uid=a,xdc=example,dc=com`, `uid=a\\,${BASE}`, "no dn at all"])(
    "leaves out what is not below the base: %s",
    (dn) => {
      expect(verdict(dn, EVERYBODY)).toEqual({
        inScope: false,
        because: "outside base",
        detail: "not below the directory's base",
      });
    },
  );

  it("takes everything below each of several units, in any spelling", () => {
    const scope = units([`ou=A,${BASE}`, `OU = b , ${BASE}`]);
    const inScope = [
      `uid=1,ou=a,${BASE}`,
      `uid=2,ou=deep,ou=A,DC=example,DC=COM`,
      `uid=3,OU=B,${BASE}`,
    ];
    expect(inScope.map((dn) => verdict(dn, scope))).toEqual([
      { inScope: true, detail: `below ou=A,${BASE}` },
      { inScope: true, detail: `below ou=A,${BASE}` },
      { inScope: true, detail: `below OU = b , ${BASE}` },
    ]);
    for (const dn of [`uid=4,ou=c,${BASE}`, `uid=5,${BASE}`, `uid=6,ou=a,ou=c,${BASE}`]) {
      expect(verdict(dn, scope)).toEqual({
        inScope: false,
        because: "outside organizational units",
        detail: "below none of the included organizational units",
      });
    }
  });

  it("lets the most specific rule win at every level", () => {
    const scope = units(
      [`ou=a,${BASE}`, `ou=a3,ou=a2,ou=a,${BASE}`],
      [`ou=a2,ou=a,${BASE}`, `ou=a4,ou=a3,ou=a2,ou=a,${BASE}`],
    );
    const at = (...ous: readonly string[]) => verdict(`uid=x,${ous.join(",")},${BASE}`, scope);
    expect(at("ou=a")).toEqual({ inScope: true, detail: `below ou=a,${BASE}` });
    expect(at("ou=other", "ou=a")).toEqual({ inScope: true, detail: `below ou=a,${BASE}` });
    expect(at("ou=a2", "ou=a")).toEqual({
      inScope: false,
      because: "organizational unit excluded",
      detail: `ou=a2,ou=a,${BASE}`,
    });
    expect(at("ou=other", "ou=a2", "ou=a")).toMatchObject({ inScope: false });
    expect(at("ou=a3", "ou=a2", "ou=a")).toEqual({
      inScope: true,
      detail: `below ou=a3,ou=a2,ou=a,${BASE}`,
    });
    expect(at("ou=a4", "ou=a3", "ou=a2", "ou=a")).toEqual({
      inScope: false,
      because: "organizational unit excluded",
      detail: `ou=a4,ou=a3,ou=a2,ou=a,${BASE}`,
    });
  });

  it("does not depend on the order of the rules", () => {
    const a = units([`ou=a,${BASE}`, `ou=y,ou=x,ou=a,${BASE}`], [`ou=x,ou=a,${BASE}`]);
    const b = units([`ou=y,ou=x,ou=a,${BASE}`, `ou=a,${BASE}`], [`ou=x,ou=a,${BASE}`]);
    const dns = ["ou=y,ou=x,ou=a", "ou=x,ou=a", "ou=a", "ou=z"].map((ou) => `uid=1,${ou},${BASE}`);
    expect(dns.map((dn) => verdict(dn, a))).toEqual(dns.map((dn) => verdict(dn, b)));
    expect(dns.map((dn) => verdict(dn, a).inScope)).toEqual([true, false, true, false]);
  });

  it("counts depth in RDNs, not in commas of names", () => {
    const scope = units([`ou=a\\,b\\,c\\,d,${BASE}`], [`ou=x,ou=a\\,b\\,c\\,d,${BASE}`]);
    expect(verdict(`uid=1,ou=x,ou=a\\,b\\,c\\,d,${BASE}`, scope)).toMatchObject({ inScope: false });
    expect(verdict(`uid=1,ou=a\\,b\\,c\\,d,${BASE}`, scope)).toMatchObject({ inScope: true });
  });

  it("takes all of the base but the exclusions when only these are configured", () => {
    const scope = units([], [`ou=leavers,${BASE}`]);
    expect(verdict(`uid=1,ou=people,${BASE}`, scope)).toMatchObject({ inScope: true });
    expect(verdict(`uid=1,ou=2020,ou=Leavers,${BASE}`, scope)).toMatchObject({
      because: "organizational unit excluded",
    });
    expect(verdict(`uid=1,xou=leavers,${BASE}`, scope)).toMatchObject({ inScope: true });
  });
});

describe("evaluateScope by membership", () => {
  const ada = `uid=ada,ou=people,${BASE}`;
  const bob = `uid=bob,ou=people,${BASE}`;
  const scope: Scope = { ...EVERYBODY, groups: [{ dn: STAFF, nested: true }] };
  const groups = [{ dn: STAFF, members: members({ [STAFF]: [ada], [NESTED]: [bob] }) }];

  it("takes members, and says which nested group lists them", () => {
    expect(verdict(`UID=Ada,OU=People,${BASE}`, scope, { groups })).toEqual({
      inScope: true,
      detail: `member of ${STAFF}`,
    });
    expect(verdict(bob, scope, { groups })).toEqual({
      inScope: true,
      detail: `member of ${STAFF} through ${NESTED}`,
    });
  });

  it("leaves out who is a member of none", () => {
    expect(verdict(`uid=eve,${BASE}`, scope, { groups })).toEqual({
      inScope: false,
      because: "not a member",
      detail: "member of none of the scope groups",
    });
  });

  it("has the scope groups themselves in scope, wherever they are, and nobody when they are empty", () => {
    const empty = [{ dn: STAFF, members: members({}) }];
    const excluding = {
      ...scope,
      organizationalUnits: { include: [`ou=people,${BASE}`], exclude: [`ou=groups,${BASE}`] },
    };
    for (const each of [scope, excluding]) {
      expect(
        verdict(`CN=Staff,OU=Groups,${BASE}`, each, { groups: empty, resourceType: "Group" }),
      ).toEqual({ inScope: true, detail: "is a scope group" });
      expect(verdict(ada, each, { groups: empty })).toMatchObject({ because: "not a member" });
    }
  });

  const both = { ...scope, organizationalUnits: { include: [`ou=people,${BASE}`], exclude: [] } };
  const outside = `uid=cy,ou=other,${BASE}`;
  const stranger = `uid=dan,ou=people,${BASE}`;
  const mixed = [{ dn: STAFF, members: members({ [STAFF]: [ada, outside] }) }];

  it("asks for unit and membership with all", () => {
    const ask = (dn: string) => verdict(dn, { ...both, combine: "all" }, { groups: mixed });
    expect(ask(ada)).toEqual({
      inScope: true,
      detail: `below ou=people,${BASE}; member of ${STAFF}`,
    });
    expect(ask(outside)).toMatchObject({ because: "outside organizational units" });
    expect(ask(stranger)).toMatchObject({ because: "not a member" });
  });

  it("is content with either with any", () => {
    const ask = (dn: string) => verdict(dn, { ...both, combine: "any" }, { groups: mixed });
    expect(ask(ada)).toMatchObject({ inScope: true });
    expect(ask(outside)).toEqual({ inScope: true, detail: `member of ${STAFF}` });
    expect(ask(stranger)).toEqual({ inScope: true, detail: `below ou=people,${BASE}` });
    expect(ask(`uid=eve,ou=other,${BASE}`)).toEqual({
      inScope: false,
      because: "outside organizational units",
      detail: "below none of the included organizational units; member of none of the scope groups",
    });
  });

  it("asks for membership alone with any, as long as no unit is configured", () => {
    const any: Scope = { ...scope, combine: "any" };
    expect(verdict(stranger, any, { groups: mixed })).toMatchObject({ because: "not a member" });
  });
});

describe("evaluateScope by clauses", () => {
  const user = (attributes: Parameters<typeof entry>[2]) =>
    entry(`uid=a,${BASE}`, uuid(1), attributes);
  const on = (clause: Record<string, unknown>): Clause =>
    ({ resourceType: "User", attribute: "employeeType", ...clause }) as Clause;
  const passes = (clause: Clause, attributes: Parameters<typeof entry>[2]) =>
    verdict(user(attributes), { ...EVERYBODY, clauses: [clause] }).inScope;

  it.each([
    [{ operator: "equals", value: "Staff" }, "Staff", true],
    [{ operator: "equals", value: "Staff" }, "staff", false],
    [{ operator: "equals", value: "Staff" }, "Guest", false],
    [{ operator: "equals", value: "Staff" }, ["Guest", "Staff"], true],
    [{ operator: "notEquals", value: "Staff" }, "Guest", true],
    [{ operator: "notEquals", value: "Staff" }, "Staff", false],
    [{ operator: "notEquals", value: "Staff" }, ["Guest", "Staff"], false],
    [{ operator: "present" }, "anything", true],
    [{ operator: "present" }, new Uint8Array([0, 1]), true],
    [{ operator: "present" }, "", false],
    [{ operator: "present" }, new Uint8Array(0), false],
    [{ operator: "in", values: ["Staff", "Intern"] }, "Intern", true],
    [{ operator: "in", values: ["Staff", "Intern"] }, "Guest", false],
    [{ operator: "in", values: ["Staff", "Intern"] }, ["Guest", "Staff"], true],
  ] as const)("%j of %j is %s", (clause, value, expected) => {
    expect(passes(on(clause), { EMPLOYEETYPE: value })).toBe(expected);
  });

  it.each([
    { operator: "equals", value: "Staff" },
    { operator: "equals", value: "" },
    { operator: "notEquals", value: "Staff" },
    { operator: "present" },
    { operator: "in", values: ["Staff", ""] },
  ])("an absent attribute fails %j", (clause) => {
    expect(passes(on(clause), { title: "Staff" })).toBe(false);
    expect(passes(on(clause), { employeeType: [] })).toBe(false);
  });

  it("finds nothing in names of the prototype", () => {
    for (const attribute of ["constructor", "__proto__", "toString"]) {
      expect(passes(on({ attribute, operator: "present" }), {})).toBe(false);
    }
  });

  it("asks for all clauses of the resource type and for none of another", () => {
    const clauses = [
      on({ operator: "equals", value: "Staff" }),
      on({ attribute: "departmentNumber", operator: "present" }),
      on({ resourceType: "Group", operator: "present" }),
    ];
    const scope = { ...EVERYBODY, clauses };
    expect(verdict(user({ employeeType: "Staff", departmentNumber: "1" }), scope)).toMatchObject({
      inScope: true,
    });
    expect(verdict(user({ employeeType: "Staff" }), scope)).toEqual({
      inScope: false,
      because: "clause failed",
      detail: "departmentNumber is present",
    });
    expect(verdict(user({}), scope, { resourceType: "Group" })).toMatchObject({
      because: "clause failed",
    });
  });

  it("prints each clause as a sentence", () => {
    expect(
      [
        on({ operator: "equals", value: "x" }),
        on({ operator: "notEquals", value: "x" }),
        on({ operator: "present" }),
        on({ operator: "in", values: ["x", "y"] }),
      ].map(printClause),
    ).toEqual([
      'employeeType equals "x"',
      'employeeType is not "x"',
      "employeeType is present",
      'employeeType is one of "x", "y"',
    ]);
  });

  it("names the attributes to read once, in lower case, by resource type", () => {
    const clauses = [
      on({ operator: "present" }),
      on({ attribute: "EMPLOYEETYPE", operator: "present" }),
      on({ attribute: "o", operator: "present" }),
      on({ resourceType: "Group", attribute: "description", operator: "present" }),
    ];
    const scope = { ...EVERYBODY, clauses };
    expect(clauseAttributes(scope, "User")).toEqual(["employeetype", "o"]);
    expect(clauseAttributes(scope, "Group")).toEqual(["description"]);
  });
});

describe("searchBases", () => {
  const basesOf = (scope: Scope, groups: readonly ResolvedGroup[] = []) =>
    searchBases(prepareScope(scope, { baseDn: BASE, groups }), BASE);
  const groups = [{ dn: STAFF, members: members({}) }];

  it("is the base when no unit is included", () => {
    expect(basesOf(EVERYBODY)).toEqual([BASE]);
    expect(basesOf(units([], [`ou=x,${BASE}`]))).toEqual([BASE]);
  });

  it("is every included unit that is not below another one, whatever is excluded between them", () => {
    const scope = units(
      [`ou=b,${BASE}`, `ou=a3,ou=a2,ou=a,${BASE}`, `OU=A,${BASE}`],
      [`ou=a2,ou=a,${BASE}`],
    );
    expect(basesOf(scope)).toEqual([`OU=A,${BASE}`, `ou=b,${BASE}`].sort());
  });

  it("names a unit once, however it is spelled, so that nobody is listed twice", () => {
    expect(basesOf(units([`ou=a,${BASE}`, `OU=A, ${BASE}`]))).toEqual([`ou=a,${BASE}`]);
  });

  it("is the base when membership alone is enough, since members are anywhere", () => {
    const scope = units([`ou=a,${BASE}`]);
    expect(basesOf({ ...scope, combine: "any" }, groups)).toEqual([BASE]);
    expect(basesOf({ ...scope, combine: "all" }, groups)).toEqual([`ou=a,${BASE}`]);
    expect(basesOf({ ...scope, combine: "any" })).toEqual([`ou=a,${BASE}`]);
  });
});
