import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  type BusCredential,
  createBusClient,
  type WebSocketTransport,
} from "../../agent/bus/bus-connection.ts";
import { cutClient } from "../../agent/bus/client-cut.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { listen } from "../support/bus-pitfalls.ts";
import { BusProxy, throughPort } from "../support/bus-proxy.ts";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { CERTIFICATE_FILES, writeCertificates } from "../support/openldap-certificates.ts";
import { RawBus, rawRequest } from "../support/raw-bus.ts";

let folder: string;
let ca: string;
let broker: BrokerProcess;
let secure: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bus-websocket-"));
  await writeCertificates(folder);
  ca = await readFile(join(folder, CERTIFICATE_FILES.ca), "utf8");
  broker = await startBrokerProcess({
    queues: [{ name: "requests" }, { name: "plain-replies" }],
    webSocket: {},
    tls: {
      certificate: join(folder, CERTIFICATE_FILES.certificate),
      key: join(folder, CERTIFICATE_FILES.key),
    },
  });
  secure = await broker.connectionStringFor({ listener: "wss" });
});

afterAll(async () => {
  await broker?.stop();
  await rm(folder, { recursive: true, force: true });
});

const over = (webSocket: WebSocketTransport) => {
  const credential: BusCredential = {
    kind: "connectionString",
    connectionString: secure,
    webSocket,
  };
  return async () => [{ name: "bus.connectionString", credential }];
};

async function ask(): Promise<string | undefined> {
  const bus = new RawBus(broker.connectionString);
  await bus.send("requests", rawRequest());
  const [answer] = await bus.take("plain-replies", 1);
  await bus.close();
  return answer?.subject;
}

async function startProxy(options: { readonly user?: string } = {}) {
  const proxy = await startConnectProxy(options);
  onTestFinished(() => proxy.close());
  return proxy;
}

describe("AMQP over WebSocket", () => {
  it("answers requests, with a private authority", async () => {
    await listen(over({ ca }));
    expect(await ask()).toBe("200");
  });

  it("does not trust an authority that nobody named, and says what to do", async () => {
    await expect(listen(over({}))).rejects.toMatchObject({
      code: "bus.unreachable",
      hint: expect.stringContaining("bus.ca"),
    });
  });

  it("ends its sockets within seconds when a client is given up whose peer says nothing", async () => {
    const proxy = new BusProxy({ brokerPort: Number(/:(\d+)/.exec(secure)?.[1]) });
    await proxy.listen();
    onTestFinished(() => proxy.close());
    const client = createBusClient({
      kind: "connectionString",
      connectionString: throughPort(secure, proxy.port),
      webSocket: { ca },
    });
    await client.createSender("plain-replies").createMessageBatch();
    expect(proxy.open).toBe(1);
    proxy.freeze();
    expect(cutClient(client)).toBe(true);
    await expect.poll(() => proxy.open, { timeout: 5_000 }).toBe(0);
  });

  it("goes through a proxy, and by nothing else", async () => {
    const proxy = await startProxy();
    await listen(over({ ca, proxy: `http://127.0.0.1:${proxy.port}` }));
    expect(await ask()).toBe("200");
    const port = /:(\d+)/.exec(secure)?.[1];
    expect(new Set(proxy.asked)).toEqual(new Set([`127.0.0.1:${port}`]));
    expect(proxy.asked.length).toBeGreaterThanOrEqual(2);
  });

  it("signs in to the proxy", async () => {
    const proxy = await startProxy({ user: "agent:p@ss:word" });
    await listen(over({ ca, proxy: `http://agent:p%40ss%3Aword@127.0.0.1:${proxy.port}` }));
    expect(await ask()).toBe("200");
    expect(proxy.asked.filter((line) => line.endsWith("407"))).toEqual([]);
  });

  it("is refused by a proxy that it does not sign in to", async () => {
    const proxy = await startProxy({ user: "agent:password" });
    const url = `http://127.0.0.1:${proxy.port}`;
    await expect(listen(over({ ca, proxy: url }))).rejects.toMatchObject({
      code: "bus.unreachable",
    });
    expect(proxy.asked.every((line) => line.endsWith("407"))).toBe(true);
  });
});

describe("AMQP over TLS", () => {
  it("with a private authority names the variable that it is trusted by", async () => {
    const connectionString = await broker.connectionStringFor({ listener: "amqps" });
    const credential: BusCredential = { kind: "connectionString", connectionString };
    await expect(listen(async () => [{ name: "first", credential }])).rejects.toMatchObject({
      code: "bus.unreachable",
      hint: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
    });
  });
});
