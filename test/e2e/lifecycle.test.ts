import { afterEach, describe, expect, it } from "vitest";
import type { QueueDeclaration } from "../../agent/sim/broker/queue-declaration.ts";
import { type DirectoryServer, startDirectory } from "../../agent/sim/directory/server.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, startAgent } from "../support/command.ts";
import { RawBus, rawRequest } from "../support/raw-bus.ts";

const BIND = { dn: "cn=sync,dc=example,dc=com", password: "secret" };

/** Everything that one test needs, and how it is given back. */
interface World {
  readonly broker: BrokerProcess;
  readonly files: AgentFiles;
  readonly bus: RawBus;
}

describe("the life of an agent", () => {
  const undo: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const release of undo.splice(0).reverse()) await release();
  });

  async function startWorld(options: {
    readonly queues: readonly QueueDeclaration[];
    readonly directory?: Partial<Parameters<typeof startDirectory>[0]>;
    readonly files?: object;
  }): Promise<World> {
    const directory: DirectoryServer = await startDirectory({
      baseDn: "dc=example,dc=com",
      bind: BIND,
      company: { people: 400 },
      ...options.directory,
    });
    undo.push(() => directory.close());
    const broker = await startBrokerProcess({ strict: false, queues: options.queues });
    undo.push(() => broker.stop());
    const files = await writeAgentFiles({
      connectionString: broker.connectionString,
      url: directory.url,
      baseDn: directory.baseDn,
      bindDn: BIND.dn,
      bindPassword: BIND.password,
      ...options.files,
    });
    undo.push(() => files.remove());
    const bus = new RawBus(broker.connectionString);
    undo.push(() => bus.close());
    return { broker, files, bus };
  }

  async function start({ files }: World): Promise<AgentProcess> {
    const agent = await startAgent(files.configPath);
    undo.push(() => agent.kill("SIGKILL"));
    return agent;
  }

  const requests = { name: "requests", maxDeliveryCount: 10 };
  const replies = { name: "plain-replies" };

  it("lets work in flight finish when it is told to stop, and ends with 0", async () => {
    const world = await startWorld({
      queues: [requests, replies],
      files: {
        bus: { replyQueues: ["plain-replies"], partBytes: 16_384 },
        directory: { pageSize: 5 },
      },
    });
    const agent = await start(world);
    const stream = { "http:request": "1.1", prefer: "stream" };
    await world.bus.send(
      "requests",
      rawRequest({ subject: "POST", to: "/.delta", applicationProperties: stream }),
    );
    await agent.logged("request.received");
    expect(await agent.kill("SIGTERM")).toBe(0);
    expect(agent.log.map(({ event }) => event)).toContain("request.answered");
    expect(await world.broker.stats("requests")).toMatchObject({
      active: 0,
      locked: 0,
      deadLettered: 0,
    });
  });

  it("puts back what does not finish within the limit, unlocked", async () => {
    const world = await startWorld({
      queues: [requests, replies],
      directory: { faults: { onSearchPage: ({ page }) => (page === 2 ? "hang" : undefined) } },
      files: {
        bus: { replyQueues: ["plain-replies"] },
        agent: { name: "test", stopTimeout: "1s" },
        directory: { pageSize: 50 },
      },
    });
    const agent = await start(world);
    const stream = { "http:request": "1.1", prefer: "stream" };
    await world.bus.send(
      "requests",
      rawRequest({ subject: "POST", to: "/.delta", applicationProperties: stream }),
    );
    await agent.logged("request.received");
    expect(await agent.kill("SIGTERM")).toBe(0);
    expect(agent.log.find(({ event }) => event === "request.putBack")).toMatchObject({
      because: "the agent is stopping",
    });
    expect(await world.broker.stats("requests")).toMatchObject({
      active: 1,
      locked: 0,
      deadLettered: 0,
    });
  });

  it("gives up a request that was delivered too often: a 500, and the dead-letter queue", async () => {
    const world = await startWorld({
      queues: [requests, replies],
      files: { bus: { replyQueues: ["plain-replies"], maxDeliveries: 2 } },
    });
    await world.bus.send("requests", rawRequest());
    const receiver = world.bus.client.createReceiver("requests");
    for (let delivery = 0; delivery < 2; delivery++) {
      const [message] = await receiver.receiveMessages(1);
      if (message !== undefined) await receiver.abandonMessage(message);
    }
    await receiver.close();
    await start(world);
    const [answer] = await world.bus.take("plain-replies", 1);
    expect(answer?.subject).toBe("500");
    const [dead] = await world.bus.take("requests", 1, { subQueueType: "deadLetter" });
    expect(dead?.deadLetterReason).toBe("DeliveriesExhausted");
    expect(dead?.deadLetterErrorDescription).toContain("delivered more than 2 times");
  });

  it("runs a request that comes again alone, beside nobody", async () => {
    const world = await startWorld({
      queues: [requests, replies],
      files: { bus: { replyQueues: ["plain-replies"] } },
    });
    await world.bus.send("requests", rawRequest());
    const receiver = world.bus.client.createReceiver("requests");
    const [message] = await receiver.receiveMessages(1);
    if (message !== undefined) await receiver.abandonMessage(message);
    await receiver.close();
    const agent = await start(world);
    await world.bus.take("plain-replies", 1);
    expect(await agent.logged("request.received")).toMatchObject({ deliveries: 2 });
  });

  it("stops reading and puts the request back when the reply queue is full", async () => {
    const world = await startWorld({
      queues: [requests, { ...replies, maxBytes: 100_000 }],
      files: { bus: { replyQueues: ["plain-replies"], partBytes: 16_384 } },
    });
    const agent = await start(world);
    const stream = { "http:request": "1.1", prefer: "stream" };
    await world.bus.send(
      "requests",
      rawRequest({ subject: "POST", to: "/.delta", applicationProperties: stream }),
    );
    expect(await agent.logged("reply.failed")).toMatchObject({ code: "bus.busy" });
    expect(await agent.logged("request.putBack")).toMatchObject({ because: "bus.busy" });
    expect(await world.broker.stats("requests")).toMatchObject({ deadLettered: 0 });
  });

  it("serves its health on loopback when it is told to", async () => {
    const world = await startWorld({
      queues: [requests, replies],
      files: {
        bus: { replyQueues: ["plain-replies"] },
        status: { enabled: true, listen: "127.0.0.1:0" },
      },
    });
    const agent = await start(world);
    const { statusUrl } = await agent.logged("agent.started");
    const answers = await Promise.all(
      ["/healthz", "/readyz", "/status", "/nowhere"].map(
        async (path) => (await fetch(`${statusUrl}${path}`)).status,
      ),
    );
    expect(answers).toEqual([200, 200, 200, 404]);
    const status = await (await fetch(`${statusUrl}/status`)).json();
    expect(status).toMatchObject({
      status: "ok",
      directories: [{ name: "company", reachable: true }],
    });
  });

  it("does not start without its queue, and says which one is missing", async () => {
    const world = await startWorld({
      queues: [requests],
      files: { bus: { replyQueues: ["plain-replies"] } },
    });
    await expect(startAgent(world.files.configPath)).rejects.toThrow(/ended with 78/);
  });

  it("starts while the directory is down, and says so when asked", async () => {
    const world = await startWorld({
      queues: [requests, replies],
      files: { url: "ldap://127.0.0.1:1", bus: { replyQueues: ["plain-replies"] } },
    });
    await start(world);
    await world.bus.send("requests", rawRequest());
    const [answer] = await world.bus.take("plain-replies", 1);
    expect(JSON.parse(Buffer.from(answer?.body).toString("utf8"))).toMatchObject({
      status: "degraded",
      directories: [{ name: "company", reachable: false, problem: "directory.unreachable" }],
    });
  });
});
