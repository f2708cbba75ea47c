import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "ldapts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createCompany } from "../../agent/sim/company/company.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, startAgent } from "../support/command.ts";
import { type OpenLdap, startOpenLdap } from "../support/openldap.ts";
import { testQueues } from "../support/queues.ts";
import { ScimClient } from "../support/scim-client.ts";

const PEOPLE = Number(process.env["BENCH_PEOPLE"] ?? 10_000);
const WARM_UP = 2_000;
/** Look-ups are taken in turns of so many, so that whatever else the machine does meets both. */
const TURN = 250;
const TURNS = 16;

/** What the shipped mapping reads of a person. */
const ATTRIBUTES =
  "entryUUID uid displayName cn sn givenName title employeeType preferredLanguage mail telephoneNumber mobile facsimileTelephoneNumber street l postalCode st employeeNumber departmentNumber o".split(
    " ",
  );
const MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

let ldap: OpenLdap;
let broker: BrokerProcess;
let files: AgentFiles;
let agent: AgentProcess;
let raw: Client;
let scim: ScimClient;
let leastChild: ChildProcess;
let least: ScimClient;
let names: readonly string[];

beforeAll(async () => {
  const company = createCompany({ people: PEOPLE });
  ldap = await startOpenLdap({ ldif: companyToLdif(company) });
  broker = await startBrokerProcess(testQueues());
  const { connectionString } = broker;
  const { url, baseDn, bindDn, bindPassword } = ldap;
  files = await writeAgentFiles({
    connectionString,
    url,
    baseDn,
    bindDn,
    bindPassword,
    // A line for each request goes where an agent in service writes it, and not through the client under test.
    log: { level: "info", console: "off", file: { directory: "logs" } },
    scim: { enabled: true, listen: "127.0.0.1:0" },
  });
  agent = await startAgent(files.configPath);
  scim = new ScimClient(await scimUrl());
  leastChild = fork(fileURLToPath(new URL("least-lookup-child.mjs", import.meta.url)));
  leastChild.send({ url, baseDn, bindDn, bindPassword, attributes: ATTRIBUTES });
  const [port] = await once(leastChild, "message");
  least = new ScimClient(`http://127.0.0.1:${port}`);
  raw = new Client({ url });
  await raw.bind(bindDn, bindPassword);
  const { searchEntries } = await raw.search(baseDn, {
    filter: "(objectClass=inetOrgPerson)",
    attributes: ["uid"],
    paged: { pageSize: 1000 },
  });
  names = searchEntries.map(({ uid }) => String(uid));
});

afterAll(async () => {
  scim?.close();
  least?.close();
  leastChild?.kill();
  await raw?.unbind();
  await agent?.kill("SIGTERM");
  await files?.remove();
  await broker?.stop();
  await ldap?.close();
});

/** From the log file: nothing is on the console. */
async function scimUrl(): Promise<string> {
  const path = join(files.folder, "logs", "agent.log");
  for (;;) {
    const lines = (await readFile(path, "utf8").catch(() => "")).split("\n");
    const started = lines.find((line) => line.includes('"agent.started"'));
    if (started !== undefined) return JSON.parse(started).scimUrl;
    await delay(50);
  }
}

function name(n: number): string {
  return names[(n * 7919) % names.length] ?? "";
}

async function lookUpRaw(n: number): Promise<void> {
  const { searchEntries } = await raw.search(ldap.baseDn, {
    scope: "sub",
    filter: `(&(objectClass=inetOrgPerson)(uid=${name(n)}))`,
    attributes: ATTRIBUTES,
  });
  expect(searchEntries.length).toBe(1);
}

async function lookUpLeast(n: number): Promise<void> {
  const { body } = await least.ask(`/${name(n)}`);
  expect(body?.["totalResults"]).toBe(1);
}

async function lookUp(n: number, more = ""): Promise<void> {
  const filter = encodeURIComponent(`userName eq "${name(n)}"`);
  const { body } = await scim.ask(`/Users?filter=${filter}${more}`);
  expect(body?.["totalResults"]).toBe(1);
}

const KINDS = {
  "raw ldapts search on an open connection": lookUpRaw,
  "node:http before it, nothing else": lookUpLeast,
  "GET /Users?filter=userName eq …": (n: number) =>
    lookUp(n, `&excludedAttributes=${encodeURIComponent(MANAGER)}`),
  "the same with the manager's id": lookUp,
};

it("a look-up over HTTP against a raw search", async () => {
  const times = Object.values(KINDS).map((): number[] => []);
  for (let n = 0; n < WARM_UP; n++) for (const kind of Object.values(KINDS)) await kind(n);
  let n = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [at, kind] of Object.values(KINDS).entries()) {
      for (let i = 0; i < TURN; i++, n++) {
        const startedAt = performance.now();
        await kind(n);
        times[at]?.push(performance.now() - startedAt);
      }
    }
  }
  const base = quantile(times[0] ?? [], 0.5);
  const rows = Object.keys(KINDS).map((title, at) => {
    const [p50, p99] = [0.5, 0.99].map((q) => quantile(times[at] ?? [], q));
    const ms = (value = Number.NaN) => value.toFixed(3).padStart(7);
    return `${title.padEnd(42)} p50 ${ms(p50)} ms  p99 ${ms(p99)} ms  ${((p50 ?? 0) / base).toFixed(2)} x`;
  });
  const size = `${PEOPLE} people, OpenLDAP in ${ldap.runsIn}, ${TURN * TURNS} each, one at a time`;
  console.log([`look-up by userName, ${size}`, ...rows].join("\n"));
});

function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * at)] ?? Number.NaN;
}
