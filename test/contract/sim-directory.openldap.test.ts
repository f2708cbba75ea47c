import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { LANDMARKS } from "../../agent/sim/company/landmark.ts";
import type { SearchFault, SearchPage } from "../../agent/sim/directory/faults.ts";
import {
  type DirectoryOptions,
  type DirectoryServer,
  startDirectory,
} from "../../agent/sim/directory/server.ts";

const run = promisify(execFile);
const BASE = LANDMARKS.baseDn;
const BIND = { dn: `cn=sync,${BASE}`, password: "secret" };
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const CLOSE_MS = 5000;

const BASE_ENTRY = {
  dn: BASE,
  attributes: { objectClass: ["dcObject", "organization"], dc: ["example"], o: ["Example"] },
};

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function ldapsearch(
  server: DirectoryServer,
  args: readonly string[],
  { dn = BIND.dn, password = BIND.password, anonymous = false, env = {} } = {},
): Promise<Outcome> {
  const identity = anonymous ? [] : ["-D", dn, "-w", password];
  const all = ["-x", "-H", server.url, ...identity, "-LLL", "-o", "ldif-wrap=no", ...args];
  return run("ldapsearch", all, {
    maxBuffer: MAX_OUTPUT_BYTES,
    env: { ...process.env, ...env },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Outcome) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}

function valuesOf(outcome: Outcome, attribute: string): string[] {
  return [...outcome.stdout.matchAll(new RegExp(`^${attribute}: (.*)$`, "gm"))].map(
    (match) => match[1] ?? "",
  );
}

const started: DirectoryServer[] = [];

async function start(options: Partial<DirectoryOptions> = {}): Promise<DirectoryServer> {
  const server = await startDirectory({ baseDn: BASE, bind: BIND, ...options });
  started.push(server);
  return server;
}

beforeAll(async () => {
  await run("sh", ["-c", "command -v ldapsearch"]).catch(() => {
    throw new Error("ldapsearch is missing: apt-get install -y --no-install-recommends ldap-utils");
  });
});

afterEach(async () => {
  for (const server of started.splice(0)) await server.close();
});

describe("the embedded directory with a company of 500", () => {
  let server: DirectoryServer;
  beforeAll(async () => {
    server = await startDirectory({ company: { people: 500 }, baseDn: BASE, bind: BIND });
  });
  afterAll(() => server.close());

  it("lists everyone once over pages of 100", async () => {
    const outcome = await ldapsearch(server, [
      "-b",
      BASE,
      "-E",
      "pr=100/noprompt",
      "(objectClass=inetOrgPerson)",
      "uid",
    ]);
    expect([
      outcome.code,
      new Set(valuesOf(outcome, "uid")).size,
      valuesOf(outcome, "uid").length,
    ]).toEqual([0, 500, 500]);
  });

  it.each([
    ["the account", {}, 0],
    ["a wrong password", { password: "wrong" }, 49],
    ["a name that is not there", { dn: `cn=nobody,${BASE}` }, 49],
    ["a person without a password", { dn: `uid=svc-sync,${LANDMARKS.serviceAccounts}` }, 49],
    ["a name and no password", { password: "" }, 53],
    ["what is no name", { dn: "nonsense" }, 34],
    ["nobody at all", { anonymous: true }, 50],
  ])("answers a search of %s", async (_, identity, code) => {
    const outcome = await ldapsearch(server, ["-b", BASE, "-s", "base", "1.1"], identity);
    expect([outcome.code, valuesOf(outcome, "dn")]).toEqual([code, code === 0 ? [BASE] : []]);
  });

  it("shows its root DSE to anybody", async () => {
    const outcome = await ldapsearch(server, ["-b", "", "-s", "base", "+"], { anonymous: true });
    expect([
      valuesOf(outcome, "namingContexts"),
      valuesOf(outcome, "supportedLDAPVersion"),
      valuesOf(outcome, "supportedControl"),
    ]).toEqual([[BASE], ["3"], ["1.2.840.113556.1.4.319", "2.16.840.1.113730.3.4.2"]]);
  });

  it("says who is bound", async () => {
    const { stdout } = await run("ldapwhoami", [
      "-x",
      "-H",
      server.url,
      "-D",
      BIND.dn,
      "-w",
      BIND.password,
    ]);
    expect(stdout).toBe(`dn:${BIND.dn}\n`);
  });

  it("works memberOf out of member, and finds by it", async () => {
    const members = await ldapsearch(server, ["-b", LANDMARKS.cycleA, "-s", "base", "memberOf"]);
    expect(valuesOf(members, "memberOf")).toEqual([LANDMARKS.cycleB]);
    const found = await ldapsearch(server, ["-b", BASE, `(memberOf=${LANDMARKS.managers})`, "1.1"]);
    const group = await ldapsearch(server, ["-b", LANDMARKS.managers, "-s", "base", "member"]);
    const count = group.stdout.match(/^member:/gm)?.length;
    expect(found.stdout.match(/^dn:/gm)?.length).toBe(count);
  });

  it("names the nearest entry above one that is not there", async () => {
    const outcome = await ldapsearch(server, ["-b", `uid=x,ou=nobody,${LANDMARKS.people}`, "1.1"]);
    expect([outcome.code, outcome.stderr.includes(`Matched DN: ${LANDMARKS.people}`)]).toEqual([
      32,
      true,
    ]);
  });

  it("goes on with a paged search while other searches are answered, and drops it for another paged one", async () => {
    const socket = await open(server);
    const ask = async (message: Buffer): Promise<Buffer> => {
      const answer = once(socket, "data", { signal: AbortSignal.timeout(CLOSE_MS) });
      socket.write(message);
      return (await answer)[0];
    };
    // The cookie is what the last control of the answer ends with.
    const page = async (cookie: Buffer): Promise<Buffer> =>
      (await ask(searchPage(10, cookie))).subarray(-COOKIE_BYTES);
    await ask(BIND_REQUEST);
    const first = await page(Buffer.alloc(0));
    expect((await ask(SEARCH_BASE)).includes(BASE)).toBe(true);
    const second = await page(first);
    expect(second.equals(first)).toBe(false);
    await page(Buffer.alloc(0));
    const old = await ask(searchPage(10, second));
    expect([old.includes("invalid or old"), old.subarray(5, 10).toString("hex").slice(-6)]).toEqual(
      [true, "0a0135"],
    );
    socket.destroy();
  });
});

describe("the embedded directory with entries of its own", () => {
  it("matches bits of an integer", async () => {
    const account = (cn: string, userAccountControl: string) => ({
      dn: `cn=${cn},${BASE}`,
      attributes: {
        objectClass: ["user"],
        cn: [cn],
        sn: [cn],
        userAccountControl: [userAccountControl],
      },
    });
    const server = await start({
      entries: [BASE_ENTRY, account("on", "512"), account("off", "514"), account("both", "66050")],
    });
    const find = async (ldapFilter: string): Promise<string[]> =>
      valuesOf(await ldapsearch(server, ["-b", BASE, ldapFilter, "cn"]), "cn");
    expect(await find("(userAccountControl:1.2.840.113556.1.4.803:=2)")).toEqual(["off", "both"]);
    expect(await find("(userAccountControl:1.2.840.113556.1.4.803:=514)")).toEqual(["off", "both"]);
    expect(await find("(userAccountControl:1.2.840.113556.1.4.804:=65538)")).toEqual([
      "off",
      "both",
    ]);
    expect(await find("(!(userAccountControl:1.2.840.113556.1.4.803:=2))")).toEqual(["on"]);
    expect(await find("(userAccountControl>=514)")).toEqual(["off", "both"]);
    expect(await find("(cn:1.2.840.113556.1.4.803:=2)")).toEqual([]);
  });

  it("binds with the userPassword of an entry, shows it to nobody and lets that account write nothing", async () => {
    const dn = `cn=reader,${BASE}`;
    const attributes = {
      objectClass: ["organizationalRole", "simpleSecurityObject"],
      cn: ["reader"],
    };
    // {SSHA} of "salted" as slappasswd writes it.
    const hashed = "{SSHA}iCMx0bI+pOpgpFxUjaxEYoVhHtJzYWx0c2FsdA==";
    const server = await start({
      entries: [BASE_ENTRY, { dn, attributes: { ...attributes, userPassword: ["plain", hashed] } }],
    });
    const search = await ldapsearch(server, ["-b", BASE, "(cn=reader)", "*", "userPassword"], {
      dn,
      password: "plain",
    });
    expect([search.code, search.stdout.includes("userPassword"), valuesOf(search, "cn")]).toEqual([
      0,
      false,
      ["reader"],
    ]);
    const salted = await ldapsearch(server, ["-b", BASE, "-s", "base", "1.1"], {
      dn,
      password: "salted",
    });
    const wrong = await ldapsearch(server, ["-b", BASE, "-s", "base", "1.1"], {
      dn,
      password: hashed,
    });
    expect([salted.code, wrong.code]).toEqual([0, 49]);
    const guess = await ldapsearch(server, ["-b", BASE, "(userPassword=plain)", "1.1"]);
    expect(guess.stdout).toBe("");
    const write = run("ldapdelete", ["-x", "-H", server.url, "-D", dn, "-w", "plain", dn]);
    await expect(write).rejects.toMatchObject({ code: 50 });
  });

  it("limits unpaged searches and the size of pages when it is told to", async () => {
    const server = await start({
      company: { people: 100 },
      limits: { entries: 30, pageEntries: 20 },
    });
    const unpaged = await ldapsearch(server, ["-b", BASE, "(objectClass=inetOrgPerson)", "uid"]);
    const paged = await ldapsearch(server, [
      "-b",
      BASE,
      "-E",
      "pr=90/noprompt",
      "(objectClass=inetOrgPerson)",
      "uid",
    ]);
    expect([unpaged.code, valuesOf(unpaged, "uid").length]).toEqual([4, 30]);
    expect([paged.code, valuesOf(paged, "uid").length]).toEqual([0, 100]);
  });

  it("stops producing while nobody reads", async () => {
    const text = "x".repeat(100_000);
    const entries = Array.from({ length: 300 }, (_, i) => ({
      dn: `ou=${i},${BASE}`,
      attributes: {
        objectClass: ["organizationalUnit"],
        ou: [String(i)],
        description: [text],
        l: ["before"],
      },
    }));
    const server = await start({ entries: [BASE_ENTRY, ...entries] });
    const socket = await open(server);
    socket.write(BIND_REQUEST);
    await once(socket, "data");
    socket.pause();
    socket.write(SEARCH_ALL);
    await delay(500);
    server.store.modify(`ou=299,${BASE}`, [
      { operation: "replace", attribute: "l", values: ["after"] },
    ]);
    const all = await readUntil(socket, SEARCH_DONE);
    const told = (word: string): number => all.toString("latin1").split(word).length - 1;
    expect([told("before"), told("after")]).toEqual([299, 1]);
    socket.destroy();
  });
});

describe("an LDAP fault", () => {
  async function pagesWith(
    onSearchPage: (page: SearchPage) => SearchFault | undefined,
  ): Promise<{ outcome: Outcome; asked: SearchPage[] }> {
    const asked: SearchPage[] = [];
    const server = await start({
      company: { people: 50 },
      faults: {
        onSearchPage(page) {
          asked.push(page);
          return onSearchPage(page);
        },
      },
    });
    const outcome = await ldapsearch(server, [
      "-b",
      BASE,
      "-E",
      "pr=20/noprompt",
      "(objectClass=inetOrgPerson)",
      "uid",
    ]);
    return { outcome, asked };
  }

  it.each([
    ["cut", 255, 30],
    ["size limit", 4, 30],
    ["time limit", 3, 30],
    ["referral", 10, 20],
    ["busy", 51, 20],
    ["unavailable", 52, 20],
    ["disconnect", 52, 20],
  ] as const)("%s ends the search on the second page", async (fault, code, entries) => {
    const { outcome } = await pagesWith(({ page }) => (page === 2 ? fault : undefined));
    const seen = outcome.code > 128 ? 255 : outcome.code;
    expect([seen, valuesOf(outcome, "uid").length]).toEqual([code, entries]);
  });

  it("empty page loses nothing to those who go on", async () => {
    const { outcome, asked } = await pagesWith(({ page }) =>
      page === 2 ? "empty page" : undefined,
    );
    expect([outcome.code, new Set(valuesOf(outcome, "uid")).size]).toEqual([0, 50]);
    expect(asked.map(({ page, entries, paged }) => [page, entries, paged])).toEqual([
      [1, 0, true],
      [2, 20, true],
      [3, 20, true],
      [4, 40, true],
    ]);
  });

  it("reference puts a reference among the entries", async () => {
    const { outcome } = await pagesWith(({ page }) => (page === 2 ? "reference" : undefined));
    expect(outcome.stdout).toContain("# refldap://elsewhere.invalid/");
    expect(valuesOf(outcome, "uid")).toHaveLength(50);
  });

  it("hang never answers, and the connection lives on", async () => {
    let hung = 0;
    const server = await start({
      company: { people: 5 },
      faults: {
        onSearchPage() {
          hung += 1;
          return hung === 1 ? "hang" : undefined;
        },
      },
    });
    const socket = await open(server);
    socket.write(BIND_REQUEST);
    await once(socket, "data");
    socket.write(SEARCH_ALL);
    await delay(200);
    expect(socket.read()).toBe(null);
    socket.write(SEARCH_ALL);
    const answer = await readUntil(socket, SEARCH_DONE);
    expect(answer.includes("ou=People")).toBe(true);
    socket.destroy();
  });

  it("that takes longer than the time limit of the search ends it with 3", async () => {
    const server = await start({
      company: { people: 20 },
      faults: {
        async onSearchPage() {
          await delay(1100);
          return undefined;
        },
      },
    });
    const socket = await open(server);
    socket.write(BIND_REQUEST);
    await once(socket, "data");
    const limited = Buffer.from(SEARCH_ALL);
    // timeLimit: the last octet before typesOnly.
    limited[limited.indexOf(Buffer.from("0100870b", "hex")) - 2] = 1;
    socket.write(limited);
    const timeLimitExceeded = Buffer.from("300c02010265070a010304000400", "hex");
    const answer = await readUntil(socket, timeLimitExceeded);
    expect(answer.includes(SEARCH_DONE)).toBe(false);
    socket.destroy();
  });

  it("that waits keeps at most 64 operations of a connection unanswered, and answers all in the end", async () => {
    let asked = 0;
    let release: (() => void) | undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const server = await start({
      entries: [BASE_ENTRY],
      faults: {
        async onSearchPage() {
          asked += 1;
          await released;
          return undefined;
        },
      },
    });
    const socket = await open(server);
    socket.write(BIND_REQUEST);
    await once(socket, "data");
    for (let id = 2; id < 102; id += 1) {
      socket.write(withId(SEARCH_ALL, id));
      // Apart from each other: what has come already is read in any case.
      await delay(2);
    }
    const before = asked;
    release?.();
    const answers = await readUntil(socket, withId(SEARCH_DONE, 101));
    expect([before, asked]).toEqual([64, 100]);
    expect(answers.includes(withId(SEARCH_DONE, 2))).toBe(true);
    socket.destroy();
  });

  it.each([
    ["cut", 255],
    ["busy", 51],
    ["unavailable", 52],
    ["invalid credentials", 49],
  ] as const)("%s answers a bind", async (fault, code) => {
    const server = await start({ entries: [BASE_ENTRY], faults: { onBind: () => fault } });
    const outcome = await ldapsearch(server, ["-b", BASE]);
    expect(outcome.code > 128 ? 255 : outcome.code).toBe(code);
  });
});

describe("a peer that sends no LDAP", () => {
  it.each([
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["a message that is too large", Buffer.from("30847fffffff0201", "hex")],
    ["a length of no end", Buffer.from("3080020101", "hex")],
    ["a length that would be negative", Buffer.from("300a0201016184fffffff60401", "hex")],
    ["an operation that does not exist", Buffer.from("30050201017f00", "hex")],
    ["an element longer than its message", Buffer.from("300c020101600702010304ff8000", "hex")],
    ["a message with id 0", Buffer.from("300c020100600702010304008000", "hex")],
  ])("is told so and left: %s", async (_, octets) => {
    const server = await start({ entries: [BASE_ENTRY] });
    const socket = await open(server);
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    const closed = once(socket, "close", { signal: AbortSignal.timeout(CLOSE_MS) });
    socket.write(octets);
    await closed;
    const notice = Buffer.concat(chunks);
    expect(notice.includes("1.3.6.1.4.1.1466.20036")).toBe(true);
    // Message id 0, extended response, protocolError.
    expect([
      notice.subarray(2, 5).toString("hex"),
      notice[5],
      notice.subarray(7, 10).toString("hex"),
    ]).toEqual(["020100", 0x78, "0a0102"]);
    const other = await ldapsearch(server, ["-b", BASE, "-s", "base", "1.1"]);
    expect(other.code).toBe(0);
  });

  it("may send a message octet by octet, and many at once", async () => {
    const server = await start({ company: { people: 3 } });
    const socket = await open(server);
    const first = once(socket, "data");
    for (const octet of BIND_REQUEST) {
      socket.write(Buffer.from([octet]));
      await delay(1);
    }
    await first;
    socket.write(Buffer.concat([withId(SEARCH_ALL, 3), withId(SEARCH_ALL, 4)]));
    const answers = await readUntil(socket, withId(SEARCH_DONE, 4));
    expect(answers.includes(withId(SEARCH_DONE, 3))).toBe(true);
    socket.destroy();
  });
});

describe("TLS", () => {
  let folder: string;
  let tls: { key: string; cert: string };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sim-directory-tls-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    await run("openssl", [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "1",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=IP:127.0.0.1",
      "-keyout",
      key,
      "-out",
      cert,
    ]);
    tls = { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("is spoken from the first octet in mode ldaps", async () => {
    const server = await start({ entries: [BASE_ENTRY], tls: { ...tls, mode: "ldaps" } });
    const outcome = await ldapsearch(server, ["-b", BASE, "1.1"], {
      env: { LDAPTLS_CACERT: join(folder, "cert.pem") },
    });
    expect([server.url.slice(0, 8), outcome.code, valuesOf(outcome, "dn")]).toEqual([
      "ldaps://",
      0,
      [BASE],
    ]);
  });

  it("starts when it is asked for in mode starttls", async () => {
    const server = await start({ company: { people: 200 }, tls: { ...tls, mode: "starttls" } });
    const env = { LDAPTLS_CACERT: join(folder, "cert.pem") };
    const outcome = await ldapsearch(
      server,
      ["-ZZ", "-b", BASE, "(objectClass=inetOrgPerson)", "uid"],
      { env },
    );
    expect([outcome.code, valuesOf(outcome, "uid").length]).toEqual([0, 200]);
  });

  it("is refused where there is no certificate", async () => {
    const server = await start({ entries: [BASE_ENTRY] });
    expect((await ldapsearch(server, ["-ZZ", "-b", BASE])).code).not.toBe(0);
  });
});

describe("the server itself", () => {
  it("counts connections and ends them with itself", async () => {
    const server = await start({ entries: [BASE_ENTRY] });
    const socket = await open(server);
    socket.resume();
    const counts = { ...server.connections };
    const closed = once(socket, "close");
    await Promise.all([server.close(), server.close(), closed]);
    expect([counts, { ...server.connections }]).toEqual([
      { open: 1, total: 1 },
      { open: 0, total: 1 },
    ]);
  });

  it("says which entry it cannot add", async () => {
    const entries = [
      BASE_ENTRY,
      { dn: `uid=x,ou=nobody,${BASE}`, attributes: { objectClass: ["account"], uid: ["x"] } },
    ];
    await expect(start({ entries })).rejects.toMatchObject({
      code: "input.invalid",
      message: `cannot add uid=x,ou=nobody,${BASE}: parent does not exist`,
    });
  });

  it("says that a port is taken", async () => {
    const server = await start({ entries: [BASE_ENTRY] });
    await expect(start({ entries: [BASE_ENTRY], port: server.port })).rejects.toMatchObject({
      code: "usage",
    });
  });
});

/** Simple bind as BIND, message id 1. */
const BIND_REQUEST = element(0x30, [
  Buffer.from("020101", "hex"),
  element(0x60, [
    Buffer.from("020103", "hex"),
    element(0x04, [Buffer.from(BIND.dn)]),
    element(0x80, [Buffer.from(BIND.password)]),
  ]),
]);

/** Everything below the base, message id 2. */
const SEARCH_ALL = element(0x30, [
  Buffer.from("020102", "hex"),
  element(0x63, [
    element(0x04, [Buffer.from(BASE)]),
    Buffer.from("0a01020a0100020100020100010100", "hex"),
    element(0x87, [Buffer.from("objectClass")]),
    Buffer.from("3000", "hex"),
  ]),
]);

/** The base alone, no attributes. */
const SEARCH_BASE = element(0x30, [Buffer.from("020102", "hex"), searchFor("00")]);

/** The server's are of this length. */
const COOKIE_BYTES = 8;

/** One page of names, message id 2. */
function searchPage(size: number, cookie: Buffer): Buffer {
  const value = element(0x30, [Buffer.from([2, 1, size]), element(0x04, [cookie])]);
  const control = element(0x30, [
    element(0x04, [Buffer.from("1.2.840.113556.1.4.319")]),
    element(0x04, [value]),
  ]);
  return element(0x30, [Buffer.from("020102", "hex"), searchFor("02"), element(0xa0, [control])]);
}

function searchFor(scope: string): Buffer {
  return element(0x63, [
    element(0x04, [Buffer.from(BASE)]),
    Buffer.from(`0a01${scope}0a0100020100020100010100`, "hex"),
    element(0x87, [Buffer.from("objectClass")]),
    element(0x30, [element(0x04, [Buffer.from("1.1")])]),
  ]);
}

/** Success, message id 2. */
const SEARCH_DONE = Buffer.from("300c02010265070a010004000400", "hex");

function element(tag: number, parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, content.length]), content]);
}

/** The message id is the octet after the first five. */
function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy[4] = id;
  return copy;
}

async function open(server: DirectoryServer): Promise<Socket> {
  const socket = connect(server.port, server.host);
  await once(socket, "connect");
  return socket;
}

async function readUntil(socket: Socket, end: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let tail = Buffer.alloc(0);
  for await (const [chunk] of onData(socket)) {
    chunks.push(chunk);
    tail = Buffer.concat([tail.subarray(-end.length), chunk]);
    if (tail.includes(end)) break;
  }
  return Buffer.concat(chunks);
}

async function* onData(socket: Socket): AsyncGenerator<[Buffer]> {
  for (;;) {
    const chunk: unknown = socket.read();
    if (Buffer.isBuffer(chunk)) yield [chunk];
    else await once(socket, "readable", { signal: AbortSignal.timeout(CLOSE_MS) });
  }
}
