/** What goes wrong when connections end whose peer says nothing (reference/service-bus.md section 8): as shipped, and guarded. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { closeBusClient, createBusClient } from "../../agent/bus/bus-connection.ts";
import { cutClient } from "../../agent/bus/client-cut.ts";
import { installGuards } from "../../agent/bus/rhea-guards.ts";
import { listen, named, startBroker, unguarded } from "../support/bus-pitfalls.ts";
import { BusProxy, throughPort } from "../support/bus-proxy.ts";
import { keyOf } from "../support/listening.ts";

/** Longer than the client waits for an answer, where the test has shortened that to a second. */
const WAIT_MS = 2_000;
/** For a socket that ends at once, on a busy machine. */
const AT_ONCE_MS = 1_000;

async function startWorld() {
  const world = await startBroker();
  const proxy = new BusProxy({ brokerPort: world.broker.port });
  await proxy.listen();
  onTestFinished(() => proxy.close());
  return { ...world, proxy, behind: throughPort(world.broker.connectionString, proxy.port) };
}

/** A client that has received a message. The client has no option for how long it waits for an answer; its AMQP layer has one. */
async function connected(connectionString: string, { answerTimeoutS = 60 } = {}) {
  const client = createBusClient({ kind: "connectionString", connectionString });
  onTestFinished(() => void cutClient(client));
  const { _connectionContext: inside } = client as unknown as {
    readonly _connectionContext: {
      readonly connection: { readonly options: { operationTimeoutInSeconds: number } };
    };
  };
  const received: unknown[] = [];
  const subscription = client.createReceiver("requests").subscribe({
    processMessage: async ({ messageId }) => void received.push(messageId),
    processError: async () => {},
  });
  await expect.poll(() => received).toEqual(["before"]);
  inside.connection.options.operationTimeoutInSeconds = answerTimeoutS;
  return { client, subscription };
}

describe("a receiver that stops while its peer says nothing", () => {
  it("ends the process of the client as it is shipped", async () => {
    const { proxy, behind, send } = await startWorld();
    await send("requests", named("before"));
    const running = unguarded(
      "stopBeforeFrozenPeer",
      { connectionString: behind, queue: "requests", waitMs: WAIT_MS },
      { freeze: async () => proxy.freeze() },
    );
    await expect(running).rejects.toThrow(/OperationTimeoutError: Unable to close the rec/);
  });

  it("stops without a trace with the guard", async () => {
    installGuards();
    const { proxy, behind, send } = await startWorld();
    await send("requests", named("before"));
    const { subscription } = await connected(behind, { answerTimeoutS: 1 });
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    proxy.freeze();
    await subscription.close();
    await sleep(WAIT_MS);
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled).toEqual([]);
  });
});

describe("the socket of a client whose peer says nothing", () => {
  const silences = [
    { silence: "any more", mode: "pass", outcome: "done" },
    {
      silence: "to its AMQP open",
      mode: "silent",
      outcome: expect.stringContaining("operation timeout"),
    },
  ] as const;

  it.each(silences)(
    "$silence stays open when the client is closed as it is shipped",
    async ({ mode, outcome }) => {
      const { proxy, behind } = await startWorld();
      proxy.mode = mode;
      let open = 0;
      const result = await unguarded(
        "closeBeforeSilentPeer",
        { connectionString: behind, queue: "plain-replies", waitMs: WAIT_MS },
        {
          "make the peer silent": async () => proxy.freeze(),
          count: async () => {
            open = proxy.open;
          },
        },
      );
      expect({ result, open }).toEqual({ result: { outcome }, open: 1 });
    },
  );

  it("ends at once when the client is cut, which does not dial again", async () => {
    const { proxy, behind, send } = await startWorld();
    await send("requests", named("before"));
    const { client } = await connected(behind);
    proxy.freeze();
    expect(cutClient(client)).toBe(true);
    await expect.poll(() => proxy.open, { timeout: AT_ONCE_MS }).toBe(0);
    await sleep(WAIT_MS);
    expect({ open: proxy.open, accepted: proxy.accepted }).toEqual({ open: 0, accepted: 1 });
    expect(cutClient(client)).toBe(false);
  });

  it("ends with the client, also when its AMQP open was never answered", async () => {
    const { proxy, behind } = await startWorld();
    proxy.mode = "silent";
    const client = createBusClient({ kind: "connectionString", connectionString: behind });
    const sending = client.createSender("plain-replies").sendMessages({ body: "1" });
    const failed = expect(sending).rejects.toThrow();
    await expect.poll(() => proxy.open).toBe(1);
    await closeBusClient(client);
    await expect.poll(() => proxy.open, { timeout: AT_ONCE_MS }).toBe(0);
    await failed;
  });

  it("ends when the listener leaves its connections: the broker has nobody else to hand requests to", async () => {
    const { proxy, behind, ask } = await startWorld();
    const { logged } = await listen(keyOf(behind));
    expect(await ask()).toBe("200");
    const before = proxy.open;
    proxy.freeze();
    await logged("listener.rebuilt");
    await expect.poll(() => proxy.open, { timeout: AT_ONCE_MS }).toBe(before);
    expect(await ask()).toBe("200");
  });
});
