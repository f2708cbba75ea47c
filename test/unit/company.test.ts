import { describe, expect, it } from "vitest";
import { createCompany } from "../../agent/sim/company/company.ts";
import { companyUuid } from "../../agent/sim/company/draw.ts";
import { companyLandmarks, LANDMARKS } from "../../agent/sim/company/landmark.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import type { CompanyEntry } from "../../agent/sim/company/person.ts";
import { transliterate } from "../../agent/sim/company/transliteration.ts";
import { dnKey, parentKey, parseDn } from "../../agent/sim/directory/distinguished-name.ts";

const SIZES = [1, 2, 5, 20, 150, 151, 1000, 1001, 6000];

function first(entry: CompanyEntry, attribute: string): string | undefined {
  return entry.attributes[attribute]?.[0];
}

function peopleOf(entries: readonly CompanyEntry[]): CompanyEntry[] {
  return entries.filter((entry) => first(entry, "objectClass") === "inetOrgPerson");
}

describe.each(SIZES)("a company of %i", (count) => {
  const entries = [...createCompany({ people: count })];
  const people = peopleOf(entries);
  const byKey = new Map(entries.map((entry) => [dnKey(entry.dn), entry]));

  it("has as many people, each with a name, id, uid, mail and number of their own", () => {
    const distinct = (attribute: string): number =>
      new Set(people.map((person) => first(person, attribute)?.toLowerCase())).size;
    expect([people.length, byKey.size, distinct("uid"), distinct("employeeNumber")]).toEqual([
      count,
      entries.length,
      count,
      count,
    ]);
    expect(new Set(entries.map((entry) => first(entry, "entryUUID"))).size).toBe(entries.length);
    const mails = people.flatMap((person) => person.attributes["mail"] ?? []);
    expect(new Set(mails).size).toBe(mails.length);
    expect(mails.filter((mail) => !/^[a-z-]+\.[a-z-]+\d*@example\.com$/.test(mail))).toEqual([]);
  });

  it("names parents before children, and every name says what the entry holds", () => {
    const seen = new Set<string>();
    for (const [key, entry] of byKey) {
      if (key !== dnKey(LANDMARKS.baseDn)) expect(seen.has(parentKey(key) ?? "")).toBe(true);
      for (const { type, value } of parseDn(entry.dn)[0] ?? [])
        expect(entry.attributes[type]).toContain(value);
      seen.add(key);
    }
  });

  it("has managers in the same department or the executive office, and no one above the chief", () => {
    const bosses = people.filter((person) => first(person, "manager") === undefined);
    expect(bosses).toEqual([people[0]]);
    for (const person of people.slice(1)) {
      const manager = byKey.get(dnKey(first(person, "manager") ?? ""));
      expect([first(person, "departmentNumber"), "Executive Office"]).toContain(
        manager === undefined ? undefined : first(manager, "departmentNumber"),
      );
      expect(manager === undefined ? undefined : first(manager, "employeeType")).toBe("Employee");
      expect(Number(first(manager ?? person, "employeeNumber"))).toBeLessThan(
        Number(first(person, "employeeNumber")),
      );
    }
  });

  it("has its landmarks", () => {
    const { gone, ...there } = LANDMARKS;
    expect(Object.values(there).filter((dn) => !byKey.has(dnKey(dn)))).toEqual([]);
    expect(byKey.has(dnKey(gone))).toBe(false);
  });

  it("has groups whose members are there, but for one", () => {
    const missing: string[] = [];
    for (const entry of entries) {
      for (const member of entry.attributes["member"] ?? []) {
        if (!byKey.has(dnKey(member))) missing.push(member);
      }
    }
    expect(missing).toEqual([LANDMARKS.gone]);
  });

  it("keeps those who are disabled and contractors in OUs of their own", () => {
    for (const person of people) {
      const parent = parentKey(dnKey(person.dn));
      const place = { Disabled: LANDMARKS.disabled, Contractor: LANDMARKS.contractors }[
        first(person, "employeeType") ?? ""
      ];
      if (place === undefined) expect(parent).toMatch(/,ou=people,dc=example,dc=com$/);
      else expect(parent).toBe(dnKey(place));
    }
  });
});

describe("a company", () => {
  const entries = [...createCompany({ people: 1500 })];
  const people = peopleOf(entries);
  const byKey = new Map(entries.map((entry) => [dnKey(entry.dn), entry]));

  it("is the same for the same seed and another for another", () => {
    expect([...createCompany({ people: 1500, seed: 42 })]).toEqual(entries);
    const other = peopleOf([...createCompany({ people: 1500, seed: 43 })]);
    expect(
      other.filter((person, i) => first(person, "uid") === first(people[i] ?? person, "uid"))
        .length,
    ).toBeLessThan(50);
  });

  it("keeps the same entry under the same id when more people come", () => {
    const chief = people[0];
    expect(chief === undefined ? undefined : first(chief, "entryUUID")).toBe(
      companyUuid(42, "person:0"),
    );
    const grown = peopleOf([...createCompany({ people: 1600 })]);
    expect(grown.slice(0, 1500).map((person) => first(person, "uid"))).toEqual(
      people.map((person) => first(person, "uid")),
    );
  });

  it("can be read twice", () => {
    const company = createCompany({ people: 3 });
    expect([...company]).toEqual([...company]);
  });

  it("has names in seven scripts", () => {
    const scripts = ["Latin", "Cyrillic", "Greek", "Han", "Hangul", "Arabic", "Hebrew"];
    const written = scripts.filter((script) =>
      people.some((person) =>
        new RegExp(`\\p{Script=${script}}`, "u").test(first(person, "sn") ?? ""),
      ),
    );
    expect(written).toEqual(scripts);
  });

  it("has names that need every kind of escape, and names of two parts", () => {
    const rdns = people.map(({ dn }) => dn).join("\n");
    expect(["\\,", '\\"', "\\+", "\\<", "\\;"].filter((each) => !rdns.includes(each))).toEqual([]);
    expect(people.filter(({ dn }) => parseDn(dn)[0]?.length === 2).length).toBeGreaterThan(10);
  });

  it("has groups in groups, three deep, and two that are members of each other", () => {
    const members = (dn: string): readonly string[] =>
      byKey.get(dnKey(dn))?.attributes["member"] ?? [];
    expect(members(LANDMARKS.allStaff)).toContain(LANDMARKS.regionEurope);
    expect(members(LANDMARKS.regionEurope)).toContain(LANDMARKS.engineeringEurope);
    expect(members(LANDMARKS.engineeringEurope).length).toBeGreaterThan(20);
    expect(members(LANDMARKS.newsletter)).toHaveLength(750);
    expect([members(LANDMARKS.cycleA).at(-1), members(LANDMARKS.cycleB).at(-1)]).toEqual([
      LANDMARKS.cycleB,
      LANDMARKS.cycleA,
    ]);
  });

  it("reaches every active person from all-staff, and nobody else", () => {
    const reached = new Set<string>();
    const visit = (dn: string): void => {
      const key = dnKey(dn);
      if (reached.has(key)) return;
      reached.add(key);
      for (const member of byKey.get(key)?.attributes["member"] ?? []) visit(member);
    };
    visit(LANDMARKS.allStaff);
    const active = people.filter((person) => first(person, "employeeType") === "Employee");
    expect(people.filter(({ dn }) => reached.has(dnKey(dn))).map(({ dn }) => dn)).toEqual(
      active.map(({ dn }) => dn),
    );
  });

  it("has a few of each kind that makes trouble", () => {
    const count = (type: string): number =>
      people.filter((person) => first(person, "employeeType") === type).length;
    expect([
      count("Disabled"),
      count("Contractor"),
      people.filter((person) => person.attributes["mail"] === undefined).length,
    ]).toEqual([
      expect.toSatisfy((n: number) => n > 40 && n < 100),
      expect.toSatisfy((n: number) => n > 60 && n < 120),
      2,
    ]);
  });

  it.each([
    ["o=Acme", "example.com"],
    ["ou=Acme,o=Group", "example.com"],
    ["dc=acme,dc=co,dc=uk", "acme.co.uk"],
  ])("can be at %s", (baseDn, mailDomain) => {
    const other = [...createCompany({ people: 5, baseDn })];
    expect([
      other[0]?.dn,
      first(peopleOf(other)[0] ?? { dn: "", attributes: {} }, "mail")?.split("@")[1],
    ]).toEqual([baseDn, mailDomain]);
    expect(other.every(({ dn }) => dn.endsWith(baseDn))).toBe(true);
    expect(other.some(({ dn }) => dn === companyLandmarks(baseDn).escaped)).toBe(true);
  });

  it.each([
    [{ people: 0 }, "a company has 1 to 100000 people, not 0"],
    [{ people: 100_001 }, "a company has 1 to 100000 people, not 100001"],
    [{ people: 1.5 }, "a company has 1 to 100000 people, not 1.5"],
    [{ people: 1, baseDn: "cn=x" }, "cn=x cannot be the base of a company"],
    [{ people: 1, baseDn: "" }, " cannot be the base of a company"],
  ])("cannot be of %j", (options, message) => {
    expect(() => createCompany(options)).toThrow(
      expect.objectContaining({ code: "usage", message }),
    );
  });

  it("yields 100,000 people one by one", () => {
    let count = 0;
    for (const entry of createCompany({ people: 100_000 })) {
      if (first(entry, "objectClass") === "inetOrgPerson") count += 1;
      if (count === 1000) break;
    }
    expect(count).toBe(1000);
  });
});

describe("transliteration", () => {
  it.each([
    ["Müller-Lüdenscheidt", "de-DE", "mueller-luedenscheidt"],
    ["Groß", "de-DE", "gross"],
    ["Çiğdem Işık", "tr-TR", "cigdemisik"],
    ["İbrahim", "tr-TR", "ibrahim"],
    ["Øverland", "nb-NO", "overland"],
    ["Łukasz", "pl-PL", "lukasz"],
    ["Đặng", "vi-VN", "dang"],
    ["Guðrún Ægisdóttir", "is-IS", "gudrunaegisdottir"],
    ["O'Brien", "en-US", "obrien"],
    ["de la Cruz", "es-MX", "delacruz"],
  ])("writes %s as it stands in an address", (name, language, local) => {
    expect(transliterate(name, language)).toBe(local);
  });
});

describe("LDIF", () => {
  it("writes what is safe as it is and the rest in base64", () => {
    const attributes = {
      cn: ["plain: <text>", "", " space", "end ", ":colon", "<less", "Größe", "line\nbreak"],
    };
    expect([...companyToLdif([{ dn: "cn=x", attributes }])]).toEqual([
      [
        "dn: cn=x",
        "cn: plain: <text>",
        "cn:",
        "cn:: IHNwYWNl",
        "cn:: ZW5kIA==",
        "cn:: OmNvbG9u",
        "cn:: PGxlc3M=",
        "cn:: R3LDtsOfZQ==",
        "cn:: bGluZQpicmVhaw==",
        "\n",
      ]
        .join("\n")
        .replace(/\n\n\n$/, "\n\n"),
    ]);
  });
});
