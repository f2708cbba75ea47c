import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import rhea, { type Connection, type EventContext } from "rhea";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";

// What the Service Bus client never does, and what it hides of the broker's answers.

const KEY = "a key for this test";
const LONG = { timeout: 10_000 };

let broker: BrokerProcess;
const connections: Connection[] = [];

beforeAll(async () => {
  broker = await startBrokerProcess({
    queues: [
      { name: "q" },
      { name: "s", requiresSession: true },
      { name: "drain" },
      { name: "long" },
    ],
    keyName: "rule",
    key: KEY,
  });
});

afterAll(() => broker.stop());

afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
});

async function connect(user: string, password?: string): Promise<Connection> {
  const container = rhea.create_container();
  for (const event of ["error", "disconnected"]) container.on(event, () => undefined);
  const connection = container.connect({
    host: "127.0.0.1",
    port: broker.port,
    reconnect: false,
    session_buffer_size: 20_000,
    username: user,
    ...(password === undefined ? {} : { password }),
  });
  connections.push(connection);
  await Promise.race([
    once(connection, "connection_open"),
    once(connection, "connection_error").then(([context]) => {
      throw (context as { error: Error }).error;
    }),
  ]);
  return connection;
}

function errorOf(context: EventContext, role: "sender" | "receiver"): unknown {
  const error = context[role]?.error as { condition?: string; description?: string } | undefined;
  return { condition: error?.condition, description: error?.description };
}

describe("SASL", () => {
  it("PLAIN with the key needs no token", async () => {
    const connection = await connect("rule", KEY);
    const sender = connection.open_sender("q");
    await once(sender, "sendable");
    sender.send({ body: "x" });
    await once(sender, "accepted");
    const receiver = connection.open_receiver("q");
    const [context] = (await once(receiver, "message")) as [EventContext];
    expect(context.message?.body).toBe("x");
  });

  it("PLAIN with another key is refused", async () => {
    await expect(connect("rule", "wrong")).rejects.toMatchObject({
      condition: "amqp:unauthorized-access",
    });
    await expect(connect("nobody", KEY)).rejects.toMatchObject({
      condition: "amqp:unauthorized-access",
    });
  });
});

describe("links", () => {
  it("are refused without a token for their entity, whichever way they go", async () => {
    const connection = await connect("anyone");
    const [sent] = (await once(connection.open_sender("q"), "sender_error")) as [EventContext];
    expect(errorOf(sent, "sender")).toEqual({
      condition: "amqp:unauthorized-access",
      description:
        "Unauthorized access. 'Send' claim(s) are required to perform this operation. Resource: 'q'.",
    });
    const [received] = (await once(connection.open_receiver("q"), "receiver_error")) as [
      EventContext,
    ];
    expect(errorOf(received, "receiver")).toEqual({
      condition: "amqp:unauthorized-access",
      description:
        "Unauthorized access. 'Listen' claim(s) are required to perform this operation. Resource: 'q'.",
    });
    const [managed] = (await once(connection.open_sender("q/$management"), "sender_error")) as [
      EventContext,
    ];
    expect(errorOf(managed, "sender")).toMatchObject({ condition: "amqp:unauthorized-access" });
  });

  it("cannot send to a dead-letter queue", async () => {
    const connection = await connect("rule", KEY);
    const sender = connection.open_sender("q/$DeadLetterQueue");
    const [context] = (await once(sender, "sender_error")) as [EventContext];
    expect(errorOf(context, "sender")).toMatchObject({ condition: "amqp:not-allowed" });
  });

  it("cannot ask for a session where there are none", async () => {
    const connection = await connect("rule", KEY);
    const receiver = connection.open_receiver({
      source: { address: "q", filter: { "com.microsoft:session-filter": "one" } },
    });
    const [context] = (await once(receiver, "receiver_error")) as [EventContext];
    expect(errorOf(context, "receiver")).toMatchObject({ condition: "amqp:not-allowed" });
  });

  it("a described session filter is answered in kind", async () => {
    const connection = await connect("rule", KEY);
    const receiver = connection.open_receiver({
      source: {
        address: "s",
        filter: {
          "com.microsoft:session-filter": rhea.types.wrap_described(
            "one",
            "com.microsoft:session-filter",
          ),
        },
      },
    });
    await once(receiver, "receiver_open");
    const answered = receiver.source.filter?.["com.microsoft:session-filter"];
    expect([answered.value, answered.descriptor.value]).toEqual([
      "one",
      "com.microsoft:session-filter",
    ]);
  });

  it("cannot be a transaction coordinator", async () => {
    const connection = await connect("rule", KEY);
    const sender = connection.open_sender({ target: {} });
    const { attach } = (sender as unknown as { local: { attach: { target: unknown } } }).local;
    attach.target = rhea.types.wrap_described([], 0x30);
    const [context] = (await once(sender, "sender_error")) as [EventContext];
    expect(errorOf(context, "sender")).toMatchObject({ condition: "amqp:not-implemented" });
  });
});

describe("waiting for a session", () => {
  const NEXT = { address: "s", filter: { "com.microsoft:session-filter": null } };

  it("ends with one attach and one detach when the time is up", async () => {
    const connection = await connect("rule", KEY);
    let attached = 0;
    connection.on("receiver_open", () => {
      attached += 1;
    });
    const receiver = connection.open_receiver({
      source: NEXT,
      properties: { "com.microsoft:timeout": 50 },
    });
    const [context] = (await once(receiver, "receiver_error")) as [EventContext];
    expect(errorOf(context, "receiver")).toMatchObject({ condition: "com.microsoft:timeout" });
    // A round trip later, anything else that was sent would be here.
    await once(connection.open_sender("q"), "sender_open");
    await once(connection.open_sender("q"), "sender_open");
    expect(attached).toBe(1);
  });

  it("ends when the peer gives up, and the session goes to the next who asks", async () => {
    const connection = await connect("rule", KEY);
    const first = connection.open_receiver({ source: NEXT });
    await once(connection.open_sender("q"), "sender_open");
    first.close();
    await once(first, "receiver_close");
    const sender = connection.open_sender("s");
    await once(sender, "sendable");
    sender.send({ body: "x", group_id: "one" });
    const second = connection.open_receiver({ source: NEXT });
    await once(second, "receiver_open");
    expect(second.source.filter?.["com.microsoft:session-filter"]).toBe("one");
  });
});

describe("credit", () => {
  it("given together with a drain is used before the drain is answered", async () => {
    const connection = await connect("rule", KEY);
    const sender = connection.open_sender("drain");
    await once(sender, "sendable");
    for (const body of ["a", "b"]) sender.send({ body });
    await expect.poll(async () => (await broker.stats("drain")).active).toBe(2);
    const receiver = connection.open_receiver({ source: "drain", credit_window: 0 });
    await once(receiver, "receiver_open");
    const events: unknown[] = [];
    receiver.on("message", (context: EventContext) => events.push(context.message?.body));
    receiver.on("receiver_drained", () => events.push("drained"));
    receiver.add_credit(5);
    receiver.drain_credit();
    await expect.poll(() => events).toEqual(["a", "b", "drained"]);
  });

  it("drained to nothing is answered too", async () => {
    const connection = await connect("rule", KEY);
    const receiver = connection.open_receiver({ source: "drain", credit_window: 0 });
    await once(receiver, "receiver_open");
    receiver.drain_credit();
    await once(receiver, "receiver_drained");
  });

  it("is used beyond what a session has room for, while the first message stays locked", async () => {
    const total = 9_000;
    const connection = await connect("rule", KEY);
    const sender = connection.open_sender("long");
    let sent = 0;
    sender.on("sendable", () => {
      while (sent < total && sender.sendable()) {
        sender.send({ body: "x" });
        sent += 1;
      }
    });
    await expect.poll(async () => (await broker.stats("long")).active, LONG).toBe(total);
    const receiver = connection.open_receiver({ source: "long", autoaccept: false });
    let seen = 0;
    receiver.on("message", ({ delivery }: EventContext) => {
      seen += 1;
      if (seen > 1) delivery?.accept();
    });
    const expected = { active: 0, locked: 1 };
    await expect.poll(() => broker.stats("long"), LONG).toMatchObject(expected);
  });
});

describe("outcomes", () => {
  it("released brings a message back without counting it", async () => {
    const connection = await connect("rule", KEY);
    const sender = connection.open_sender("q");
    await once(sender, "sendable");
    sender.send({ body: "again", message_id: "r" });
    const receiver = connection.open_receiver({
      source: "q",
      autoaccept: false,
      credit_window: 0,
      rcv_settle_mode: 0,
    });
    receiver.add_credit(1);
    const [first] = (await once(receiver, "message")) as [EventContext];
    first.delivery?.release();
    receiver.add_credit(1);
    const [second] = (await once(receiver, "message")) as [EventContext];
    expect([second.message?.body, second.message?.delivery_count]).toEqual(["again", 0]);
    second.delivery?.accept();
    await expect.poll(async () => (await broker.stats("q")).locked).toBe(0);
  });

  it("a message that cannot be read is rejected", async () => {
    const connection = await connect("rule", KEY);
    const sender = connection.open_sender("q");
    await once(sender, "sendable");
    sender.send(Buffer.from("no message"), undefined, 0);
    const [context] = (await once(sender, "rejected")) as [EventContext];
    expect(context.delivery?.remote_state?.["error"].condition).toBe("amqp:decode-error");
  });
});

describe("bad peers", () => {
  async function sendBytes(...chunks: Buffer[]): Promise<void> {
    const socket = connectSocket(broker.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    for (const chunk of chunks) socket.write(chunk);
    await once(socket, "close");
  }

  const SASL = Buffer.from("AMQP\x03\x01\x00\x00", "latin1");

  it.each([
    ["no AMQP at all", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    [
      "AMQP without SASL and a frame of nothing",
      Buffer.from("AMQP\x00\x01\x00\x00", "latin1"),
      Buffer.alloc(16),
    ],
    ["a frame without a length", SASL, Buffer.alloc(64)],
    ["a frame of four GiB", SASL, Buffer.from("fffffffe02010000", "hex"), Buffer.alloc(64)],
    ["a frame of noise", SASL, Buffer.from("0000001002010000ffffffffffffffff", "hex")],
  ])("%s: the connection is cut and the broker lives on", async (_name, ...chunks) => {
    await sendBytes(...(chunks as Buffer[]));
    expect(await broker.stats("q")).toMatchObject({ locked: 0 });
    expect((await connect("rule", KEY)).is_open()).toBe(true);
  });
});
