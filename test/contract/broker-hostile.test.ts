import { once } from "node:events";
import { createRequire } from "node:module";
import { type AddressInfo, connect as connectSocket, createServer } from "node:net";
import rhea, { type Connection, type EventContext, type Sender } from "rhea";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { draw } from "../../agent/sim/company/draw.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { IS_LONG, times } from "../support/run-length.ts";

// Peers that mean no good: what they do costs them their connection, and nobody else anything.

const KEY = "a key for this test";
const MAX_MESSAGE_BYTES = 64 * 1024;
const SOON = { timeout: 10_000 };
/** What may come and go in the meantime: caches, compiled code, messages that have not expired yet. */
const MAX_GROWTH_BYTES = 20 * 1024 * 1024;

const frames = createRequire(import.meta.url)("rhea/lib/frames.js") as Record<
  "transfer" | "disposition" | "attach",
  (fields: object) => unknown
>;

/** What rhea hides of a session. */
interface RawSession {
  output(frame: unknown, payload?: Buffer): void;
}

let broker: BrokerProcess;
const connections: Connection[] = [];

beforeAll(async () => {
  broker = await startBrokerProcess({
    strict: false,
    queues: [
      // What the spoiled conversations leave does not stay.
      { name: "q", defaultTimeToLiveMs: 2_000, lockDurationMs: 1_000 },
      { name: "locked" },
    ],
    key: KEY,
    keyName: "rule",
    maxMessageBytes: MAX_MESSAGE_BYTES,
    authenticationMs: 2_000,
  });
});

afterAll(() => broker.stop());

afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
});

async function connect(options: object = {}, port = broker.port): Promise<Connection> {
  const container = rhea.create_container();
  for (const event of ["error", "disconnected", "session_error"]) {
    container.on(event, () => undefined);
  }
  const connection = container.connect({
    ...{ host: "127.0.0.1", port, reconnect: false, username: "rule", password: KEY },
    ...options,
  });
  connections.push(connection);
  connection.on("connection_error", () => undefined);
  await once(connection, "connection_open");
  return connection;
}

/** Condition of the close that the broker ended it with, or "cut". */
async function endOf(connection: Connection): Promise<string> {
  const closed = once(connection, "connection_error").then(
    ([{ error }]) => (error as { condition: string }).condition,
  );
  const cut = once(connection, "disconnected").then(() => "cut");
  return Promise.race([closed, cut]);
}

async function openSender(connection: Connection, queue = "q"): Promise<Sender> {
  const sender = connection.open_sender(queue);
  await once(sender, "sendable");
  return sender;
}

const rawSession = (sender: Sender): RawSession => sender.session as unknown as RawSession;

/** It still serves whoever behaves. */
async function expectAlive(): Promise<void> {
  const connection = await connect();
  const sender = await openSender(connection);
  sender.send({ body: "alive" });
  await once(sender, "accepted");
  const receiver = connection.open_receiver("q");
  await once(receiver, "message");
}

describe("a peer", () => {
  it("that is not given any credit and sends all the same is cut", async () => {
    const connection = await connect();
    const sender = await openSender(connection);
    const session = rawSession(sender);
    const end = endOf(connection);
    // The credit that was given, and one more; the broker renews it only once a turn.
    for (let id = 0; id < 2_000; id++) {
      session.output(
        frames.transfer({ handle: 0, delivery_id: id, delivery_tag: Buffer.from("t"), more: true }),
      );
      session.output(frames.transfer({ handle: 0, delivery_id: id + 1, message_format: 0 }));
    }
    expect(await end).toBe("cut");
    await expectAlive();
  });

  it("whose message never ends is cut before it takes much memory", async () => {
    const connection = await connect();
    const sender = await openSender(connection);
    const before = await broker.heapBytes();
    const end = endOf(connection);
    const payload = Buffer.alloc(30_000);
    const timer = setInterval(() => {
      for (let count = 0; count < 5_000; count++) {
        const part = { handle: 0, delivery_id: 0, delivery_tag: Buffer.from("t"), more: true };
        rawSession(sender).output(frames.transfer(part), count % 100 === 0 ? payload : undefined);
      }
    }, 20);
    expect(await end).toBe("cut");
    clearInterval(timer);
    expect((await broker.heapBytes()) - before).toBeLessThan(MAX_GROWTH_BYTES);
    await expectAlive();
  });

  it("that opens thousands of links is closed, though each of them is refused", async () => {
    const connection = await connect();
    const end = endOf(connection);
    for (let count = 0; count < 5_001; count++) connection.open_sender(`no queue ${count}`);
    expect(await end).toBe("amqp:resource-limit-exceeded");
    await expectAlive();
  });

  it("that opens thousands of sessions is closed", async () => {
    const connection = await connect();
    const end = endOf(connection);
    for (let count = 0; count < 5_001; count++) connection.create_session().begin();
    expect(await end).toBe("amqp:resource-limit-exceeded");
    await expectAlive();
  });

  it("cannot settle what another one holds", async () => {
    const holder = await connect();
    const sender = await openSender(holder, "locked");
    sender.send({ body: "x" });
    const receiver = holder.open_receiver({
      source: "locked",
      autoaccept: false,
      credit_window: 1,
    });
    await once(receiver, "message");
    const thief = await connect();
    const session = rawSession(await openSender(thief, "locked"));
    const state = (rhea.message as unknown as { accepted(): { described(): unknown } })
      .accepted()
      .described();
    for (const role of [true, false]) {
      session.output(frames.disposition({ role, first: 0, last: 5_000, settled: true, state }));
      session.output(frames.disposition({ role, first: 4_294_967_295, settled: true, state }));
    }
    await openSender(thief, "q");
    expect(await broker.stats("locked")).toMatchObject({ active: 0, locked: 1 });
    const end = endOf(thief);
    session.output(frames.disposition({ role: true, first: 0, last: 4_000_000_000, state }));
    expect(await end).toBe("cut");
    expect(await broker.stats("locked")).toMatchObject({ active: 0, locked: 1 });
  });

  it("that puts no token is closed when its time is up", async () => {
    const connection = await connect({ password: undefined });
    expect(await endOf(connection)).toBe("amqp:connection:forced");
  });

  it("that sends a frame larger than was agreed is cut", async () => {
    const connection = await connect();
    const sender = await openSender(connection);
    const end = endOf(connection);
    const part = { handle: 0, delivery_id: 0, delivery_tag: Buffer.from("t"), message_format: 0 };
    rawSession(sender).output(frames.transfer(part), Buffer.alloc(70_000));
    expect(await end).toBe("cut");
    await expectAlive();
  });
});

/** The bytes of a client that signs in, sends, receives, settles and asks `$management`. */
async function recordClient(): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  const proxy = createServer((client) => {
    const upstream = connectSocket(broker.port, "127.0.0.1");
    client.on("data", (chunk) => {
      chunks.push(chunk);
      upstream.write(chunk);
    });
    upstream.pipe(client);
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.on("close", () => upstream.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const connection = await connect({}, (proxy.address() as AddressInfo).port);
  const sender = await openSender(connection);
  sender.send({ body: "x", application_properties: { a: 1 } });
  await once(sender, "accepted");
  const receiver = connection.open_receiver("q");
  await once(receiver, "message");
  const replies = connection.open_receiver({ source: "q/$management", name: "replies" });
  const requests = await openSender(connection, "q/$management");
  requests.send({
    message_id: "1",
    reply_to: "replies",
    application_properties: { operation: "com.microsoft:peek-message" },
    body: {
      "from-sequence-number": rhea.types.wrap_long(0),
      "message-count": rhea.types.wrap_int(1),
    },
  });
  const [reply] = (await once(replies, "message")) as [EventContext];
  expect(reply.message?.application_properties?.["statusCode"]).toBeDefined();
  connection.close();
  await once(connection, "connection_close");
  proxy.close();
  return chunks;
}

/** Spoils a recording: bits, bytes, lengths, order, end. */
function spoil(chunks: readonly Buffer[], seed: number): Buffer[] {
  let draws = 0;
  const below = (limit: number): number => {
    draws += 1;
    return Math.floor(draw(seed, 1, draws) * limit);
  };
  const parts = chunks.map((chunk) => Buffer.from(chunk));
  // The handshake is left alone most of the time, else nothing behind it is ever looked at.
  const first = below(5) === 0 ? 0 : Math.min(4, parts.length - 1);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const index = first + below(parts.length - first);
    const part = parts[index] ?? Buffer.alloc(0);
    const at = below(Math.max(part.length, 1));
    switch (below(8)) {
      case 0:
        part[at] = (part[at] ?? 0) ^ (1 << below(8));
        break;
      case 1:
        part[at] = below(256);
        break;
      case 2:
        parts[index] = part.subarray(0, at);
        break;
      case 3:
        parts.splice(index, 0, part);
        break;
      case 4:
        parts.splice(index, 1);
        break;
      case 5:
        if (part.length >= 4) part.writeUInt32BE(below(2 ** 32), 0);
        break;
      case 6:
        parts[index] = Buffer.concat([part.subarray(0, at), Buffer.alloc(below(64), below(256))]);
        break;
      case 7:
        parts.push(...parts.splice(index, 1));
        break;
    }
  }
  return parts;
}

/** The parts of a recording that are answered before the next one is sent: SASL has no pipelining. */
const HANDSHAKE_PARTS = 2;
const QUIET_MS = 40;

const quiet = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, QUIET_MS));

/** Sends parts of a recording, and waits until the broker ends the connection or says nothing more. */
async function replay(parts: readonly Buffer[]): Promise<void> {
  const socket = connectSocket(broker.port, "127.0.0.1");
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  for (const part of parts.slice(0, HANDSHAKE_PARTS)) {
    const answered = new Promise((resolve) => socket.once("data", resolve));
    socket.write(part);
    await Promise.race([answered, closed, quiet()]);
  }
  socket.resume();
  const rest = Buffer.concat(parts.slice(HANDSHAKE_PARTS));
  for (let at = 0; at < rest.length; at += 1_000) socket.write(rest.subarray(at, at + 1_000));
  await Promise.race([closed, quiet()]);
  socket.destroy();
}

describe("a recorded conversation that was spoiled at random", () => {
  const CASES = times({ short: 3_000, long: 50_000 });
  const AT_ONCE = 50;

  it(
    "never ends the broker, nor makes it grow",
    async () => {
      const chunks = await recordClient();
      // Unspoiled it is carried out, so that what is spoiled is looked at too.
      const stored = async (): Promise<number> => {
        const { active, locked } = await broker.stats("q");
        return active + locked;
      };
      const found = await stored();
      await replay(chunks);
      expect(await stored()).toBe(found + 1);
      const before = await broker.heapBytes();
      for (let seed = 0; seed < CASES; seed += AT_ONCE) {
        const cases = Array.from({ length: AT_ONCE }, (_, index) => spoil(chunks, seed + index));
        await Promise.all(cases.map(replay));
      }
      await expect.poll(() => broker.faults.connections(), SOON).toEqual([]);
      await expect.poll(() => broker.stats("q"), SOON).toMatchObject({ active: 0, locked: 0 });
      expect((await broker.heapBytes()) - before).toBeLessThan(MAX_GROWTH_BYTES);
      await expectAlive();
    },
    IS_LONG ? 600_000 : 60_000,
  );

  it("and noise alone end nothing but their own connection", async () => {
    const noise = (seed: number): Buffer =>
      Buffer.from(
        Array.from({ length: 200 }, (_, index) => Math.floor(draw(seed, 2, index) * 256)),
      );
    const header = Buffer.from("AMQP\x00\x01\x00\x00", "latin1");
    for (let seed = 0; seed < 500; seed += AT_ONCE) {
      const cases = Array.from({ length: AT_ONCE }, (_, index) => noise(seed + index));
      await Promise.all(cases.flatMap((bytes) => [replay([bytes]), replay([header, bytes])]));
    }
    await expectAlive();
  });
});
