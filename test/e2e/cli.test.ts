import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DirectoryServer, startDirectory } from "../../agent/sim/directory/server.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, runCommand, startAgent } from "../support/command.ts";
import { testQueues } from "../support/queues.ts";

describe("hybrid-agent on the command line", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "cli-"));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("explains itself", async () => {
    const { code, stdout } = await runCommand(["--help"]);
    expect(code).toBe(0);
    for (const name of ["run", "scope", "config", "request", "sim", "demo"]) {
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"));
    }
    const sub = await runCommand(["scope", "preview", "--help"]);
    expect(sub.code).toBe(0);
    expect(sub.stdout).toContain("Examples:");
  });

  it("ends with 64 for a command or an option that it does not know, and names the help", async () => {
    const unknown = await runCommand(["scope", "preview", "--fromat", "json"]);
    expect(unknown.code).toBe(64);
    expect(unknown.stderr).toContain("unknown option '--fromat'");
    expect(unknown.stderr).toContain("--help");
    expect((await runCommand(["explode"])).code).toBe(64);
    expect((await runCommand(["sim", "directory", "--people", "none"])).code).toBe(64);
  });

  it("prints an example that it accepts, and the schema", async () => {
    const example = await runCommand(["config", "example"]);
    const path = join(folder, "agent.yaml");
    await writeFile(path, example.stdout);
    const checked = await runCommand(["config", "validate", "--config", path, "--json"]);
    expect(JSON.parse(checked.stdout)).toEqual({
      valid: true,
      path,
      configuration: expect.stringMatching(/^c1-[0-9a-f]{16}$/),
    });
    const schema = await runCommand(["config", "schema"]);
    expect(JSON.parse(schema.stdout)).toMatchObject({
      type: "object",
      additionalProperties: false,
    });
  });

  it("reports every problem of a configuration at once and ends with 78", async () => {
    const path = join(folder, "broken.yaml");
    await writeFile(path, "version: 1\nbus:\n  requestQeue: requests\n  concurrency: many\n");
    const { code, stderr, stdout } = await runCommand(["config", "validate", "--config", path]);
    expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
    for (const option of ["bus.requestQeue", "bus.concurrency", "bus.replyQueues", "directories"]) {
      expect(stderr).toContain(option);
    }
    const missing = await runCommand(["run", "--config", join(folder, "nowhere.yaml")]);
    expect(missing.code).toBe(78);
    expect(missing.stderr).toMatch(/^error config\.invalid: /);
  });

  it("says where it looked when there is no configuration", async () => {
    const { code, stderr } = await runCommand(["run"], {
      env: { HYBRID_AGENT_CONFIG: join(folder, "gone.yaml") },
    });
    expect(code).toBe(78);
    expect(stderr).toContain("HYBRID_AGENT_CONFIG");
  });

  describe("request", () => {
    let broker: BrokerProcess;
    let directory: DirectoryServer;
    let files: AgentFiles;
    let agent: AgentProcess;

    beforeAll(async () => {
      const bind = { dn: "cn=sync,dc=example,dc=com", password: "secret" };
      directory = await startDirectory({
        baseDn: "dc=example,dc=com",
        bind,
        company: { people: 300 },
      });
      broker = await startBrokerProcess(testQueues());
      files = await writeAgentFiles({
        connectionString: broker.connectionString,
        url: directory.url,
        baseDn: directory.baseDn,
        bindDn: bind.dn,
        bindPassword: bind.password,
        bus: { partBytes: 16_384 },
      });
      agent = await startAgent(files.configPath);
    });

    afterAll(async () => {
      await agent?.kill("SIGTERM");
      await files?.remove();
      await broker?.stop();
      await directory?.close();
    });

    const request = (...args: readonly string[]) =>
      runCommand(["request", ...args, "--config", files.configPath]);

    it("prints the answer to a search, and takes a query as people know it", async () => {
      const filter = 'userType eq "Contractor" and title pr';
      const searched = await request(
        "POST",
        "/Users/.search",
        "--filter",
        filter,
        "--attributes",
        "userName",
      );
      expect({ code: searched.code, stderr: searched.stderr }).toEqual({
        code: 0,
        stderr: "200, 1 part\n",
      });
      const { Resources: found } = JSON.parse(searched.stdout);
      expect(found.length).toBeGreaterThan(0);
      expect(Object.keys(found[0]).sort()).toEqual(["id", "schemas", "userName"]);
      const asked = await request(
        "GET",
        `/Users?filter=${encodeURIComponent(filter)}&attributes=userName`,
        "--json",
      );
      expect(JSON.parse(asked.stdout)).toMatchObject({ status: 200, body: { Resources: found } });
    });

    it("prints one element a line when it streams", async () => {
      const { code, stdout, stderr } = await request("POST", "/.delta", "--stream");
      expect(code).toBe(0);
      expect(Number(/^200, (\d+) parts/.exec(stderr)?.[1])).toBeGreaterThan(1);
      const changes = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(changes.filter(({ resourceType }) => resourceType === "User")).toHaveLength(300);
      expect(new Set(changes.map(({ changedResourceId }) => changedResourceId)).size).toBe(
        changes.length,
      );
    });

    it("refuses a list that does not fit into one part, with 76 and what to do", async () => {
      const { code, stdout } = await request("POST", "/.delta");
      expect(code).toBe(76);
      expect(JSON.parse(stdout)).toMatchObject({
        status: "400",
        scimType: "tooMany",
        detail: expect.stringContaining("prefer: stream"),
      });
    });

    it("ends with 75 when nobody answers in time", async () => {
      await agent.kill("SIGTERM");
      const { code, stderr } = await request("GET", "/agent/health", "--timeout", "2");
      expect(code).toBe(75);
      expect(stderr).toMatch(
        /^error reply\.timeout: no whole answer within 2000 ms\n {2}hint: request [0-9a-f-]{36}: /,
      );
      agent = await startAgent(files.configPath);
    });

    it("refuses a body beside a filter, and a reply queue that is not the agent's", async () => {
      expect(
        (await request("POST", "/Users/.search", "--filter", "a pr", "--body", "x.json")).code,
      ).toBe(64);
      expect((await request("GET", "/agent/health", "--reply-queue", "nowhere")).code).toBe(64);
      expect((await request("POST", "/.delta", "--body", join(folder, "gone.json"))).code).toBe(65);
    });
  });
});
