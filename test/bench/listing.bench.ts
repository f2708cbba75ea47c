import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ServiceBusRequester } from "../../agent/bus/service-bus-requester.ts";
import { createCompany } from "../../agent/sim/company/company.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, startAgent } from "../support/command.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { type OpenLdap, startOpenLdap } from "../support/openldap.ts";
import { testQueues } from "../support/queues.ts";

const PEOPLE = Number(process.env["BENCH_PEOPLE"] ?? 10_000);
const ROUNDS = 5;

/** What the shipped mapping reads of a person. */
const ATTRIBUTES =
  "entryUUID uid displayName cn sn givenName title employeeType preferredLanguage mail telephoneNumber mobile facsimileTelephoneNumber street l postalCode st employeeNumber departmentNumber o manager".split(
    " ",
  );

let ldap: OpenLdap;
let broker: BrokerProcess;
let files: AgentFiles;
let agent: AgentProcess;
let requester: ServiceBusRequester;

beforeAll(async () => {
  ldap = await startOpenLdap({ ldif: companyToLdif(createCompany({ people: PEOPLE })) });
  broker = await startBrokerProcess(testQueues());
  const { connectionString } = broker;
  const { url, baseDn, bindDn, bindPassword } = ldap;
  files = await writeAgentFiles({
    connectionString,
    url,
    baseDn,
    bindDn,
    bindPassword,
    log: { level: "warn" },
  });
  agent = await startAgent(files.configPath);
  requester = new ServiceBusRequester(
    {
      credential: { kind: "connectionString", connectionString },
      requestQueue: "requests",
      replyQueue: "replies",
    },
    { log: new MemoryLog() },
  );
});

afterAll(async () => {
  await requester?.close();
  await agent?.kill("SIGTERM");
  await files?.remove();
  await broker?.stop();
  await ldap?.close();
});

async function searchMs(): Promise<number> {
  const args = [
    "-x",
    "-H",
    ldap.url,
    "-D",
    ldap.bindDn,
    "-w",
    ldap.bindPassword,
    "-b",
    ldap.baseDn,
    "-LLL",
  ];
  const startedAt = performance.now();
  const child = spawn(
    "ldapsearch",
    [...args, "-E", "pr=1000/noprompt", "(objectClass=inetOrgPerson)", ...ATTRIBUTES],
    { stdio: "ignore" },
  );
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
  return performance.now() - startedAt;
}

async function listing(excludedAttributes: readonly string[]) {
  const startedAt = performance.now();
  let firstPartMs = 0;
  let items = 0;
  const reply = await requester.request(
    {
      method: "POST",
      path: "/Users/.search",
      body: {
        schemas: ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        excludedAttributes,
      },
      stream: true,
      correlationId: randomUUID(),
      timeoutMs: 300_000,
    },
    {
      onProgress: (progress) => {
        firstPartMs ||= performance.now() - startedAt;
        items = progress.items;
      },
    },
    AbortSignal.timeout(300_000),
  );
  const ms = performance.now() - startedAt;
  expect({ status: reply.status, items }).toEqual({ status: 200, items: PEOPLE });
  await reply.release();
  return { ms, firstPartMs, parts: reply.parts };
}

it("a full listing against ldapsearch", async () => {
  const manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
  const search: number[] = [];
  const plain: Awaited<ReturnType<typeof listing>>[] = [];
  const full: Awaited<ReturnType<typeof listing>>[] = [];
  // Taken in turns, so that whatever else the machine does meets all of them.
  for (let round = 0; round < ROUNDS; round++) {
    search.push(await searchMs());
    plain.push(await listing([manager]));
    full.push(await listing([]));
  }
  const ldapsearch = median(search);
  const row = (name: string, runs: typeof full) => {
    const ms = median(runs.map((run) => run.ms));
    const first = median(runs.map((run) => run.firstPartMs));
    return `${name.padEnd(46)} ${ms.toFixed(0).padStart(6)} ms  ${(ms / ldapsearch).toFixed(2)} x  first part ${first.toFixed(0)} ms, ${runs[0]?.parts} parts`;
  };
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))?.[1];
  console.log(
    [
      `full listing of ${PEOPLE} users, OpenLDAP in ${ldap.runsIn}, median of ${ROUNDS}`,
      `${"ldapsearch -E pr=1000/noprompt, to /dev/null".padEnd(46)} ${ldapsearch.toFixed(0).padStart(6)} ms  1.00 x`,
      row("agent, to whole answer at the requester", plain),
      row("the same with references", full),
      `agent's peak memory: ${(Number(peak) / 1024).toFixed(0)} MB`,
    ].join("\n"),
  );
});

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
