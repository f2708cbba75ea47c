import { beforeEach, describe, expect, it } from "vitest";
import { createCompany } from "../../agent/sim/company/company.ts";
import { companyUuid } from "../../agent/sim/company/draw.ts";
import { LANDMARKS } from "../../agent/sim/company/landmark.ts";
import { dnKey } from "../../agent/sim/directory/distinguished-name.ts";
import { compileFilter } from "../../agent/sim/directory/evaluation.ts";
import type { Filter } from "../../agent/sim/directory/filter.ts";
import { createCursor } from "../../agent/sim/directory/search.ts";
import { createSelection } from "../../agent/sim/directory/selection.ts";
import { DirectoryStore } from "../../agent/sim/directory/store.ts";

const BASE = "dc=example,dc=com";
const START = Date.UTC(2026, 0, 2, 3, 4, 5);
const EVERY: Filter = { kind: "present", attribute: "objectClass" };

let now: number;
let store: DirectoryStore;

beforeEach(() => {
  now = START;
  store = new DirectoryStore({ baseDn: BASE, now: () => now, referentialIntegrity: true });
  store.add({
    dn: BASE,
    attributes: { objectClass: ["dcObject", "organization"], dc: ["example"], o: ["Example"] },
  });
  addUnit(`ou=People,${BASE}`);
  addUnit(`ou=Law,ou=People,${BASE}`);
  addUnit(`ou=Groups,${BASE}`);
  addPerson("ada", `ou=Law,ou=People,${BASE}`);
  addPerson("bob", `ou=People,${BASE}`, { manager: [`UID=Ada, ou=Law,ou=People,${BASE}`] });
  addGroup("law", [`uid=ADA,ou=law,ou=people,${BASE}`, `uid=bob,ou=People,${BASE}`]);
  addGroup("alone", [`uid=ada,ou=Law,ou=People,${BASE}`]);
});

function addUnit(dn: string): void {
  store.add({ dn, attributes: { objectClass: ["organizationalUnit"] } });
}

function addPerson(
  uid: string,
  parent: string,
  more: Record<string, readonly string[]> = {},
): void {
  store.add({
    dn: `uid=${uid},${parent}`,
    attributes: { objectClass: ["inetOrgPerson"], uid: [uid], cn: [uid], sn: [uid], ...more },
  });
}

function addGroup(cn: string, member: readonly string[]): void {
  store.add({
    dn: `cn=${cn},ou=Groups,${BASE}`,
    attributes: { objectClass: ["groupOfNames"], cn: [cn], member },
  });
}

function values(dn: string, attribute: string): readonly unknown[] {
  const entry = store.byKey(dnKey(dn));
  if (entry === undefined) throw new Error(`no ${dn}`);
  return createSelection([attribute], store, { typesOnly: false })(entry)[0]?.values ?? [];
}

function equality(attribute: string, value: string): Filter {
  return { kind: "equality", attribute, value: Buffer.from(value) };
}

function find(filter: Filter): string[] {
  const base = store.byKey(store.baseKey);
  if (base === undefined) throw new Error("no base");
  const request = {
    kind: "search",
    baseDn: BASE,
    searchScope: "sub",
    sizeLimit: 0,
    timeLimit: 0,
    typesOnly: false,
    filter,
    attributes: [],
  } as const;
  const cursor = createCursor(store, base, request);
  const found: string[] = [];
  for (let next = cursor.next(); next.done !== true; next = cursor.next()) {
    if (next.value !== undefined) found.push(next.value.dn);
  }
  return found;
}

describe("the store", () => {
  it("gives each change a greater CSN, even when the clock stands still or goes back", () => {
    const first = values(`uid=ada,ou=Law,ou=People,${BASE}`, "entryCSN")[0];
    store.modify(`uid=ada,ou=Law,ou=People,${BASE}`, [
      { operation: "add", attribute: "title", values: ["Countess"] },
    ]);
    const second = values(`uid=ada,ou=Law,ou=People,${BASE}`, "entryCSN")[0];
    now -= 60_000;
    store.modify(`uid=ada,ou=Law,ou=People,${BASE}`, [
      { operation: "delete", attribute: "title", values: [] },
    ]);
    const third = values(`uid=ada,ou=Law,ou=People,${BASE}`, "entryCSN")[0];
    expect([first, second, third]).toEqual([
      "20260102030405.000000Z#000004#000#000000",
      "20260102030405.000000Z#000008#000#000000",
      "20260102030405.000000Z#000009#000#000000",
    ]);
    expect(values(BASE, "contextCSN")).toEqual([third]);
  });

  it("finds what changed since a time by either clock", () => {
    now += 5000;
    store.modify(`uid=bob,ou=People,${BASE}`, [
      { operation: "replace", attribute: "sn", values: ["B"] },
    ]);
    const since = (attribute: string, value: string): string[] =>
      find({ kind: "greaterOrEqual", attribute, value: Buffer.from(value) });
    expect(since("modifyTimestamp", "20260102030406Z")).toEqual([`uid=bob,ou=People,${BASE}`]);
    expect(since("modifyTimestamp", "20260102040407+0100")).toEqual([`uid=bob,ou=People,${BASE}`]);
    expect(since("entryCSN", "20260102030406")).toEqual([`uid=bob,ou=People,${BASE}`]);
    expect(since("modifyTimestamp", "20260102030405Z")).toHaveLength(store.size);
    expect(since("modifyTimestamp", "20260102030411Z")).toEqual([]);
  });

  it("changes nothing when one of several changes fails", () => {
    const before = store.get(`uid=ada,ou=Law,ou=People,${BASE}`);
    const csn = store.contextCsn;
    expect(() =>
      store.modify(`uid=ada,ou=Law,ou=People,${BASE}`, [
        { operation: "replace", attribute: "sn", values: ["Lost"] },
        { operation: "delete", attribute: "mail", values: [] },
      ]),
    ).toThrow(expect.objectContaining({ result: "noSuchAttribute", code: 16 }));
    expect([store.get(`uid=ada,ou=Law,ou=People,${BASE}`), store.contextCsn]).toEqual([
      before,
      csn,
    ]);
  });

  it("moves everything below a renamed OU, with its references and without new CSNs", () => {
    const csn = values(`uid=ada,ou=Law,ou=People,${BASE}`, "entryCSN");
    const uuid = values(`uid=ada,ou=Law,ou=People,${BASE}`, "entryUUID");
    const group = values(`cn=law,ou=Groups,${BASE}`, "entryCSN");
    store.rename(`ou=Law,ou=People,${BASE}`, { newRdn: "ou=Legal\\, Risk", newParentDn: BASE });
    const moved = `uid=ada,ou=Legal\\2C Risk,${BASE}`;
    expect([
      values(moved, "entryCSN"),
      values(moved, "entryUUID"),
      values(moved, "entryDN"),
    ]).toEqual([csn, uuid, [moved]]);
    expect(values(`cn=law,ou=Groups,${BASE}`, "member")).toEqual([
      `uid=bob,ou=People,${BASE}`,
      moved,
    ]);
    expect(values(`cn=law,ou=Groups,${BASE}`, "entryCSN")).toEqual(group);
    expect(values(`uid=bob,ou=People,${BASE}`, "manager")).toEqual([moved]);
    expect(values(moved, "memberOf")).toEqual([
      `cn=law,ou=Groups,${BASE}`,
      `cn=alone,ou=Groups,${BASE}`,
    ]);
    expect(find(equality("memberOf", `cn=alone,ou=Groups,${BASE}`))).toEqual([moved]);
    expect(values(`ou=Legal\\, Risk,${BASE}`, "ou")).toEqual(["Legal, Risk"]);
    expect(store.get(`ou=Law,ou=People,${BASE}`)).toBe(undefined);
  });

  it("takes a deleted entry out of groups, but leaves a group its last member", () => {
    store.delete(`uid=ada,ou=Law,ou=People,${BASE}`);
    expect(values(`cn=law,ou=Groups,${BASE}`, "member")).toEqual([`uid=bob,ou=People,${BASE}`]);
    expect(values(`cn=alone,ou=Groups,${BASE}`, "member")).toEqual([
      `uid=ada,ou=Law,ou=People,${BASE}`,
    ]);
    expect(values(`uid=bob,ou=People,${BASE}`, "manager")).toEqual([]);
  });

  it("leaves references as they are without referential integrity", () => {
    const plain = new DirectoryStore({ baseDn: BASE, now: () => now, referentialIntegrity: false });
    for (const entry of store.entries()) {
      const copy = store.get(entry.dn);
      if (copy !== undefined) plain.add(copy);
    }
    plain.delete(`uid=bob,ou=People,${BASE}`);
    expect(plain.get(`cn=law,ou=Groups,${BASE}`)).toEqual(store.get(`cn=law,ou=Groups,${BASE}`));
  });

  it("finds an entry by its new values and no longer by the old ones", () => {
    store.modify(`uid=bob,ou=People,${BASE}`, [
      { operation: "replace", attribute: "mail", values: ["bob@example.com"] },
      { operation: "add", attribute: "uid", values: ["robert"] },
    ]);
    store.modify(`uid=bob,ou=People,${BASE}`, [
      { operation: "replace", attribute: "mail", values: ["robert@example.com"] },
    ]);
    expect(["bob", "ROBERT"].map((uid) => find(equality("uid", uid)))).toEqual([
      [`uid=bob,ou=People,${BASE}`],
      [`uid=bob,ou=People,${BASE}`],
    ]);
    expect(
      ["bob@example.com", "Robert@Example.com"].map((mail) => find(equality("mail", mail))),
    ).toEqual([[], [`uid=bob,ou=People,${BASE}`]]);
  });

  it("shows in memberOf who was added to and removed from a group", () => {
    const ada = `uid=ada,ou=Law,ou=People,${BASE}`;
    const bob = `uid=bob,ou=People,${BASE}`;
    const group = `cn=alone,ou=Groups,${BASE}`;
    store.modify(group, [
      { operation: "add", attribute: "member", values: [bob] },
      { operation: "delete", attribute: "member", values: [ada.toUpperCase()] },
    ]);
    store.modify(`cn=law,ou=Groups,${BASE}`, [
      { operation: "replace", attribute: "member", values: [bob] },
    ]);
    expect([values(ada, "memberOf"), values(bob, "memberOf")]).toEqual([
      [],
      [group, `cn=law,ou=Groups,${BASE}`],
    ]);
    store.delete(group);
    expect(values(bob, "memberOf")).toEqual([`cn=law,ou=Groups,${BASE}`]);
  });

  it("keeps an attribute with options apart, and finds it without them", () => {
    store.modify(`uid=bob,ou=People,${BASE}`, [
      { operation: "add", attribute: "sn;lang-de", values: ["Robert"] },
    ]);
    store.modify(`uid=bob,ou=People,${BASE}`, [
      { operation: "replace", attribute: "sn", values: ["Baker"] },
    ]);
    expect(store.get(`uid=bob,ou=People,${BASE}`)?.attributes).toMatchObject({
      sn: ["Baker"],
      "sn;lang-de": ["Robert"],
    });
    expect(
      ["sn", "sn;lang-de", "name", "sn;lang-fr"].map(
        (name) => find(equality(name, "robert")).length,
      ),
    ).toEqual([1, 1, 1, 0]);
  });

  it("refuses a second entry with the same entryUUID", () => {
    const entryUUID = [String(values(`uid=bob,ou=People,${BASE}`, "entryUUID")[0])];
    expect(() => addPerson("cid", BASE, { entryUUID })).toThrow(
      expect.objectContaining({ result: "constraintViolation" }),
    );
  });
});

describe("a filter", () => {
  const unknown: Filter = equality("nonsense", "x");
  const yes: Filter = equality("uid", "bob");
  const no: Filter = equality("uid", "nobody");
  const not = (filter: Filter): Filter => ({ kind: "not", filter });
  it.each<[string, Filter, boolean | undefined]>([
    ["unknown", unknown, undefined],
    ["not unknown", not(unknown), undefined],
    ["true and unknown", { kind: "and", filters: [yes, unknown] }, undefined],
    ["unknown and false", { kind: "and", filters: [unknown, no] }, false],
    ["unknown or true", { kind: "or", filters: [unknown, yes] }, true],
    ["unknown or false", { kind: "or", filters: [unknown, no] }, undefined],
    ["an attribute that is not there", equality("mail", "x"), false],
    ["not an attribute that is not there", not(equality("mail", "x")), true],
    ["a value that is none", equality("entryUUID", "nonsense"), undefined],
    [
      "an order that there is not",
      { kind: "greaterOrEqual", attribute: "cn", value: Buffer.from("a") },
      undefined,
    ],
    ["and of nothing", { kind: "and", filters: [] }, true],
    ["or of nothing", { kind: "or", filters: [] }, false],
    ["a password", { kind: "present", attribute: "userPassword" }, undefined],
  ])("of %s has three values", (_, filter, truth) => {
    const bob = store.byKey(dnKey(`uid=bob,ou=People,${BASE}`));
    expect(bob === undefined ? "no bob" : compileFilter(filter, store)(bob)).toBe(truth);
  });

  it("finds by index what reading everything finds", () => {
    const company = new DirectoryStore({
      baseDn: BASE,
      now: () => now,
      referentialIntegrity: true,
    });
    for (const entry of createCompany({ people: 200 })) company.add(entry);
    store = company;
    const filters: Filter[] = [
      equality("objectClass", "person"),
      equality("memberOf", LANDMARKS.newsletter),
      equality("member", LANDMARKS.cycleB),
      equality("entryUUID", companyUuid(42, "person:17")),
      equality("entryDN", LANDMARKS.escaped),
      equality("cn", "newsletter"),
      equality("2.5.4.4", "ШЕВЧЕНКО"),
      {
        kind: "and",
        filters: [equality("objectClass", "inetOrgPerson"), not(equality("manager", "uid=x"))],
      },
      { kind: "or", filters: [equality("cn", "newsletter"), equality("cn", "managers")] },
      { kind: "or", filters: [equality("cn", "newsletter"), equality("l", "Berlin")] },
    ];
    for (const filter of filters) {
      const test = compileFilter(filter, company);
      const read = [...company.entries()]
        .filter((entry) => test(entry) === true)
        .map(({ dn }) => dn);
      expect(read.length).toBeGreaterThan(0);
      expect(find(filter).sort()).toEqual(read.sort());
    }
    expect(find(EVERY)).toHaveLength(company.size);
  });
});
