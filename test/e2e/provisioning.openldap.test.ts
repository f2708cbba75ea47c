import { Attribute, Change, Client, type Entry } from "ldapts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCompany } from "../../agent/sim/company/company.ts";
import { LANDMARKS } from "../../agent/sim/company/landmark.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, runCommand, startAgent } from "../support/command.ts";
import { type OpenLdap, startOpenLdap } from "../support/openldap.ts";
import { type ProvisioningFiles, writeProvisioningFiles } from "../support/provisioning-files.ts";
import { testQueues } from "../support/queues.ts";
import { times } from "../support/run-length.ts";
import { type AppUnderTest, appUnderTest, ENTERPRISE, type Json } from "../support/scim-app.ts";

const PEOPLE = 10_000;
const DRIFTS = 200;
const ROUNDS = times({ short: 2, long: 20 });
const TIMEOUT_MS = times({ short: 240_000, long: 3_600_000 });
/** Until slapd's overlay has rewritten what refers to an entry that was renamed or removed. */
const INTEGRITY_MS = 1_000;

/** An OpenLDAP directory, an agent, a broker and the app, the provisioning service by its command line. */
describe("10,000 people from OpenLDAP to the app", () => {
  let ldap: OpenLdap;
  let broker: BrokerProcess;
  let agentFiles: AgentFiles;
  let files: ProvisioningFiles;
  let agent: AgentProcess;
  let app: AppUnderTest;
  let client: Client;
  /** Whoever was in scope once has an account. */
  const provisioned = new Set<string>();
  let drawn = 0;

  beforeAll(async () => {
    ldap = await startOpenLdap({ ldif: companyToLdif(createCompany({ people: PEOPLE })) });
    const { queues, ...options } = testQueues();
    broker = await startBrokerProcess({ ...options, queues });
    const { connectionString } = broker;
    const { url, baseDn, bindDn, bindPassword } = ldap;
    agentFiles = await writeAgentFiles({
      ...{ connectionString, url, baseDn, bindDn, bindPassword },
      scope: {
        organizationalUnits: {
          include: [LANDMARKS.people, LANDMARKS.groups],
          exclude: [LANDMARKS.legal],
        },
      },
    });
    agent = await startAgent(agentFiles.configPath);
    app = await appUnderTest({ profile: "entra" });
    files = await writeProvisioningFiles({ connectionString, url: app.app.url });
    client = new Client({ url });
    await client.bind(ldap.adminDn, ldap.adminPassword);
  });

  afterAll(async () => {
    await client?.unbind();
    await agent?.kill("SIGKILL");
    await app?.app.close();
    await files?.remove();
    await agentFiles?.remove();
    await broker?.stop();
    await ldap?.close();
  });

  async function cycle(): Promise<Json> {
    const args = ["provisioning", "cycle", "--json", "--config", files.configPath];
    const { code, stdout, stderr } = await runCommand(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return (JSON.parse(stdout) as { readonly execution: Json }).execution;
  }

  /** Read by another client than the agent's, so that what is expected owes nothing to the agent. */
  async function readDirectory(): Promise<readonly Entry[]> {
    const { searchEntries } = await client.search(ldap.baseDn, {
      filter: "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))",
      attributes: ["entryUUID", "uid", "cn", "displayName", "title", "manager", "member"],
      paged: { pageSize: 500 },
    });
    return searchEntries;
  }

  function isInScope({ dn, uid }: Entry): boolean {
    const key = keyOf(dn);
    if (first(uid) === "") return key.endsWith(`,${keyOf(LANDMARKS.groups)}`);
    const [people, legal] = [keyOf(LANDMARKS.people), keyOf(LANDMARKS.legal)];
    return key.endsWith(`,${people}`) && !key.endsWith(`,${legal}`);
  }

  async function compare(): Promise<void> {
    const entries = await readDirectory();
    const resources = [...app.app.resources("User"), ...app.app.resources("Group")];
    const appIds = new Map(resources.map((one) => [one["externalId"], one.id]));
    const uuids = new Map(entries.map((entry) => [keyOf(entry.dn), first(entry["entryUUID"])]));
    const inScope = entries.filter(isInScope);
    for (const entry of inScope) provisioned.add(first(entry["entryUUID"]));
    const wanted = new Map<unknown, string>([...provisioned].map((id) => [id, "disabled"]));
    for (const { uid, cn, displayName, title, manager, member, entryUUID } of inScope) {
      const isPerson = first(uid) !== "";
      const targets = (isPerson ? listOf(manager) : listOf(member)).flatMap(
        (dn) => appIds.get(uuids.get(keyOf(dn))) ?? [],
      );
      const names = isPerson ? [first(uid), first(displayName), first(title)] : [first(cn)];
      wanted.set(first(entryUUID), JSON.stringify([...names, ...targets.sort()]));
    }
    const found = new Map(resources.map((one) => [one["externalId"], describeResource(one)]));
    const wrong = [...new Set([...wanted.keys(), ...found.keys()])].flatMap((id) =>
      wanted.get(id) === found.get(id)
        ? []
        : [{ id, wanted: wanted.get(id), found: found.get(id) }],
    );
    expect({ wrong: wrong.slice(0, 5), number: wrong.length }).toEqual({ wrong: [], number: 0 });
    expect(resources.length).toBe(found.size);
  }

  /** Each change is about somebody else, so that the directory need not be read again for every one. */
  async function drift(changes: number): Promise<void> {
    const all = await readDirectory();
    const people = all.filter((entry) => first(entry["uid"]) !== "" && isInScope(entry));
    for (let n = 0; n < changes; n++) {
      const [person] = people.splice(Math.floor(seeded(++drawn) * people.length), 1);
      const [other] = people;
      const group = all.find(({ dn }) => keyOf(dn) === keyOf(LANDMARKS.newsletter));
      if (person && other && group) await change(person, { other, group });
    }
  }

  async function change(
    person: Entry,
    { other, group }: { readonly other: Entry; readonly group: Entry },
  ): Promise<void> {
    const replace = (type: string, values: string[]) =>
      client.modify(
        person.dn,
        new Change({ operation: "replace", modification: new Attribute({ type, values }) }),
      );
    const rdn = person.dn.slice(0, person.dn.search(/(?<!\\),/));
    switch (drawn % 7) {
      case 0:
        return client.add(`uid=hired${drawn},${LANDMARKS.engineering}`, {
          objectClass: ["inetOrgPerson"],
          ...{ cn: ["Hired"], sn: ["Hired"], displayName: [`Hired ${drawn}`] },
          manager: [person.dn],
        });
      case 1:
        return replace("displayName", [`Renamed ${drawn}`]);
      case 2:
        return client.modifyDN(person.dn, `${rdn},${LANDMARKS.contractors}`);
      case 3:
        return client.del(person.dn);
      case 4:
        return replace("manager", [other.dn]);
      case 5: {
        const isMember = new Set(listOf(group["member"]).map(keyOf)).has(keyOf(person.dn));
        const modification = new Attribute({ type: "member", values: [person.dn] });
        const operation = isMember ? "delete" : "add";
        return client.modify(group.dn, new Change({ operation, modification }));
      }
      default:
        return replace("title", [`Title ${drawn}`]);
    }
  }

  it(
    "an initial cycle brings all of them, with managers and members",
    async () => {
      const execution = await cycle();
      expect(execution).toMatchObject({ kind: "initial", state: "Succeeded" });
      await compare();
    },
    TIMEOUT_MS,
  );

  it(
    "after 200 random changes the app is what directory, scope and mapping say",
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await drift(DRIFTS / ROUNDS);
        await new Promise((resolve) => setTimeout(resolve, INTEGRITY_MS));
        expect(await cycle()).toMatchObject({ kind: "incremental", state: "Succeeded" });
        await compare();
      }
    },
    TIMEOUT_MS,
  );
});

/** A number from 0 to below 1 that is the same in every run. */
function seeded(index: number): number {
  const mixed = Math.imul(index ^ 0x9e3779b9, 0x85ebca6b);
  return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 32;
}

/** A server writes a comma in a DN as `\\2C` in one place and as `\\,` in another. */
function keyOf(dn: string): string {
  const hex = (_: string, c: string) => `\\${Buffer.from(c).toString("hex")}`;
  return dn.replace(/\\([^0-9a-fA-F])/g, hex).toLowerCase();
}

function listOf(value: Entry[string] | undefined): readonly string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

function first(value: Entry[string] | undefined): string {
  return listOf(value)[0] ?? "";
}

function describeResource(resource: Json): string {
  if (resource["active"] === false) return "disabled";
  const { userName, displayName, title, members } = resource;
  const { manager } = (resource[ENTERPRISE] ?? {}) as { manager?: { readonly value: string } };
  const ids =
    userName === undefined
      ? ((members ?? []) as readonly { readonly value: string }[]).map(({ value }) => value)
      : manager === undefined
        ? []
        : [manager.value];
  const names = userName === undefined ? [displayName] : [userName, displayName, title ?? ""];
  return JSON.stringify([...names, ...ids.sort()]);
}
