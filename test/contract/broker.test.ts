import {
  ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
  type ServiceBusSessionReceiver,
} from "@azure/service-bus";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { QueueDeclaration } from "../../agent/sim/broker/queue-declaration.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";

const QUICK = { maxRetries: 0, timeoutInMs: 3_000, retryDelayInMs: 10 } as const;
const MINUTE = 60_000;

const QUEUES: readonly QueueDeclaration[] = [
  { name: "send" },
  { name: "batch" },
  { name: "bytes" },
  { name: "complete" },
  { name: "abandon" },
  { name: "defer" },
  { name: "dead-letter" },
  { name: "delete" },
  { name: "drain" },
  { name: "expiry", lockDurationMs: 300 },
  { name: "count", maxDeliveryCount: 2 },
  { name: "renew", lockDurationMs: 600 },
  { name: "ttl-dead", deadLetteringOnMessageExpiration: true },
  { name: "ttl-drop", defaultTimeToLiveMs: 200 },
  { name: "duplicates", requiresDuplicateDetection: true },
  { name: "size" },
  { name: "full", maxBytes: 20_000 },
  { name: "peek" },
  { name: "schedule" },
  { name: "closed" },
  { name: "vanish", lockDurationMs: MINUTE },
  { name: "compete" },
  { name: "mixed" },
  { name: "Case" },
  { name: "session", requiresSession: true },
  { name: "session-next", requiresSession: true },
  { name: "session-locked", requiresSession: true },
  { name: "session-expiry", requiresSession: true, lockDurationMs: 400 },
  { name: "session-renew", requiresSession: true, lockDurationMs: 700 },
  { name: "session-release", requiresSession: true },
  { name: "session-defer", requiresSession: true },
  { name: "session-vanish", requiresSession: true },
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

function connect(connectionString = broker.connectionString): ServiceBusClient {
  const client = new ServiceBusClient(connectionString, { retryOptions: QUICK });
  clients.push(client);
  return client;
}

async function send(queue: string, ...bodies: string[]): Promise<void> {
  const sender = connect().createSender(queue);
  await sender.sendMessages(bodies.map((body) => ({ body, messageId: `id-${body}` })));
}

async function receive(
  receiver: ServiceBusReceiver,
  count = 1,
  maxWaitTimeInMs = 2_000,
): Promise<ServiceBusReceivedMessage[]> {
  const messages: ServiceBusReceivedMessage[] = [];
  while (messages.length < count) {
    const more = await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs });
    if (more.length === 0) break;
    messages.push(...more);
  }
  return messages;
}

async function receiveOne(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage> {
  const [message] = await receive(receiver);
  if (message === undefined) throw new Error("no message came");
  return message;
}

function bodies(messages: readonly ServiceBusReceivedMessage[]): unknown[] {
  return messages.map((message) => message.body);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("access", () => {
  it("refuses a wrong key as UnauthorizedAccess", async () => {
    const wrong = broker.connectionString.replace(/SharedAccessKey=[^;]*/, "SharedAccessKey=wrong");
    const sender = connect(wrong).createSender("send");
    await expect(sender.sendMessages({ body: "x" })).rejects.toMatchObject({
      code: "UnauthorizedAccess",
    });
  });

  it("says that a queue that is not declared could not be found", async () => {
    const client = connect();
    await expect(client.createSender("nowhere").sendMessages({ body: "x" })).rejects.toMatchObject({
      code: "MessagingEntityNotFound",
    });
    await expect(
      client.createReceiver("topic/Subscriptions/s").peekMessages(1),
    ).rejects.toMatchObject({ code: "MessagingEntityNotFound" });
  });

  it("takes names of queues without regard to case", async () => {
    await send("cASE", "x");
    expect(bodies(await receive(connect().createReceiver("case")))).toEqual(["x"]);
  });
});

describe("send", () => {
  it("delivers every property of a message", async () => {
    const client = connect();
    await client.createSender("send").sendMessages({
      body: Buffer.from("body"),
      messageId: "m-1",
      correlationId: "c-1",
      subject: "POST",
      to: "/Users",
      replyTo: "replies",
      replyToSessionId: "s-1",
      contentType: "application/scim+json",
      timeToLive: MINUTE,
      partitionKey: "p",
      applicationProperties: { text: "ä", number: 5, negative: -7, fraction: 1.5, yes: true },
    });
    const message = await receiveOne(client.createReceiver("send"));
    expect({
      body: message.body.toString(),
      messageId: message.messageId,
      correlationId: message.correlationId,
      subject: message.subject,
      to: message.to,
      replyTo: message.replyTo,
      replyToSessionId: message.replyToSessionId,
      contentType: message.contentType,
      timeToLive: message.timeToLive,
      partitionKey: message.partitionKey,
      applicationProperties: message.applicationProperties,
      deliveryCount: message.deliveryCount,
      sequenceNumber: message.sequenceNumber?.toString(),
      enqueuedSequenceNumber: message.enqueuedSequenceNumber,
      state: message.state,
    }).toEqual({
      body: "body",
      messageId: "m-1",
      correlationId: "c-1",
      subject: "POST",
      to: "/Users",
      replyTo: "replies",
      replyToSessionId: "s-1",
      contentType: "application/scim+json",
      timeToLive: MINUTE,
      partitionKey: "p",
      applicationProperties: { text: "ä", number: 5, negative: -7, fraction: 1.5, yes: true },
      deliveryCount: 0,
      sequenceNumber: "1",
      enqueuedSequenceNumber: 1,
      state: "active",
    });
    const age = Date.now() - (message.enqueuedTimeUtc?.getTime() ?? 0);
    expect(Math.abs(age)).toBeLessThan(MINUTE);
    expect((message.lockedUntilUtc?.getTime() ?? 0) - Date.now()).toBeGreaterThan(MINUTE / 2);
  });

  it("takes an array and a batch as single messages in their order", async () => {
    const client = connect();
    const sender = client.createSender("batch");
    await sender.sendMessages([{ body: 1 }, { body: 2 }]);
    const batch = await sender.createMessageBatch();
    expect(batch.maxSizeInBytes).toBe(256 * 1024);
    for (const body of [3, 4, 5]) expect(batch.tryAddMessage({ body })).toBe(true);
    await sender.sendMessages(batch);
    const messages = await receive(client.createReceiver("batch"), 5);
    expect(bodies(messages)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(messages.map((message) => message.messageId)).size).toBe(5);
  });

  it("keeps the types of AMQP values that the client cannot even write", async () => {
    const client = connect();
    const date = new Date(1_700_000_000_000);
    await client.createSender("bytes").sendMessages({
      body: [1, "two", { three: 3 }],
      bodyType: "sequence",
      applicationProperties: { date },
      messageAnnotations: { "x-mine": 1 },
    });
    const message = await receiveOne(client.createReceiver("bytes", { skipConvertingDate: true }));
    const raw = message._rawAmqpMessage;
    expect([raw.bodyType, message.body, message.applicationProperties]).toEqual([
      "sequence",
      [1, "two", { three: 3 }],
      { date },
    ]);
    expect(raw.messageAnnotations?.["x-mine"]).toBe(1);
  });

  it("rejects a message above the limit as MessageSizeExceeded and keeps the link", async () => {
    const sender = connect().createSender("size");
    await expect(sender.sendMessages({ body: Buffer.alloc(256 * 1024 + 1) })).rejects.toMatchObject(
      { code: "MessageSizeExceeded" },
    );
    await sender.sendMessages({ body: Buffer.alloc(255 * 1024, 7) });
    const message = await receiveOne(connect().createReceiver("size"));
    expect(message.body).toEqual(Buffer.alloc(255 * 1024, 7));
  });

  it("rejects what a full queue has no room for as QuotaExceeded", async () => {
    const sender = connect().createSender("full");
    await sender.sendMessages({ body: Buffer.alloc(15_000) });
    await expect(sender.sendMessages({ body: Buffer.alloc(15_000) })).rejects.toMatchObject({
      code: "QuotaExceeded",
    });
    expect((await broker.stats("full")).active).toBe(1);
  });

  it("drops a message whose id came before", async () => {
    const client = connect();
    const sender = client.createSender("duplicates");
    await sender.sendMessages({ body: "first", messageId: "same" });
    await sender.sendMessages([
      { body: "again", messageId: "same" },
      { body: "other", messageId: "other" },
    ]);
    const receiver = client.createReceiver("duplicates");
    expect(bodies(await receive(receiver, 2))).toEqual(["first", "other"]);
    expect((await broker.stats("duplicates")).active).toBe(0);
  });
});

describe("settlement", () => {
  it("complete removes the message", async () => {
    await send("complete", "a", "b");
    const receiver = connect().createReceiver("complete");
    const messages = await receive(receiver, 2);
    await Promise.all(messages.map((message) => receiver.completeMessage(message)));
    expect(await broker.stats("complete")).toEqual({
      active: 0,
      locked: 0,
      deferred: 0,
      scheduled: 0,
      deadLettered: 0,
      sessions: 0,
      bytes: 0,
    });
  });

  it("abandon brings it back first, counted and with changed properties", async () => {
    await send("abandon", "a", "b");
    const receiver = connect().createReceiver("abandon");
    await receiver.abandonMessage(await receiveOne(receiver), { tried: "once", n: 3 });
    const again = await receiveOne(receiver);
    expect([again.body, again.deliveryCount, again.applicationProperties]).toEqual([
      "a",
      1,
      { tried: "once", n: 3 },
    ]);
  });

  it("defer sets it aside until it is asked for by its number", async () => {
    await send("defer", "a", "b");
    const receiver = connect().createReceiver("defer");
    const message = await receiveOne(receiver);
    await receiver.deferMessage(message, { why: "later" });
    expect(bodies(await receive(receiver, 1))).toEqual(["b"]);
    const number = message.sequenceNumber;
    if (number === undefined) throw new Error("no sequence number");
    expect((await receiver.peekMessages(1, { fromSequenceNumber: number }))[0]?.state).toBe(
      "deferred",
    );
    const [deferred] = await receiver.receiveDeferredMessages(number);
    if (deferred === undefined) throw new Error("not deferred");
    expect([deferred.body, deferred.state, deferred.applicationProperties]).toEqual([
      "a",
      "deferred",
      { why: "later" },
    ]);
    await receiver.completeMessage(deferred);
    await expect(receiver.receiveDeferredMessages(number)).rejects.toMatchObject({
      code: "MessageNotFound",
    });
  });

  it("dead-letter moves it with reason, description and properties", async () => {
    await send("dead-letter", "a");
    const client = connect();
    const receiver = client.createReceiver("dead-letter");
    await receiver.deadLetterMessage(await receiveOne(receiver), {
      deadLetterReason: "bad request",
      deadLetterErrorDescription: "not parsable",
      hint: "none",
    });
    const dead = await receiveOne(
      client.createReceiver("dead-letter", { subQueueType: "deadLetter" }),
    );
    expect({
      body: dead.body,
      messageId: dead.messageId,
      reason: dead.deadLetterReason,
      description: dead.deadLetterErrorDescription,
      source: dead.deadLetterSource,
      properties: dead.applicationProperties,
    }).toEqual({
      body: "a",
      messageId: "id-a",
      reason: "bad request",
      description: "not parsable",
      source: "dead-letter",
      properties: {
        hint: "none",
        DeadLetterReason: "bad request",
        DeadLetterErrorDescription: "not parsable",
      },
    });
    expect((await broker.stats("dead-letter")).deadLettered).toBe(1);
  });

  it("keeps different settlements of the same moment apart", async () => {
    await send("mixed", "a", "b", "c", "d");
    const client = connect();
    const receiver = client.createReceiver("mixed");
    const [a, b, c, d] = await receive(receiver, 4);
    if (!a || !b || !c || !d) throw new Error("messages are missing");
    // One turn apart each: within one turn the client itself mixes them up.
    await receiver.deadLetterMessage(a);
    await receiver.completeMessage(b);
    await receiver.abandonMessage(c);
    await receiver.deferMessage(d);
    const { active, deferred, deadLettered, locked } = await broker.stats("mixed");
    expect({ active, deferred, deadLettered, locked }).toEqual({
      active: 1,
      deferred: 1,
      deadLettered: 1,
      locked: 0,
    });
  });

  it("receive-and-delete removes it on receipt", async () => {
    await send("delete", "a", "b", "c");
    const receiver = connect().createReceiver("delete", { receiveMode: "receiveAndDelete" });
    expect(bodies(await receive(receiver, 3))).toEqual(["a", "b", "c"]);
    expect((await broker.stats("delete")).bytes).toBe(0);
  });

  it("settles through $management after the receiver was closed", async () => {
    await send("closed", "a");
    const client = connect();
    const receiver = client.createReceiver("closed");
    const message = await receiveOne(receiver);
    await receiver.close();
    await client.createReceiver("closed").completeMessage(message);
    expect((await broker.stats("closed")).locked).toBe(0);
  });
});

describe("locks and time", () => {
  it("a drained receiver waits no longer than it has to, and can receive again", async () => {
    const client = connect();
    const receiver = client.createReceiver("drain");
    const started = Date.now();
    expect(await receiver.receiveMessages(10, { maxWaitTimeInMs: 100 })).toEqual([]);
    // Without an answer the client waits 200 ms and closes the link.
    expect(Date.now() - started).toBeLessThan(1_500);
    await client.createSender("drain").sendMessages([{ body: "a" }, { body: "b" }]);
    expect(bodies(await receive(receiver, 2))).toEqual(["a", "b"]);
    expect((await broker.stats("drain")).locked).toBe(2);
  });

  it("an expired lock is lost, counted, and the message comes again", async () => {
    await send("expiry", "a");
    const receiver = connect().createReceiver("expiry", { maxAutoLockRenewalDurationInMs: 0 });
    const message = await receiveOne(receiver);
    await pause(400);
    await expect(receiver.completeMessage(message)).rejects.toMatchObject({
      code: "MessageLockLost",
    });
    const again = await receiveOne(receiver);
    expect([again.body, again.deliveryCount]).toEqual(["a", 1]);
  });

  it("renewing keeps a lock beyond its duration", async () => {
    await send("renew", "a");
    const receiver = connect().createReceiver("renew", { maxAutoLockRenewalDurationInMs: 0 });
    const message = await receiveOne(receiver);
    for (let round = 0; round < 3; round++) {
      await pause(300);
      const until = await receiver.renewMessageLock(message);
      expect(until.getTime()).toBeGreaterThan(Date.now());
    }
    await receiver.completeMessage(message);
    await expect(receiver.renewMessageLock(message)).rejects.toMatchObject({
      code: "MessageLockLost",
    });
  });

  it("dead-letters a message that was delivered too often", async () => {
    await send("count", "a");
    const client = connect();
    const receiver = client.createReceiver("count");
    await receiver.abandonMessage(await receiveOne(receiver));
    await receiver.abandonMessage(await receiveOne(receiver));
    const dead = await receiveOne(client.createReceiver("count", { subQueueType: "deadLetter" }));
    expect([dead.deadLetterReason, dead.deadLetterErrorDescription]).toEqual([
      "MaxDeliveryCountExceeded",
      "Message could not be consumed after 2 delivery attempts.",
    ]);
  });

  it("dead-letters an expired message where the queue asks for it", async () => {
    const client = connect();
    await client.createSender("ttl-dead").sendMessages({ body: "a", timeToLive: 150 });
    const dead = await receiveOne(
      client.createReceiver("ttl-dead", { subQueueType: "deadLetter" }),
    );
    expect([dead.deadLetterReason, dead.deadLetterErrorDescription]).toEqual([
      "TTLExpiredException",
      "The message expired and was dead lettered.",
    ]);
  });

  it("drops a message after the queue's own time to live", async () => {
    await send("ttl-drop", "a");
    await pause(350);
    expect(await broker.stats("ttl-drop")).toMatchObject({ active: 0, deadLettered: 0, bytes: 0 });
  });

  it("keeps the lock of a peer that vanished, and frees its link", async () => {
    await send("vanish", "a", "b");
    const client = new ServiceBusClient(broker.connectionString, { retryOptions: QUICK });
    await receiveOne(client.createReceiver("vanish"));
    expect((await broker.stats("vanish")).locked).toBe(1);
    vanish(client);
    const receiver = connect().createReceiver("vanish");
    expect(bodies(await receive(receiver, 2, 500))).toEqual(["b"]);
    expect((await broker.stats("vanish")).locked).toBe(2);
  });
});

/** Cuts the client's socket without a word. */
function vanish(client: ServiceBusClient): void {
  const internals = client as unknown as {
    _connectionContext: { connection: { _connection: { socket: { destroy(): void } } } };
  };
  internals._connectionContext.connection._connection.socket.destroy();
  void client.close().catch(() => undefined);
}

describe("peek, schedule and competing receivers", () => {
  it("peek shows messages of every state without locking them", async () => {
    const client = connect();
    const sender = client.createSender("peek");
    await sender.sendMessages([{ body: "a" }, { body: "b" }]);
    await sender.scheduleMessages({ body: "later" }, new Date(Date.now() + MINUTE));
    const receiver = client.createReceiver("peek");
    await receiveOne(receiver);
    const peeked = await receiver.peekMessages(10);
    expect(peeked.map((message) => [message.body, message.state])).toEqual([
      ["a", "active"],
      ["b", "active"],
      ["later", "scheduled"],
    ]);
    expect(await receiver.peekMessages(10)).toEqual([]);
    expect(await broker.stats("peek")).toMatchObject({ active: 1, locked: 1, scheduled: 1 });
  });

  it("schedules messages, cancels them, and enqueues them when it is time", async () => {
    const client = connect();
    const sender = client.createSender("schedule");
    const soon = new Date(Date.now() + 400);
    const [first, second] = await sender.scheduleMessages([{ body: "a" }, { body: "b" }], soon);
    if (first === undefined || second === undefined) throw new Error("not scheduled");
    await sender.sendMessages({ body: "c", scheduledEnqueueTimeUtc: soon });
    await sender.cancelScheduledMessages(second);
    await expect(sender.cancelScheduledMessages(second)).rejects.toMatchObject({
      code: "MessageNotFound",
    });
    expect((await broker.stats("schedule")).scheduled).toBe(2);
    const messages = await receive(client.createReceiver("schedule"), 2);
    expect(Date.now()).toBeGreaterThanOrEqual(soon.getTime());
    expect(bodies(messages)).toEqual(["a", "c"]);
    expect(messages[0]?.enqueuedSequenceNumber).toBe(first.toNumber());
    expect(messages[0]?.sequenceNumber?.toNumber()).toBeGreaterThan(first.toNumber());
  });

  it("gives every message to one of the competing receivers", async () => {
    const client = connect();
    const seen: unknown[][] = [[], []];
    for (const mine of seen) {
      client.createReceiver("compete").subscribe(
        {
          processMessage: async (message) => {
            mine.push(message.body);
          },
          processError: async () => undefined,
        },
        { maxConcurrentCalls: 5 },
      );
    }
    await pause(300);
    const all = Array.from({ length: 100 }, (_, index) => index);
    await client.createSender("compete").sendMessages(all.map((body) => ({ body })));
    await expect.poll(() => seen.flat().length).toBe(100);
    expect(seen.flat().sort((a, b) => Number(a) - Number(b))).toEqual(all);
    for (const mine of seen) expect(mine.length).toBeGreaterThan(20);
  });
});

describe("sessions", () => {
  async function sendTo(queue: string, sessionId: string, ...texts: string[]): Promise<void> {
    const sender = connect().createSender(queue);
    await sender.sendMessages(texts.map((body) => ({ body, sessionId })));
  }

  it("accepts a session by its id, and only its messages come, in order", async () => {
    await sendTo("session", "one", "a", "b");
    await sendTo("session", "two", "x");
    const receiver = await connect().acceptSession("session", "one");
    expect(receiver.sessionLockedUntilUtc.getTime()).toBeGreaterThan(Date.now());
    const messages = await receive(receiver, 2);
    expect(messages.map((message) => [message.body, message.sessionId])).toEqual([
      ["a", "one"],
      ["b", "one"],
    ]);
    for (const message of messages) await receiver.completeMessage(message);
    await receiver.setSessionState({ page: 3 });
    expect(await receiver.getSessionState()).toEqual({ page: 3 });
    await receiver.setSessionState(null);
    expect(await receiver.getSessionState()).toBeNull();
    expect(bodies(await receiver.peekMessages(10))).toEqual([]);
  });

  it("refuses a message without session id, and a receiver without session", async () => {
    const client = connect();
    await expect(client.createSender("session").sendMessages({ body: "x" })).rejects.toThrow(
      /SessionId was not set/,
    );
    await expect(client.createReceiver("session").receiveMessages(1)).rejects.toThrow(
      /requires sessions/,
    );
    await expect(client.acceptSession("send", "one")).rejects.toMatchObject({
      code: "SessionCannotBeLocked",
    });
  });

  it("waits for the next session with messages, and gives up when the time is over", async () => {
    const client = connect();
    const coming: Promise<ServiceBusSessionReceiver> = client.acceptNextSession("session-next");
    await pause(200);
    await sendTo("session-next", "fresh", "a");
    const receiver = await coming;
    expect(receiver.sessionId).toBe("fresh");
    expect(bodies(await receive(receiver))).toEqual(["a"]);
    const short = new ServiceBusClient(broker.connectionString, {
      retryOptions: { ...QUICK, timeoutInMs: 500 },
    });
    clients.push(short);
    await expect(short.acceptNextSession("session-next")).rejects.toMatchObject({
      code: "ServiceTimeout",
    });
  });

  it("refuses a session that somebody else holds", async () => {
    await connect().acceptSession("session-locked", "one");
    await expect(connect().acceptSession("session-locked", "one")).rejects.toMatchObject({
      code: "SessionCannotBeLocked",
    });
  });

  it("an expired session lock detaches its receiver and counts the delivery", async () => {
    await sendTo("session-expiry", "one", "a");
    const receiver = await connect().acceptSession("session-expiry", "one", {
      maxAutoLockRenewalDurationInMs: 0,
    });
    const message = await receiveOne(receiver);
    await pause(600);
    await expect(receiver.completeMessage(message)).rejects.toMatchObject({
      code: "SessionLockLost",
    });
    expect(receiver.isClosed).toBe(true);
    const next = await connect().acceptSession("session-expiry", "one");
    expect((await receiveOne(next)).deliveryCount).toBe(1);
  });

  it("renewing keeps a session beyond the duration of its lock", async () => {
    await sendTo("session-renew", "one", "a");
    const receiver = await connect().acceptSession("session-renew", "one", {
      maxAutoLockRenewalDurationInMs: 0,
    });
    const message = await receiveOne(receiver);
    for (let round = 0; round < 3; round++) {
      await pause(350);
      expect((await receiver.renewSessionLock()).getTime()).toBeGreaterThan(Date.now());
    }
    await receiver.completeMessage(message);
  });

  it("a closed receiver gives its session back at once, uncounted", async () => {
    await sendTo("session-release", "one", "a");
    const first = await connect().acceptSession("session-release", "one");
    await receiveOne(first);
    await first.close();
    const second = await connect().acceptSession("session-release", "one");
    const message = await receiveOne(second);
    expect([message.body, message.deliveryCount]).toEqual(["a", 0]);
  });

  it("defers and receives again within a session", async () => {
    await sendTo("session-defer", "one", "a");
    const receiver = await connect().acceptSession("session-defer", "one");
    const message = await receiveOne(receiver);
    await receiver.deferMessage(message);
    const number = message.sequenceNumber;
    if (number === undefined) throw new Error("no sequence number");
    const [deferred] = await receiver.receiveDeferredMessages(number);
    if (deferred === undefined) throw new Error("not deferred");
    await receiver.completeMessage(deferred);
    expect(await broker.stats("session-defer")).toMatchObject({ deferred: 0, locked: 0 });
  });

  it("a peer that vanished gives its session back", async () => {
    await sendTo("session-vanish", "one", "a");
    const client = new ServiceBusClient(broker.connectionString, { retryOptions: QUICK });
    await receiveOne(await client.acceptSession("session-vanish", "one"));
    vanish(client);
    await pause(100);
    const next = await connect().acceptSession("session-vanish", "one");
    expect(bodies(await receive(next))).toEqual(["a"]);
  });
});
