import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import type { QueueDeclaration } from "../../agent/sim/broker/queue-declaration.ts";
import { startDirectory } from "../../agent/sim/directory/server.ts";
import { writeAgentFiles } from "../support/agent-files.ts";
import { startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, startAgent } from "../support/command.ts";
import { RawBus, rawRequest } from "../support/raw-bus.ts";

const BIND = { dn: "cn=sync,dc=example,dc=com", password: "secret" };
const EVERY_SECOND = "* * * * * *";

describe("an agent with more queues than two", () => {
  const undo: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const release of undo.splice(0).reverse()) await release();
  });

  async function start(
    names: readonly string[],
    files: { readonly bus: object; readonly agent?: object },
  ): Promise<{ readonly bus: RawBus; readonly agent: AgentProcess }> {
    const directory = await startDirectory({
      baseDn: "dc=example,dc=com",
      bind: BIND,
      company: { people: 20 },
    });
    undo.push(() => directory.close());
    const queues: QueueDeclaration[] = names.map((name) => ({ name }));
    const broker = await startBrokerProcess({ queues });
    undo.push(() => broker.stop());
    const written = await writeAgentFiles({
      connectionString: broker.connectionString,
      url: directory.url,
      baseDn: directory.baseDn,
      bindDn: BIND.dn,
      bindPassword: BIND.password,
      ...files,
      bus: { replyQueues: ["plain-replies"], ...files.bus },
    });
    undo.push(() => written.remove());
    const bus = new RawBus(broker.connectionString);
    undo.push(() => bus.close());
    const agent = await startAgent(written.configPath);
    undo.push(() => agent.kill("SIGKILL"));
    return { bus, agent };
  }

  const bodyOf = (message: { body: Buffer } | undefined): Record<string, unknown> =>
    JSON.parse(Buffer.from(message?.body ?? "{}").toString("utf8"));

  it("takes writes from the write queue alone, and answers a repeated one the same", async () => {
    const { bus } = await start(["requests", "plain-replies", "writes"], {
      bus: { writeQueue: "writes" },
    });
    const ask = async (queue: string, method: string, to: string, headers: object = {}) => {
      const applicationProperties = { "http:request": "1.1", ...headers };
      const body = Buffer.from(JSON.stringify({ userName: "ada" }));
      const request = rawRequest({ subject: method, to, body, applicationProperties });
      await bus.send(queue, request);
      const [answer] = await bus.take("plain-replies", 1);
      expect(answer?.correlationId).toBe(request.messageId);
      return [answer?.subject, bodyOf(answer)["detail"]];
    };
    expect(await ask("requests", "POST", "/Users")).toEqual([
      "403",
      "writes come through the write queue (bus.writeQueue of the agent's configuration)",
    ]);
    expect(await ask("writes", "GET", "/agent/health")).toEqual([
      "403",
      "only writes come through the write queue: send this to the request queue",
    ]);
    const headers = { "idempotency-key": randomUUID() };
    const answers = [
      await ask("writes", "POST", "/Users", headers),
      await ask("writes", "POST", "/Users", headers),
    ];
    const off = ["403", expect.stringMatching(/^writes are off/)];
    expect(answers).toEqual([off, off]);
    expect(await ask("writes", "PUT", "/Users/1", headers)).toEqual([
      "422",
      "this idempotency-key was used for another request",
    ]);
    expect((await ask("requests", "GET", "/agent/health"))[0]).toBe("200");
  });

  it("sends signs of life", async () => {
    const { bus } = await start(["requests", "plain-replies", "heartbeats"], {
      bus: { heartbeatQueue: "heartbeats" },
      agent: { name: "agent-7", heartbeat: EVERY_SECOND },
    });
    const [beat] = await bus.take("heartbeats", 1);
    expect({ subject: beat?.subject, contentType: beat?.contentType }).toEqual({
      subject: "heartbeat",
      contentType: "application/json",
    });
    expect(beat?.timeToLive).toBe(60_000);
    expect(bodyOf(beat)).toMatchObject({
      name: "agent-7",
      status: "ok",
      agent: { name: "hybrid-sync-agent", version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
      configuration: expect.any(String),
      uptimeSeconds: expect.any(Number),
      inFlight: 0,
      directories: [{ name: "company", reachable: true }],
    });
  });

  it("answers requests though its heartbeat queue is missing, and says so once", async () => {
    const { bus, agent } = await start(["requests", "plain-replies"], {
      bus: { heartbeatQueue: "heartbeats" },
      agent: { heartbeat: EVERY_SECOND },
    });
    expect(await agent.logged("heartbeat.failed")).toMatchObject({ code: "bus.missing" });
    await bus.send("requests", rawRequest());
    const [answer] = await bus.take("plain-replies", 1);
    expect(answer?.subject).toBe("200");
    const beats = () => agent.log.filter(({ event }) => event === "agent.alive").length;
    await expect.poll(beats, { timeout: 10_000 }).toBeGreaterThan(3);
    expect(agent.log.filter(({ event }) => event === "heartbeat.failed").length).toBe(1);
    expect(agent.log.filter(({ event }) => event === "watchdog.failed")).toEqual([]);
  });
});
