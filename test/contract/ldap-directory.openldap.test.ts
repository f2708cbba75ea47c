import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { textsOf } from "../../agent/core/entry.ts";
import { AgentError } from "../../agent/core/error.ts";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { Directory, DirectoryQuery, ReadOutcome } from "../../agent/ports.ts";
import { createCompany } from "../../agent/sim/company/company.ts";
import { LANDMARKS } from "../../agent/sim/company/landmark.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { startDirectory } from "../../agent/sim/directory/server.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { startOpenLdap } from "../support/openldap.ts";

const PEOPLE = 1500;
const SIGNAL = AbortSignal.timeout(110_000);

interface Server {
  readonly url: string;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Another server whose searches end after so many entries. */
  limited(): Promise<Server & { close(): Promise<void> }>;
  close(): Promise<void>;
}

async function startEmbedded(lastPage?: number): Promise<Server> {
  const bind = { dn: "cn=sync,dc=example,dc=com", password: "secret" };
  const server = await startDirectory({
    baseDn: "dc=example,dc=com",
    bind,
    company: { people: PEOPLE },
    faults: { onSearchPage: ({ page }) => (page === lastPage ? "size limit" : undefined) },
  });
  const { url, baseDn } = server;
  const close = () => server.close();
  return {
    url,
    baseDn,
    bindDn: bind.dn,
    bindPassword: bind.password,
    close,
    limited: () => startEmbedded(3),
  };
}

async function startReal(sizeLimit?: number): Promise<Server> {
  const server = await startOpenLdap({
    ldif: companyToLdif(createCompany({ people: PEOPLE })),
    ...(sizeLimit === undefined ? {} : { sizeLimit }),
  });
  return { ...server, close: () => server.close(), limited: () => startReal(400) };
}

describe.each([
  ["OpenLDAP", () => startReal()],
  ["the embedded directory", () => startEmbedded()],
])("LdapDirectory on %s", (_name, start) => {
  let server: Server;
  let directory: Directory;

  beforeAll(async () => {
    server = await start();
    directory = open(server);
  });

  afterAll(async () => {
    await directory?.close();
    await server?.close();
  });

  function open({ url, baseDn, bindDn, bindPassword }: Server, password = bindPassword): Directory {
    const bind = { dn: bindDn, password: async () => password };
    return createLdapDirectory(
      { name: "test", kind: "openLdap", urls: [url], baseDn, bind, pageSize: 200 },
      { log: new MemoryLog() },
    );
  }

  async function readAll(from: Directory, query: Partial<DirectoryQuery> = {}) {
    const search = from.search(
      {
        baseDn: from.baseDn,
        searchScope: "sub",
        ldapFilter: { kind: "equality", attribute: "objectClass", value: "inetOrgPerson" },
        attributes: ["uid", "cn"],
        ...query,
      },
      SIGNAL,
    );
    const entries = [];
    for (;;) {
      const next = await search.next();
      if (next.done === true) return { entries, outcome: next.value satisfies ReadOutcome };
      entries.push(...next.value);
    }
  }

  async function failure(work: Promise<unknown>): Promise<string> {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return error instanceof AgentError ? error.code : `not an AgentError: ${error}`;
  }

  it("reads everybody over many pages and proves that it was all", async () => {
    const { entries, outcome } = await readAll(directory);
    expect(outcome).toEqual({ whole: true, entries: PEOPLE, pages: 8 });
    expect(new Set(entries.map(({ id }) => id)).size).toBe(PEOPLE);
    expect(entries.every((entry) => entry.anchor === entry.id)).toBe(true);
    const known = [...createCompany({ people: PEOPLE })].filter(
      ({ attributes }) => attributes["uid"] !== undefined,
    );
    const uids = new Set(known.flatMap(({ attributes }) => attributes["uid"] ?? []));
    expect(entries.flatMap((entry) => textsOf(entry, "uid")).every((uid) => uids.has(uid))).toBe(
      true,
    );
  });

  it("finds what a filter with text of any script asks for", async () => {
    const people = [...createCompany({ people: PEOPLE })];
    const person = people.find(({ attributes }) => /[а-я]/i.test(attributes["cn"]?.[0] ?? ""));
    const value = person?.attributes["cn"]?.[0] ?? "";
    const { entries } = await readAll(directory, {
      ldapFilter: { kind: "equality", attribute: "cn", value },
    });
    expect(entries.map(({ id }) => id)).toContain(person?.attributes["entryUUID"]?.[0]);
  });

  it("reads one entry by its DN, however it is spelled, and none where there is none", async () => {
    const entry = await directory.read(
      LANDMARKS.escaped.replace("cn=", "CN = ").replace("dc=com", "DC=COM"),
      ["cn"],
      SIGNAL,
    );
    expect(entry && textsOf(entry, "cn")).toEqual(['Größe "XXL", Ω+1']);
    expect(await directory.read(`cn=nobody,${LANDMARKS.groups}`, ["cn"], SIGNAL)).toBeUndefined();
  });

  it("resolves many DNs to ids in their order, with gaps where nothing is", async () => {
    const group = await directory.read(LANDMARKS.newsletter, ["member"], SIGNAL);
    const members = group === undefined ? [] : textsOf(group, "member");
    expect(members.length).toBeGreaterThan(500);
    const ids = await directory.resolve([LANDMARKS.gone, ...members], SIGNAL);
    expect(ids[0]).toBeUndefined();
    expect(ids.slice(1).every((id) => /^[0-9a-f-]{36}$/.test(id ?? ""))).toBe(true);
    expect(new Set(ids).size).toBe(members.length + 1);
  });

  it("finds an entry by its id, and nothing by what cannot be one", async () => {
    const { entries } = await readAll(directory, {
      searchScope: "base",
      baseDn: LANDMARKS.newsletter,
      ldapFilter: { kind: "present", attribute: "objectClass" },
    });
    const [group] = entries;
    const ldapFilter = directory.idFilter(group?.id ?? "");
    if (ldapFilter === undefined) throw new Error("the id is none");
    const found = await readAll(directory, { ldapFilter });
    expect(found.entries.map(({ dn }) => dn)).toEqual([group?.dn]);
    expect(directory.idFilter("*")).toBeUndefined();
  });

  it("calls a read that the server limits cut, and never whole", async () => {
    const limited = await server.limited();
    const from = open(limited);
    try {
      const { outcome, entries } = await readAll(from);
      expect(outcome).toMatchObject({ whole: false, because: "size limit" });
      expect(entries.length).toBeLessThan(PEOPLE);
    } finally {
      await from.close();
      await limited.close();
    }
  }, 60_000);

  it("says what is wrong: a base that is not there, a wrong password, a server that is not there", async () => {
    const gone = `ou=Gone,${server.baseDn}`;
    expect(await failure(readAll(directory, { baseDn: gone }))).toBe("scope.missing");
    const denied = open(server, "wrong");
    expect(await failure(denied.rootDse(SIGNAL))).toBe("directory.denied");
    await denied.close();
    const nowhere = open({ ...server, url: "ldap://127.0.0.1:1" });
    expect(await failure(nowhere.rootDse(SIGNAL))).toBe("directory.unreachable");
    await nowhere.close();
  });

  it("stops a search that nobody reads any more, and goes on with the next", async () => {
    for await (const batch of directory.search(
      {
        baseDn: server.baseDn,
        searchScope: "sub",
        ldapFilter: { kind: "present", attribute: "objectClass" },
        attributes: ["cn"],
      },
      SIGNAL,
    )) {
      expect(batch.length).toBeGreaterThan(0);
      break;
    }
    const aborted = new AbortController();
    aborted.abort(new Error("enough"));
    await expect(directory.rootDse(aborted.signal)).rejects.toThrow("enough");
    expect((await readAll(directory)).outcome.whole).toBe(true);
  });

  it("reads several lists at once, each whole", async () => {
    const lists = await Promise.all(Array.from({ length: 12 }, () => readAll(directory)));
    expect(lists.map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: 12 }, () => ({ whole: true, entries: PEOPLE, pages: 8 })),
    );
  }, 60_000);

  it("tells what the server is", async () => {
    const rootDse = await directory.rootDse(SIGNAL);
    expect(rootDse.namingContexts).toContain("dc=example,dc=com");
    expect(rootDse.supportedControls).toContain("1.2.840.113556.1.4.319");
  });
});

describe("LdapDirectory over TLS", () => {
  it("verifies the server over ldaps and StartTLS, and refuses a certificate of an unknown authority", async () => {
    const server = await startOpenLdap({
      ldif: companyToLdif(createCompany({ people: 10 })),
      tls: true,
    });
    const { baseDn, bindDn, bindPassword, ldapsUrl = "", caFile = "" } = server;
    const bind = { dn: bindDn, password: async () => bindPassword };
    const common = { name: "tls", kind: "openLdap", baseDn, bind } as const;
    const log = new MemoryLog();
    const ca = await readFile(caFile);
    const trusting = [
      createLdapDirectory({ ...common, urls: [ldapsUrl], tls: { ca } }, { log }),
      createLdapDirectory({ ...common, urls: [server.url], tls: { ca }, startTls: true }, { log }),
    ];
    const wary = [
      createLdapDirectory({ ...common, urls: [ldapsUrl] }, { log }),
      createLdapDirectory({ ...common, urls: [server.url], startTls: true }, { log }),
      createLdapDirectory(
        { ...common, urls: [ldapsUrl], tls: { ca, servername: "other.example" } },
        { log },
      ),
    ];
    try {
      for (const directory of trusting) {
        expect((await directory.rootDse(SIGNAL)).namingContexts).toContain(baseDn);
      }
      for (const directory of wary) {
        await expect(directory.rootDse(SIGNAL)).rejects.toMatchObject({
          name: "AgentError",
          code: expect.stringMatching(/^directory\./),
        });
      }
    } finally {
      await Promise.all([...trusting, ...wary].map((directory) => directory.close()));
      await server.close();
    }
  }, 60_000);
});
