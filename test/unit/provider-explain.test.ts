import { describe, expect, it } from "vitest";
import {
  BASE,
  entry,
  FakeDirectory,
  group,
  person,
  unit,
  uuid,
} from "../support/fake-directory.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { answering, refusal, request, type ScopeParts, serve } from "../support/provider.ts";

const PEOPLE = `ou=people,${BASE}`;
const LEAVERS = `ou=leavers,${PEOPLE}`;
const ada = person(`uid=ada,${PEOPLE}`, uuid(0xbee), {
  employeeType: "Staff",
  title: "Head",
  l: "Bonn",
});
const bob = person(`uid=bob,${PEOPLE}`, uuid(2), { employeeType: "Guest" });
const cy = person(`uid=cy,${LEAVERS}`, uuid(3), { employeeType: "Staff" });
const nameless = entry(`cn=nameless,${PEOPLE}`, uuid(4), { objectClass: "INETORGPERSON" });
const staff = group(`cn=staff,${BASE}`, uuid(11), [ada.dn, bob.dn]);
const all = group(`cn=all,${BASE}`, uuid(12), [staff.dn]);
const both = entry(`cn=both,${PEOPLE}`, uuid(13), {
  objectClass: ["inetOrgPerson", "groupOfNames"],
  uid: "both",
  cn: "both",
  l: "Bonn",
});
const people = unit(PEOPLE, uuid(21));
const tree = [people, unit(LEAVERS, uuid(22)), ada, bob, cy, nameless, staff, all, both];

const CLAUSES: ScopeParts = {
  include: [PEOPLE],
  exclude: [LEAVERS],
  clauses: [
    { resourceType: "User", attribute: "employeeType", operator: "equals", value: "Staff" },
    { resourceType: "User", attribute: "l", operator: "present" },
    { resourceType: "Group", attribute: "businessCategory", operator: "present" },
  ],
};

function explaining(parts: ScopeParts = CLAUSES, log = new MemoryLog()) {
  const directory = new FakeDirectory(tree);
  const ask = answering(serve(directory, parts), { log });
  return {
    directory,
    log,
    explain: (body: unknown) => ask(request("POST", "/agent/explain", { body })),
  };
}

async function explained(body: unknown, parts?: ScopeParts): Promise<unknown> {
  const answer = await explaining(parts).explain(body);
  expect(answer).toMatchObject({ kind: "document", status: 200 });
  return answer.kind === "document" ? answer.body : undefined;
}

describe("the explanation of an entry", () => {
  it("tells the rule that let it in, and that it can be mapped", async () => {
    const said = {
      directory: "openldap",
      id: ada.id,
      resourceTypes: ["User"],
      resourceType: "User",
      inScope: true,
      detail: `below ${PEOPLE}`,
      organizationalUnits: [{ dn: PEOPLE, rule: "include", decides: true }],
      groups: [],
      clauses: [
        { rule: 'employeeType equals "Staff"', holds: true },
        { rule: "l is present", holds: true },
      ],
      mapped: true,
    };
    expect(await explained({ id: ada.id.toUpperCase() })).toEqual(said);
    expect(await explained({ dn: ada.dn.replace("uid=ada,", "UID=Ada , ") })).toEqual(said);
    expect(await explained({ DN: ada.dn, id: null, RESOURCETYPE: "User" })).toEqual(said);
  });

  it("tells every clause that failed, though the first decided", async () => {
    expect(await explained({ id: bob.id })).toMatchObject({
      inScope: false,
      because: "clause failed",
      detail: 'employeeType equals "Staff"',
      clauses: [
        { rule: 'employeeType equals "Staff"', holds: false },
        { rule: "l is present", holds: false },
      ],
    });
  });

  it("tells the unit that keeps it out, and what the clauses would have said", async () => {
    expect(await explained({ id: cy.id })).toMatchObject({
      inScope: false,
      because: "organizational unit excluded",
      detail: LEAVERS,
      organizationalUnits: [
        { dn: LEAVERS, rule: "exclude", decides: true },
        { dn: PEOPLE, rule: "include", decides: false },
      ],
      clauses: [{ holds: true }, { holds: false }],
    });
  });

  it("tells the group that it is a member of, through others too", async () => {
    const groups = [{ dn: all.dn, nested: true }];
    expect(await explained({ id: ada.id }, { groups })).toMatchObject({
      inScope: true,
      detail: `member of ${all.dn} through ${staff.dn}`,
      groups: [{ dn: all.dn, holds: true, levels: 2 }],
      clauses: [],
    });
    expect(await explained({ id: cy.id }, { groups })).toMatchObject({
      inScope: false,
      because: "not a member",
      groups: [{ dn: all.dn, holds: false }],
    });
  });

  it("tells how deep a membership is, and not which groups lie between", async () => {
    const top = group(`cn=top,${BASE}`, uuid(14), [all.dn]);
    const groups = [{ dn: top.dn, nested: true }];
    const ask = answering(serve(new FakeDirectory([...tree, top]), { groups }));
    const answer = await ask(request("POST", "/agent/explain", { body: { id: ada.id } }));
    if (answer.kind !== "document") throw new Error(answer.kind);
    const { groups: said } = answer.body as { readonly groups: unknown };
    expect(said).toEqual([{ dn: top.dn, holds: true, levels: 3 }]);
    expect(JSON.stringify(answer.body)).not.toContain(all.dn);
  });

  it("tells why it cannot be mapped, in scope or not", async () => {
    const problem = {
      resourceType: "User",
      id: nameless.id,
      attribute: "userName",
      rule: "userName <- uid",
      reason: "has no value",
    };
    const mapping = { mapped: false, problem };
    expect(await explained({ id: nameless.id }, {})).toMatchObject({ inScope: true, ...mapping });
    expect(await explained({ id: nameless.id })).toMatchObject({ inScope: false, ...mapping });
  });

  it("tells that it is of no resource type, or not of the one that is asked about", async () => {
    const known = { directory: "openldap", inScope: false, because: "no resource type" };
    expect(await explained({ dn: PEOPLE })).toEqual({
      ...known,
      id: people.id,
      resourceTypes: [],
      detail: "has none of the object classes inetOrgPerson (User), groupOfNames (Group)",
    });
    expect(await explained({ id: ada.id, resourceType: "Group" })).toEqual({
      ...known,
      id: ada.id,
      resourceTypes: ["User"],
      detail: "has none of the object classes groupOfNames (Group)",
    });
  });

  it("judges an entry of both types as the one that is asked about", async () => {
    const types = { resourceTypes: ["User", "Group"] };
    expect(await explained({ id: both.id })).toMatchObject({ ...types, resourceType: "User" });
    expect(await explained({ id: both.id, resourceType: "Group" })).toMatchObject({
      ...types,
      resourceType: "Group",
      because: "clause failed",
      clauses: [{ rule: "businessCategory is present", holds: false }],
    });
  });

  it("holds no value of the entry, reads no members and asks for no references", async () => {
    const { directory, explain, log } = explaining();
    for (const body of [{ id: ada.id }, { dn: ada.dn }, { id: staff.id }]) {
      const answer = await explain(body);
      expect(JSON.stringify([answer, log.lines])).not.toMatch(/ada|Head|Bonn|uid=/);
    }
    expect([...directory.asked]).not.toContain("member");
    expect(directory.resolved).toEqual([
      [PEOPLE, LEAVERS],
      [PEOPLE, LEAVERS],
      [PEOPLE, LEAVERS],
    ]);
  });
});

describe("an entry that is not there", () => {
  const missing = { status: 404, detail: "there is no such entry below the base of the directory" };

  it.each([
    ["an id of nobody", { id: uuid(99) }],
    ["a text that is no id", { id: "ada" }],
    ["a DN of nobody", { dn: `uid=x,${BASE}` }],
    ["the root DSE", { dn: "" }],
    ["what is above the base", { dn: "dc=com" }],
    ["another part of the server", { dn: "cn=config" }],
    ["a text that is no DN", { dn: "ada" }],
    ["a text that is no DN and ends like the base", { dn: `ada,${BASE}` }],
    ["a NUL and a DN", { dn: `\u0000uid=ada,${BASE}` }],
  ])("is not found: %s", async (_, body) => {
    const { directory, explain } = explaining();
    expect(refusal(await explain(body))).toEqual(missing);
    const reads = "dn" in body && body.dn === `uid=x,${BASE}` ? [body.dn] : [];
    expect(directory.reads).toEqual(reads);
  });

  it("is no 404 when the read was cut or the scope is missing", async () => {
    const { directory, explain } = explaining();
    directory.cutAfter(0);
    expect(await explain({ id: ada.id })).toMatchObject({ status: 503 });
    const renamed = explaining({ include: [`ou=renamed,${BASE}`] });
    expect(await renamed.explain({ id: ada.id })).toMatchObject({ status: 500 });
  });
});

it.each([
  [undefined, "invalidSyntax"],
  [null, "invalidSyntax"],
  ["x", "invalidSyntax"],
  [[], "invalidSyntax"],
  [{}, "invalidValue"],
  [{ id: null, dn: null }, "invalidValue"],
  [{ id: "x", dn: "y" }, "invalidValue"],
  [{ id: 5 }, "invalidValue"],
  [{ dn: ["x"] }, "invalidValue"],
  [{ id: "x", resourceType: "Device" }, "invalidValue"],
  [{ id: "x", resourceType: "__proto__" }, "invalidValue"],
  [{ dn: "a".repeat(8193) }, "invalidValue"],
])("refuses to explain %j", async (body, scimType) => {
  const { explain } = explaining();
  expect(refusal(await explain(body))).toMatchObject({ status: 400, scimType });
});
