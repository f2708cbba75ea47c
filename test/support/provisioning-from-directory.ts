import { Attribute, Change, Client, type Entry } from "ldapts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { companyLandmarks } from "../../agent/sim/company/landmark.ts";
import { type AgentFiles, writeAgentFiles } from "./agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "./broker-process.ts";
import { type AgentProcess, runCommand, startAgent } from "./command.ts";
import { type ProvisioningFiles, writeProvisioningFiles } from "./provisioning-files.ts";
import { testQueues } from "./queues.ts";
import { times } from "./run-length.ts";
import { type AppUnderTest, appUnderTest, ENTERPRISE, type Json } from "./scim-app.ts";

const DRIFTS = 200;
const ROUNDS = times({ short: 2, long: 20 });
const TIMEOUT_MS = times({ short: 240_000, long: 3_600_000 });
/** Until slapd's overlay has rewritten what refers to an entry that was renamed or removed. */
const INTEGRITY_MS = 1_000;

/** A directory with a company in it, and what is different about its kind. */
export interface CompanyServer {
  readonly url: string;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  readonly adminDn: string;
  readonly adminPassword: string;
  close(): Promise<void>;
}

export interface CompanyKind {
  readonly start: (people: number) => Promise<CompanyServer>;
  readonly baseDn: string;
  /** Of the agent's configuration. */
  readonly directory: object;
  readonly idAttribute: string;
  /** The id as the app gets it. */
  readonly idOf: (entry: Entry) => string;
  readonly personFilter: string;
  readonly groupFilter: string;
  /** What becomes `userName`. */
  readonly nameAttribute: string;
  /** Attributes of somebody who is hired, and the RDN. */
  readonly hire: (n: number) => {
    readonly rdn: string;
    readonly attributes: Record<string, string[]>;
  };
}

/**
 * A real directory, an agent, a broker and the app, the provisioning service by its command line; what the app holds is compared
 * with what another client than the agent's reads.
 */
export function describeProvisioning(
  name: string,
  { people: peopleCount, ...kind }: CompanyKind & { readonly people: number },
): void {
  describe(`${peopleCount} people from ${name} to the app`, () => {
    const LANDMARKS = companyLandmarks(kind.baseDn);
    let ldap: CompanyServer;
    let broker: BrokerProcess;
    let agentFiles: AgentFiles;
    let files: ProvisioningFiles;
    let agent: AgentProcess;
    let app: AppUnderTest;
    let client: Client;
    /** Whoever was in scope once has an account, unless deleted since. */
    const provisioned = new Set<string>();
    let drawn = 0;

    beforeAll(async () => {
      ldap = await kind.start(peopleCount);
      const { queues, ...options } = testQueues();
      broker = await startBrokerProcess({ ...options, queues });
      const { connectionString } = broker;
      const { url, baseDn, bindDn, bindPassword } = ldap;
      agentFiles = await writeAgentFiles({
        ...{ connectionString, url, baseDn, bindDn, bindPassword },
        directory: kind.directory,
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
        filter: `(|${kind.personFilter}${kind.groupFilter})`,
        attributes: [
          ...[kind.idAttribute, kind.nameAttribute, "cn", "displayName", "title", "manager"],
          ...["member", "objectClass"],
        ],
        explicitBufferAttributes: [kind.idAttribute],
        paged: { pageSize: 500 },
      });
      return searchEntries;
    }

    function isPerson(entry: Entry): boolean {
      return !listOf(entry["objectClass"]).some((one) => /^group/i.test(one));
    }

    function isInScope(entry: Entry): boolean {
      const key = keyOf(entry.dn);
      if (!isPerson(entry)) return key.endsWith(`,${keyOf(LANDMARKS.groups)}`);
      const [people, legal] = [keyOf(LANDMARKS.people), keyOf(LANDMARKS.legal)];
      return key.endsWith(`,${people}`) && !key.endsWith(`,${legal}`);
    }

    async function compare(): Promise<void> {
      const entries = await readDirectory();
      const resources = [...app.app.resources("User"), ...app.app.resources("Group")];
      const appIds = new Map(resources.map((one) => [one["externalId"], one.id]));
      const uuids = new Map(entries.map((entry) => [keyOf(entry.dn), kind.idOf(entry)]));
      const inScope = entries.filter(isInScope);
      for (const entry of inScope) provisioned.add(kind.idOf(entry));
      const there = new Set(uuids.values());
      for (const id of [...provisioned]) if (!there.has(id)) provisioned.delete(id);
      const wanted = new Map<unknown, string>([...provisioned].map((id) => [id, "disabled"]));
      for (const entry of inScope) {
        const { cn, displayName, title, manager, member } = entry;
        const targets = (isPerson(entry) ? listOf(manager) : listOf(member)).flatMap(
          (dn) => appIds.get(uuids.get(keyOf(dn))) ?? [],
        );
        const person = [first(entry[kind.nameAttribute]), first(displayName), first(title)];
        const names = isPerson(entry) ? person : [first(cn)];
        wanted.set(kind.idOf(entry), JSON.stringify([...names, ...targets.sort()]));
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
      const people = all.filter((entry) => isPerson(entry) && isInScope(entry));
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
        case 0: {
          const { rdn: newRdn, attributes } = kind.hire(drawn);
          const more = { displayName: [`Hired ${drawn}`], manager: [person.dn] };
          return client.add(`${newRdn},${LANDMARKS.engineering}`, { ...attributes, ...more });
        }
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
}

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
