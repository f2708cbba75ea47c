import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LANDMARKS } from "../../agent/sim/company/landmark.ts";
import { openStore } from "../../agent/state/open-store.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, runCommand, startAgent } from "../support/command.ts";
import { type DirectoryProcess, startDirectoryProcess } from "../support/directory-process.ts";
import { type ProvisioningFiles, writeProvisioningFiles } from "../support/provisioning-files.ts";
import { testQueues } from "../support/queues.ts";
import { type AppUnderTest, appUnderTest, type Json } from "../support/scim-app.ts";

const PEOPLE = 60;

describe("hybrid-agent provisioning", { timeout: 120_000 }, () => {
  let directory: DirectoryProcess;
  let broker: BrokerProcess;
  let agentFiles: AgentFiles;
  let files: ProvisioningFiles;
  let agent: AgentProcess;
  let app: AppUnderTest;

  beforeAll(async () => {
    directory = await startDirectoryProcess({ people: PEOPLE });
    const { queues, ...options } = testQueues();
    broker = await startBrokerProcess({ ...options, queues });
    const { connectionString } = broker;
    const scope = { organizationalUnits: { include: [LANDMARKS.people, LANDMARKS.groups] } };
    agentFiles = await writeAgentFiles({ connectionString, ...directory, scope });
    agent = await startAgent(agentFiles.configPath);
    app = await appUnderTest({ profile: "entra" });
    files = await writeProvisioningFiles({ connectionString, url: app.app.url });
  });

  afterAll(async () => {
    await agent?.kill("SIGKILL");
    await app?.app.close();
    await files?.remove();
    await agentFiles?.remove();
    await broker?.stop();
    await directory?.stop();
  });

  async function run(...args: readonly string[]) {
    const [verb = "", ...rest] = args;
    const command = ["provisioning", verb, ...rest, "--config", files.configPath];
    return runCommand(command);
  }

  async function json(...args: readonly string[]): Promise<unknown> {
    const { code, stdout, stderr } = await run(...args, "--json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout);
  }

  it("names the jobs before any has run", async () => {
    const { code, stdout } = await run("jobs");
    expect([code, stdout.split("\n")[1]]).toEqual([0, expect.stringMatching(/^people +NotRun/)]);
    expect((await run("status")).stdout).toBe("people has not run yet\n");
  });

  it("shows what a cycle would send, and neither sends nor remembers any of it", async () => {
    const { code, stdout, stderr } = await run("cycle", "--dry-run");
    expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
    expect(stdout).toMatch(/^method +path +what +problems\nPOST +\/Users +\S+\n/);
    expect(stdout).toMatch(/\nPATCH +\/Groups\/planned-\d+ +add members \(\d+\)\n/);
    expect(stdout).toMatch(/\ndry run: \d+ requests would be sent\nof their payloads 0 do not fit/);
    expect(stdout).toMatch(/\ninitial cycle: Succeeded/);
    expect(app.app.resources("User")).toEqual([]);
    expect((await run("status")).stdout).toBe("people has not run yet\n");
  });

  it("runs a cycle, and tells of it afterwards", async () => {
    const { code, stdout, stderr } = await run("cycle", "people");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^initial cycle: Succeeded in [\d.]+ s\nimported \d+, in scope \d+/);
    expect(app.app.resources("User").length).toBeGreaterThan(PEOPLE / 2);
    const [job] = (await json("jobs")) as readonly Json[];
    expect(job).toMatchObject({ jobId: "people", overview: { state: { status: "Active" } } });
    expect((await run("status")).stdout).toMatch(/^people: Active\nlinked: \d+ users, \d+ groups/);
  });

  it("shows what became of each object", async () => {
    const { stdout } = await run("logs", "--action", "create", "--limit", "3");
    expect(stdout.trim().split("\n").length).toBe(4);
    const lines = (await run("logs", "--json", "--limit", "2")).stdout.trim().split("\n");
    const rows = lines.map((line) => JSON.parse(line) as Json);
    expect(rows.map(({ jobId }) => jobId)).toEqual(["people", "people"]);
    const csv = (await run("logs", "--csv", "--limit", "2")).stdout.trim().split("\n");
    expect(csv[0]).toBe("time,action,status,name,source,target,reason");
    expect((await run("logs", "--details", "--limit", "1")).stdout).toMatch(/export +success/);
  });

  it("provisions one object by userName, id or DN, and says each step", async () => {
    const user = app.app.resources("User")[0] as Json;
    const { code, stdout, stderr } = await run("provision", String(user["userName"]));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/import +success[\s\S]*scoping +success[\s\S]*matching +success/);
    const byId = (await json("provision", String(user["externalId"]))) as Json;
    expect(byId["kind"]).toBe("provisioned");
    const dry = await run("cycle", "--dry-run", "--json");
    expect([dry.code, (JSON.parse(dry.stdout) as Json)["requests"]]).toEqual([0, []]);
    const gone = await run("provision", `uid=nobody,${LANDMARKS.people}`);
    expect([gone.code, gone.stdout]).toEqual([1, "import: the agent knows no such object\n"]);
  });

  it("has nothing held, and says so", async () => {
    expect((await run("staged")).stdout).toBe("nothing is held\n");
    const { code, stderr } = await run("approve", "somebody");
    expect([code, stderr]).toEqual([
      64,
      expect.stringContaining("nothing was decided: somebody is not held"),
    ]);
    expect((await run("reject")).stderr).toContain("give names, or --all");
  });

  it("copies what it remembers into a file, and never over another one", async () => {
    const file = join(files.folder, "copy.db");
    const { code, stdout, stderr } = await run("backup", file);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^copied to .*copy\.db \(\d+ bytes\)\n$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const copy = await openStore({ file, clock: { now: () => Date.now() } });
    const [job] = await copy.jobs().finally(() => copy.close());
    const [original] = (await json("jobs")) as readonly Json[];
    expect(original).toMatchObject({ overview: { shadows: job?.shadows } });
    const again = await run("backup", file);
    expect([again.code, again.stderr]).toEqual([
      65,
      expect.stringContaining("copy.db is there already"),
    ]);
  });

  it("clears what a restart names, and reads everything again", async () => {
    const { stdout } = await run("restart", "--scope", "Watermark");
    expect(stdout).toBe("cleared of people: the watermark (the next cycle reads everything)\n");
    const { execution } = (await json("cycle")) as { readonly execution: Json };
    expect(execution).toMatchObject({ kind: "initial", counts: { exported: 0, escrowed: 0 } });
    const unknown = await run("restart", "--scope", "Everything");
    expect([unknown.code, unknown.stderr]).toEqual([
      64,
      expect.stringContaining("Everything names an unknown scope"),
    ]);
  });

  it("names the jobs there are when another is asked for", async () => {
    const { code, stderr } = await run("cycle", "nobody");
    expect([code, stderr]).toEqual([
      64,
      "error usage: there is no job nobody\n  hint: one of: people\n",
    ]);
  });

  it("prints what it sent for one object, and what came", async () => {
    const user = app.app.resources("User")[0] as Json;
    await app.ask(`DELETE /Users/${user["id"]}`);
    await run("restart", "--scope", "ConnectorDataStore");
    const { code, stdout } = await run("provision", String(user["userName"]));
    expect(code).toBe(0);
    expect(stdout).toMatch(/\n-> POST \/Users\n {3}\{"schemas":[\s\S]*\n<- 201\n/);
  });
});
