import { Attribute, Change, Client } from "ldapts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { Directory } from "../../agent/ports.ts";
import { previewScope } from "../../agent/provider/preview-scope.ts";
import { MemoryLog } from "../support/memory-log.ts";
import {
  answering,
  readList,
  request,
  type ScopeParts,
  search,
  serve,
} from "../support/provider.ts";
import { type Samba, startSamba } from "../support/samba.ts";
import { SAMBA_BASE } from "../support/samba-domain.ts";

const PEOPLE = `OU=Corp,${SAMBA_BASE}`;
const MANY = 2_300;

function ldif(): string {
  const entry = (dn: string, lines: readonly string[]) =>
    [`dn: ${dn}`, ...lines, "", ""].join("\n");
  const user = (n: number) =>
    entry(`CN=u${n},${PEOPLE}`, [
      ...["objectClass: user", `sAMAccountName: u${n}`, "userAccountControl: 544"],
      `userPrincipalName: u${n}@ad.example.test`,
    ]);
  const members = Array.from({ length: MANY }, (_, n) => `member: CN=u${n},${PEOPLE}`);
  return [
    entry(PEOPLE, ["objectClass: organizationalUnit"]),
    ...Array.from({ length: MANY }, (_, n) => user(n)),
    entry(`CN=big,${PEOPLE}`, ["objectClass: group", "sAMAccountName: big", ...members]),
    entry(`CN=main,${PEOPLE}`, ["objectClass: group", "sAMAccountName: main", members[0] ?? ""]),
    entry(`CN=desk,${PEOPLE}`, ["objectClass: computer", "sAMAccountName: desk$"]),
  ].join("");
}

describe("Active Directory, as Samba is it", () => {
  let samba: Samba;
  let client: Client;
  let directory: Directory;
  const signal = () => AbortSignal.timeout(60_000);

  beforeAll(async () => {
    samba = await startSamba({ ldif: ldif() });
    client = new Client({ url: samba.url });
    await client.bind(samba.adminDn, samba.adminPassword);
    directory = connect(samba.adminDn, samba.adminPassword);
  });

  afterAll(async () => {
    await client?.unbind();
    await directory?.close();
    await samba?.close();
  });

  function connect(dn: string, password: string): Directory {
    const bind = { dn, password: async () => password };
    const { url, baseDn } = samba;
    const options = { name: "ad", kind: "activeDirectory", urls: [url], baseDn, bind } as const;
    return createLdapDirectory({ ...options, allowPlaintext: true }, { log: new MemoryLog() });
  }

  async function replace(dn: string, type: string, value: string | Buffer): Promise<void> {
    const modification = new Attribute({ type, values: [value] as string[] | Buffer[] });
    await client.modify(dn, new Change({ operation: "replace", modification }));
  }

  async function read(path: string, filter: string, parts: ScopeParts = {}) {
    const handle = answering(serve(directory, parts, "active-directory"));
    const { elements } = await readList(await handle(search(path, { filter }), signal()));
    return elements.flatMap((one): readonly ScimResource[] =>
      one.kind === "resource" ? [one.resource] : [],
    );
  }

  const one = async (n: number, parts: ScopeParts = {}) =>
    (await read("/Users", `userName eq "u${n}@ad.example.test"`, parts))[0];

  it("names an entry by its objectGUID as text, which finds it again", async () => {
    const user = await one(1);
    const handle = answering(serve(directory, {}, "active-directory"));
    expect(user?.id).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    expect(user?.["externalId"]).toBe(user?.id);
    expect(await handle(request("GET", `/Users/${user?.id}`), signal())).toMatchObject({
      status: 200,
      body: { userName: "u1@ad.example.test" },
    });
  });

  it("takes mS-DS-ConsistencyGuid for the anchor once it is set, and keeps the id", async () => {
    const before = await one(2);
    const stored = Buffer.from("00112233445566778899aabbccddeeff", "hex");
    await replace(`CN=u2,${PEOPLE}`, "mS-DS-ConsistencyGuid", stored);
    expect(await one(2)).toMatchObject({
      id: before?.id,
      externalId: "33221100-5544-7766-8899-aabbccddeeff",
    });
  });

  it("reads all pages of a listing, and every member of a large group", async () => {
    const people = await read("/Users", 'userName co "u"', { include: [PEOPLE] });
    expect(people.length).toBe(MANY);
    const [big] = await read("/Groups", 'displayName eq "big"');
    expect(membersOf(big).length).toBe(MANY);
  });

  it("leaves out machines and what the system needs, though they are users and groups by class", async () => {
    const served = serve(directory, {}, "active-directory");
    const options = { resourceTypes: ["User", "Group"] as const, payload: false, now: 0 };
    const names: string[] = [];
    for await (const batch of previewScope(served, options, signal())) {
      names.push(...batch.map(({ dn }) => dn.split(",")[0] ?? ""));
    }
    for (const name of ["CN=desk", "CN=DC1", "CN=Administrator", "CN=krbtgt", "CN=Domain Users"]) {
      expect(names).not.toContain(name);
    }
    expect(names).toContain("CN=u0");
  });

  it("counts those as members who only name the group as their primary one, in scope and in the resource", async () => {
    const group = `CN=main,${PEOPLE}`;
    const member = `CN=u5,${PEOPLE}`;
    const modification = new Attribute({ type: "member", values: [member] });
    await client.modify(group, new Change({ operation: "add", modification }));
    const attributes = ["primaryGroupToken"];
    const found = await client.search(group, { scope: "base", attributes });
    await replace(member, "primaryGroupID", String(found.searchEntries[0]?.["primaryGroupToken"]));
    const listed = await client.search(group, { scope: "base", attributes: ["member"] });
    expect(JSON.stringify(listed.searchEntries)).not.toContain("CN=u5,");
    const parts = { groups: [{ dn: group, nested: false }] };
    const user = await one(5, parts);
    expect(user).toBeDefined();
    expect(await one(6, parts)).toBeUndefined();
    const [resource] = await read("/Groups", 'displayName eq "main"');
    const ids = membersOf(resource).map(({ value }) => value);
    expect([...ids].sort()).toEqual([(await one(0))?.id, user?.id].sort());
  });

  it("is not active when disabled, and not when expired", async () => {
    await replace(`CN=u7,${PEOPLE}`, "userAccountControl", "546");
    await replace(`CN=u8,${PEOPLE}`, "accountExpires", "1");
    // The clock of these answers stands soon after 1970.
    expect([await one(7), await one(8), await one(9)]).toMatchObject([
      { active: false },
      { active: false },
      { active: true },
    ]);
  });

  it.each([
    [
      "a wrong password",
      async (): Promise<void> => undefined,
      "wrong",
      /the account or its password is wrong/,
    ],
    [
      "a disabled account",
      () => replace(`CN=reader,CN=Users,${SAMBA_BASE}`, "userAccountControl", "514"),
      "Read-passw0rd",
      /the account is disabled|the account or its password is wrong/,
    ],
  ] as const)("refuses %s in words", async (_, prepare, password, words) => {
    await prepare();
    const refused = connect("reader@ad.example.test", password);
    await expect(refused.rootDse(signal())).rejects.toMatchObject({
      code: "directory.denied",
      message: expect.stringMatching(words),
    });
    await refused.close();
  });
});

function membersOf(group: ScimResource | undefined): readonly { readonly value: string }[] {
  return (group?.["members"] ?? []) as readonly { readonly value: string }[];
}
