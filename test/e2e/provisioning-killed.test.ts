import { afterAll, beforeAll, expect, it } from "vitest";
import { LANDMARKS } from "../../agent/sim/company/landmark.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, runCommand, startAgent } from "../support/command.ts";
import { type DirectoryProcess, startDirectoryProcess } from "../support/directory-process.ts";
import { type ProvisioningFiles, writeProvisioningFiles } from "../support/provisioning-files.ts";
import { testQueues } from "../support/queues.ts";
import { times } from "../support/run-length.ts";
import { type AppUnderTest, appUnderTest, type Json } from "../support/scim-app.ts";

const PEOPLE = 200;
const CHANGES = 10;
const INCREMENTAL_DEATHS = times({ short: 4, long: 100 });
/** Requests that the app has answered in one life, when the service is killed: the first, and others on the way. */
const LIVES = [1, 2, 7, 50, 120, 200];

let directory: DirectoryProcess;
let broker: BrokerProcess;
let agentFiles: AgentFiles;
let agent: AgentProcess;
/** The one whose service dies, and the one whose service does not. */
let killed: World;
let spared: World;

interface World {
  readonly app: AppUnderTest;
  readonly files: ProvisioningFiles;
}

/** Told of each request that the killed service's app has answered. */
let onRequest: () => void = () => undefined;

beforeAll(async () => {
  directory = await startDirectoryProcess({ people: PEOPLE });
  const { queues, ...options } = testQueues();
  broker = await startBrokerProcess({ ...options, queues });
  const { connectionString } = broker;
  const scope = { organizationalUnits: { include: [LANDMARKS.people, LANDMARKS.groups] } };
  agentFiles = await writeAgentFiles({ connectionString, ...directory, scope });
  agent = await startAgent(agentFiles.configPath);
  const open = async (told: () => void): Promise<World> => {
    const app = await appUnderTest({ profile: "entra", onRequest: told });
    const { url } = app.app;
    // Of so few people so many leave that the guard would hold them.
    const job = { deleteGuard: { percent: 100 } };
    return { app, files: await writeProvisioningFiles({ connectionString, url, job }) };
  };
  killed = await open(() => onRequest());
  spared = await open(() => undefined);
});

afterAll(async () => {
  await agent?.kill("SIGKILL");
  for (const world of [killed, spared]) {
    await world?.app.app.close();
    await world?.files.remove();
  }
  await agentFiles?.remove();
  await broker?.stop();
  await directory?.stop();
});

const command = ({ files }: World) => ["provisioning", "cycle", "--config", files.configPath];

async function cycle(world: World): Promise<void> {
  const { code, stdout, stderr } = await runCommand(command(world));
  expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: "", stdout });
}

/** @returns whether it died before its cycle was over */
async function cycleAndDie(requests: number): Promise<boolean> {
  const death = new AbortController();
  let left = requests;
  onRequest = () => {
    left -= 1;
    if (left === 0) death.abort();
  };
  const { code } = await runCommand(command(killed), { killOn: death.signal });
  onRequest = () => undefined;
  return code === null;
}

/**
 * What is at the app, with the ids of the source in place of those of the app. Whoever has left keeps what they had when
 * they were last seen, which differs between the two, so that only their leaving counts.
 */
function contentOf({ app }: World): readonly Json[] {
  const users = app.app.resources("User") as readonly Json[];
  const groups = app.app.resources("Group") as readonly Json[];
  const all = [...users, ...groups];
  const sourceIds = new Map(all.map(({ id, externalId }) => [id, externalId]));
  const content = all.map((resource) => {
    const { externalId, active } = resource;
    if (active === false) return { externalId, active };
    const { id: _id, meta: _meta, groups: _groups, ...rest } = resource;
    return JSON.parse(
      JSON.stringify(rest, (name, value: unknown) => {
        if (name === "$ref" || name === "display") return undefined;
        if (name === "members") {
          return (value as readonly Json[])
            .map((member) => String(sourceIds.get(member["value"])))
            .sort();
        }
        return name === "value" ? (sourceIds.get(value) ?? value) : value;
      }),
    ) as Json;
  });
  return content.sort((a, b) => (String(a["externalId"]) < String(b["externalId"]) ? -1 : 1));
}

it("comes to the same end however often the service is killed on the way, and makes nobody twice", async () => {
  let deaths = 0;
  for (const requests of LIVES) deaths += (await cycleAndDie(requests)) ? 1 : 0;
  expect(deaths).toBe(LIVES.length);
  await cycle(killed);
  await cycle(spared);
  expect(contentOf(killed)).toEqual(contentOf(spared));
  expect(contentOf(killed).length).toBeGreaterThan(PEOPLE);
}, 120_000);

it(
  "and loses no change that came while it was dead",
  async () => {
    const before = contentOf(spared);
    let deaths = 0;
    for (let round = 1; round <= INCREMENTAL_DEATHS; round++) {
      await directory.drift(CHANGES);
      deaths += (await cycleAndDie(1 + (round % 4))) ? 1 : 0;
    }
    expect(deaths).toBe(INCREMENTAL_DEATHS);
    await cycle(killed);
    await cycle(spared);
    expect(contentOf(killed)).toEqual(contentOf(spared));
    expect(contentOf(killed)).not.toEqual(before);
  },
  times({ short: 120_000, long: 1_200_000 }),
);
