import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { LdapDirectoryOptions } from "../../agent/directory/options.ts";
import type { Directory, DirectoryQuery } from "../../agent/ports.ts";
import {
  type LdapScript,
  type LdapScriptOptions,
  type ScriptedRequest,
  type ScriptReply,
  startLdapScript,
  tlv,
} from "../support/ldap-script.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { CERTIFICATE_FILES, writeCertificates } from "../support/openldap-certificates.ts";

const never = new AbortController().signal;
const open: (Directory | LdapScript)[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

const uuid = (at: number): string => `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`;

/** Answers `cn=p<n>` with that entry, `cn=none` with noSuchObject, and a listing with one entry. */
function people(request: ScriptedRequest, reply: ScriptReply): void {
  if (request.baseDn === "cn=none") {
    reply.result(32);
    return;
  }
  const at = Number(/^cn=p(\d+)$/.exec(request.baseDn)?.[1] ?? 0);
  reply.entry(`cn=p${at}`, { entryUUID: [uuid(at)], cn: [`p${at}`] });
  reply.result(0, { cookie: "" });
}

async function script(options: Partial<LdapScriptOptions> = {}): Promise<LdapScript> {
  const server = await startLdapScript({ search: people, ...options });
  open.push(server);
  return server;
}

function directoryAt(
  urls: string | readonly string[],
  options: Partial<LdapDirectoryOptions> = {},
  log = new MemoryLog(),
): Directory {
  const directory = createLdapDirectory(
    {
      name: "scripted",
      kind: "openLdap",
      urls: typeof urls === "string" ? [urls] : urls,
      baseDn: "dc=example",
      bind: { dn: "cn=sync,dc=example", password: () => Promise.resolve("secret") },
      connectTimeoutMs: 2000,
      operationTimeoutMs: 500,
      ...options,
    },
    { log },
  );
  open.push(directory);
  return directory;
}

const EVERYBODY: DirectoryQuery = {
  baseDn: "dc=example",
  searchScope: "sub",
  ldapFilter: { kind: "present", attribute: "objectClass" },
  attributes: ["cn"],
};

async function list(directory: Directory): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const batch of directory.search(EVERYBODY, never)) {
    names.push(...batch.map((entry) => entry.dn));
  }
  return names;
}

/** Code, message without the url, and hint of what was thrown. */
async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return { value: await work };
  } catch (error) {
    const { code, message, hint } = error as { code?: string; message: string; hint?: string };
    return { code, message: message.replaceAll(/ldaps?:\/\/127\.0\.0\.1:\d+/g, "<url>"), hint };
  }
}

const binds = (server: LdapScript): string[] =>
  server.requests.filter(({ kind }) => kind === "bind").map(({ password }) => password);

describe("a bind", () => {
  it("sends the password as it is at that time", async () => {
    const server = await script();
    let password = "old";
    const directory = directoryAt(server.url, {
      bind: { dn: "cn=sync", password: () => Promise.resolve(password) },
    });
    await directory.read("cn=p1", [], never);
    password = "new";
    server.cut();
    await expect.poll(() => server.openConnections).toBe(0);
    await directory.read("cn=p1", [], never);
    expect(binds(server)).toEqual(["old", "new"]);
  });

  it("without a password is not sent", async () => {
    const server = await script();
    const bind = { dn: "cn=sync", password: () => Promise.resolve("") };
    expect(await failureOf(directoryAt(server.url, { bind }).rootDse(never))).toEqual({
      code: "directory.denied",
      message: "cannot bind as cn=sync: the password is empty",
      hint: "an empty password would be an anonymous bind that looks like a success",
    });
    expect(server.requests).toEqual([]);
  });

  it("with SASL EXTERNAL sends no name and no password", async () => {
    const server = await script();
    await directoryAt(server.url, { bind: { mechanism: "EXTERNAL" } }).rootDse(never);
    expect(binds(server)).toEqual(["\u0004\u0008EXTERNAL\u0004\u0000"]);
  });

  const refusals: readonly (readonly [number, string, string, string])[] = [
    [49, "", "directory.denied", "invalidCredentials (49)"],
    ...(
      [
        ["52e", "the account or its password is wrong"],
        ["532", "the password has expired"],
        ["533", "the account is disabled"],
        ["701", "the account has expired"],
        ["773", "the password must be changed before the first logon"],
        ["525", "there is no such account"],
        ["52f", "a restriction of the account forbids it"],
        ["530", "the account may not log on at this time"],
        ["531", "the account may not log on from this machine"],
        ["568", "the account is in too many groups"],
        ["569", "the account has no right to log on in this way"],
        ["775", "the account is locked out"],
        ["57", "the account may not log on"],
      ] as const
    ).map(
      ([sub, words]) =>
        [
          49,
          `80090308: LdapErr: DSID-0C090569, comment: AcceptSecurityContext error, data ${sub}, v4563`,
          "directory.denied",
          `${words} (invalidCredentials 49, data ${sub})`,
        ] as const,
    ),
    [
      49,
      "80090308: LdapErr: DSID-0C090569, comment: AcceptSecurityContext error, data 51f, v4563",
      "directory.busy",
      "the server reaches no domain controller that could check the password (invalidCredentials 49, data 51f)",
    ],
    [8, "TLS first", "directory.denied", "strongerAuthRequired (8): TLS first"],
    [51, "", "directory.busy", "busy (51)"],
    [53, "no", "directory.refused", "unwillingToPerform (53): no"],
  ];
  for (const [code, diagnostic, error, words] of refusals) {
    it(`fails as ${error}: ${words}`, async () => {
      const server = await script({ bind: (_, reply) => reply.result(code, { diagnostic }) });
      expect(await failureOf(directoryAt(server.url).rootDse(never))).toMatchObject({
        code: error,
        message: `<url>: cannot bind as cn=sync,dc=example: ${words}`,
      });
      await expect.poll(() => server.openConnections).toBe(0);
    });
  }

  it("that is locked out or has a wrong password says what to do, and whether waiting helps", async () => {
    const hints = [
      [
        "52e",
        "check the bind DN and the bind password; each further try brings the account nearer to its lockout",
      ],
      [
        "775",
        "it works again when the lockout ends or is lifted; look for who uses an old password of it",
      ],
      ["532", "set a new password for the account"],
    ] as const;
    for (const [sub, hint] of hints) {
      const diagnostic = `AcceptSecurityContext error, data ${sub}, v4563`;
      const server = await script({ bind: (_, reply) => reply.result(49, { diagnostic }) });
      expect(await failureOf(directoryAt(server.url).rootDse(never))).toMatchObject({ hint });
    }
  });

  it("that cannot be checked by one server is tried at the next one", async () => {
    const diagnostic = "AcceptSecurityContext error, data 51f, v4563";
    const server = await script({ bind: (_, reply) => reply.result(49, { diagnostic }) });
    const second = await script();
    expect(await list(directoryAt([server.url, second.url]))).toEqual(["cn=p0"]);
  });

  it("that is refused is not tried at the next server", async () => {
    const server = await script({ bind: (_, reply) => reply.result(49) });
    const second = await script();
    const directory = directoryAt([server.url, second.url]);
    expect(await failureOf(directory.rootDse(never))).toMatchObject({ code: "directory.denied" });
    expect([binds(server).length, binds(second).length]).toEqual([1, 0]);
  });
});

describe("a password in the clear", () => {
  it("goes to this machine only, unless the options say so in words", () => {
    const remote = { url: "ldap://dc1.example.com" };
    const at = (options: Partial<LdapDirectoryOptions>) => () => directoryAt(remote.url, options);
    expect(at({})).toThrow(
      expect.objectContaining({
        code: "config.invalid",
        message: "ldap://dc1.example.com would send the bind password unencrypted",
      }),
    );
    expect(at({ allowPlaintext: true })).not.toThrow();
    expect(at({ startTls: true })).not.toThrow();
    for (const url of ["ldaps://dc1.example.com", "ldap://127.0.0.1", "ldap://[::1]:3389"]) {
      expect(() => directoryAt(url)).not.toThrow();
    }
    expect(() => directoryAt("ldap://127.example.com")).toThrow("unencrypted");
  });
});

describe("TLS", () => {
  let folder = "";
  const pem = { ca: "", cert: "", key: "", nameOnly: "" };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "directory-tls-"));
    await writeCertificates(folder);
    const openssl = (...args: string[]) => promisify(execFile)("openssl", args, { cwd: folder });
    await writeFile(join(folder, "name.ext"), "subjectAltName=DNS:localhost\n");
    await openssl(
      ...["x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key"],
      ...["-CAcreateserial", "-days", "2", "-extfile", "name.ext", "-out", "name.crt"],
    );
    const read = (name: string) => readFile(join(folder, name), "utf8");
    pem.ca = await read(CERTIFICATE_FILES.ca);
    pem.cert = await read(CERTIFICATE_FILES.certificate);
    pem.key = await read(CERTIFICATE_FILES.key);
    pem.nameOnly = await read("name.crt");
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  for (const ldaps of [true, false]) {
    const way = ldaps ? "ldaps" : "StartTLS";
    const start = (cert: string): Promise<LdapScript> =>
      script({
        tls: { key: pem.key, cert, ldaps },
        extended: (_, reply) => reply.startTls(),
      });
    const at = (server: LdapScript, tls: LdapDirectoryOptions["tls"]): Directory =>
      directoryAt(server.url, { startTls: !ldaps, ...(tls === undefined ? {} : { tls }) });

    it(`${way} reads when the certificate is of the CA and for the address`, async () => {
      const server = await start(pem.cert);
      const tls = () => Promise.resolve({ ca: pem.ca });
      expect(await list(at(server, tls))).toEqual(["cn=p0"]);
      expect(server.requests.map(({ kind }) => kind).slice(0, 2)).toEqual(
        ldaps ? ["bind", "bind"] : ["extended", "bind"],
      );
    });

    it(`${way} takes no certificate of an unknown CA`, async () => {
      const server = await start(pem.cert);
      expect(await failureOf(at(server, undefined).rootDse(never))).toMatchObject({
        code: "directory.refused",
        message: "<url>: certificate refused (UNABLE_TO_VERIFY_LEAF_SIGNATURE)",
      });
      expect(binds(server)).toEqual([]);
    });

    it(`${way} to an address takes no certificate for localhost alone`, async () => {
      const server = await start(pem.nameOnly);
      expect(await failureOf(at(server, { ca: pem.ca }).rootDse(never))).toMatchObject({
        code: "directory.refused",
        message: "<url>: certificate refused (ERR_TLS_CERT_ALTNAME_INVALID)",
      });
      expect(binds(server)).toEqual([]);
    });

    it(`${way} takes it when the options name localhost, or turn the check off`, async () => {
      const server = await start(pem.nameOnly);
      expect(await list(at(server, { ca: pem.ca, servername: "localhost" }))).toEqual(["cn=p0"]);
      expect(await list(at(server, { rejectUnauthorized: false }))).toEqual(["cn=p0"]);
    });
  }

  it("is refused by a server without it, and no password is sent", async () => {
    const server = await script();
    expect(await failureOf(directoryAt(server.url, { startTls: true }).rootDse(never))).toEqual({
      code: "directory.refused",
      message: "<url>: StartTLS: protocolError (2)",
      hint: undefined,
    });
    expect(binds(server)).toEqual([]);
  });

  it("is not started when something was slipped in behind the answer to StartTLS", async () => {
    const slipped = tlv(0x30, Buffer.of(2, 1, 2), tlv(0x61, Buffer.of(10, 1, 0), tlv(4), tlv(4)));
    for (const injected of [slipped, slipped.subarray(0, 5)]) {
      const server = await script({
        tls: { key: pem.key, cert: pem.cert, ldaps: false },
        extended: (_, reply) => reply.startTls(injected),
      });
      const directory = directoryAt(server.url, { startTls: true, tls: { ca: pem.ca } });
      expect(await failureOf(directory.rootDse(never))).toMatchObject({
        code: "directory.unreachable",
      });
      expect(binds(server)).toEqual([]);
    }
  });
});

describe("a connection", () => {
  it("is opened once for readers that come together, and carries all of them at once", async () => {
    const waiting: (() => void)[] = [];
    const server = await script({
      search(request, reply) {
        waiting.push(() => people(request, reply));
        if (waiting.length === 3) for (const answer of waiting.reverse()) answer();
      },
    });
    const directory = directoryAt(server.url);
    const read = (dn: string) => directory.read(dn, [], never);
    const found = await Promise.all([read("cn=p1"), read("cn=p2"), read("cn=p3")]);
    expect(found.map((entry) => entry?.id)).toEqual([uuid(1), uuid(2), uuid(3)]);
    expect(new Set(server.requests.map(({ connection }) => connection))).toEqual(new Set([1]));
  });

  it("is kept for the next search when one ended whole, and closed when not", async () => {
    let code = 0;
    const server = await script({
      search: (_, reply) => reply.result(code, { cookie: "" }),
    });
    const directory = directoryAt(server.url);
    await list(directory);
    await list(directory);
    code = 51;
    await failureOf(list(directory));
    code = 0;
    await list(directory);
    const used = server.requests
      .filter(({ baseDn }) => baseDn === "dc=example")
      .map(({ connection }) => connection);
    // The first connection is the one for reads by name.
    expect(used).toEqual([2, 2, 2, 3]);
  });

  it("is one for each search, up to the limit, and the next one waits", async () => {
    const waiting: (() => void)[] = [];
    const server = await script({
      search: (_, reply) => waiting.push(() => reply.result(0, { cookie: "" })),
    });
    const directory = directoryAt(server.url, { maxConnections: 2, operationTimeoutMs: 5000 });
    const searches = [list(directory), list(directory), list(directory)];
    await expect.poll(() => waiting.length).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([waiting.length, server.openConnections]).toEqual([2, 3]);
    waiting[0]?.();
    await expect.poll(() => waiting.length).toBe(3);
    waiting[1]?.();
    waiting[2]?.();
    expect(await Promise.all(searches)).toEqual([[], [], []]);
  });

  it("that is aborted while it waits for its turn leaves the queue", async () => {
    const server = await script({ search() {} });
    const directory = directoryAt(server.url, { maxConnections: 1 });
    const controller = new AbortController();
    const first = failureOf(list(directory));
    const second = directory.search(EVERYBODY, controller.signal).next();
    controller.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    expect(await first).toMatchObject({ code: "directory.unreachable" });
  });

  it("that died unnoticed is replaced, and the read is asked again", async () => {
    let dead = false;
    const server = await script({
      search(request, reply) {
        if (dead && request.connection <= 2) reply.cut();
        else people(request, reply);
      },
    });
    const directory = directoryAt(server.url);
    await list(directory);
    await directory.read("cn=p1", [], never);
    dead = true;
    expect(await list(directory)).toEqual(["cn=p0"]);
    expect((await directory.read("cn=p1", [], never))?.id).toBe(uuid(1));
  });

  it("that Active Directory holds for unbound is replaced once", async () => {
    const unbound =
      "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a " +
      "successful bind must be completed on the connection., data 0, v4563";
    let always = false;
    const server = await script({
      search(request, reply) {
        if (always || request.connection <= 2) reply.result(1, { diagnostic: unbound });
        else people(request, reply);
      },
    });
    const directory = directoryAt(server.url);
    const [listed, read] = await Promise.all([list(directory), directory.read("cn=p1", [], never)]);
    expect([listed, read?.id]).toEqual([["cn=p0"], uuid(1)]);
    expect(binds(server).length).toBe(4);
    always = true;
    expect(await failureOf(list(directory))).toMatchObject({ code: "directory.refused" });
    expect(await failureOf(directory.read("cn=p1", [], never))).toMatchObject({
      code: "directory.refused",
    });
  });

  it("comes back by itself after the server was away", async () => {
    const server = await script();
    const directory = directoryAt(server.url);
    expect(await list(directory)).toEqual(["cn=p0"]);
    await server.close();
    for (const work of [() => list(directory), () => directory.resolve(["cn=p1"], never)]) {
      expect(await failureOf(work())).toEqual({
        code: "directory.unreachable",
        message: "<url>: cannot connect (ECONNREFUSED)",
        hint: undefined,
      });
    }
    await script({ port: server.port });
    expect(await list(directory)).toEqual(["cn=p0"]);
    expect(await directory.resolve(["cn=p1"], never)).toEqual([uuid(1)]);
  });

  it("goes to the next server when one does not answer, and that one is asked last for a while", async () => {
    const silent = await script({ bind() {} });
    const server = await script();
    const log = new MemoryLog();
    const directory = directoryAt([silent.url, server.url], { connectTimeoutMs: 200 }, log);
    expect(await list(directory)).toEqual(["cn=p0"]);
    expect((await directory.read("cn=p1", [], never))?.id).toBe(uuid(1));
    expect(binds(silent).length).toBe(1);
    expect(log.lines.filter(({ level }) => level === "warn")).toEqual([
      {
        level: "warn",
        event: "directory.unreachable",
        fields: {
          server: silent.url,
          reason: `${silent.url}: cannot connect within 200 ms`,
        },
      },
    ]);
  });

  it("names every server when none answers", async () => {
    const first = await script();
    const second = await script({ bind: (_, reply) => reply.result(52) });
    await first.close();
    expect(await failureOf(list(directoryAt([first.url, second.url])))).toEqual({
      code: "directory.unreachable",
      message:
        "<url>: cannot connect (ECONNREFUSED); " +
        "<url>: cannot bind as cn=sync,dc=example: unavailable (52)",
      hint: undefined,
    });
  });

  it("is not opened before the first read, and none is left after close", async () => {
    const server = await script({ search() {} });
    const directory = directoryAt(server.url, { maxConnections: 1 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.openConnections).toBe(0);
    const running = [
      failureOf(list(directory)),
      failureOf(list(directory)),
      failureOf(directory.read("cn=p1", [], never)),
    ];
    await expect.poll(() => server.requests.length).toBeGreaterThan(3);
    await directory.close();
    for (const failure of await Promise.all(running)) {
      expect(failure).toMatchObject({
        code: "directory.unreachable",
        message: expect.stringMatching(/closed/),
      });
    }
    await expect.poll(() => server.openConnections).toBe(0);
    expect(await failureOf(list(directory))).toMatchObject({
      code: "directory.unreachable",
      message: "the directory was closed",
    });
  });
});

describe("the idle time-out", () => {
  it("closes every connection that nobody uses, and reads go on", async () => {
    const server = await script();
    const directory = directoryAt(server.url, { idleTimeoutMs: 100 });
    await list(directory);
    await directory.read("cn=p1", [], never);
    expect(server.openConnections).toBe(2);
    await expect.poll(() => server.openConnections).toBe(0);
    expect(server.requests.filter(({ kind }) => kind === "unbind").length).toBe(2);
    expect(await list(directory)).toEqual(["cn=p0"]);
    expect((await directory.read("cn=p1", [], never))?.id).toBe(uuid(1));
  });

  it("is not for connections that wait for an answer", async () => {
    const server = await script({
      search(request, reply) {
        setTimeout(() => people(request, reply), 350);
      },
    });
    const directory = directoryAt(server.url, { idleTimeoutMs: 100 });
    const [listed, read] = await Promise.all([list(directory), directory.read("cn=p1", [], never)]);
    expect([listed, read?.id]).toEqual([["cn=p0"], uuid(1)]);
    expect(binds(server).length).toBe(2);
  });
});

describe("closing", () => {
  it("sends away who waits for a search that is left standing", async () => {
    const server = await script();
    const directory = directoryAt(server.url, { maxConnections: 1 });
    const standing = directory.search(EVERYBODY, never);
    await standing.next();
    const waiting = failureOf(list(directory));
    await directory.close();
    expect(await waiting).toMatchObject({
      code: "directory.unreachable",
      message: "the directory was closed",
    });
  });
});

describe("reads by name", () => {
  it("resolve many in their order, undefined where there is none", async () => {
    let inFlight = 0;
    let most = 0;
    const server = await script({
      search(request, reply) {
        most = Math.max(most, ++inFlight);
        setTimeout(() => {
          inFlight--;
          people(request, reply);
        }, 5);
      },
    });
    const dns = Array.from({ length: 300 }, (_, at) => (at % 7 === 0 ? "cn=none" : `cn=p${at}`));
    expect(await directoryAt(server.url).resolve(dns, never)).toEqual(
      dns.map((dn, at) => (dn === "cn=none" ? undefined : uuid(at))),
    );
    expect(most).toBe(64);
  });

  it("give undefined for no entry, for what is no DN and for what is elsewhere", async () => {
    for (const code of [32, 34, 10]) {
      const server = await script({ search: (_, reply) => reply.result(code) });
      expect(await directoryAt(server.url).read("cn=x", [], never)).toBeUndefined();
    }
  });

  it("fail for anything else, since it would look like no entry", async () => {
    const codes = [
      [3, "directory.busy"],
      [11, "directory.busy"],
      [50, "directory.denied"],
      [51, "directory.busy"],
      [80, "directory.busy"],
    ] as const;
    for (const [code, error] of codes) {
      const server = await script({ search: (_, reply) => reply.result(code) });
      const directory = directoryAt(server.url);
      expect(await failureOf(directory.read("cn=x", [], never))).toMatchObject({ code: error });
      expect(await failureOf(directory.resolve(["cn=x"], never))).toMatchObject({ code: error });
    }
  });

  it("leave the others alone when one of them gets no answer or is aborted", async () => {
    const server = await script({
      search(request, reply) {
        if (request.baseDn === "cn=p9") return;
        setTimeout(() => people(request, reply), 100);
      },
    });
    const directory = directoryAt(server.url);
    const controller = new AbortController();
    const silent = failureOf(directory.read("cn=p9", [], never));
    const aborted = failureOf(directory.read("cn=p8", [], controller.signal));
    setTimeout(() => controller.abort(new Error("enough")), 20);
    for (let round = 0; round < 8; round++) {
      expect((await directory.read("cn=p1", [], never))?.id).toBe(uuid(1));
    }
    expect(await silent).toMatchObject({ message: "<url>: no answer for 500 ms" });
    expect(await aborted).toMatchObject({ message: "enough" });
    expect(new Set(server.requests.map(({ connection }) => connection))).toEqual(new Set([1]));
    const abandoned = server.requests.filter(({ kind }) => kind === "abandon");
    expect(abandoned.length).toBe(2);
  });

  it("tell what the server says of itself", async () => {
    const server = await script({
      rootDse(_, reply) {
        reply.entry("", {
          namingContexts: ["dc=example", "cn=config"],
          supportedControl: ["1.2.3"],
          vendorName: ["Script"],
        });
        reply.result(0);
      },
    });
    expect(await directoryAt(server.url).rootDse(never)).toEqual({
      namingContexts: ["dc=example", "cn=config"],
      supportedControls: ["1.2.3"],
      vendorName: "Script",
    });
  });
});
