import {
  ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
} from "@azure/service-bus";
import rhea from "rhea";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { QueueDeclaration } from "../../../agent/sim/broker/queue-declaration.ts";
import { type BrokerProcess, startBrokerProcess } from "../../support/broker-process.ts";
import { numbered, pause } from "./bench.ts";
import { deleteMessages, managementOf, requestManagement } from "./management-client.ts";
import { peekFirst } from "./peek.ts";

// Requests to $management of the embedded broker whose outcome is written nowhere of the service itself.

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
  { name: "deletion" },
  { name: "session", requiresSession: true },
  { name: "session-list", requiresSession: true },
  { name: "session-state", requiresSession: true },
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

describe("com.microsoft:batch-delete-messages", () => {
  it("leaves deferred and scheduled messages", async () => {
    const client = connect();
    const sender = client.createSender("deletion");
    await sender.sendMessages(["a", "b"].map((body) => ({ body })));
    await sender.scheduleMessages({ body: "c" }, new Date(Date.now() + LATER_MS));
    const receiver = client.createReceiver("deletion");
    await receiver.deferMessage(await takeOne(receiver));
    expect(await deleteMessages(client, "deletion", 10)).toBe(1);
    const left = await peekFirst(receiver, 10);
    expect(left.map(({ body, state }) => [body, state])).toEqual([
      ["a", "deferred"],
      ["c", "scheduled"],
    ]);
  });

  it("frees the memory of thousands, in sessions too", async () => {
    const client = connect();
    const sender = client.createSender("session");
    for (const sessionId of ["one", "two"])
      await sender.sendMessages(numbered(3_000, { sessionId }));
    expect(await deleteMessages(client, "session", 4_000)).toBe(4_000);
    expect(await broker.stats("session")).toMatchObject({ active: 2_000, sessions: 1 });
    const session = await client.acceptSession("session", "two");
    expect((await takeOne(session)).body).toBe(1_000);
    await session.close();
    expect(await deleteMessages(client, "session", 4_000)).toBe(2_000);
    expect(await broker.stats("session")).toEqual(EMPTY);
  });
});

describe("com.microsoft:get-message-sessions", () => {
  it("lists sessions that were touched after a time, oldest first", async () => {
    const client = connect();
    const sender = client.createSender("session-list");
    await sender.sendMessages({ body: "a", sessionId: "one" });
    await pause(20);
    const between = new Date();
    await pause(20);
    await sender.sendMessages({ body: "a", sessionId: "two" });
    const state = await client.acceptSession("session-list", "three");
    await state.setSessionState("x");
    const management = managementOf(client, "session-list");
    expect(await management.listMessageSessions(0, 10, new Date(0))).toEqual([
      "one",
      "two",
      "three",
    ]);
    expect(await management.listMessageSessions(0, 10, between)).toEqual(["two", "three"]);
    const withMessages = new Date(253_402_300_799_999);
    expect(await management.listMessageSessions(0, 10, withMessages)).toEqual(["one", "two"]);
  });
});

describe("com.microsoft:receive-by-sequence-number", () => {
  it("in a session that this connection does not hold is refused", async () => {
    const body = {
      "session-id": "stranger",
      "receiver-settle-mode": rhea.types.wrap_uint(1),
      "sequence-numbers": rhea.types.wrap_array([1], 0x81, undefined),
    };
    const operation = "com.microsoft:receive-by-sequence-number";
    const refused = requestManagement(connect(), "session-state", operation, body);
    await expect(refused).rejects.toMatchObject({ code: "SessionLockLost" });
  });
});

describe("com.microsoft:set-session-state", () => {
  it("with null forgets the state, and an empty session with it", async () => {
    const client = connect();
    const session = await client.acceptSession("session-state", "one");
    await session.setSessionState("x");
    // The client itself writes null as the JSON text of it, which is a state like any other.
    const body = { "session-id": "one", "session-state": null };
    await requestManagement(client, "session-state", "com.microsoft:set-session-state", body);
    const asked = { "session-id": "one" };
    const operation = "com.microsoft:get-session-state";
    const answer = await requestManagement(client, "session-state", operation, asked);
    expect(answer.body).toEqual({ "session-state": null });
    await session.close();
    await expect.poll(() => broker.stats("session-state")).toEqual(EMPTY);
  });

  it("of a session that this connection does not hold is refused", async () => {
    const client = connect();
    const body = { "session-id": "two", "session-state": null };
    const operation = "com.microsoft:set-session-state";
    const stranger = requestManagement(client, "session-state", operation, body);
    await expect(stranger).rejects.toMatchObject({ code: "SessionLockLost" });
  });
});
