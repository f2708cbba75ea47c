import {
  ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
} from "@azure/service-bus";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { QueueDeclaration } from "../../../agent/sim/broker/queue-declaration.ts";
import { type BrokerProcess, startBrokerProcess } from "../../support/broker-process.ts";
import { bodies, numbered, pause } from "./bench.ts";

// What the embedded broker does and service-bus.test.ts cannot ask of every target: properties that the emulator's config
// does not have, times below the service's bounds, and what is written nowhere of the service itself.

const QUICK = { maxRetries: 0, timeoutInMs: 3_000, retryDelayInMs: 10 } as const;
const LATER_MS = 60_000;
const EMPTY = {
  active: 0,
  locked: 0,
  deferred: 0,
  scheduled: 0,
  deadLettered: 0,
  sessions: 0,
  bytes: 0,
};

const QUEUES: readonly QueueDeclaration[] = [
  { name: "plain" },
  { name: "other" },
  { name: "batch" },
  { name: "dead" },
  { name: "vanish" },
  { name: "unique", requiresDuplicateDetection: true },
  { name: "full", maxBytes: 20_000 },
  { name: "brief", defaultTimeToLiveMs: 200 },
  { name: "brief-dead", defaultTimeToLiveMs: 200, deadLetteringOnMessageExpiration: true },
  { name: "disabled", status: "disabled" },
  { name: "send-disabled", status: "sendDisabled" },
  { name: "receive-disabled", status: "receiveDisabled" },
  { name: "session-vanish", requiresSession: true },
  { name: "session-full", requiresSession: true, maxBytes: 1_000 },
];

let broker: BrokerProcess;
const clients: ServiceBusClient[] = [];

beforeAll(async () => {
  broker = await startBrokerProcess({ queues: QUEUES, strict: false });
});

afterAll(() => broker.stop());

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

function connect(): ServiceBusClient {
  const client = new ServiceBusClient(broker.connectionString, { retryOptions: QUICK });
  clients.push(client);
  return client;
}

async function takeOne(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage> {
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 2_000 });
  if (message === undefined) throw new Error("no message came");
  return message;
}

describe("an empty queue", () => {
  it("takes no memory, whichever way its messages went", async () => {
    const client = connect();
    const sender = client.createSender("plain");
    await sender.sendMessages(["a", "b", "c", "d", "e"].map((body) => ({ body })));
    const [number] = await sender.scheduleMessages({ body: "f" }, new Date(Date.now() + LATER_MS));
    const receiver = client.createReceiver("plain");
    const [a, b, c] = await receiver.receiveMessages(3);
    if (!a || !b || !c || !number) throw new Error("messages are missing");
    await receiver.completeMessage(a);
    await receiver.deferMessage(b, { longer: "x".repeat(100) });
    await receiver.deadLetterMessage(c, {
      deadLetterReason: "r",
      deadLetterErrorDescription: "d",
    });
    const stats = await broker.stats("plain");
    expect(stats).toMatchObject({
      active: 2,
      locked: 0,
      deferred: 1,
      scheduled: 1,
      deadLettered: 1,
    });
    await sender.cancelScheduledMessages(number);
    const receiveMode = "receiveAndDelete";
    const deleting = client.createReceiver("plain", { receiveMode });
    await deleting.receiveDeferredMessages(b.sequenceNumber ?? []);
    await deleting.receiveMessages(2);
    await takeOne(client.createReceiver("plain", { receiveMode, subQueueType: "deadLetter" }));
    expect(await broker.stats("plain")).toEqual(EMPTY);
  });
});

describe("QuotaExceeded", () => {
  it("when a queue is full, until something is received", async () => {
    const client = connect();
    const sender = client.createSender("full");
    const message = { body: Buffer.alloc(15_000) };
    await sender.sendMessages(message);
    const full = { code: "QuotaExceeded", retryable: false };
    await expect(sender.sendMessages(message)).rejects.toMatchObject(full);
    const later = new Date(Date.now() + LATER_MS);
    await expect(sender.scheduleMessages(message, later)).rejects.toMatchObject(full);
    expect(await broker.stats("full")).toMatchObject({ active: 1, scheduled: 0 });
    const receiver = client.createReceiver("full");
    const received = await takeOne(receiver);
    await expect(sender.sendMessages(message)).rejects.toMatchObject(full);
    await receiver.completeMessage(received);
    await sender.sendMessages(message);
    expect(await broker.stats("full")).toMatchObject({ active: 1 });
  });

  it("also by the state of a session", async () => {
    const session = await connect().acceptSession("session-full", "one");
    const tooMuch = session.setSessionState("x".repeat(2_000));
    await expect(tooMuch).rejects.toMatchObject({ code: "QuotaExceeded" });
    await session.setSessionState("x".repeat(500));
    await session.setSessionState(null);
  });
});

describe("MessagingEntityDisabled", () => {
  const DISABLED = { code: "MessagingEntityDisabled", retryable: false };
  const later = new Date(Date.now() + LATER_MS);

  it.each(["disabled", "send-disabled"])("%s: nobody can send", async (queue) => {
    const sender = connect().createSender(queue);
    await expect(sender.sendMessages({ body: "a" })).rejects.toMatchObject(DISABLED);
    const scheduled = sender.scheduleMessages({ body: "a" }, later);
    await expect(scheduled).rejects.toMatchObject(DISABLED);
  });

  it.each(["disabled", "receive-disabled"])("%s: nobody can receive", async (queue) => {
    const receiver = connect().createReceiver(queue);
    await expect(receiver.receiveMessages(1)).rejects.toMatchObject(DISABLED);
    await expect(receiver.peekMessages(1)).rejects.toMatchObject(DISABLED);
  });

  it("the other half goes on", async () => {
    const client = connect();
    await client.createSender("receive-disabled").sendMessages({ body: "a" });
    expect(await broker.stats("receive-disabled")).toMatchObject({ active: 1 });
    const receiver = client.createReceiver("send-disabled");
    expect(await receiver.receiveMessages(1, { maxWaitTimeInMs: 100 })).toEqual([]);
  });
});

describe("time to live of the queue", () => {
  it("ends messages that do not say one", async () => {
    const client = connect();
    await client.createSender("brief").sendMessages({ body: "a" });
    await pause(400);
    expect(await broker.stats("brief")).toEqual(EMPTY);
  });

  it("dead-letters them where the queue says so, without anybody receiving", async () => {
    const client = connect();
    await client.createSender("brief-dead").sendMessages({ body: "a" });
    await pause(400);
    expect(await broker.stats("brief-dead")).toMatchObject({ active: 0, deadLettered: 1 });
  });
});

describe("a batch", () => {
  it("of more than 4,500 messages is refused as a whole", async () => {
    const sender = connect().createSender("batch");
    const batch = await sender.createMessageBatch();
    const body = Buffer.from([1]);
    while (batch.count < 4_501 && batch.tryAddMessage({ body }));
    expect(batch.count).toBe(4_501);
    await expect(sender.sendMessages(batch)).rejects.toThrow(/unable to process the request/);
    expect(await broker.stats("batch")).toEqual(EMPTY);
    await sender.sendMessages(numbered(2));
    expect(await broker.stats("batch")).toMatchObject({ active: 2 });
  });
});

describe("a scheduled duplicate", () => {
  it("gets a number that is nobody's", async () => {
    const client = connect();
    const sender = client.createSender("unique");
    const message = { body: "a", messageId: "same" };
    await sender.sendMessages(message);
    const later = new Date(Date.now() + LATER_MS);
    const [number] = await sender.scheduleMessages(message, later);
    if (number === undefined) throw new Error("no number");
    const cancelled = sender.cancelScheduledMessages(number);
    await expect(cancelled).rejects.toMatchObject({ code: "MessageNotFound" });
  });
});

describe("a dead letter", () => {
  it("cannot be dead-lettered, and stays locked", async () => {
    const client = connect();
    await client.createSender("dead").sendMessages({ body: "a" });
    const receiver = client.createReceiver("dead");
    await receiver.deadLetterMessage(await takeOne(receiver));
    const dead = client.createReceiver("dead", { subQueueType: "deadLetter" });
    const message = await takeOne(dead);
    await expect(dead.deadLetterMessage(message)).rejects.toThrow(/cannot be dead-lettered/);
    expect(await broker.stats("dead")).toMatchObject({ deadLettered: 1 });
  });
});

describe("a peer that vanishes", () => {
  /** Cuts the client's socket without a word. */
  function vanish(client: ServiceBusClient): void {
    const internals = client as unknown as {
      _connectionContext: { connection: { _connection: { socket: { destroy(): void } } } };
    };
    internals._connectionContext.connection._connection.socket.destroy();
    void client.close().catch(() => undefined);
  }

  it("keeps its locks until they end, but not its links", async () => {
    await connect()
      .createSender("vanish")
      .sendMessages([{ body: "a" }, { body: "b" }]);
    const client = new ServiceBusClient(broker.connectionString, { retryOptions: QUICK });
    await takeOne(client.createReceiver("vanish"));
    vanish(client);
    const receiver = connect().createReceiver("vanish");
    expect(bodies(await receiver.receiveMessages(2, { maxWaitTimeInMs: 500 }))).toEqual(["b"]);
    expect(await broker.stats("vanish")).toMatchObject({ active: 0, locked: 2 });
  });

  it("gives its sessions back", async () => {
    const sender = connect().createSender("session-vanish");
    await sender.sendMessages({ body: "a", sessionId: "one" });
    const client = new ServiceBusClient(broker.connectionString, { retryOptions: QUICK });
    await takeOne(await client.acceptSession("session-vanish", "one"));
    vanish(client);
    await pause(100);
    const next = await connect().acceptSession("session-vanish", "one");
    expect((await takeOne(next)).body).toBe("a");
  });
});
