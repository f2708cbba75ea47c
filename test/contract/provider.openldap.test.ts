import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ScimRequest } from "../../agent/core/exchange.ts";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { Directory } from "../../agent/ports.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { type OpenLdap, startOpenLdap } from "../support/openldap.ts";
import {
  answering,
  crossQueue,
  idsOf,
  readList,
  request,
  type ScopeParts,
  search,
  serve,
} from "../support/provider.ts";

const MEMBERS = 50_000;
/** On a machine that is busy with other tests. */
const LARGE_GROUP_TIMEOUT_MS = 90_000;
/** What a message on Service Bus Standard holds. */
const PART_BYTES = 256 * 1024;

const BASE = "dc=example,dc=com";
const CROWD = `ou=crowd,${BASE}`;
const PEOPLE = `ou=people,${BASE}`;

function person(uid: string, below: string, more = ""): string {
  return `dn: uid=${uid},${below}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\n${more}\n`;
}

function unit(dn: string): string {
  return `dn: ${dn}\nobjectClass: organizationalUnit\n\n`;
}

function group(cn: string, members: readonly string[]): string {
  const values = members.map((dn) => `member: ${dn}\n`).join("");
  return `dn: cn=${cn},${BASE}\nobjectClass: groupOfNames\ncn: ${cn}\n${values}\n`;
}

const crowd = Array.from({ length: MEMBERS }, (_, n) => `p${n}`);

function* ldif(): Generator<string> {
  yield `dn: ${BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: example\n\n`;
  for (const dn of [CROWD, PEOPLE]) yield unit(dn);
  for (const uid of crowd) yield person(uid, CROWD);
  yield person("Ada", PEOPLE, `manager: uid=p1,${CROWD}\nemployeeType: Staff\n`);
  yield person("bob", PEOPLE, "employeeType: Guest\n");
  yield group(
    "crowd",
    crowd.map((uid) => `uid=${uid},${CROWD}`),
  );
  yield group("inner", [`uid=Ada,${PEOPLE}`]);
  yield group("outer", [`cn=inner,${BASE}`, `uid=bob,${PEOPLE}`]);
}

describe("the service provider on OpenLDAP", () => {
  let ldap: OpenLdap;
  const opened: Directory[] = [];
  const ids = new Map<string, string>();

  beforeAll(async () => {
    ldap = await startOpenLdap({ ldif: ldif() });
    const list = await ldap.ldapsearch(["-b", BASE, "(objectClass=*)", "entryUUID"]);
    for (const [, dn = "", id = ""] of list.matchAll(/^dn: (.*)\nentryUUID: (.*)$/gm))
      ids.set(dn, id);
  });

  afterAll(async () => {
    await Promise.all(opened.map((directory) => directory.close()));
    await ldap?.close();
  });

  function agent(parts: ScopeParts = {}, maxConnections = 4) {
    const { url, baseDn, bindDn, bindPassword } = ldap;
    const directory = createLdapDirectory(
      {
        name: "openldap",
        kind: "openLdap",
        urls: [url],
        baseDn,
        maxConnections,
        bind: { dn: bindDn, password: async () => bindPassword },
      },
      { log: new MemoryLog() },
    );
    opened.push(directory);
    const ask = answering(serve(directory, parts));
    return (asked: ScimRequest) => ask(asked, AbortSignal.timeout(60_000));
  }

  const idOf = (dn: string): string => ids.get(dn) ?? "";
  const lookUp = (name: string) => search("/Users", { filter: `userName eq "${name}"` });

  it("finds a user by name in any letter case, with the reference", async () => {
    const ask = agent();
    for (const name of ["Ada", "ADA", "ada"]) {
      const { elements } = await readList(await ask(lookUp(name)));
      expect(elements).toMatchObject([
        {
          resource: {
            id: idOf(`uid=Ada,${PEOPLE}`),
            userName: "Ada",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
              manager: { value: idOf(`uid=p1,${CROWD}`) },
            },
          },
        },
      ]);
    }
    expect((await readList(await ask(lookUp("nobody")))).elements).toEqual([]);
  });

  it(
    "sends a group of 50,000 members in slices, every member by its id, over one connection too",
    async () => {
      for (const maxConnections of [4, 1]) {
        const asked = search("/Groups", { filter: 'displayName eq "crowd"' });
        const answer = await agent({}, maxConnections)(asked);
        const { elements, parts } = await crossQueue(answer, { maxBytes: PART_BYTES });
        const [{ members, ...rest }] = elements as [{ members: readonly { value: string }[] }];
        expect(rest).toMatchObject({ id: idOf(`cn=crowd,${BASE}`), displayName: "crowd" });
        expect(members.map(({ value }) => value)).toEqual(
          crowd.map((uid) => idOf(`uid=${uid},${CROWD}`)),
        );
        expect(Math.max(...parts)).toBeLessThanOrEqual(PART_BYTES);
      }
    },
    LARGE_GROUP_TIMEOUT_MS,
  );

  it(
    "answers more requests at the same time than there are connections, whatever each has to read",
    async () => {
      const scope = { groups: [{ dn: `cn=outer,${BASE}`, nested: true }] };
      const scoped = agent(scope, 2);
      const wide = agent({ include: [PEOPLE, CROWD] }, 2);
      const answers = await Promise.all(
        Array.from({ length: 24 }, async (_, n) => {
          const name = n % 2 === 0 ? "Ada" : "p7";
          const [inGroups, inUnits] = await Promise.all([
            scoped(lookUp(name)).then(readList),
            wide(lookUp(name)).then(readList),
          ]);
          return [idsOf(inGroups), idsOf(inUnits)];
        }),
      );
      const [ada, p7] = [idOf(`uid=Ada,${PEOPLE}`), idOf(`uid=p7,${CROWD}`)];
      expect(answers).toEqual(answers.map((_, n) => (n % 2 === 0 ? [[ada], [ada]] : [[], [p7]])));
      const groups = search("/Groups", { filter: 'displayName eq "crowd"' });
      const large = agent({}, 2);
      const lists = await Promise.all([1, 2, 3].map(async () => readList(await large(groups))));
      expect(lists.map(({ elements }) => elements.length)).toEqual([1, 1, 1]);
    },
    LARGE_GROUP_TIMEOUT_MS,
  );

  it("gives a version that holds until the entry changes", async () => {
    const ask = agent();
    const path = `/Users/${idOf(`uid=bob,${PEOPLE}`)}`;
    const versionOf = async () => {
      const answer = await ask(request("GET", path));
      return (answer.kind === "document" ? answer.headers?.["etag"] : undefined) ?? "";
    };
    const etag = await versionOf();
    const asked = request("GET", path, { headers: { "if-none-match": etag } });
    expect(await ask(asked)).toMatchObject({ status: 304, body: undefined, headers: { etag } });
    await ldap.ldapmodify(
      `dn: uid=bob,${PEOPLE}\nchangetype: modify\nreplace: title\ntitle: Head\n`,
    );
    expect(await ask(asked)).toMatchObject({ status: 200, body: { title: "Head" } });
    expect(await versionOf()).not.toBe(etag);
  });

  it("explains in and out of scope, of entries without a type and of none", async () => {
    const ask = agent({
      include: [PEOPLE],
      clauses: [
        { resourceType: "User", attribute: "employeeType", operator: "equals", value: "Staff" },
      ],
    });
    const explain = async (body: unknown) => {
      const answer = await ask(request("POST", "/agent/explain", { body }));
      return answer.kind === "document"
        ? { status: answer.status, ...(answer.body as object) }
        : {};
    };
    const ada = idOf(`uid=Ada,${PEOPLE}`);
    expect(await explain({ dn: `UID=ada, ${PEOPLE}` })).toMatchObject({ id: ada, inScope: true });
    expect(await explain({ id: idOf(`uid=bob,${PEOPLE}`) })).toMatchObject({
      inScope: false,
      because: "clause failed",
      mapped: true,
    });
    expect(await explain({ id: idOf(`uid=p1,${CROWD}`) })).toMatchObject({
      because: "outside organizational units",
      clauses: [{ holds: false }],
    });
    expect(await explain({ dn: PEOPLE })).toMatchObject({ because: "no resource type" });
    for (const dn of [
      `uid=x,${PEOPLE}`,
      "",
      "cn=accesslog",
      `uid=,,${BASE}`,
      `uid=a\u0000,${BASE}`,
    ]) {
      expect([dn, await explain({ dn })]).toMatchObject([dn, { status: "404" }]);
    }
  });

  it("notices with the next request that a unit was renamed, and who left a scope group", async () => {
    const inUnit = agent({ include: [PEOPLE] });
    const inGroup = agent({ groups: [{ dn: `cn=inner,${BASE}`, nested: false }] });
    const ada = idOf(`uid=Ada,${PEOPLE}`);
    expect(idsOf(await readList(await inUnit(lookUp("ada"))))).toEqual([ada]);
    expect(idsOf(await readList(await inGroup(lookUp("ada"))))).toEqual([ada]);
    await ldap.ldapmodify(
      `dn: cn=inner,${BASE}\nchangetype: modify\nreplace: member\nmember: uid=p1,${CROWD}\n`,
    );
    expect(idsOf(await readList(await inGroup(lookUp("ada"))))).toEqual([]);
    await ldap.ldapmodify(`dn: ${PEOPLE}\nchangetype: modrdn\nnewrdn: ou=staff\ndeleteoldrdn: 1\n`);
    const found = await inUnit(lookUp("ada"));
    await expect(readList(found)).rejects.toMatchObject({
      code: "scope.missing",
      message: expect.stringContaining(`${PEOPLE} is now ou=staff,${BASE} (found by its id `),
    });
    expect(await inUnit(request("GET", `/Users/${ada}`))).toMatchObject({ status: 500 });
    // Who never saw it cannot know, and says how far the name is right.
    const stranger = agent({ include: [`ou=x,${PEOPLE}`] });
    await expect(readList(await stranger(lookUp("ada")))).rejects.toMatchObject({
      message: `not in the directory: ou=x,${PEOPLE} (the nearest existing parent is ${BASE})`,
    });
    // A newcomer of the same name is not the unit that was meant.
    await ldap.ldapmodify(
      `dn: ${PEOPLE}\nchangetype: add\nobjectClass: organizationalUnit\nou: people\n`,
    );
    await expect(readList(await inUnit(lookUp("ada")))).rejects.toMatchObject({
      message: expect.stringContaining(`is now ou=staff,${BASE}`),
    });
    await ldap.ldapmodify(
      `dn: ou=staff,${BASE}\nchangetype: modrdn\nnewrdn: ou=staff2\ndeleteoldrdn: 1\n`,
    );
    await expect(readList(await inUnit(lookUp("ada")))).rejects.toMatchObject({
      message: expect.stringContaining(`is now ou=staff2,${BASE}`),
    });
  });
});
