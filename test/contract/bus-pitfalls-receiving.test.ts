/** What goes wrong with the client's receivers (reference/service-bus.md section 8.5): as it is shipped, and guarded. */
import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { describe, expect, it, onTestFinished } from "vitest";
import { closeBusClient, createBusClient } from "../../agent/bus/bus-connection.ts";
import { ClientSource } from "../../agent/bus/client-source.ts";
import { ReplySession } from "../../agent/bus/reply-session.ts";
import type { RequestHandler } from "../../agent/core/exchange.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { listen, named, SHORT_LOCK_MS, startBroker, unguarded } from "../support/bus-pitfalls.ts";
import { BusProxy, throughPort } from "../support/bus-proxy.ts";
import { HandAgent, partsOf } from "../support/hand-agent.ts";
import { keyOf } from "../support/listening.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { testQueues } from "../support/queues.ts";
import { rawRequest } from "../support/raw-bus.ts";
import {
  documents,
  never,
  outgoing,
  startRequester,
  type Undo,
} from "../support/requester-world.ts";

/** How long nobody listens on the port. */
const OUTAGE_MS = 1_000;
/** Long enough for a client that tries again within seconds. */
const WAIT_MS = 4_000;

async function startProxy(broker: BrokerProcess) {
  const proxy = new BusProxy({ brokerPort: broker.port });
  await proxy.listen();
  onTestFinished(() => proxy.close());
  return { proxy, behind: throughPort(broker.connectionString, proxy.port) };
}

async function outage(proxy: BusProxy): Promise<void> {
  await proxy.refuse();
  proxy.cut();
  setTimeout(() => void proxy.listen(), OUTAGE_MS);
}

describe("a receiver whose connection is refused for a while (8.5 row 4)", () => {
  it("is not back within seconds as the client is shipped", async () => {
    const { broker, send } = await startBroker();
    const { proxy, behind } = await startProxy(broker);
    await send("requests", named("before"));
    const result = await unguarded(
      "outage",
      { connectionString: behind, queue: "requests", waitMs: OUTAGE_MS + WAIT_MS },
      {
        "cut, let nobody listen for a while, and send": async () => {
          await outage(proxy);
          await send("requests", named("after"));
        },
      },
    );
    expect(result).toEqual({ received: ["before"], errors: expect.any(Number) });
  });

  it("is back within seconds with the retry options of the agent", async () => {
    const { broker, send } = await startBroker();
    const { proxy, behind } = await startProxy(broker);
    await send("requests", named("before"));
    const client = createBusClient({ kind: "connectionString", connectionString: behind });
    onTestFinished(() => closeBusClient(client));
    const received: unknown[] = [];
    client.createReceiver("requests").subscribe({
      processMessage: async ({ messageId }) => void received.push(messageId),
      processError: async () => {},
    });
    await expect.poll(() => received).toEqual(["before"]);
    await outage(proxy);
    await send("requests", named("after"));
    await expect
      .poll(() => received, { timeout: OUTAGE_MS + WAIT_MS })
      .toEqual(["before", "after"]);
  });
});

describe("a connection that is lost (8.5 row 5)", () => {
  it("is no error to the client as it is shipped", async () => {
    const { broker, send } = await startBroker();
    await send("requests", named("before"));
    const result = await unguarded(
      "disconnect",
      { connectionString: broker.connectionString, queue: "requests" },
      {
        "cut, and send": async () => {
          await broker.faults.kill({ queue: "requests" });
          await send("requests", named("after"));
        },
      },
    );
    expect(result).toEqual({ received: ["before", "after"], errors: [] });
  });

  it("is told of by the watchdog while it lasts, and no longer", async () => {
    const { broker, ask } = await startBroker();
    const { proxy, behind } = await startProxy(broker);
    const { listener, logged } = await listen(keyOf(behind));
    expect(await ask()).toBe("200");
    await proxy.refuse();
    proxy.cut();
    expect(await logged("watchdog.failed")).toMatchObject({ code: "bus.unreachable" });
    expect(listener.lastError).toMatchObject({ code: "bus.unreachable" });
    await proxy.listen();
    await expect.poll(() => listener.lastError, { timeout: 10_000 }).toBe(undefined);
    expect(await ask()).toBe("200");
  });

  it("by a detach of the broker, as for a link that is idle, is none to the listener either (row 16)", async () => {
    const { broker, ask } = await startBroker();
    const { listener, log } = await listen(keyOf(broker.connectionString));
    expect(await ask()).toBe("200");
    expect(await broker.faults.detach({ queue: "requests", role: "receiver" })).toBeGreaterThan(0);
    expect(await ask()).toBe("200");
    await expect.poll(() => listener.lastError, { timeout: 5_000 }).toBe(undefined);
    expect(listener.rebuilds).toBe(0);
    expect(log.lines.filter(({ level }) => level === "error")).toEqual([]);
  });
});

describe("work that takes longer than the lock is renewed (8.5 row 8)", () => {
  const workMs = SHORT_LOCK_MS * 1.5;

  it("loses its message with the client's own renewal, which ends", async () => {
    const { broker, send } = await startBroker();
    const result = await unguarded(
      "longWork",
      {
        connectionString: broker.connectionString,
        queue: "short",
        workMs,
        renewalMs: SHORT_LOCK_MS / 2,
      },
      { send: () => send("short", named("one")) },
    );
    expect(result).toEqual({ came: 2, outcome: "MessageLockLost" });
  });

  it("keeps it with the listener's renewal, which lasts as long as the work", async () => {
    const { broker, send } = await startBroker();
    let calls = 0;
    const handler: RequestHandler = async () => {
      calls++;
      await new Promise((resolve) => setTimeout(resolve, workMs));
      return { kind: "document", status: 200, body: {} };
    };
    const { logged } = await listen(keyOf(broker.connectionString), {
      requestQueue: "short",
      handler,
    });
    await send("short", rawRequest());
    await logged("request.answered");
    expect(calls).toBe(1);
    expect(await broker.stats("short")).toMatchObject({ active: 0, locked: 0 });
  });
});

/** A session that is taken by the agent's own means; what came by it. */
async function takeSession(connectionString: string, sessionId: string) {
  const log = new MemoryLog();
  const received: ServiceBusReceivedMessage[] = [];
  const session = new ReplySession({
    source: new ClientSource({ kind: "connectionString", connectionString }, { log }),
    queue: "sessions",
    sessionId,
    onPart: async (message, { receiver, settlement }) => {
      received.push(message);
      await settlement.complete(receiver, message);
    },
    log,
    limits: { heartbeatMs: 500, answerMs: 2_000 },
  });
  onTestFinished(() => session.close());
  await session.open();
  return { received, ids: () => received.map(({ messageId }) => messageId) };
}

describe("a session (8.5 rows 11 and 12)", () => {
  const inSession = (messageId: string) => ({ ...named(messageId), sessionId: "mine" });

  it("is lost for good with its connection in the client as it is shipped", async () => {
    const { broker, send } = await startBroker();
    const result = await unguarded(
      "sessionCut",
      {
        connectionString: broker.connectionString,
        queue: "sessions",
        sessionId: "mine",
        waitMs: 2_000,
      },
      {
        send: () => send("sessions", inSession("before")),
        "cut, and send": async () => {
          await broker.faults.kill({ queue: "sessions" });
          await send("sessions", inSession("after"));
        },
      },
    );
    expect(result).toEqual({ received: ["before"], errors: ["SessionLockLost"], isClosed: true });
  });

  it("is taken again by the reply session", async () => {
    const { broker, send } = await startBroker();
    const { ids } = await takeSession(broker.connectionString, "mine");
    await send("sessions", inSession("before"));
    await expect.poll(ids).toEqual(["before"]);
    await broker.faults.kill({ queue: "sessions" });
    await send("sessions", inSession("after"));
    await expect.poll(ids, { timeout: 5_000 }).toEqual(["before", "after"]);
  });

  it("with messages is waited for in vain when none has any, and the waiting fails", async () => {
    const { broker } = await startBroker();
    const { connectionString } = broker;
    const result = await unguarded("nextSession", {
      connectionString,
      queue: "sessions",
      timeoutInMs: 1_000,
    });
    expect(result).toEqual({ outcome: "ServiceTimeout" });
  });

  it("is taken by its name, before anything is in it", async () => {
    const { broker, send } = await startBroker();
    const { ids } = await takeSession(broker.connectionString, "mine");
    expect(ids()).toEqual([]);
    await send("sessions", inSession("first"));
    await expect.poll(ids).toEqual(["first"]);
  });
});

describe("a body (8.5 row 13)", () => {
  it("is not what was sent with the client as it is shipped", async () => {
    const { broker } = await startBroker();
    const { connectionString } = broker;
    const result = await unguarded("bodies", { connectionString, queue: "requests" });
    expect(result).toEqual({ text: '"text"', json: 1 });
  });

  it("comes as it was sent by a reply session", async () => {
    const { broker, send } = await startBroker();
    const { received } = await takeSession(broker.connectionString, "mine");
    await send("sessions", { ...named("json"), sessionId: "mine", body: Buffer.from("1.0") });
    await expect
      .poll(() => received.map(({ body }) => Buffer.isBuffer(body) && body.toString()))
      .toEqual(["1.0"]);
  });

  it("comes as it was sent from the requester to the handler of a request", async () => {
    const { broker, send } = await startBroker();
    const bodies: unknown[] = [];
    const { logged } = await listen(keyOf(broker.connectionString), {
      handler: async ({ body }) => {
        bodies.push(body);
        return { kind: "document", status: 200, body: {} };
      },
    });
    // What the client parses out of the second is text that is no JSON.
    const sent = [{ filter: 'userName eq "1.0"' }, "text"];
    for (const [index, body] of sent.entries()) {
      await send("requests", rawRequest({ body: Buffer.from(JSON.stringify(body)) }));
      await logged("request.answered", index + 1);
    }
    expect(bodies).toEqual(sent);
  });

  it("is sent by the requester as bytes", async () => {
    const broker = await startBrokerProcess(testQueues());
    onTestFinished(() => broker.stop());
    const agent = new HandAgent(broker.connectionString);
    onTestFinished(() => agent.close());
    agent.onRequest = (request) => agent.send(partsOf(request, documents(1)));
    agent.start();
    const undo: Undo = [];
    const { requester } = startRequester(undo, broker.connectionString);
    onTestFinished(async () => {
      for (const release of undo.reverse()) await release();
    });
    await requester.request(outgoing({ body: { text: "ä" } }), {}, never);
    const [request] = agent.received;
    expect(String(request?.body)).toBe('{"text":"ä"}');
  });
});

describe("a message that comes alone (8.5 row 14)", () => {
  const leastMs = 1_000;

  it("is kept for a second by a receiver that was asked for more", async () => {
    const { broker } = await startBroker();
    const { connectionString } = broker;
    const result = await unguarded("askForTen", { connectionString, queue: "requests", leastMs });
    expect(result).toEqual({ came: 1, waited: true });
  });

  it("is worked on at once by the listener", async () => {
    const { broker, send } = await startBroker();
    const { logged } = await listen(keyOf(broker.connectionString));
    const waits: number[] = [];
    for (let count = 1; count <= 3; count++) {
      await send("requests", rawRequest());
      const startedAt = performance.now();
      await logged("request.received", count);
      waits.push(performance.now() - startedAt);
    }
    expect(Math.min(...waits)).toBeLessThan(leastMs);
  });
});
