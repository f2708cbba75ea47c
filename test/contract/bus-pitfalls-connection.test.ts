/** What goes wrong with the client's connections (reference/service-bus.md section 8): as it is shipped, and guarded. */
import { describe, expect, it, onTestFinished } from "vitest";
import type { BrokerProcess } from "../support/broker-process.ts";
import { listen, named, startBroker, unguarded } from "../support/bus-pitfalls.ts";
import { keyOf } from "../support/listening.ts";
import { rawRequest } from "../support/raw-bus.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

/** Long enough for a client that has noticed something to be back. */
const WAIT_MS = 4_000;

describe("an AMQP open that is not answered (8.4)", () => {
  const leaveUnanswered = async (broker: BrokerProcess, times: number) => {
    await broker.faults.arm({ at: { event: "open" }, action: { kind: "freeze" }, times });
    await broker.faults.kill({ queue: "requests" });
  };

  it("is the end of the client as it is shipped, though the network is well again", async () => {
    const { broker, send } = await startBroker();
    await send("requests", named("before"));
    const result = await unguarded(
      "unansweredOpen",
      { connectionString: broker.connectionString, queue: "requests", waitMs: WAIT_MS },
      {
        "leave the next open unanswered, and cut": () => leaveUnanswered(broker, 1),
        "thaw, and send": async () => {
          await broker.faults.clear();
          await send("requests", named("after"));
        },
      },
    );
    expect(result).toEqual({ received: ["before"], goesOnFailing: true });
  });

  it("costs the listener its connections, and no request", async () => {
    const { broker, ask } = await startBroker();
    const { logged, listener } = await listen(keyOf(broker.connectionString));
    expect(await ask()).toBe("200");
    await leaveUnanswered(broker, 1);
    // The only open that is left unanswered is that of the listener's receiving connection.
    await expect.poll(async () => (await broker.faults.counts()).length).toBe(1);
    expect(await ask()).toBe("200");
    await logged("listener.rebuilt");
    expect(listener.rebuilds).toBe(1);
  });
});

describe("a peer that is frozen (8.5 row 6)", () => {
  it("shows nothing of it to the client as it is shipped", async () => {
    const { broker, send } = await startBroker();
    await send("short", named("before"));
    const result = await unguarded(
      "frozenPeer",
      { connectionString: broker.connectionString, queue: "short", waitMs: WAIT_MS },
      {
        "freeze, and send": async () => {
          await broker.faults.freeze();
          await send("short", named("after"));
        },
      },
    );
    expect(result).toEqual({ received: ["before"], errors: [] });
  });

  it("is left by the listener for a connection that answers", async () => {
    const { broker, ask } = await startBroker();
    const { logged, listener } = await listen(keyOf(broker.connectionString), {
      requestQueue: "short",
    });
    expect(await ask("short")).toBe("200");
    await broker.faults.freeze();
    expect(await ask("short")).toBe("200");
    expect(await logged("listener.rebuilt")).toEqual({
      reason: expect.stringContaining("bus.unreachable"),
      credential: "bus.connectionString",
    });
    expect(listener.lastError).toBe(undefined);
  });
});

describe("a link that has stopped without a word (8.5 row 19)", () => {
  /** The first connection that comes is deaf: the listener's receiving one. */
  async function startDeafProxy(broker: BrokerProcess): Promise<string> {
    const proxy = await startTcpProxy({
      target: broker.port,
      deafTo: "requests",
      deafConnections: 1,
    });
    onTestFinished(() => proxy.close());
    return broker.connectionString.replace(`:${broker.port}`, `:${proxy.port}`);
  }

  it("brings nothing to the client as it is shipped, which is content", async () => {
    const { broker, send } = await startBroker();
    const result = await unguarded(
      "deafLink",
      { connectionString: await startDeafProxy(broker), queue: "requests", waitMs: WAIT_MS },
      { send: () => send("requests", named("one")) },
    );
    expect(result).toEqual({ received: [], errors: [] });
  });

  it("is found out by the listener, which works on what it finds meanwhile", async () => {
    const { broker, send } = await startBroker();
    const { logged, listener } = await listen(keyOf(await startDeafProxy(broker)), {
      // Without a reply queue the sending connection is opened last.
      replyQueues: [],
    });
    await send("requests", ...[1, 2, 3].map(() => rawRequest()));
    expect(await logged("listener.rebuilt")).toEqual({
      reason: "bus.unreachable: the link to requests is deaf",
      credential: "bus.connectionString",
    });
    await logged("request.deadLettered", 3);
    expect(listener.rebuilds).toBe(1);
    await expect.poll(() => broker.stats("requests")).toMatchObject({ active: 0, locked: 0 });
  });
});
