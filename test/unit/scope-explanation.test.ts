import { describe, expect, it } from "vitest";
import { dnKey } from "../../agent/core/dn.ts";
import type { Scope } from "../../agent/core/scope.ts";
import { explainScope } from "../../agent/core/scope-explanation.ts";
import { prepareScope, type ResolvedGroup } from "../../agent/core/scope-verdict.ts";
import { BASE, person, uuid } from "../support/fake-directory.ts";

const PEOPLE = `ou=people,${BASE}`;
const TOP = `cn=top,${BASE}`;
const MIDDLE = `cn=middle,${BASE}`;
const NEAR = `cn=near,${BASE}`;
const ada = person(`uid=Ada,${PEOPLE}`, uuid(1), { l: ["Bonn", "Ulm"] });

/** Members by who lists them, as they are found level by level. */
function membersOf(dn: string, lists: Readonly<Record<string, readonly string[]>>): ResolvedGroup {
  const pairs = Object.entries(lists).flatMap(([via, dns]) =>
    dns.map((member) => [dnKey(member), via] as const),
  );
  return { dn, members: new Map(pairs) };
}

function explain(entry = ada, groups: readonly ResolvedGroup[] = [], parts: Partial<Scope> = {}) {
  const configured: Scope = {
    organizationalUnits: { include: [], exclude: [] },
    groups: groups.map(({ dn }) => ({ dn: dn.toUpperCase(), nested: true })),
    combine: "all",
    clauses: [],
    ...parts,
  };
  const scope = prepareScope(configured, { baseDn: BASE, groups });
  return explainScope(entry, { resourceType: "User", scope, configured });
}

describe("the path of nesting", () => {
  const pathTo = (group: ResolvedGroup, entry = ada) => explain(entry, [group]).groups;
  const rule = { dn: TOP, isEntry: false, nested: true };

  it("names every group from the scope group to the one that lists the entry", () => {
    const group = membersOf(TOP, { [TOP]: [MIDDLE], [MIDDLE]: [NEAR], [NEAR]: [ada.dn] });
    expect(pathTo(group)).toEqual([{ ...rule, holds: true, path: [TOP, MIDDLE, NEAR] }]);
  });

  it("is the scope group alone for a direct member, and empty for none", () => {
    const direct = membersOf(TOP, { [TOP]: [ada.dn.toUpperCase()] });
    expect(pathTo(direct)).toEqual([{ ...rule, holds: true, path: [TOP] }]);
    expect(pathTo(membersOf(TOP, {}))).toEqual([{ ...rule, holds: false, path: [] }]);
  });

  it("leads a scope group that is a member of itself back to itself", () => {
    const top = person(TOP, uuid(2));
    const group = membersOf(TOP, { [TOP]: [NEAR], [NEAR]: [TOP] });
    const path = [TOP, NEAR];
    expect(pathTo(group, top)).toEqual([{ ...rule, isEntry: true, holds: true, path }]);
  });

  it("is empty when the members contradict each other, and ends", () => {
    const round = membersOf(TOP, { [MIDDLE]: [NEAR], [NEAR]: [MIDDLE, ada.dn] });
    expect(pathTo(round)).toEqual([{ ...rule, holds: false, path: [] }]);
    const loose = membersOf(TOP, { [MIDDLE]: [ada.dn] });
    expect(pathTo(loose)).toEqual([{ ...rule, holds: false, path: [] }]);
  });

  it("says whether members of members count", () => {
    const groups = [{ dn: TOP, nested: false }];
    const { groups: rules } = explain(ada, [membersOf(TOP, {})], { groups });
    expect(rules).toEqual([{ ...rule, nested: false, holds: false, path: [] }]);
  });
});

it("tells which units cover an entry and which alone decides", () => {
  const organizationalUnits = {
    include: [PEOPLE, `ou=other,${BASE}`],
    exclude: [BASE],
  };
  expect(explain(ada, [], { organizationalUnits })).toEqual({
    verdict: { inScope: true, detail: `below ${PEOPLE}` },
    belowBase: true,
    isScopeGroup: false,
    organizationalUnits: [
      { dn: PEOPLE, rule: "include", covers: true, decides: true },
      { dn: `ou=other,${BASE}`, rule: "include", covers: false, decides: false },
      { dn: BASE, rule: "exclude", covers: true, decides: false },
    ],
    groups: [],
    combine: "all",
    clauses: [],
  });
});

it("tells the entry's own values with every clause of its type, the failed ones too", () => {
  const clauses: Scope["clauses"] = [
    { resourceType: "User", attribute: "title", operator: "present" },
    { resourceType: "Group", attribute: "cn", operator: "present" },
    { resourceType: "User", attribute: "L", operator: "equals", value: "Ulm" },
  ];
  expect(explain(ada, [], { clauses }).clauses).toEqual([
    { rule: "title is present", attribute: "title", holds: false, values: [] },
    { rule: 'L equals "Ulm"', attribute: "L", holds: true, values: ["Bonn", "Ulm"] },
  ]);
});
