import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { SearchFault } from "../../agent/sim/directory/faults.ts";
import { type DirectoryServer, startDirectory } from "../../agent/sim/directory/server.ts";
import { type AgentFiles, SCIM_TOKEN, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, startAgent } from "../support/command.ts";
import { CERTIFICATE_FILES, writeCertificates } from "../support/openldap-certificates.ts";
import { testQueues } from "../support/queues.ts";
import { ScimClient, type ScimReply } from "../support/scim-client.ts";

const PEOPLE = 230;
const BIND = { dn: "cn=sync,dc=example,dc=com", password: "s3cret-of-the-test" };

function resourcesIn({ body }: ScimReply): readonly { readonly id: string }[] {
  const resources = body?.["Resources"];
  return Array.isArray(resources) ? resources : [];
}

describe("the agent's HTTP face", () => {
  let broker: BrokerProcess;
  let directory: DirectoryServer;
  let fault: (page: number) => SearchFault | undefined = () => undefined;
  const undo: (() => unknown)[] = [];

  beforeAll(async () => {
    directory = await startDirectory({
      baseDn: "dc=example,dc=com",
      bind: BIND,
      company: { people: PEOPLE },
      faults: { onSearchPage: ({ page }) => fault(page) },
    });
    broker = await startBrokerProcess(testQueues());
  });

  afterEach(async () => {
    fault = () => undefined;
    for (const release of undo.splice(0).reverse()) await release();
  });

  afterAll(async () => {
    await broker?.stop();
    await directory?.close();
  });

  async function files(scim: object | undefined, more: object = {}): Promise<AgentFiles> {
    const written = await writeAgentFiles({
      connectionString: broker.connectionString,
      url: directory.url,
      baseDn: directory.baseDn,
      bindDn: BIND.dn,
      bindPassword: BIND.password,
      directory: { pageSize: 50 },
      ...(scim === undefined ? {} : { scim }),
      ...more,
    });
    undo.push(() => written.remove());
    return written;
  }

  async function start(scim: object = {}) {
    const written = await files({ enabled: true, listen: "127.0.0.1:0", ...scim });
    const agent = await startAgent(written.configPath);
    undo.push(() => agent.kill("SIGKILL"));
    const url = await urlOf(agent);
    const client = new ScimClient(url);
    undo.push(() => client.close());
    const ask: ScimClient["ask"] = (path, how) => client.ask(path, how);
    return { agent, files: written, url, ask };
  }

  async function urlOf(agent: AgentProcess): Promise<string> {
    return String((await agent.logged("agent.started"))["scimUrl"]);
  }

  it("is off unless it is turned on", async () => {
    const written = await files({ listen: "127.0.0.1:0" });
    const agent = await startAgent(written.configPath);
    undo.push(() => agent.kill("SIGKILL"));
    expect(await agent.logged("agent.started")).not.toHaveProperty("scimUrl");
  });

  it("does not start with a token that anybody could guess", async () => {
    const written = await files({ enabled: true, listen: "127.0.0.1:0" });
    await writeFile(join(written.folder, "scim-token"), "short");
    await expect(startAgent(written.configPath)).rejects.toThrow(
      /ended with 78: .*scim\.token is too short/,
    );
  });

  it("pages through all people by index and by cursor, and finds whom a delta finds", async () => {
    const { ask } = await start({ defaultPageSize: 40, maxPageSize: 60 });
    const byIndex: string[] = [];
    for (let startIndex = 1; ; startIndex = byIndex.length + 1) {
      const reply = await ask(`/scim/v2/Users?startIndex=${startIndex}&attributes=userName`);
      expect(reply.body).toMatchObject({ totalResults: PEOPLE, startIndex });
      if (resourcesIn(reply).length === 0) break;
      byIndex.push(...resourcesIn(reply).map(({ id }) => id));
    }
    const byCursor: string[] = [];
    for (let cursor: unknown = ""; cursor !== undefined; ) {
      const reply = await ask(`/Users?cursor=${cursor}&count=1000&excludedAttributes=emails`);
      expect(reply.body).toMatchObject({ totalResults: PEOPLE });
      byCursor.push(...resourcesIn(reply).map(({ id }) => id));
      cursor = reply.body?.["nextCursor"];
    }
    const delta = await ask("/.delta", { method: "POST" });
    const changes = delta.body?.["Resources"];
    const inDelta = (Array.isArray(changes) ? changes : [])
      .filter(({ resourceType }) => resourceType === "User")
      .map(({ changedResourceId }) => changedResourceId);
    expect(delta.body).toMatchObject({ listing: "full", nextDeltaToken: expect.any(String) });
    expect([byIndex.length, new Set(byIndex).size]).toEqual([PEOPLE, PEOPLE]);
    expect(byCursor).toEqual(byIndex);
    expect([...inDelta].sort()).toEqual([...byIndex].sort());
  });

  it("finds one person, reads them by id, and leaves out what is not wanted", async () => {
    const { ask } = await start();
    const [someone] = resourcesIn(await ask("/Users?count=1"));
    const { id, userName } = someone as unknown as { id: string; userName: string };
    const filter = encodeURIComponent(`userName eq "${userName.toUpperCase()}"`);
    const found = await ask(`/Users?filter=${filter}&attributes=userName`);
    expect(found.body).toMatchObject({ totalResults: 1, Resources: [{ id, userName }] });
    const read = await ask(`/scim/v2/Users/${id}?attributes=userName`);
    expect(read.body).toEqual({
      schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
      id,
      userName,
    });
    expect((await ask(`/Groups/${id}`)).status).toBe(404);
  });

  it("says how it is asked, and of cursors only when told to", async () => {
    const [plain, told] = [
      await start(),
      await start({ advertiseCursors: true, maxPageSize: 177 }),
    ];
    const config = (await plain.ask("/ServiceProviderConfig")).body;
    expect(config).toMatchObject({
      authenticationSchemes: [{ type: "oauthbearertoken" }],
      filter: { supported: true, maxResults: 1000 },
    });
    expect(config).not.toHaveProperty("pagination");
    expect((await told.ask("/ServiceProviderConfig")).body).toMatchObject({
      filter: { maxResults: 177 },
      pagination: { cursor: true, index: true, maxPageSize: 177, cursorTimeout: 600 },
    });
    const types = await plain.ask("/ResourceTypes");
    expect(types.body).toMatchObject({ totalResults: 2, startIndex: 1 });
    expect(resourcesIn(types).map(({ id }) => id)).toEqual(["User", "Group"]);
  });

  it("cuts the connection when a delta cannot be read to its end", async () => {
    const { ask, agent } = await start();
    fault = (page) => (page === 3 ? "size limit" : undefined);
    await expect(ask("/.delta", { method: "POST" })).rejects.toThrow();
    expect(await agent.logged("http.cut")).toMatchObject({ path: "/.delta", status: 200 });
    expect(await agent.logged("request.failed")).toMatchObject({ code: "directory.incomplete" });
    fault = () => "unavailable";
    const reply = await ask("/.delta", { method: "POST" });
    expect([reply.status, reply.headers["retry-after"]]).toEqual([503, "30"]);
  });

  it("never answers a page of a list that was not read to its end", async () => {
    const { ask } = await start();
    fault = (page) => (page === 4 ? "cut" : undefined);
    const reply = await ask("/Users?count=1");
    expect([reply.status, reply.body?.["totalResults"]]).toEqual([503, undefined]);
  });

  it("leaves the directory alone when the client is gone", async () => {
    const { url, agent, ask } = await start();
    fault = (page) => (page === 2 ? "hang" : undefined);
    const headers = { authorization: `Bearer ${SCIM_TOKEN}` };
    const request = get(`${url}/Users`, { headers });
    request.on("error", () => undefined);
    await once(request, "socket");
    await expect
      .poll(() => agent.log.filter(({ event }) => event === "search.planned").length)
      .toBe(1);
    request.destroy();
    expect(await agent.logged("http.cut")).toMatchObject({ path: "/Users" });
    fault = () => undefined;
    expect((await ask("/Users?count=0")).body).toMatchObject({ totalResults: PEOPLE });
  });

  it("takes a new token without a restart, and no longer the old one", async () => {
    const { ask, files: written, agent } = await start();
    expect((await ask("/Users?count=0")).status).toBe(200);
    const token = "a-new-token-of-the-tests-9876543210";
    await writeFile(join(written.folder, "scim-token"), `${token}\n`);
    expect((await ask("/Users?count=0", { token })).status).toBe(200);
    expect((await ask("/Users?count=0")).status).toBe(401);
    await agent.kill("SIGTERM");
    const log = JSON.stringify(agent.log);
    for (const secret of [token, SCIM_TOKEN, BIND.password]) expect(log).not.toContain(secret);
    expect(log).not.toContain("filter=");
  });

  it("ends with 0 when it is told to stop, with a delta under way", async () => {
    const { ask, agent } = await start();
    let reached = () => {};
    const second = new Promise<void>((resolve) => {
      reached = resolve;
    });
    fault = (page) => {
      if (page === 2) reached();
      return undefined;
    };
    const delta = ask("/.delta", { method: "POST" });
    await second;
    expect(await agent.kill("SIGTERM")).toBe(0);
    expect((await delta).body).toMatchObject({ listing: "full" });
  });

  describe("with TLS", () => {
    let folder: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "scim-tls-"));
      await writeCertificates(folder);
    });

    afterAll(() => rm(folder, { recursive: true, force: true }));

    const fingerprint = (url: string) =>
      new Promise<string>((resolve, reject) => {
        const { hostname: host, port } = new URL(url);
        const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        });
        socket.on("error", reject);
      });

    it("serves its certificate, and the next one when the files change", async () => {
      const tls = {
        certificate: join(folder, CERTIFICATE_FILES.certificate),
        key: join(folder, CERTIFICATE_FILES.key),
      };
      const { url, agent } = await start({ tls });
      expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
      const ca = await readFile(join(folder, CERTIFICATE_FILES.ca), "utf8");
      const client = new ScimClient(url);
      expect((await client.ask("/Users?count=0", { ca })).status).toBe(200);
      const before = await fingerprint(url);
      const next = await mkdtemp(join(tmpdir(), "scim-tls-"));
      undo.push(() => rm(next, { recursive: true, force: true }));
      await writeCertificates(next);
      // The certificate first: until its key comes, the pair does not fit and the old one stays.
      await copyFile(join(next, CERTIFICATE_FILES.certificate), tls.certificate);
      expect(await agent.logged("scim.certificateRefused")).toMatchObject({ level: "warn" });
      expect(await fingerprint(url)).toBe(before);
      await copyFile(join(next, CERTIFICATE_FILES.key), tls.key);
      await agent.logged("scim.certificateChanged");
      expect(await fingerprint(url)).not.toBe(before);
    });
  });
});
