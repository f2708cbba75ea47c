import { readdir, readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { printExplanation } from "../../agent/cli/explanation-text.ts";
import { inspectEntry } from "../../agent/provider/inspect-entry.ts";
import {
  BASE,
  entry,
  FakeDirectory,
  group,
  person,
  unit,
  uuid,
} from "../support/fake-directory.ts";
import { type ScopeParts, serve } from "../support/provider.ts";

// Written anew with: UPDATE_GOLDEN=1 npx vitest run --config test/vitest.config.ts test/unit/scope-explain-golden.test.ts
const UPDATES = process.env["UPDATE_GOLDEN"] === "1";
const FOLDER = new URL("../golden/scope-explain/", import.meta.url);
const signal = new AbortController().signal;

const PEOPLE = `ou=People,${BASE}`;
const LEAVERS = `ou=Leavers,${PEOPLE}`;
const REHIRED = `ou=Rehired,${LEAVERS}`;
const GROUPS = `ou=Groups,${BASE}`;

const boss = person(`uid=grace,${PEOPLE}`, uuid(1), { employeeType: "Employee" });
const ada = person(`uid=ada,${PEOPLE}`, uuid(2), {
  ...{ cn: "Ada Lovelace", givenName: "Ada", sn: "Lovelace", displayName: "Ada Lovelace" },
  ...{ mail: "ada@example.com", employeeType: "Employee", title: "Analyst", manager: boss.dn },
});
const leaver = person(`uid=bob,${LEAVERS}`, uuid(3), { employeeType: "Employee" });
const rehired = person(`uid=cy,${REHIRED}`, uuid(4), { employeeType: "Employee" });
const untyped = person(`uid=dot,${PEOPLE}`, uuid(5));
const guest = person(`uid=eve,${PEOPLE}`, uuid(6), {
  employeeType: ["Guest", 'the "third"\u001b[31m kind'],
});
const stranger = person(`uid=fay,o=elsewhere`, uuid(7), { employeeType: "Employee" });
const nameless = entry(`cn=Hal,${PEOPLE}`, uuid(8), {
  ...{ objectClass: ["top", "inetOrgPerson"], cn: "Hal", sn: "Hal", employeeType: "Employee" },
});
const team = group(`cn=team,${GROUPS}`, uuid(11), [ada.dn, `uid=long.gone,${PEOPLE}`]);
const department = group(`cn=department,${GROUPS}`, uuid(12), [team.dn]);
const region = group(`cn=region,${GROUPS}`, uuid(13), [department.dn]);
const staff = group(`cn=all-staff,${GROUPS}`, uuid(14), [region.dn, boss.dn]);
const people = unit(PEOPLE, uuid(21));
const tree = [
  ...[people, unit(LEAVERS, uuid(22)), unit(REHIRED, uuid(23)), unit(GROUPS, uuid(24))],
  ...[boss, ada, leaver, rehired, untyped, guest, stranger, nameless],
  ...[team, department, region, staff],
];

const UNITS: ScopeParts = { include: [PEOPLE, REHIRED], exclude: [LEAVERS] };
const STAFF: ScopeParts = { groups: [{ dn: staff.dn, nested: true }] };
const EMPLOYEES: ScopeParts = {
  include: [PEOPLE],
  clauses: [
    { resourceType: "User", attribute: "sn", operator: "present" },
    { resourceType: "User", attribute: "employeeType", operator: "equals", value: "Employee" },
  ],
};

const CASES: readonly (readonly [file: string, name: string, scope: ScopeParts])[] = [
  ["in-scope-by-unit", "ada@example.com", UNITS],
  ["excluded-by-deeper-unit", "bob", UNITS],
  ["included-by-yet-deeper-unit", rehired.dn, UNITS],
  ["direct-member", "grace", STAFF],
  ["member-over-three-levels", "ada", { ...STAFF, include: [PEOPLE] }],
  ["no-member", "eve", { ...STAFF, include: [PEOPLE] }],
  [
    "no-member-but-in-unit",
    "eve",
    { ...STAFF, include: [PEOPLE], combine: "any", exclude: [REHIRED] },
  ],
  ["no-direct-member", "ada", { groups: [{ dn: staff.dn, nested: false }], include: [PEOPLE] }],
  ["clause-fails-without-value", "dot", EMPLOYEES],
  ["clause-fails-on-values", "eve", EMPLOYEES],
  ["outside-base", stranger.dn, EMPLOYEES],
  ["no-resource-type", people.id, UNITS],
  ["mapping-problem", "Hal", EMPLOYEES],
  ["scope-group", "all-staff", { ...STAFF, include: [PEOPLE] }],
  ["dangling-reference", "team", {}],
];

it("golden files are not written by a build", () => {
  expect(UPDATES && process.env["CI"] !== undefined).toBe(false);
});

it.each(CASES)("explains as recorded: %s", async (file, name, scope) => {
  const served = serve(new FakeDirectory(tree), scope);
  const steps: string[] = [];
  const onStep = (step: string) => void steps.push(step);
  const found = await inspectEntry(
    served,
    { name, resourceType: undefined, now: 0, onStep },
    signal,
  );
  if ("kind" in found) throw new Error(`${name}: ${found.kind}`);
  const text = `${printExplanation(found)}\n`;
  const golden = new URL(`${file}.txt`, FOLDER);
  if (UPDATES) await writeFile(golden, text);
  expect(text).toBe(await readFile(golden, "utf8"));
  expect(steps.slice(0, 2)).toEqual(["looking for the entry", "reading the scope"]);
});

it("every golden file has its case", async () => {
  expect((await readdir(FOLDER)).sort()).toEqual(CASES.map(([file]) => `${file}.txt`).sort());
});
