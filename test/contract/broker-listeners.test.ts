import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ServiceBusClient, type ServiceBusReceivedMessage } from "@azure/service-bus";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { ListenerKind } from "../../agent/sim/broker/listeners.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { CERTIFICATE_FILES, writeCertificates } from "../support/openldap-certificates.ts";
import { PlainWebSocket } from "../support/plain-web-socket.ts";

const ROUND_TRIP = fileURLToPath(new URL("../support/bus-round-trip.mjs", import.meta.url));
const QUICK = { maxRetries: 0, timeoutInMs: 3_000 } as const;
const MEGABYTE = 1024 * 1024;

let folder: string;
let ca: string;
let broker: BrokerProcess;
const clients: ServiceBusClient[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "broker-listeners-"));
  await writeCertificates(folder);
  ca = await readFile(join(folder, CERTIFICATE_FILES.ca), "utf8");
  broker = await startBrokerProcess({
    queues: [{ name: "tls" }, { name: "ws" }, { name: "wss" }, { name: "big" }, { name: "fault" }],
    maxMessageBytes: 2 * MEGABYTE,
    authenticationMs: 500,
    // One as a path, one as text.
    tls: {
      certificate: join(folder, CERTIFICATE_FILES.certificate),
      key: await readFile(join(folder, CERTIFICATE_FILES.key), "utf8"),
    },
    webSocket: {},
  });
});

afterAll(async () => {
  await broker.stop();
  await rm(folder, { recursive: true, force: true });
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

function portOf(kind: ListenerKind): number {
  const listener = broker.listeners.find((candidate) => candidate.kind === kind);
  if (listener === undefined) throw new Error(`there is no ${kind} listener`);
  return listener.port;
}

async function connect(kind: "ws" | "wss"): Promise<ServiceBusClient> {
  const client = new ServiceBusClient(await broker.connectionStringFor({ listener: kind }), {
    retryOptions: QUICK,
    webSocketOptions:
      kind === "wss"
        ? { webSocket: WebSocket, webSocketConstructorOptions: { ca } }
        : { webSocket: PlainWebSocket },
  });
  clients.push(client);
  return client;
}

async function receive(
  client: ServiceBusClient,
  queue: string,
): Promise<ServiceBusReceivedMessage> {
  const receiver = client.createReceiver(queue);
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 3_000 });
  if (message === undefined) throw new Error("no message came");
  await receiver.completeMessage(message);
  return message;
}

const roundTrip = async (connectionString: string, caFile?: string): Promise<string> => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [ROUND_TRIP, connectionString, "tls"],
    { env: { ...process.env, ...(caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: caFile }) } },
  );
  return stdout.trim();
};

describe("AMQP over TLS", () => {
  it("carries a message there and back for a client that trusts the certificate", async () => {
    const connectionString = await broker.connectionStringFor({ listener: "amqps" });
    expect(connectionString).not.toContain("UseDevelopmentEmulator");
    expect(await roundTrip(connectionString, join(folder, CERTIFICATE_FILES.ca))).toBe("over TLS");
  });

  it("gives a client that does not trust it nothing", async () => {
    const connectionString = await broker.connectionStringFor({ listener: "amqps" });
    await expect(roundTrip(connectionString)).rejects.toThrow(
      /self-signed|unable to verify|issuer/,
    );
  });
});

describe.each(["ws", "wss"] as const)("AMQP over %s", (kind) => {
  it("carries messages there and back, also those of many frames", async () => {
    const client = await connect(kind);
    const body = Buffer.alloc(MEGABYTE, kind);
    await client.createSender(kind).sendMessages([{ body: "small" }]);
    await client.createSender("big").sendMessages([{ body }]);
    expect((await receive(client, kind)).body).toBe("small");
    expect(body.equals((await receive(client, "big")).body)).toBe(true);
  });

  it("is cut and frozen by faults like any other", async () => {
    const client = await connect(kind);
    await broker.faults.arm({
      at: { event: "outcomeOut", queue: "fault" },
      action: { kind: "kill" },
    });
    const sender = client.createSender("fault");
    await expect(sender.sendMessages({ body: "cut" })).rejects.toBeDefined();
    expect((await broker.stats("fault")).active).toBe(1);
    await broker.faults.arm({
      at: { event: "transferIn", queue: "fault" },
      action: { kind: "freeze", ms: 300 },
    });
    const started = Date.now();
    await sender.sendMessages({ body: "late" });
    expect(Date.now() - started).toBeGreaterThanOrEqual(290);
    for (const expected of ["cut", "late"]) {
      expect((await receive(client, "fault")).body).toBe(expected);
    }
  });
});

describe("the WebSocket listener", () => {
  async function refusal(path: string, protocol: string): Promise<string> {
    const socket = new WebSocket(`ws://127.0.0.1:${portOf("ws")}${path}`, protocol);
    const [error] = (await once(socket, "error")) as [Error];
    return error.message;
  }

  it("knows one path and one subprotocol", async () => {
    expect([
      await refusal("/", "AMQPWSB10"),
      await refusal("/$servicebus/websocket", "amqp"),
      (await fetch(`http://127.0.0.1:${portOf("ws")}/`)).status,
    ]).toEqual(["Unexpected server response: 404", "Unexpected server response: 400", 404]);
  });

  it("cuts a peer whose message is larger than any frame", async () => {
    const socket = new WebSocket(
      `ws://127.0.0.1:${portOf("ws")}/$servicebus/websocket`,
      "AMQPWSB10",
    );
    socket.on("error", () => undefined);
    await once(socket, "open");
    socket.send(Buffer.alloc(3 * MEGABYTE));
    const [code] = (await once(socket, "close")) as [number];
    expect(code).toBe(1009);
  });
});

describe("a handshake that is never finished", () => {
  it.each<[string, () => NodeJS.EventEmitter]>([
    ["amqp", () => connectSocket(portOf("amqp"), "127.0.0.1")],
    ["amqps, without TLS", () => connectSocket(portOf("amqps"), "127.0.0.1")],
    [
      "amqps",
      () => connectTls({ port: portOf("amqps"), host: "127.0.0.1", rejectUnauthorized: false }),
    ],
    ["ws", () => connectSocket(portOf("ws"), "127.0.0.1")],
    ["wss, without TLS", () => connectSocket(portOf("wss"), "127.0.0.1")],
    [
      "ws, AMQP",
      () =>
        new WebSocket(`ws://127.0.0.1:${portOf("ws")}/$servicebus/websocket`, "AMQPWSB10") as never,
    ],
  ])("%s: is cut when its time is up", async (_name, open) => {
    const started = Date.now();
    const socket = open();
    socket.on("error", () => undefined);
    (socket as Partial<NodeJS.ReadableStream>).resume?.();
    await once(socket, "close");
    expect(Date.now() - started).toBeGreaterThanOrEqual(400);
  });
});
