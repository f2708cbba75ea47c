import { Attribute, Change, Client } from "ldapts";
import { afterEach, expect, it } from "vitest";
import { createCompany } from "../../agent/sim/company/company.ts";
import { LANDMARKS } from "../../agent/sim/company/landmark.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { writeAgentFiles } from "../support/agent-files.ts";
import { startBrokerProcess } from "../support/broker-process.ts";
import { MAIN, runCommand, startAgent } from "../support/command.ts";
import { startOpenLdap } from "../support/openldap.ts";
import { writeProvisioningFiles } from "../support/provisioning-files.ts";
import { testQueues } from "../support/queues.ts";
import { USER } from "../support/scim-app.ts";
import { startScimAppProcess } from "../support/scim-app-process.ts";

const PEOPLE = Number(process.env["BENCH_PEOPLE"] ?? 10_000);
const SMALL = 1_000;
const LARGE = Number(process.env["BENCH_LARGE"] ?? 100_000);
const CHANGES = 10;
const ROUNDS = 3;
/** As many requests at a time as a job's. */
const CONCURRENCY = 8;
const TIMEOUT_MS = 3_600_000;

const releases: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

/** Directory, broker, agent and app, each in a process of its own. */
async function open(people: number) {
  const ldap = await startOpenLdap({ ldif: companyToLdif(createCompany({ people })) });
  releases.push(() => ldap.close());
  const broker = await startBrokerProcess(testQueues());
  releases.push(() => broker.stop());
  const { connectionString } = broker;
  const { url, baseDn, bindDn, bindPassword } = ldap;
  const scope = { organizationalUnits: { include: [LANDMARKS.people] } };
  const log = { level: "warn" };
  const files = await writeAgentFiles({
    ...{ connectionString, url, baseDn, bindDn, bindPassword, scope, log },
  });
  releases.push(() => files.remove());
  const agent = await startAgent(files.configPath);
  releases.push(() => agent.kill("SIGTERM"));
  const app = await startScimAppProcess(MAIN);
  releases.push(() => app.stop());
  const provisioning = await writeProvisioningFiles({ connectionString, url: app.url });
  releases.push(() => provisioning.remove());
  const client = new Client({ url });
  await client.bind(ldap.adminDn, ldap.adminPassword);
  releases.push(() => client.unbind());
  const cycle = async () => {
    const args = ["provisioning", "cycle", "--json", "--config", provisioning.configPath];
    const { code, stdout, stderr } = await runCommand(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { execution } = JSON.parse(stdout) as {
      readonly execution: {
        readonly timeBegan: number;
        readonly timeEnded: number;
        readonly counts: { readonly exported: number; readonly imported: number };
      };
    };
    return { ms: execution.timeEnded - execution.timeBegan, ...execution.counts };
  };
  return { cycle, app, client };
}

/** POSTs a second by clients that do nothing else. */
async function postRate(url: string, count: number): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  const post = async () => {
    for (let n = next++; n < count; n = next++) {
      const body = { schemas: [USER], userName: `direct${n}`, active: true };
      const response = await fetch(`${url}/Users`, {
        method: "POST",
        headers: { "content-type": "application/scim+json" },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(201);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, post));
  return (count / (performance.now() - startedAt)) * 1000;
}

it(
  "an initial cycle against posting to the app directly",
  async () => {
    const { cycle } = await open(PEOPLE);
    const { ms, imported, exported } = await cycle();
    const app = await startScimAppProcess(MAIN);
    const direct = await postRate(app.url, imported);
    await app.stop();
    const rate = (imported / ms) * 1000;
    // A look-up and a create for each, and one more for the manager of most.
    const requests = ((imported + exported) / ms) * 1000;
    console.log(
      `initial cycle of ${imported} users: ${(ms / 1000).toFixed(1)} s, ${rate.toFixed(0)} users/s, ${requests.toFixed(0)} requests/s; the app alone: ${direct.toFixed(0)} POSTs/s; ratio ${(rate / direct).toFixed(2)} by users, ${(requests / direct).toFixed(2)} by requests`,
    );
  },
  TIMEOUT_MS,
);

it(
  "an incremental cycle with 10 changes, in a small and in a large directory",
  async () => {
    const medians: number[] = [];
    for (const people of [SMALL, LARGE]) {
      const { cycle, client } = await open(people);
      await cycle();
      const { searchEntries } = await client.search(LANDMARKS.people, {
        filter: "(objectClass=inetOrgPerson)",
        attributes: ["uid"],
        sizeLimit: CHANGES,
        paged: { pageSize: CHANGES },
      });
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        for (const { dn } of searchEntries.slice(0, CHANGES)) {
          const modification = new Attribute({ type: "title", values: [`Round ${round}`] });
          await client.modify(dn, new Change({ operation: "replace", modification }));
        }
        times.push((await cycle()).ms);
      }
      times.sort((a, b) => a - b);
      medians.push(times[Math.floor(ROUNDS / 2)] ?? 0);
      for (const release of releases.splice(0).reverse()) await release();
    }
    const [small = 0, large = 0] = medians;
    console.log(
      `incremental cycle with ${CHANGES} changes: ${small} ms at ${SMALL} people, ${large} ms at ${LARGE}: ${(large / small).toFixed(1)} x`,
    );
  },
  TIMEOUT_MS,
);
