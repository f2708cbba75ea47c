import {
  ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
  type ServiceBusSender,
} from "@azure/service-bus";
import { describe, expect, test } from "vitest";
import type { FaultAction, FaultEvent, FaultPoint } from "../../agent/sim/broker/fault.ts";
import {
  type BrokerProcess,
  type RemoteFault,
  startBrokerProcess,
} from "../support/broker-process.ts";

/** Of an operation that is expected to fail by its time-out, and of one that is not. */
const SHORT_MS = 700;
const LONG_MS = 10_000;
const PAUSE_MS = 300;
const SOON = { timeout: 5_000 };

/** A broker of a test's own, since what a fault leaves behind must not reach the next one, and its clients. */
class World {
  readonly broker: BrokerProcess;
  readonly #clients: ServiceBusClient[] = [];

  constructor(broker: BrokerProcess) {
    this.broker = broker;
  }

  /** A client that makes one attempt unless it may repeat. */
  connect(timeoutInMs: number, maxRetries = 0): ServiceBusClient {
    const retryOptions = { maxRetries, timeoutInMs, retryDelayInMs: 10 };
    const client = new ServiceBusClient(this.broker.connectionString, { retryOptions });
    this.#clients.push(client);
    return client;
  }

  sender(queue: string, timeoutInMs = LONG_MS): ServiceBusSender {
    return this.connect(timeoutInMs).createSender(queue);
  }

  receiver(queue: string, timeoutInMs = LONG_MS): ServiceBusReceiver {
    return this.connect(timeoutInMs).createReceiver(queue);
  }

  arm(
    event: FaultEvent,
    action: FaultAction,
    point: Partial<FaultPoint> = {},
  ): Promise<RemoteFault> {
    return this.broker.faults.arm({ at: { event, ...point }, action });
  }

  async close(): Promise<void> {
    await this.broker.stop();
    // A client whose open is not answered closes only after its 60 s.
    const closed = Promise.allSettled(this.#clients.map((client) => client.close()));
    await Promise.race([closed, pause(500)]);
  }
}

const it = test.extend<{ world: World }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the pattern
  world: async ({}, use) => {
    const world = new World(
      await startBrokerProcess({
        strict: false,
        queues: [
          { name: "q" },
          { name: "short", lockDurationMs: 700 },
          { name: "s", requiresSession: true },
        ],
      }),
    );
    await use(world);
    await world.close();
  },
});

/** "done", or the code of the error. */
async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    return (error as { code?: string }).code ?? "no code";
  }
}

async function receive(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage> {
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 3_000 });
  if (message === undefined) throw new Error("no message came");
  return message;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const elapsed = async (work: Promise<unknown>): Promise<number> => {
  const started = Date.now();
  await work;
  return Date.now() - started;
};

const DISABLED: FaultAction = {
  kind: "refuse",
  condition: "com.microsoft:entity-disabled",
  description: "off",
};
const PAUSE: FaultAction = { kind: "freeze", ms: PAUSE_MS };
const DELAY: FaultAction = { kind: "delay", ms: PAUSE_MS };

describe.concurrent("a send, by one attempt", () => {
  it.for<[FaultEvent, FaultAction, string, number]>([
    ["transferIn", { kind: "kill" }, "ServiceTimeout", 0],
    ["outcomeOut", { kind: "kill" }, "ServiceTimeout", 1],
    ["transferIn", { kind: "killAll" }, "ServiceTimeout", 0],
    ["outcomeOut", { kind: "killAll" }, "ServiceTimeout", 1],
    ["transferIn", { kind: "drop" }, "ServiceTimeout", 0],
    ["outcomeOut", { kind: "drop" }, "ServiceTimeout", 1],
    ["transferIn", { kind: "serverBusy" }, "ServiceBusy", 0],
    ["outcomeOut", { kind: "serverBusy" }, "ServiceBusy", 1],
    ["transferIn", DISABLED, "MessagingEntityDisabled", 0],
    ["outcomeOut", DISABLED, "MessagingEntityDisabled", 1],
    ["transferIn", { kind: "detachForced" }, "ServiceTimeout", 0],
    ["outcomeOut", { kind: "detachForced" }, "ServiceTimeout", 1],
    ["transferIn", DELAY, "done", 1],
    ["outcomeOut", DELAY, "done", 1],
    ["transferIn", PAUSE, "done", 1],
    ["outcomeOut", PAUSE, "done", 1],
    ["transferIn", { kind: "freeze" }, "ServiceTimeout", 0],
    ["outcomeOut", { kind: "freeze" }, "ServiceTimeout", 1],
    ["transferIn", { kind: "duplicate" }, "done", 2],
    ["attach", { kind: "serverBusy" }, "ServiceBusy", 0],
    ["attach", DISABLED, "MessagingEntityDisabled", 0],
    ["attach", { kind: "drop" }, "ServiceTimeout", 0],
    ["attach", { kind: "kill" }, "no code", 0],
    ["attach", { kind: "detachForced" }, "GeneralError", 0],
    ["attach", DELAY, "done", 1],
    ["attach", PAUSE, "done", 1],
  ])(
    "that is hit at %s by %j ends as %s with %i stored",
    async ([event, action, result, stored], { world }) => {
      const fault = await world.arm(event, action, { queue: "q" });
      const sender = world.sender("q", result === "done" ? LONG_MS : SHORT_MS);
      const sent = await outcome(sender.sendMessages({ body: "x" }));
      const { active } = await world.broker.stats("q");
      expect([sent, active, await fault.hits()]).toEqual([result, stored, 1]);
    },
  );
});

describe.concurrent("sends in one piece", () => {
  it.for<[FaultAction, number]>([
    [{ kind: "kill" }, 1],
    [{ kind: "freeze" }, 1],
    [{ kind: "drop" }, 9],
    [{ kind: "delay", ms: 60_000 }, 9],
  ])("of which the second meets %j leave %i of ten stored", async ([action, stored], { world }) => {
    const sender = world.sender("q", 2_000);
    await sender.createMessageBatch();
    const fault = await world.arm("transferIn", action, { queue: "q", nth: 2 });
    const bodies = Array.from({ length: 10 }, (_, index) => `${index}`);
    const sent = Promise.allSettled(bodies.map((body) => sender.sendMessages({ body })));
    await fault.hit();
    await sent;
    expect((await world.broker.stats("q")).active).toBe(stored);
  });
});

describe.concurrent("a connection", () => {
  it.for<[FaultEvent, FaultAction]>([
    ["connect", DELAY],
    ["connect", PAUSE],
    ["open", DELAY],
    ["open", PAUSE],
    ["putToken", DELAY],
    ["putToken", PAUSE],
  ])("that is hit at %s by %j is late", async ([event, action], { world }) => {
    await world.arm(event, action);
    const sent = elapsed(world.sender("q").sendMessages({ body: "x" }));
    expect(await sent).toBeGreaterThanOrEqual(PAUSE_MS - 10);
  });

  it.for<[FaultEvent, FaultAction]>([
    ["connect", { kind: "kill" }],
    ["connect", { kind: "refuse", condition: "-" }],
    ["open", { kind: "kill" }],
    ["open", { kind: "refuse", condition: "amqp:connection:forced" }],
    ["open", { kind: "serverBusy" }],
    ["putToken", { kind: "kill" }],
    ["putToken", { kind: "drop" }],
  ])(
    "that is hit at %s by %j fails, and the next one is served",
    async ([event, action], { world }) => {
      const fault = await world.arm(event, action);
      const sender = world.sender("q", SHORT_MS);
      expect(await outcome(sender.sendMessages({ body: "x" }))).not.toBe("done");
      await world.sender("q").sendMessages({ body: "x" });
      expect(await fault.hits()).toBe(1);
    },
  );

  it.for<[FaultAction, string]>([
    [{ kind: "serverBusy" }, "ServiceBusy"],
    [{ kind: "refuse", condition: "amqp:unauthorized-access" }, "UnauthorizedAccess"],
  ])("whose token is refused by %j hears %s", async ([action, code], { world }) => {
    await world.arm("putToken", action);
    const sender = world.sender("q", SHORT_MS);
    expect(await outcome(sender.sendMessages({ body: "x" }))).toBe(code);
  });

  it("whose open is swallowed hears nothing more, while others are served", async ({ world }) => {
    const swallowed = await world.arm("open", { kind: "drop" });
    const deaf = outcome(world.sender("q", SHORT_MS).sendMessages({ body: "x" }));
    await swallowed.hit();
    await world.sender("q").sendMessages({ body: "x" });
    expect(await deaf).toBe("ServiceTimeout");
    // Still open, as a peer behind a broken proxy is.
    expect(await world.broker.faults.connections()).toMatchObject([{ links: [] }, {}]);
  });
});

describe.concurrent("a delivery", () => {
  /** Sends one message, and receives it from a client of its own. */
  async function deliver(world: World, timeoutInMs = LONG_MS): Promise<ServiceBusReceiver> {
    await world.sender("q").sendMessages({ body: "x", messageId: "id" });
    return world.receiver("q", timeoutInMs);
  }

  it.for<[FaultEvent, FaultAction]>([
    ["delivery", DELAY],
    ["delivery", PAUSE],
    ["delivered", PAUSE],
  ])("that is hit at %s by %j is late", async ([event, action], { world, expect }) => {
    await world.arm(event, action);
    const receiver = await deliver(world);
    const settle = async (): Promise<void> => receiver.completeMessage(await receive(receiver));
    expect(await elapsed(settle())).toBeGreaterThanOrEqual(PAUSE_MS - 10);
    expect(await world.broker.stats("q")).toMatchObject({ active: 0, locked: 0 });
  });

  it.for<[FaultEvent, FaultAction]>([
    ["delivery", { kind: "drop" }],
    ["delivery", { kind: "kill" }],
    ["delivery", { kind: "detachForced" }],
    ["dispositionIn", { kind: "drop" }],
    ["dispositionIn", { kind: "kill" }],
    ["dispositionIn", { kind: "detachForced" }],
  ])(
    "that is hit at %s by %j comes again when its lock has run out",
    async ([event, action], { world, expect }) => {
      const fault = await world.arm(event, action);
      await world.sender("short").sendMessages({ body: "x", messageId: "id" });
      const counts: (number | undefined)[] = [];
      world.receiver("short", SHORT_MS).subscribe({
        processMessage: async ({ deliveryCount }) => {
          counts.push(deliveryCount);
        },
        processError: async () => undefined,
      });
      await fault.hit();
      const stats = () => world.broker.stats("short");
      await expect.poll(stats, SOON).toMatchObject({ active: 0, locked: 0 });
      expect(counts.at(-1)).toBe(1);
    },
  );

  it.for<FaultAction>([{ kind: "kill" }, { kind: "detachForced" }])(
    "that was written when %j strikes is there, and its link is gone",
    async (action, { world, expect }) => {
      await world.arm("delivered", action);
      const receiver = await deliver(world);
      const bodies: unknown[] = [];
      // A batching receiver would throw what came away with the link, and this one must not come back.
      receiver.subscribe(
        {
          processMessage: async ({ body }) => void bodies.push(body),
          processError: async () => receiver.close(),
        },
        { autoCompleteMessages: false },
      );
      await expect.poll(() => bodies, SOON).toEqual(["x"]);
      expect((await world.broker.stats("q")).locked).toBe(1);
      const receivers = async (): Promise<unknown[]> =>
        (await world.broker.faults.connections()).flatMap(({ links }) =>
          links.filter(({ role }) => role === "receiver"),
        );
      await expect.poll(receivers, SOON).toEqual([]);
    },
  );

  it.for<[FaultAction, string]>([
    [{ kind: "drop" }, "ServiceTimeout"],
    [{ kind: "kill" }, "ServiceTimeout"],
    [{ kind: "serverBusy" }, "ServiceBusy"],
  ])(
    "that is completed, with %j at settledOut, is gone though its receiver hears %s",
    async ([action, code], { world, expect }) => {
      await world.arm("settledOut", action, { operation: "accepted" });
      const receiver = await deliver(world, SHORT_MS);
      const message = await receive(receiver);
      expect(await outcome(receiver.completeMessage(message))).toBe(code);
      expect(await world.broker.stats("q")).toMatchObject({ active: 0, locked: 0 });
    },
  );

  it.for<[FaultAction, string]>([
    [{ kind: "serverBusy" }, "ServiceBusy"],
    [{ kind: "refuse", condition: "com.microsoft:message-lock-lost" }, "MessageLockLost"],
  ])(
    "that is completed, with %j at dispositionIn, stays locked and its receiver hears %s",
    async ([action, code], { world, expect }) => {
      await world.arm("dispositionIn", action);
      const receiver = await deliver(world);
      const message = await receive(receiver);
      expect(await outcome(receiver.completeMessage(message))).toBe(code);
      expect((await world.broker.stats("q")).locked).toBe(1);
    },
  );

  it.for<FaultEvent>(["delivery", "delivered", "dispositionIn"])(
    "that loses its lock at %s comes a second time, and the first holder cannot settle",
    async (event, { world, expect }) => {
      await world.arm(event, { kind: "loseLock" });
      const receiver = await deliver(world);
      const first = await receive(receiver);
      expect(await outcome(receiver.completeMessage(first))).toBe("MessageLockLost");
      const second = await receive(world.receiver("q"));
      expect([first.deliveryCount, second.deliveryCount, second.messageId]).toEqual([0, 1, "id"]);
    },
  );

  it("of a session that loses its lock takes the session with it", async ({ world, expect }) => {
    await world.arm("delivered", { kind: "loseLock" });
    await world.sender("s").sendMessages({ body: "x", sessionId: "one" });
    const session = await world.connect(LONG_MS).acceptSession("s", "one");
    const errors: string[] = [];
    session.subscribe(
      {
        processMessage: async () => undefined,
        processError: async ({ error }) => {
          errors.push((error as { code?: string }).code ?? error.message);
        },
      },
      { autoCompleteMessages: false },
    );
    await expect.poll(() => errors, SOON).toContain("SessionLockLost");
    const again = await world.connect(LONG_MS).acceptSession("s", "one");
    expect((await receive(again)).deliveryCount).toBe(1);
  });
});

describe.concurrent("a request to $management", () => {
  const EVENTS = ["management", "managementOut"] as const;
  const schedule = (sender: ServiceBusSender): Promise<unknown> =>
    sender.scheduleMessages({ body: "x" }, new Date(Date.now() + 600_000));

  it.for(
    EVENTS.flatMap((event): [FaultEvent, FaultAction, string, number][] => {
      const done = event === "managementOut" ? 1 : 0;
      return [
        [event, { kind: "drop" }, "ServiceTimeout", done],
        [event, { kind: "serverBusy" }, "ServiceBusy", done],
        [event, DISABLED, "MessagingEntityDisabled", done],
        [event, { kind: "freeze" }, "ServiceTimeout", done],
        [event, DELAY, "done", 1],
        [event, PAUSE, "done", 1],
      ];
    }),
  )(
    "that is hit at %s by %j ends as %s, and %i is scheduled",
    async ([event, action, code, count], { world }) => {
      await world.arm(event, action, { queue: "q", operation: "schedule-message" });
      const sender = world.sender("q", code === "done" ? LONG_MS : SHORT_MS);
      expect(await outcome(schedule(sender))).toBe(code);
      expect((await world.broker.stats("q")).scheduled).toBe(count);
    },
  );

  it.for(EVENTS)("that is cut at %s is not answered", async (event, { world }) => {
    await world.arm(event, { kind: "kill" });
    expect(await outcome(schedule(world.sender("q", SHORT_MS)))).not.toBe("done");
    expect((await world.broker.stats("q")).scheduled).toBe(event === "managementOut" ? 1 : 0);
  });
});

describe("an order", () => {
  async function sendFour(world: World): Promise<void> {
    const sender = world.sender("q");
    await sender.createMessageBatch();
    await Promise.all(["a", "b", "c", "d"].map((body) => sender.sendMessages({ body })));
  }

  async function takeFour(world: World): Promise<unknown[]> {
    const receiver = world.receiver("q");
    const taken: unknown[] = [];
    receiver.subscribe(
      {
        processMessage: async ({ body }) => {
          taken.push(body);
        },
        processError: async () => undefined,
      },
      { maxConcurrentCalls: 10 },
    );
    const stats = () => world.broker.stats("q");
    await expect.poll(stats, SOON).toMatchObject({ active: 0, locked: 0 });
    return taken;
  }

  it("of incoming messages is turned round in windows", async ({ world }) => {
    await world.arm("transferIn", { kind: "reorder", window: 3 }, { queue: "q", nth: 2 });
    await sendFour(world);
    expect(await takeFour(world)).toEqual(["a", "d", "c", "b"]);
  });

  it("of deliveries is turned round, and what is alone does not wait for ever", async ({
    world,
  }) => {
    await sendFour(world);
    await world.broker.faults.arm({
      at: { event: "delivery", queue: "q" },
      action: { kind: "reorder", window: 3 },
      times: "always",
    });
    expect(await takeFour(world)).toEqual(["c", "b", "a", "d"]);
  });

  it("of outcomes is turned round, and every sender gets its own", async ({ world }) => {
    await world.arm("outcomeOut", { kind: "reorder", window: 4 }, { queue: "q" });
    await sendFour(world);
    expect(await takeFour(world)).toEqual(["a", "b", "c", "d"]);
  });
});

describe("at once", () => {
  async function receiving(world: World, queue: string): Promise<string[]> {
    const got: string[] = [];
    world
      .connect(LONG_MS, 3)
      .createReceiver(queue)
      .subscribe({
        processMessage: async ({ body }) => {
          got.push(body);
        },
        processError: async () => undefined,
      });
    const attached = async (): Promise<boolean> =>
      (await world.broker.faults.connections()).some(({ links }) =>
        links.some((link) => link.queue === queue && link.role === "receiver"),
      );
    await expect.poll(attached, SOON).toBe(true);
    return got;
  }

  it("the connections of a queue are cut, and those of others live", async ({ world }) => {
    const { faults } = world.broker;
    const [one, other] = [await receiving(world, "q"), await receiving(world, "short")];
    const before = await faults.connections();
    expect(await faults.kill({ queue: "Q", role: "receiver" })).toBe(1);
    const numbers = async (): Promise<number[]> =>
      (await faults.connections()).map(({ connection }) => connection);
    await expect.poll(numbers, SOON).toEqual([before[1]?.connection, 3]);
    await world.sender("q").sendMessages({ body: "a" });
    await world.sender("short").sendMessages({ body: "b" });
    await expect.poll(() => [one, other], SOON).toEqual([["a"], ["b"]]);
  });

  it("links are detached, with whatever error, and attach again", async ({ world }) => {
    const got = await receiving(world, "q");
    expect(await world.broker.faults.detach({ queue: "q" })).toBe(1);
    await world.sender("q").sendMessages({ body: "a" });
    await expect.poll(() => got, SOON).toEqual(["a"]);
    const error = { condition: "com.microsoft:server-busy", description: "busy" };
    expect(await world.broker.faults.detach({ queue: "q", role: "receiver" }, error)).toBe(1);
    await world.sender("q").sendMessages({ body: "b" });
    await expect.poll(() => got, SOON).toEqual(["a", "b"]);
  });

  it("a connection is frozen until it is thawed, and nothing is lost", async ({ world }) => {
    const got = await receiving(world, "q");
    expect(await world.broker.faults.freeze({ queue: "q" })).toBe(1);
    await world.sender("q").sendMessages({ body: "a" });
    await pause(PAUSE_MS);
    expect(got).toEqual([]);
    expect(await world.broker.faults.thaw()).toBe(1);
    await expect.poll(() => got, SOON).toEqual(["a"]);
    const stats = () => world.broker.stats("q");
    await expect.poll(stats, SOON).toMatchObject({ active: 0, locked: 0 });
  });

  it("a freeze ends by itself when its time is over", async ({ world }) => {
    const got = await receiving(world, "q");
    await world.broker.faults.freeze({}, { ms: PAUSE_MS });
    await world.sender("q").sendMessages({ body: "a" });
    await expect.poll(() => got, SOON).toEqual(["a"]);
    expect(await world.broker.faults.thaw()).toBe(0);
  });
});

describe("random faults", () => {
  // Forty faults, of which some cost the client a wait of its own, take seconds on a quiet machine.
  const patience = { timeout: 120_000 };
  it(
    "lose nothing when the sender repeats and the receiver completes",
    patience,
    async ({ world }) => {
      const actions: FaultAction[] = [
        { kind: "kill" },
        { kind: "drop" },
        { kind: "serverBusy" },
        { kind: "detachForced" },
        { kind: "delay", ms: 20 },
        { kind: "freeze", ms: 50 },
      ];
      const events = ["transferIn", "outcomeOut", "delivery", "dispositionIn"] as const;
      const random = await world.broker.faults.random({
        ...{ seed: 11, rate: 0.1, actions, limit: 40 },
        points: events.map((event) => ({ event, queue: "short" })),
      });
      const seen = new Set<string>();
      world
        .connect(300, 3)
        .createReceiver("short")
        .subscribe({
          processMessage: async ({ body }) => {
            seen.add(body);
          },
          processError: async () => undefined,
        });
      const sender = world.connect(300, 20).createSender("short");
      const sent = Array.from({ length: 100 }, (_, index) => `message ${index}`);
      for (const body of sent) {
        while ((await outcome(sender.sendMessages({ body }))) !== "done");
      }
      const all = () => [...seen].sort();
      await expect.poll(all, { timeout: 60_000 }).toEqual([...sent].sort());
      const counts = await world.broker.faults.counts();
      const hits = counts.reduce((sum, count) => sum + count.hits, 0);
      expect([hits > 5, await random.hits()]).toEqual([true, hits]);
    },
  );
});
