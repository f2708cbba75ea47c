import { once } from "node:events";
import rhea, { type Connection, type EventContext, type Receiver } from "rhea";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";

// What a sender wrote comes out as it went in, byte for byte, whatever its AMQP types are (part 1 section 1.6).

const KEY = "a key for this test";
const BATCH_FORMAT = 0x80013700;

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

const string = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0xa1, text.length]), Buffer.from(text)]);

function compound(code: number, items: readonly Buffer[]): Buffer {
  const body = Buffer.concat(items);
  const head = Buffer.alloc(9);
  head[0] = code;
  head.writeUInt32BE(body.length + 4, 1);
  head.writeUInt32BE(items.length, 5);
  return Buffer.concat([head, body]);
}

const list = (...items: Buffer[]): Buffer => compound(0xd0, items);
const map = (...items: Buffer[]): Buffer => compound(0xd1, items);
const hex = (value: Buffer): string => value.toString("hex");

/** Every constructor of the type system with a value, in hex. */
const VALUES: Readonly<Record<string, string>> = {
  null: "40",
  true: "41",
  false: "42",
  "boolean, full": "5600",
  ubyte: "50ff",
  ushort: "60ffff",
  uint: "7080000000",
  "uint, small": "52ff",
  "uint, zero": "43",
  ulong: "80ffffffffffffffff",
  "ulong, small": "5301",
  "ulong, zero": "44",
  byte: "5180",
  short: "618000",
  int: "7180000000",
  "int, small": "5480",
  long: "818000000000000000",
  "long, small": "5580",
  float: "727fc00001",
  double: "82bff0000000000000",
  decimal32: "7422500005",
  decimal64: "842238000000000001",
  decimal128: "94000102030405060708090a0b0c0d0e0f",
  char: "730001f600",
  timestamp: "830000018bcfe56800",
  "timestamp before 1970": "83ffffffffffffffff",
  uuid: "98000102030405060708090a0b0c0d0e0f",
  binary: "a00400ff8001",
  "binary, long": "b00000000100",
  string: "a104f09f9880",
  "string, long": "b1000000026f6b",
  symbol: "a304782d7379",
  "symbol, long": "b30000000178",
  "list, empty": "45",
  list: "c00402544143",
  "list, long": hex(list(bytes("5401"), bytes("40"), bytes("43"))),
  map: hex(
    Buffer.concat([bytes("c10804"), bytes("a30161"), bytes("40"), bytes("5301"), bytes("41")]),
  ),
  "map, long": hex(map(bytes("a10178"), bytes("5301"), bytes("5302"), bytes("41"))),
  "array of ints": "e00a02710000000100000002",
  "array of symbols, long": "f00000000900000002a301610162",
  described: "00a3036d793a5401",
  "described twice": "00530100a1016140",
};

const section = (descriptor: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x00, 0x53, descriptor]), value]);

/** A map of all simple values, and a nested one of the same. */
const entries = Object.entries(VALUES).flatMap(([name, value]) => [string(name), bytes(value)]);
const SECTIONS = {
  properties: section(0x73, list(bytes("98000102030405060708090a0b0c0d0e0f"), bytes("a00175"))),
  applicationProperties: section(0x74, map(...entries)),
  body: section(0x77, map(...entries, string("nested"), map(...entries))),
  footer: section(0x78, map(bytes("a3016b"), list(...entries))),
};
const ANNOTATION = [bytes("a306782d6d696e65"), bytes("00a3036d793a5401")];
const MESSAGE = Buffer.concat([section(0x72, map(...ANNOTATION)), ...Object.values(SECTIONS)]);

let broker: BrokerProcess;
let connection: Connection;

beforeAll(async () => {
  broker = await startBrokerProcess({ queues: [{ name: "q" }], key: KEY, keyName: "rule" });
  const container = rhea.create_container();
  container.on("disconnected", () => undefined);
  connection = container.connect({
    ...{ host: "127.0.0.1", port: broker.port, reconnect: false },
    ...{ username: "rule", password: KEY },
  });
  await once(connection, "connection_open");
});

afterAll(() => broker.stop());

let receiver: Receiver | undefined;
afterEach(() => receiver?.close());

interface Transfers {
  on_transfer(frame: { performative: { message_format: number } }): void;
}

/** The next message as bytes: rhea decodes those of format 0, and leaves others alone. */
async function receiveBytes(): Promise<Buffer> {
  const session = connection.create_session();
  session.begin();
  receiver = session.open_receiver({ source: "q", credit_window: 0 });
  const transfers = session as unknown as Transfers;
  const onTransfer = transfers.on_transfer.bind(session);
  transfers.on_transfer = (frame) => {
    frame.performative.message_format = 1;
    onTransfer(frame);
  };
  receiver.add_credit(1);
  const [context] = (await once(receiver, "message")) as [EventContext];
  return context.message as unknown as Buffer;
}

async function send(message: Buffer, format = 0): Promise<void> {
  const sender = connection.open_sender("q");
  await once(sender, "sendable");
  sender.send(message as never, undefined, format);
  await Promise.race([
    once(sender, "accepted"),
    once(sender, "rejected").then(([{ delivery }]) => {
      throw new Error(`it is refused: ${delivery.remote_state.error.description}`);
    }),
  ]);
  sender.close();
}

/** Names of the parts that did not come through as they were. */
function changed(delivered: Buffer): string[] {
  const parts = { ...SECTIONS, annotation: Buffer.concat(ANNOTATION) };
  return Object.entries(parts)
    .filter(([, part]) => !delivered.includes(part))
    .map(([name]) => name);
}

describe("a message of every AMQP type", () => {
  it("comes out byte for byte", async () => {
    await send(MESSAGE);
    expect(changed(await receiveBytes())).toEqual([]);
  });

  it("comes out of a batch byte for byte", async () => {
    const head = Buffer.alloc(5);
    head[0] = 0xb0;
    head.writeUInt32BE(MESSAGE.length, 1);
    await send(section(0x75, Buffer.concat([head, MESSAGE])), BATCH_FORMAT);
    expect(changed(await receiveBytes())).toEqual([]);
  });

  it.each(Object.entries(VALUES))("%s is the whole body", async (_name, value) => {
    const body = section(0x77, bytes(value));
    await send(body);
    expect((await receiveBytes()).subarray(-body.length)).toEqual(body);
  });

  it("keeps the sections of a body apart: several of data, and of sequences", async () => {
    for (const descriptor of [0x75, 0x76]) {
      const value = descriptor === 0x75 ? bytes("a00178") : bytes("c00402544143");
      const body = Buffer.concat([section(descriptor, value), section(descriptor, value)]);
      await send(body);
      expect((await receiveBytes()).subarray(-body.length)).toEqual(body);
    }
  });
});
