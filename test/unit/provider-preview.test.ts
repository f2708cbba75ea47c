import { expect, it } from "vitest";
import { inspectEntry } from "../../agent/provider/inspect-entry.ts";
import { previewScope } from "../../agent/provider/preview-scope.ts";
import {
  BASE,
  entry,
  FakeDirectory,
  group,
  person,
  unit,
  uuid,
} from "../support/fake-directory.ts";
import { serve } from "../support/provider.ts";

const NEVER = new AbortController().signal;
const PEOPLE = `ou=people,${BASE}`;
const ada = person(`uid=ada,${PEOPLE}`, uuid(1), { employeeType: "Staff" });
const bob = person(`uid=bob,${PEOPLE}`, uuid(2), { employeeType: "Guest" });
const cy = person(`uid=cy,${BASE}`, uuid(3), { employeeType: "Staff" });
const nameless = entry(`cn=x,${PEOPLE}`, uuid(4), {
  objectClass: "inetOrgPerson",
  employeeType: "Staff",
});
const staff = group(`cn=staff,${PEOPLE}`, uuid(11), [ada.dn, cy.dn]);
const directory = () => new FakeDirectory([unit(PEOPLE, uuid(21)), ada, bob, cy, nameless, staff]);
const scope = {
  include: [PEOPLE],
  clauses: [
    { resourceType: "User", attribute: "employeeType", operator: "equals", value: "Staff" },
  ],
} as const;

async function preview(from: FakeDirectory, payload: boolean) {
  const options = { resourceTypes: ["User", "Group"], payload, now: 0 } as const;
  const lines = [];
  for await (const batch of previewScope(serve(from, scope), options, NEVER)) lines.push(...batch);
  return lines;
}

it("tells of every entry whether it is in scope and why, and reads no more than that takes", async () => {
  const from = directory();
  expect(await preview(from, false)).toEqual([
    {
      resourceType: "User",
      id: ada.id,
      dn: ada.dn,
      verdict: { inScope: true, detail: `below ${PEOPLE}` },
    },
    {
      resourceType: "User",
      id: bob.id,
      dn: bob.dn,
      verdict: {
        inScope: false,
        because: "clause failed",
        detail: 'employeeType equals "Staff"',
      },
    },
    {
      resourceType: "User",
      id: cy.id,
      dn: cy.dn,
      verdict: {
        inScope: false,
        because: "outside organizational units",
        detail: "below none of the included organizational units",
      },
    },
    {
      resourceType: "User",
      id: nameless.id,
      dn: nameless.dn,
      verdict: { inScope: true, detail: `below ${PEOPLE}` },
    },
    {
      resourceType: "Group",
      id: staff.id,
      dn: staff.dn,
      verdict: { inScope: true, detail: `below ${PEOPLE}` },
    },
  ]);
  expect([...from.asked]).toEqual(["employeetype"]);
});

it("maps what is in scope when the payload is asked for, references and problems included", async () => {
  const lines = await preview(directory(), true);
  expect(lines.map(({ id, mapped }) => [id, mapped?.kind])).toEqual([
    [ada.id, "resource"],
    [bob.id, undefined],
    [cy.id, undefined],
    [nameless.id, "problem"],
    [staff.id, "resource"],
  ]);
  expect(lines.at(-1)?.mapped).toMatchObject({
    resource: { members: [{ value: ada.id }, { value: cy.id }] },
  });
});

it("ends with an error when the read is cut, never with short counts", async () => {
  const from = directory();
  from.cutAfter(3, "time limit");
  await expect(preview(from, false)).rejects.toMatchObject({ code: "directory.incomplete" });
});

it("shows a group with its primary members, as it is sent", async () => {
  const eve = person(`uid=eve,${PEOPLE}`, uuid(5), {
    ...{ objectClass: ["user", "inetOrgPerson"], primaryGroupID: "1234", employeeType: "Staff" },
  });
  const attributes = { ...Object.fromEntries(staff.attributes), primaryGroupToken: "1234" };
  const everybody = entry(staff.dn, staff.id, attributes);
  const from = new FakeDirectory([unit(PEOPLE, uuid(21)), ada, cy, eve, everybody]);
  from.hasPrimaryGroups = true;
  const served = serve(from, { include: [PEOPLE] });
  const lines = (await preview(from, true)).filter(({ resourceType }) => resourceType === "Group");
  const shown = lines.map(({ mapped }) => mapped);
  expect(shown).toMatchObject([
    { resource: { members: [{ value: ada.id }, { value: cy.id }, { value: eve.id }] } },
  ]);
  const request = { name: everybody.dn, resourceType: undefined, now: 0, onStep: () => undefined };
  const inspected = await inspectEntry(served, request, NEVER);
  expect("mapping" in inspected && inspected.mapping?.mapped).toEqual(shown[0]);
});
