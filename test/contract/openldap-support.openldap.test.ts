import { readFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { availablePlaces, type OpenLdap, startOpenLdap } from "../support/openldap.ts";

const PEOPLE = 120;

function* ldif(): Generator<string> {
  yield "dn: ou=People,dc=example,dc=com\nobjectClass: organizationalUnit\nou: People\n\n";
  for (let n = 0; n < PEOPLE; n += 1) {
    yield `dn: uid=u${n},ou=People,dc=example,dc=com\nobjectClass: inetOrgPerson\n`;
    yield `uid: u${n}\ncn: Person ${n}\nsn: ${n}\nuserPassword: secret\n\n`;
  }
}

const PERSON = ["-b", "uid=u7,ou=People,dc=example,dc=com", "-s", "base"];

function count(found: string): number {
  return found.match(/^dn: /gm)?.length ?? 0;
}

/** How a connection to the port ends: refused, or the server's side of it closed. */
function knock(url: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(Number(new URL(url).port), "127.0.0.1");
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
    socket.once("connect", () => {
      socket.destroy();
      resolve("accepted");
    });
  });
}

describe.each(availablePlaces())("OpenLDAP in a %s process", (runsIn) => {
  let server: OpenLdap;

  beforeAll(async () => {
    server = await startOpenLdap({ ldif: ldif(), tls: true, runsIn });
  });
  afterAll(() => server?.close());

  it("answers the bind account a base search with the stock schema's attributes", async () => {
    expect(server.runsIn).toBe(runsIn);
    expect(
      await server.ldapsearch([...PERSON, "(objectClass=*)", "cn", "sn", "userPassword"]),
    ).toBe("dn: uid=u7,ou=People,dc=example,dc=com\ncn: Person 7\nsn: 7\n\n");
  });

  it("adds the base entry and the bind account that the LDIF does not bring", async () => {
    const found = await server.ldapsearch([
      "-b",
      server.baseDn,
      "-s",
      "sub",
      "(objectClass=*)",
      "1.1",
    ]);
    expect(count(found)).toBe(PEOPLE + 3);
    expect(found).toContain(`dn: ${server.bindDn}\n`);
  });

  it("keeps memberOf, the change log and the sync cookie as overlays do", async () => {
    await server.ldapmodify(
      [
        "dn: cn=staff,dc=example,dc=com",
        "changetype: add",
        "objectClass: groupOfNames",
        "cn: staff",
        "member: uid=u7,ou=People,dc=example,dc=com",
        "",
      ].join("\n"),
    );
    expect(await server.ldapsearch([...PERSON, "(objectClass=*)", "memberOf"])).toContain(
      "memberOf: cn=staff,dc=example,dc=com",
    );
    expect(await server.ldapsearch(["-b", "cn=accesslog", "(reqType=add)", "reqDN"])).toContain(
      "reqDN: cn=staff,dc=example,dc=com",
    );
    expect(await server.ldapsearch(["-b", server.baseDn, "-s", "base", "contextCSN"])).toMatch(
      /^contextCSN: \d{14}\.\d{6}Z#/m,
    );
  });

  it("speaks verified TLS on the second port and after StartTLS", async () => {
    const { ldapsUrl = "", caFile = "" } = server;
    const socket = connect({
      port: Number(new URL(ldapsUrl).port),
      host: "127.0.0.1",
      ca: await readFile(caFile),
    });
    await new Promise((resolve, reject) => {
      socket.once("secureConnect", resolve).once("error", reject);
    });
    expect(socket.authorized).toBe(true);
    socket.destroy();
    const name = ["(objectClass=*)", "cn"];
    const overTls = await server.ldapsearch(["-H", ldapsUrl, ...PERSON, ...name]);
    expect(overTls).toBe("dn: uid=u7,ou=People,dc=example,dc=com\ncn: Person 7\n\n");
    expect(await server.ldapsearch(["-ZZ", ...PERSON, ...name])).toBe(overTls);
  });

  it("refuses connections after a hard stop and has its data and port when started again", async () => {
    const change = "changetype: modify\nreplace: sn\nsn: Changed\n";
    await server.ldapmodify(`dn: uid=u7,ou=People,dc=example,dc=com\n${change}`);
    const { url } = server;
    await server.stop();
    expect(await knock(url)).toBe("ECONNREFUSED");
    await server.start();
    expect(await knock(url)).toBe("accepted");
    expect(await server.ldapsearch([...PERSON, "(objectClass=*)", "sn"])).toBe(
      "dn: uid=u7,ou=People,dc=example,dc=com\nsn: Changed\n\n",
    );
    const twice = server.stop();
    await expect(Promise.all([twice, server.stop()])).resolves.toHaveLength(2);
    await server.start();
    expect(count(await server.ldapsearch(["-b", server.baseDn, "(uid=*)", "1.1"]))).toBe(PEOPLE);
  });

  it("cuts the bind account's searches at the size limit that was asked for, paged or not", async () => {
    const small = await startOpenLdap({ ldif: ldif(), sizeLimit: 50, runsIn });
    try {
      const search = ["-b", small.baseDn, "(uid=*)", "1.1"];
      for (const paging of [[], ["-E", "pr=20/noprompt"]]) {
        const cut = await small.ldapsearch([...paging, ...search]).catch((error: unknown) => error);
        expect(cut).toMatchObject({ code: 4 });
        expect(count((cut as { stdout: string }).stdout)).toBeLessThanOrEqual(50);
      }
    } finally {
      await small.close();
    }
  });

  it("names the password when the LDIF brings a bind account with another one", async () => {
    const account = "dn: cn=sync,dc=example,dc=com\nobjectClass: organizationalRole\n";
    const password = "objectClass: simpleSecurityObject\ncn: sync\nuserPassword: other\n";
    await expect(startOpenLdap({ ldif: account + password, runsIn })).rejects.toThrow(
      "a password that is not `bindPassword`",
    );
    const own = await startOpenLdap({ ldif: account + password, bindPassword: "other", runsIn });
    await own.close();
    expect(await knock(own.url)).toBe("ECONNREFUSED");
  });

  it("shows what slapadd said about LDIF that it refused", async () => {
    const broken = "dn: cn=x,dc=example,dc=com\nobjectClass: noSuchClass\ncn: x\n";
    await expect(startOpenLdap({ ldif: broken, runsIn })).rejects.toThrow("noSuchClass");
  });
});
