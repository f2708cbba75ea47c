import { describe, expect, it } from "vitest";
import type { Entry } from "../../agent/core/entry.ts";
import { printLdapFilter } from "../../agent/core/ldap-filter.ts";
import { leftOutAs, leftOutAttributes, leftOutFilter } from "../../agent/core/left-out.ts";
import { DIALECTS } from "../../agent/directory/dialect.ts";
import { previewScope } from "../../agent/provider/preview-scope.ts";
import { BASE, entry, FakeDirectory, uuid } from "../support/fake-directory.ts";
import { answering, idsOf, readList, request, search, serve } from "../support/provider.ts";

const RULES = DIALECTS.activeDirectory.leftOut;
const CN = (name: string) => `CN=${name},CN=Users,${BASE}`;
let next = 1;
const made = (name: string, objectClass: readonly string[], more = {}): Entry =>
  // The test's directory answers with what the OpenLDAP mapping reads.
  entry(CN(name), uuid(next++), {
    objectClass: ["top", ...objectClass],
    name: name.replace("\\0A", "\n"),
    uid: name,
    cn: name,
    ...more,
  });

const person = ["person", "inetOrgPerson"];
const ada = made("ada", person, { sAMAccountType: "805306368", isCriticalSystemObject: "FALSE" });
const ina = made("ina", person);
const staff = made("staff", ["groupOfNames"], { sAMAccountType: "268435456" });
const kept = [ada, ina, staff];
const without: readonly (readonly [string, Entry])[] = [
  ["critical system object", made("krbtgt", person, { isCriticalSystemObject: "true" })],
  ["critical system object", made("all", ["groupOfNames"], { isCriticalSystemObject: "TRUE" })],
  ["computer or managed service account", made("pc", [...person, "Computer"])],
  [
    "computer or managed service account",
    made("gmsa", [...person, "computer", "msDS-GroupManagedServiceAccount"]),
  ],
  ["conflict object", made("ada\\0ACNF:069cf1a5-dfe3-4226-bcad-f0f3bc787c54", person)],
  ["conflict object", made("staff\\0ACNF:069cf1a5-dfe3-4226-bcad-f0f3bc787c54", ["groupOfNames"])],
  ["contact", made("supplier", [...person, "contact"])],
  ["foreign security principal", made("S-1-5-11", [...person, "foreignSecurityPrincipal"])],
  ["trust account", made("OTHER$", person, { sAMAccountType: "805306370" })],
  ["deleted object", made("gone", person, { isDeleted: "TRUE" })],
];

function directory() {
  const made = new FakeDirectory([...kept, ...without.map(([, one]) => one)], { name: "ad" });
  made.leftOut = RULES;
  return made;
}

describe("what is always left out of Active Directory", () => {
  it("is in no search and no preview, of whatever type and with whatever filter", async () => {
    const from = directory();
    const ask = answering(serve(from));
    expect(idsOf(await readList(await ask(search(""))))).toEqual([ada.id, ina.id, staff.id]);
    const krbtgt = search("/Users", { filter: 'userName eq "krbtgt" or userName eq "ada"' });
    expect(idsOf(await readList(await ask(krbtgt)))).toEqual([ada.id]);
    const options = { resourceTypes: ["User", "Group"], payload: true, now: 0 } as const;
    const seen: string[] = [];
    for await (const batch of previewScope(serve(from), options, AbortSignal.timeout(5000))) {
      seen.push(...batch.map(({ id }) => id));
    }
    expect(seen).toEqual([ada.id, ina.id, staff.id]);
    const filters = [...new Set(from.filters)];
    expect(filters).toContain(
      "(&(objectClass=inetOrgPerson)(!(|(isDeleted=TRUE)(name=*\nCNF:*)(objectClass=computer)(objectClass=contact)(objectClass=foreignSecurityPrincipal)(isCriticalSystemObject=TRUE)(sAMAccountType=805306370))))",
    );
    expect(filters.filter((filter) => !filter.includes("(!(|(isDeleted=TRUE)"))).toEqual([]);
  });

  it("is in no delta", async () => {
    const answer = await answering(serve(directory()))(request("POST", "/.delta", { body: {} }));
    expect(idsOf(await readList(answer))).toEqual([ada.id, ina.id, staff.id]);
  });

  it("is in scope for nobody: a scope group that is left out brings its members and not itself", async () => {
    const from = directory();
    const critical = without[1]?.[1] as Entry;
    from.remove(critical.dn);
    const all = { ...critical, attributes: new Map(critical.attributes).set("member", [ada.dn]) };
    const scoped = new FakeDirectory([...kept, all]);
    scoped.leftOut = RULES;
    const ask = answering(serve(scoped, { groups: [{ dn: all.dn, nested: true }] }));
    expect(idsOf(await readList(await ask(search(""))))).toEqual([ada.id]);
  });

  it.each(without)("is not found by its id, and explained: %s", async (detail, one) => {
    const ask = answering(serve(directory()));
    for (const path of ["/Users", "/Groups"]) {
      expect(await ask(request("GET", `${path}/${one.id}`))).toMatchObject({ status: 404 });
    }
    for (const body of [{ id: one.id }, { dn: one.dn }]) {
      expect(await ask(request("POST", "/agent/explain", { body }))).toMatchObject({
        status: 200,
        body: { id: one.id, inScope: false, because: "left out", detail },
      });
    }
  });

  it("is nothing besides", async () => {
    const ask = answering(serve(directory()));
    expect(await ask(request("GET", `/Users/${ina.id}`))).toMatchObject({ status: 200 });
    expect(await ask(request("POST", "/agent/explain", { body: { id: ada.id } }))).toMatchObject({
      body: { inScope: true },
    });
    expect(kept.map((one) => leftOutAs(one, RULES))).toEqual([undefined, undefined, undefined]);
  });

  it("is read from as many attributes as it takes", () => {
    expect(leftOutAttributes(RULES)).toEqual([
      "isdeleted",
      "name",
      "objectclass",
      "iscriticalsystemobject",
      "samaccounttype",
    ]);
  });
});

it("is nothing in OpenLDAP, whose schema lacks the attributes: a filter on them would find nobody", async () => {
  expect([DIALECTS.openLdap.leftOut, leftOutFilter([])]).toEqual([[], undefined]);
  const from = new FakeDirectory(kept);
  await readList(await answering(serve(from))(search("/Users")));
  expect(from.queries.map(({ ldapFilter }) => printLdapFilter(ldapFilter))).toEqual([
    "(objectClass=inetOrgPerson)",
  ]);
});
