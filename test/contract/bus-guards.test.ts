import { fork } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
} from "@azure/service-bus";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { installGuards } from "../../agent/bus/rhea-guards.ts";
import { createSettlement, type SettleOutcome } from "../../agent/bus/settlement.ts";
import { AgentError } from "../../agent/core/error.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";

/** Does something to the connection of a scenario: cuts it, lets no byte through any more, waits until the client is back. */
type Change = "cut" | "mute" | "back";
type Connection = (change: Change) => Promise<void>;
type Settle = (
  receiver: ServiceBusReceiver,
  message: ServiceBusReceivedMessage,
) => Promise<SettleOutcome>;

interface Scenarios {
  settleTogether(options: object): Promise<unknown>;
  forgetOne(options: object): Promise<unknown>;
  sockets(options: object): Promise<unknown>;
  settleAfterCut(options: object, connection: Connection, settle?: Settle): Promise<unknown>;
}

const CHILD = new URL("../support/bus-guard-child.mjs", import.meta.url);
const { scenarios: guarded } = (await import(CHILD.href)) as { readonly scenarios: Scenarios };

/** The lock where a message shall come again; a minute elsewhere. */
const SHORT_LOCK_MS = 3_000;
/** Shorter than the lock, so that the message comes again after the time-out and not before. */
const CLIENT_TIMEOUT_MS = 1_500;
const CLOSE_TIMEOUT_MS = 1_000;

const QUEUES = [
  "adjacent-unguarded",
  "adjacent-pair",
  "adjacent-run",
  "forgotten-unguarded",
  "forgotten",
  "sockets",
  "cut-before",
  "cut-during",
  "second-dead-letter",
  "second-abandon",
  "second-twice",
  "second-renew",
  "second-unreachable",
];
const SHORT_LOCK_QUEUES = ["cut-before-unguarded", "cut-during-unguarded", "cut-during-direct"];
const SESSION_QUEUE = "session";

let broker: BrokerProcess;
let connectionString: string;

beforeAll(async () => {
  installGuards();
  broker = await startBrokerProcess({
    strict: false,
    queues: [
      ...QUEUES.map((name) => ({ name })),
      ...SHORT_LOCK_QUEUES.map((name) => ({ name, lockDurationMs: SHORT_LOCK_MS })),
      { name: SESSION_QUEUE, requiresSession: true },
    ],
  });
  connectionString = broker.connectionString;
});

afterAll(() => broker?.stop());

/** Runs a scenario with the client as it is shipped, in a process of its own. */
async function unguarded(
  name: keyof Scenarios,
  options: object,
  connection?: Connection,
): Promise<unknown> {
  const child = fork(fileURLToPath(CHILD), [name, JSON.stringify(options)], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  onTestFinished(() => {
    child.kill();
  });
  const errors: Buffer[] = [];
  child.stderr?.on("data", (chunk: Buffer) => errors.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("message", (message: { result?: unknown; connection?: Change }) => {
      if (message.connection === undefined) resolve(message.result);
      else void connection?.(message.connection).then(() => child.send("done"));
    });
    child.on("exit", () => reject(new Error(`${name} ended: ${Buffer.concat(errors)}`)));
  });
}

/** A proxy between client and broker whose connections can be cut, or muted: open, and silent in both directions. */
async function startProxy(): Promise<{ viaProxy: string; connection: Connection }> {
  const pairs = new Set<readonly [net.Socket, net.Socket]>();
  const server = net.createServer((near) => {
    const far = net.connect(broker.port, "127.0.0.1");
    const pair = [near, far] as const;
    pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const end of pair) {
      end.on("error", () => {});
      end.on("close", () => {
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(async () => {
    for (const [near] of pairs) near.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const receiving = async (): Promise<readonly number[]> => {
    const views = await broker.faults.connections();
    const isReceiver = ({ role }: { readonly role: string }) => role === "receiver";
    return views.filter(({ links }) => links.some(isReceiver)).map((view) => view.connection);
  };
  let before: readonly number[] = [];
  const connection: Connection = async (change) => {
    if (change === "back") {
      if (pairs.size === 0) await once(server, "connection");
      // What is sent to a link that the broker does not know to be dead comes when its lock runs out.
      await expect
        .poll(async () => (await receiving()).filter((number) => before.includes(number)))
        .toEqual([]);
      return;
    }
    if (change === "cut") before = await receiving();
    for (const [near, far] of pairs) {
      if (change === "mute") {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      } else {
        near.destroy();
        far.destroy();
      }
    }
    if (change === "cut") pairs.clear();
  };
  const { port } = server.address() as net.AddressInfo;
  return { viaProxy: connectionString.replace(`:${broker.port}`, `:${port}`), connection };
}

/** A settlement on a client of its own that goes straight to the broker. */
function openSettlement(queue: string, via = connectionString, timeoutMs = 4_000) {
  const client = new ServiceBusClient(via, {
    retryOptions: { maxRetries: 0, timeoutInMs: timeoutMs },
  });
  const settlement = createSettlement({ client, queue, timeoutMs });
  onTestFinished(async () => {
    await settlement.close();
    // On a connection that was muted or has just been cut the client waits for a minute.
    await Promise.race([client.close(), sleep(CLOSE_TIMEOUT_MS)]);
  });
  return settlement;
}

describe("two messages that are settled in the same turn", () => {
  const pair = ["completeMessage", "deadLetterMessage"];

  it("are both completed by the client as it is shipped, and the dead letter is lost", async () => {
    const result = await unguarded("settleTogether", {
      connectionString,
      queue: "adjacent-unguarded",
      outcomes: pair,
    });
    expect(result).toEqual({ promises: ["settled", "settled"], left: [], deadLettered: [] });
  });

  it("get each its own outcome with the guards", async () => {
    const result = await guarded.settleTogether({
      connectionString,
      queue: "adjacent-pair",
      outcomes: pair,
    });
    expect(result).toEqual({ promises: ["settled", "settled"], left: [], deadLettered: ["1"] });
  });

  it("keep their outcomes in every order and in long runs", async () => {
    const cycle = [
      "completeMessage",
      "deadLetterMessage",
      "deferMessage",
      "completeMessage",
      "completeMessage",
      "completeMessage",
      "deferMessage",
      "deferMessage",
      "deadLetterMessage",
      "deadLetterMessage",
      "completeMessage",
    ];
    const outcomes = [...cycle, ...cycle.toReversed(), ...cycle];
    const idsOf = (outcome: string) =>
      outcomes.flatMap((each, index) => (each === outcome ? [`${index}`] : []));
    const result = await guarded.settleTogether({
      connectionString,
      queue: "adjacent-run",
      outcomes,
    });
    expect(result).toEqual({
      promises: outcomes.map(() => "settled"),
      left: idsOf("deferMessage"),
      deadLettered: idsOf("deadLetterMessage"),
    });
  });
});

describe("one message that is never settled", () => {
  it("stops the client as it is shipped after 2,047 more, without an error", async () => {
    const result = await unguarded("forgetOne", {
      connectionString,
      queue: "forgotten-unguarded",
      messages: 2_500,
    });
    expect(result).toEqual({ received: 2_048 });
  });

  it("stops nothing with the guards", async () => {
    const result = await guarded.forgetOne({
      connectionString,
      queue: "forgotten",
      messages: 2_500,
    });
    expect(result).toEqual({ received: 2_500 });
  });
});

describe("the sockets of the client", () => {
  it("delay small frames as it is shipped", async () => {
    const result = await unguarded("sockets", { connectionString, queue: "sockets" });
    expect(result).toEqual({ opened: 1, withoutDelay: 0 });
  });

  it("send small frames at once with the guards", async () => {
    const result = await guarded.sockets({ connectionString, queue: "sockets" });
    expect(result).toEqual({ opened: 1, withoutDelay: 1 });
  });
});

describe("a settlement after the connection was cut and is back", () => {
  it("waits for the client's time-out as it is shipped, and the message comes again", async () => {
    const { viaProxy, connection } = await startProxy();
    const result = await unguarded(
      "settleAfterCut",
      {
        connectionString,
        viaProxy,
        queue: "cut-before-unguarded",
        when: "before",
        timeoutInMs: CLIENT_TIMEOUT_MS,
        deliverAgain: true,
      },
      connection,
    );
    expect(result).toEqual({ outcome: "ServiceTimeout", deliveries: 2, left: [] });
  });

  it("goes through $management with the guards, and the message does not come again", async () => {
    const { viaProxy, connection } = await startProxy();
    const queue = "cut-before";
    const settlement = openSettlement(queue);
    const result = await guarded.settleAfterCut(
      { connectionString, viaProxy, queue, when: "before", timeoutInMs: CLIENT_TIMEOUT_MS },
      connection,
      (receiver, message) => settlement.complete(receiver, message),
    );
    expect(result).toEqual({ outcome: "settled", deliveries: 1, left: [] });
  });
});

describe("a settlement whose answer is cut off", () => {
  const options = { when: "during", timeoutInMs: CLIENT_TIMEOUT_MS };

  it("waits for the client's time-out as it is shipped", async () => {
    const { viaProxy, connection } = await startProxy();
    const queue = "cut-during-unguarded";
    const result = await unguarded(
      "settleAfterCut",
      { ...options, connectionString, viaProxy, queue, deliverAgain: true },
      connection,
    );
    expect(result).toEqual({ outcome: "ServiceTimeout", deliveries: 2, left: [] });
  });

  it("fails with the connection, not with the time-out, with the guards", async () => {
    const { viaProxy, connection } = await startProxy();
    const queue = "cut-during-direct";
    const result = await guarded.settleAfterCut(
      { ...options, connectionString, viaProxy, queue, deliverAgain: true },
      connection,
    );
    expect(result).toEqual({ outcome: "GeneralError", deliveries: 2, left: [] });
  });

  it("is made again through $management", async () => {
    const { viaProxy, connection } = await startProxy();
    const queue = "cut-during";
    const settlement = openSettlement(queue, connectionString, 60_000);
    const result = await guarded.settleAfterCut(
      { ...options, timeoutInMs: 60_000, connectionString, viaProxy, queue },
      connection,
      (receiver, message) => settlement.complete(receiver, message),
    );
    expect(result).toEqual({ outcome: "settled", deliveries: 1, left: [] });
  });
});

describe("a settlement", () => {
  /** A message that was received on a link which is closed by now. */
  async function receiveAndClose(queue: string, sessionId?: string) {
    const client = new ServiceBusClient(connectionString);
    onTestFinished(() => client.close());
    const message = { body: "1", messageId: "held", ...(sessionId && { sessionId }) };
    await client.createSender(queue).sendMessages(message);
    const receiver = client.createReceiver(queue, { maxAutoLockRenewalDurationInMs: 0 });
    const [held] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5_000 });
    if (held === undefined) throw new Error("no message came");
    await receiver.close();
    return { client, receiver, held };
  }

  async function idsIn(client: ServiceBusClient, queue: string) {
    const ids = async (options: { subQueueType?: "deadLetter" }) => {
      const messages = await client.createReceiver(queue, options).peekMessages(10);
      return messages.map(({ messageId, applicationProperties = {} }) => ({
        messageId,
        ...applicationProperties,
      }));
    };
    return { queue: await ids({}), deadLetter: await ids({ subQueueType: "deadLetter" }) };
  }

  it("through $management dead-letters with reason and description", async () => {
    const queue = "second-dead-letter";
    const { client, receiver, held } = await receiveAndClose(queue);
    const outcome = await openSettlement(queue).deadLetter(receiver, held, {
      reason: "ReplyToForbidden",
      description: "d".repeat(5_000),
    });
    expect(outcome).toBe("settled");
    expect(await idsIn(client, queue)).toEqual({
      queue: [],
      deadLetter: [
        {
          messageId: "held",
          DeadLetterReason: "ReplyToForbidden",
          DeadLetterErrorDescription: "d".repeat(4_096),
        },
      ],
    });
  });

  it("through $management abandons with properties, also a message that names a session", async () => {
    const queue = "second-abandon";
    const { client, receiver, held } = await receiveAndClose(queue, "a session");
    const outcome = await openSettlement(queue).abandon(receiver, held, { agent: "two" });
    expect(outcome).toBe("settled");
    expect(await idsIn(client, queue)).toEqual({
      queue: [{ messageId: "held", agent: "two" }],
      deadLetter: [],
    });
  });

  it("says that the lock is lost when the message was settled before", async () => {
    const queue = "second-twice";
    const { receiver, held } = await receiveAndClose(queue);
    const settlement = openSettlement(queue);
    expect(await settlement.complete(receiver, held)).toBe("settled");
    expect(await settlement.complete(receiver, held)).toBe("lock lost");
    expect(await settlement.renewLock(receiver, held)).toBe("lock lost");
  });

  it("renews the lock of a message whose link is gone", async () => {
    const queue = "second-renew";
    const { receiver, held } = await receiveAndClose(queue);
    const before = held.lockedUntilUtc ?? new Date(0);
    await sleep(20);
    const until = await openSettlement(queue).renewLock(receiver, held);
    expect(until).toEqual(held.lockedUntilUtc);
    expect(held.lockedUntilUtc?.getTime()).toBeGreaterThan(before.getTime());
  });

  it("gives up with bus.unreachable when neither way answers in time", async () => {
    const { viaProxy, connection } = await startProxy();
    const queue = "second-unreachable";
    const { receiver, held } = await receiveAndClose(queue);
    const settlement = openSettlement(queue, viaProxy, 1_000);
    await settlement.renewLock(receiver, held);
    await connection("mute");
    const error: unknown = await settlement.complete(receiver, held).catch((it: unknown) => it);
    expect(error).toBeInstanceOf(AgentError);
    expect(error).toMatchObject({
      code: "bus.unreachable",
      message: `cannot settle a message of ${queue}`,
    });
  });

  it("of a queue that is not there is refused with bus.missing", async () => {
    const { receiver, held } = await receiveAndClose("second-renew");
    const settlement = openSettlement("no-such-queue");
    await expect(settlement.complete(receiver, held)).rejects.toMatchObject({
      code: "bus.missing",
      message: "cannot settle a message of no-such-queue",
    });
  });
});

describe("a settlement in a session", () => {
  async function receiveInSession(via: string, sessionId: string) {
    const client = new ServiceBusClient(via, { retryOptions: { maxRetries: 0 } });
    onTestFinished(() => client.close());
    await client.createSender(SESSION_QUEUE).sendMessages({ body: "1", sessionId });
    const receiver = await client.acceptSession(SESSION_QUEUE, sessionId);
    const [held] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5_000 });
    if (held === undefined) throw new Error("no message came");
    return { receiver, held };
  }

  it("renews the session's lock and settles on the session's link", async () => {
    const { receiver, held } = await receiveInSession(connectionString, "whole");
    const settlement = openSettlement(SESSION_QUEUE);
    expect(await settlement.renewLock(receiver, held)).toEqual(receiver.sessionLockedUntilUtc);
    expect(await settlement.complete(receiver, held)).toBe("settled");
    expect(await receiver.peekMessages(10)).toEqual([]);
  });

  it("is lost with the session's link", async () => {
    const { viaProxy, connection } = await startProxy();
    const { receiver, held } = await receiveInSession(viaProxy, "cut");
    const settlement = openSettlement(SESSION_QUEUE);
    await connection("cut");
    await expect.poll(() => settlement.complete(receiver, held)).toBe("lock lost");
    expect(await settlement.renewLock(receiver, held)).toBe("lock lost");
  });
});
