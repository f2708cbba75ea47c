import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCompany } from "../../agent/sim/company/company.ts";
import { companyUuid } from "../../agent/sim/company/draw.ts";
import { LANDMARKS } from "../../agent/sim/company/landmark.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { type DirectoryServer, startDirectory } from "../../agent/sim/directory/server.ts";

const run = promisify(execFile);
const BASE = LANDMARKS.baseDn;
const BIND = { dn: `cn=root,${BASE}`, password: "secret" };
const PEOPLE = 300;
const START_MS = 10_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** Debian keeps it out of the PATH of ordinary accounts. */
const PATH = `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin`;

let directory: string;
let slapd: ChildProcess;
let slapdUrl: string;
let server: DirectoryServer;

const CONFIG = (folder: string): string => `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix ${BASE}
rootdn ${BIND.dn}
rootpw ${BIND.password}
directory ${folder}/db
maxsize 268435456
sizelimit unlimited
access to * by users read by anonymous auth
`;

async function requirePart(command: string, packageName: string): Promise<void> {
  await run("sh", ["-c", `command -v ${command}`], { env: { ...process.env, PATH } }).catch(() => {
    throw new Error(
      `${command} is missing: apt-get install -y --no-install-recommends ${packageName}`,
    );
  });
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  listener.close();
  await once(listener, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

interface Answer {
  readonly code: number;
  readonly entries: readonly string[];
}

/** Entries as they came, lines sorted within each: neither attributes nor values have an order. */
async function search(url: string, args: readonly string[]): Promise<Answer> {
  const all = [
    "-x",
    "-H",
    url,
    "-D",
    BIND.dn,
    "-w",
    BIND.password,
    "-LLL",
    "-o",
    "ldif-wrap=no",
    ...args,
  ];
  const { stdout, code } = await run("ldapsearch", all, { maxBuffer: MAX_OUTPUT_BYTES }).then(
    (done) => ({ stdout: done.stdout, code: 0 }),
    (error: { stdout: string; code: number }) => ({ stdout: error.stdout, code: error.code }),
  );
  const entries = stdout
    .replace(/^#.*\n+/gm, "")
    .split("\n\n")
    .filter((record) => record.startsWith("dn"))
    .map((record) => record.trim().split("\n").sort().join("\n"));
  return { code, entries: entries.sort() };
}

async function both(args: readonly string[]): Promise<{ slapd: Answer; embedded: Answer }> {
  const [theirs, ours] = await Promise.all([search(slapdUrl, args), search(server.url, args)]);
  return { slapd: theirs, embedded: ours };
}

beforeAll(async () => {
  await requirePart("slapd", "slapd");
  await requirePart("slapadd", "slapd");
  await requirePart("ldapsearch", "ldap-utils");
  directory = await mkdtemp(join(tmpdir(), "sim-directory-"));
  await mkdir(join(directory, "db"));
  const config = join(directory, "slapd.conf");
  const ldif = join(directory, "company.ldif");
  await writeFile(config, CONFIG(directory));
  await writeFile(ldif, [...companyToLdif(createCompany({ people: PEOPLE }))].join(""));
  await run("slapadd", ["-q", "-f", config, "-l", ldif], { env: { ...process.env, PATH } });
  slapdUrl = `ldap://127.0.0.1:${await freePort()}`;
  slapd = spawn("slapd", ["-f", config, "-h", slapdUrl, "-d", "0"], {
    stdio: "ignore",
    env: { ...process.env, PATH },
  });
  for (const until = Date.now() + START_MS; ; await delay(50)) {
    const { code } = await search(slapdUrl, ["-s", "base", "-b", "", "namingContexts"]);
    if (code === 0) break;
    if (Date.now() > until) throw new Error(`slapd does not answer: code ${code}`);
  }
  server = await startDirectory({
    company: { people: PEOPLE },
    baseDn: BASE,
    bind: BIND,
    referentialIntegrity: false,
  });
});

afterAll(async () => {
  await server?.close();
  if (slapd !== undefined && slapd.exitCode === null) {
    slapd.kill();
    await once(slapd, "exit");
  }
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

const TEN = `entryUUID=${companyUuid(42, "person:10")}`;

const FILTERS = [
  "(objectClass=*)",
  "(objectClass=person)",
  "(objectClass=INETORGPERSON)",
  "(objectClass=groupOfNames)",
  "(objectClass=2.5.6.9)",
  "(objectClass=nonsense)",
  `(${TEN})`,
  "(entryUUID=nonsense)",
  "(uid=*)",
  "(mail=*)",
  "(!(mail=*))",
  "(&(objectClass=inetOrgPerson)(!(mail=*)))",
  "(employeeType=disabled)",
  "(employeeType=DISABLED  )",
  "(!(employeeType=employee))",
  "(departmentNumber=legal, risk and compliance)",
  "(departmentNumber=  Legal,  Risk   and Compliance )",
  "(departmentNumber=*and*)",
  "(departmentNumber=human*)",
  "(departmentNumber=*ING)",
  "(departmentNumber=*s*l*)",
  "(departmentNumber=h*r*s)",
  "(cn=*Müller*)",
  "(cn=*MÜLLER*)",
  "(sn=мельник)",
  "(sn=МЕЛЬНИК)",
  "(sn=\\d0\\9c\\d0\\b5\\d0\\bb\\d1\\8c\\d0\\bd\\d0\\b8\\d0\\ba)",
  "(cn=*(R+D)*)",
  "(cn=*\\28r\\2bd\\29*)",
  '(cn=*"*)',
  "(cn=*\\2a*)",
  "(surname=*)",
  "(2.5.4.4=w*)",
  "(name=*engineer*)",
  "(telephoneNumber=+49-30 1000-029)",
  "(telephoneNumber=*10000*)",
  "(mobile=*)",
  "(unknownAttribute=x)",
  "(!(unknownAttribute=x))",
  "(unknownAttribute=*)",
  "(|(unknownAttribute=x)(employeeType=disabled))",
  "(&(unknownAttribute=x)(objectClass=*))",
  "(!(&(unknownAttribute=x)(uid=nobody)))",
  "(!(|(unknownAttribute=x)(employeeType=disabled)))",
  "(!(|(unknownAttribute=x)(uid=nobody)))",
  "(cn>=a)",
  "(employeeNumber>=100200)",
  "(!(employeeNumber>=100200))",
  "(createTimestamp>=20200101000000Z)",
  "(createTimestamp<=20200101000000Z)",
  "(createTimestamp>=nonsense)",
  "(!(createTimestamp>=nonsense))",
  "(modifyTimestamp>=20200101000000Z)",
  "(entryCSN>=20200101000000.000000Z#000000#000#000000)",
  "(member=*)",
  `(member=${LANDMARKS.cycleA})`,
  `(member=CN = Cycle-A , OU=groups,DC=Example,dc=COM)`,
  `(member=${LANDMARKS.gone})`,
  "(member=nonsense)",
  "(!(member=nonsense))",
  "(member=*uid*)",
  "(manager=*)",
  "(&)",
  "(|)",
  "(!(&))",
  "(&(|(departmentNumber=sales)(departmentNumber=finance))(employeeType=contractor))",
  "(cn:caseExactMatch:=newsletter)",
  "(cn:caseExactMatch:=Newsletter)",
  "(cn:2.5.13.2:=NEWSLETTER)",
  "(:caseIgnoreMatch:=newsletter)",
  "(ou:dn:=engineering)",
  "(ou:dn:caseIgnoreMatch:=ENGINEERING)",
  "(:dn:caseExactMatch:=Groups)",
  "(cn:unknownRule:=x)",
  "(cn:integerMatch:=1)",
  "(cn:=newsletter)",
  "(cn;lang-en=newsletter)",
  "(hasSubordinates=TRUE)",
  "(hasSubordinates=FALSE)",
  `(entryDN=${LANDMARKS.escaped.replaceAll("\\", "\\5c")})`,
  `(member=cn=gr\\c3\\b6\\c3\\9fe \\5c22xxl\\5c22\\5c2c \\5cCE\\5cA9\\5c2b1,${LANDMARKS.groups})`,
  "(preferredLanguage=DE-de)",
  "(mail=*@EXAMPLE.com)",
  "(structuralObjectClass=groupOfNames)",
  "(labeledURI=*)",
];

describe("the embedded directory and slapd with the same company", () => {
  it.each(FILTERS)("find the same entries for %s", async (ldapFilter) => {
    const { slapd: theirs, embedded } = await both(["-b", BASE, ldapFilter, "1.1"]);
    expect(embedded).toEqual(theirs);
  });

  const SELECTIONS = [
    [],
    ["*"],
    ["CN", "Surname", "2.5.4.42"],
    ["name"],
    ["1.1"],
    ["1.1", "uid"],
    ["nonsense"],
    ["entryUUID", "entryDN", "hasSubordinates", "structuralObjectClass", "subschemaSubentry"],
    ["cn;lang-en"],
  ];
  it.each(SELECTIONS)("select the same attributes for %j %j %j", async (...attributes) => {
    const { slapd: theirs, embedded } = await both(["-b", BASE, "(objectClass=*)", ...attributes]);
    expect(theirs.entries.length).toBeGreaterThan(PEOPLE);
    expect(embedded).toEqual(theirs);
  });

  it("send the same types when only types are asked for", async () => {
    const { slapd: theirs, embedded } = await both(["-A", "-b", BASE, "(objectClass=*)"]);
    expect(theirs.entries.length).toBeGreaterThan(PEOPLE);
    expect(embedded).toEqual(theirs);
  });

  const SEARCHES = [
    ["base", BASE],
    ["one", BASE],
    ["sub", BASE],
    ["base", LANDMARKS.escaped],
    ["base", LANDMARKS.escaped.toUpperCase()],
    ["base", `cn=Gr\\C3\\B6\\c3\\9Fe \\22XXL\\22\\2C \\CE\\A9\\2B1 , ${LANDMARKS.groups}`],
    ["one", LANDMARKS.engineering],
    ["sub", LANDMARKS.legal],
    ["sub", `OU="Legal, Risk and Compliance" , ${LANDMARKS.europe}`],
    ["one", LANDMARKS.disabled],
    ["sub", LANDMARKS.contractors],
    ["sub", `ou=nobody,${BASE}`],
    ["base", "dc=elsewhere"],
    ["base", "no name at all"],
    ["base", "cn=a\\"],
    ["base", "cn=Subschema"],
  ] as const;
  it.each(SEARCHES)("reach the same entries with %s at %s", async (searchScope, base) => {
    const { slapd: theirs, embedded } = await both([
      "-s",
      searchScope,
      "-b",
      base,
      "(objectClass=*)",
      "1.1",
    ]);
    expect(embedded).toEqual(theirs);
  });

  const LIMITS = [
    ["-z", "10"],
    ["-z", "10", "-E", "pr=4/noprompt"],
    ["-z", "10", "-E", "pr=20/noprompt"],
    ["-E", "pr=7/noprompt"],
    ["-E", "pr=1000/noprompt"],
    ["-E", "!pr=50/noprompt"],
    ["-e", "!1.2.3.4"],
    ["-e", "1.2.3.4"],
    ["-M"],
  ];
  it.each(LIMITS)("count the same with %s %s %s %s", async (...options) => {
    const { slapd: theirs, embedded } = await both([
      ...options,
      "-b",
      BASE,
      "(objectClass=inetOrgPerson)",
      "1.1",
    ]);
    expect([embedded.code, embedded.entries.length]).toEqual([theirs.code, theirs.entries.length]);
  });

  it.each([
    ["a value it has", LANDMARKS.cycleA, "cn:CYCLE-a"],
    ["a value it has not", LANDMARKS.cycleA, "cn:other"],
    ["a member spelled otherwise", LANDMARKS.cycleA, `member: CN = cycle-B, ${LANDMARKS.groups}`],
    ["an attribute it has not", LANDMARKS.cycleA, "mail:x"],
    ["an attribute there is not", LANDMARKS.cycleA, "nonsense:x"],
    ["a value that is none", LANDMARKS.cycleA, "member:nonsense"],
    ["an entry there is not", `cn=nobody,${BASE}`, "cn:x"],
  ])("compare %s alike", async (_, dn, assertion) => {
    const compare = (url: string): Promise<number> =>
      run("ldapcompare", ["-x", "-H", url, "-D", BIND.dn, "-w", BIND.password, dn, assertion]).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
    expect(await compare(server.url)).toBe(await compare(slapdUrl));
  });

  const person = `uid=new,${LANDMARKS.people}`;
  const group = `cn=new,${LANDMARKS.groups}`;
  /** In this order: each one finds what the ones before left. */
  const WRITES: readonly (readonly [what: string, ldif: string])[] = [
    ["adds a person", add(person, "objectClass: inetOrgPerson", "uid: new", "cn: New", "sn: New")],
    [
      "refuses to add it again",
      add(person, "objectClass: inetOrgPerson", "uid: new", "cn: New", "sn: New"),
    ],
    [
      "misses a parent",
      add(`uid=x,ou=nobody,${BASE}`, "objectClass: inetOrgPerson", "uid: x", "cn: x", "sn: x"),
    ],
    [
      "misses a required attribute",
      add(`uid=x,${BASE}`, "objectClass: inetOrgPerson", "uid: x", "cn: x"),
    ],
    [
      "takes the naming value from the name",
      add(`uid=named,${BASE}`, "objectClass: inetOrgPerson", "cn: x", "sn: x"),
    ],
    [
      "knows no such attribute",
      add(`uid=x,${BASE}`, "objectClass: account", "uid: x", "nonsense: x"),
    ],
    ["knows no such class", add(`uid=x,${BASE}`, "objectClass: nonsense", "uid: x")],
    [
      "wants a structural class",
      add(`uid=x,${BASE}`, "objectClass: simpleSecurityObject", "uid: x", "userPassword: x"),
    ],
    ["wants a class", add(`uid=x,${BASE}`, "uid: x")],
    ["adds a group", add(group, "objectClass: groupOfNames", "cn: new", `member: ${person}`)],
    ["refuses a member that is no name", modify(group, "add: member", "member: nonsense")],
    [
      "refuses the same member spelled otherwise",
      modify(group, "add: member", `member: UID = New, ${LANDMARKS.people}`),
    ],
    ["refuses to empty a group", modify(group, "delete: member")],
    [
      "refuses to remove who is no member",
      modify(group, "delete: member", `member: ${LANDMARKS.gone}`),
    ],
    ["removes an attribute that is not there", modify(person, "delete: mail")],
    [
      "adds values",
      modify(person, "add: mail", "mail: new@example.com", "-", "add: title", "title: Buyer"),
    ],
    ["adds a value twice", modify(person, "add: title", "title: BUYER")],
    ["replaces a value", modify(person, "replace: title", "title: Planner")],
    ["replaces with nothing what is not there", modify(person, "replace: l")],
    [
      "refuses a second value",
      modify(person, "add: displayName", "displayName: a", "displayName: b"),
    ],
    [
      "refuses to change what the server keeps",
      modify(person, "replace: entryUUID", "entryUUID: 0bfeb91b-eec1-5f93-985e-e691968b6aa8"),
    ],
    ["refuses to remove the naming value", modify(person, "replace: uid", "uid: other")],
    ["refuses an empty text", modify(person, "replace: title", "title:")],
    [
      "changes nothing when one change fails",
      modify(person, "replace: title", "title: Lost", "-", "delete: mobile"),
    ],
    ["modifies nobody", modify(`uid=nobody,${BASE}`, "replace: title", "title: x")],
    ["refuses to delete what has children", `dn: ${LANDMARKS.people}\nchangetype: delete\n`],
    ["deletes nobody", `dn: uid=nobody,${LANDMARKS.people}\nchangetype: delete\n`],
    [
      "renames and keeps the old value",
      rename(person, "newrdn: cn=New\\, Person", "deleteoldrdn: 0"),
    ],
    [
      "renames into another name",
      rename(`cn=New\\, Person,${LANDMARKS.people}`, "newrdn: uid=newer", "deleteoldrdn: 1"),
    ],
    [
      "moves",
      rename(
        `uid=newer,${LANDMARKS.people}`,
        "newrdn: uid=newer",
        "deleteoldrdn: 0",
        `newsuperior: ${LANDMARKS.disabled}`,
      ),
    ],
    [
      "moves an OU with all below it",
      rename(
        LANDMARKS.legal,
        "newrdn: ou=Law",
        "deleteoldrdn: 1",
        `newsuperior: ${LANDMARKS.contractors}`,
      ),
    ],
    [
      "refuses to move below itself",
      rename(
        LANDMARKS.people,
        "newrdn: ou=People",
        "deleteoldrdn: 0",
        `newsuperior: ${LANDMARKS.europe}`,
      ),
    ],
    [
      "refuses a name that is taken",
      rename(
        `uid=newer,${LANDMARKS.disabled}`,
        "newrdn: ou=Groups",
        "deleteoldrdn: 0",
        `newsuperior: ${BASE}`,
      ),
    ],
    ["renames nobody", rename(`uid=nobody,${BASE}`, "newrdn: uid=x", "deleteoldrdn: 1")],
    [
      "finds no new parent",
      rename(
        `uid=newer,${LANDMARKS.disabled}`,
        "newrdn: uid=newer",
        "deleteoldrdn: 0",
        `newsuperior: ou=nobody,${BASE}`,
      ),
    ],
    ["deletes", `dn: uid=newer,${LANDMARKS.disabled}\nchangetype: delete\n`],
  ];

  it("answer the same to the same writes and hold the same afterwards", async () => {
    const results: { what: string; slapd: number; embedded: number }[] = [];
    for (const [what, ldif] of WRITES) {
      results.push({
        what,
        slapd: await write(slapdUrl, ldif),
        embedded: await write(server.url, ldif),
      });
    }
    expect(results.map(({ what, embedded }) => [what, embedded])).toEqual(
      results.map(({ what, slapd: theirs }) => [what, theirs]),
    );
    const { slapd: theirs, embedded } = await both([
      "-b",
      BASE,
      "(objectClass=*)",
      "*",
      "entryUUID",
    ]);
    // The two entries that were added and are still there have an id that each server drew for itself.
    const drawn = /^dn: (?:uid=named|cn=new),/m;
    const fixed = ({ entries }: Answer): string[] =>
      entries.map((entry) => (drawn.test(entry) ? entry.replace(/^entryUUID: .*\n?/m, "") : entry));
    expect(fixed(theirs).filter((entry) => drawn.test(entry))).toHaveLength(2);
    expect(fixed(embedded)).toEqual(fixed(theirs));
  });

  it.each([1, 20, 2000])("take a company of %i people without complaint", async (people) => {
    const folder = await mkdtemp(join(tmpdir(), "sim-company-"));
    try {
      await mkdir(join(folder, "db"));
      await writeFile(join(folder, "slapd.conf"), CONFIG(folder));
      const ldif = join(folder, "company.ldif");
      await writeFile(ldif, [...companyToLdif(createCompany({ people, seed: 7 }))].join(""));
      const env = { ...process.env, PATH };
      // Without -q: values are checked against the schema.
      const added = await run("slapadd", ["-f", join(folder, "slapd.conf"), "-l", ldif], { env });
      expect(
        added.stderr.replace(/^Closing DB\.\.\.\n?/m, "").replace(/.*100\.00%.*\n?/g, ""),
      ).toBe("");
      const held = await run("slapcat", ["-f", join(folder, "slapd.conf")], {
        env,
        maxBuffer: MAX_OUTPUT_BYTES,
      });
      const embedded = await startDirectory({
        company: { people, seed: 7 },
        baseDn: BASE,
        bind: BIND,
      });
      await embedded.close();
      expect(held.stdout.match(/^dn:/gm)?.length).toBe(embedded.store.size);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

function add(dn: string, ...lines: readonly string[]): string {
  return `dn: ${dn}\nchangetype: add\n${lines.join("\n")}\n`;
}

function modify(dn: string, ...lines: readonly string[]): string {
  return `dn: ${dn}\nchangetype: modify\n${lines.join("\n")}\n-\n`;
}

function rename(dn: string, ...lines: readonly string[]): string {
  return `dn: ${dn}\nchangetype: modrdn\n${lines.join("\n")}\n`;
}

async function write(url: string, ldif: string): Promise<number> {
  const file = join(directory, "change.ldif");
  await writeFile(file, ldif);
  const args = ["-x", "-H", url, "-D", BIND.dn, "-w", BIND.password, "-f", file];
  return run("ldapmodify", args).then(
    () => 0,
    (error: { code: number }) => error.code,
  );
}
