import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ServiceBusClient } from "@azure/service-bus";
import rhea, { type Connection, type EventContext } from "rhea";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parseBrokerConfig } from "../../agent/sim/broker/config.ts";
import type { ConnectionStringOptions } from "../../agent/sim/broker/server.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { PlainWebSocket } from "../support/plain-web-socket.ts";

const ONCE = { maxRetries: 0, timeoutInMs: 3_000, retryDelayInMs: 10 } as const;
const JWT_KEY = "signs tokens of this test";
const AGENT_KEY = "a key of a rule";

let broker: BrokerProcess;
const clients: ServiceBusClient[] = [];
const connections: Connection[] = [];

beforeAll(async () => {
  broker = await startBrokerProcess({
    queues: [{ name: "q" }, { name: "other" }, { name: "s", requiresSession: true }],
    jwtKey: JWT_KEY,
    webSocket: {},
    rules: [
      { name: "listener", rights: ["Listen"] },
      { name: "sender", rights: ["Send"] },
      { name: "owner", rights: ["Manage"] },
      { name: "mine", rights: ["Send", "Listen"], queue: "q" },
      { name: "rotated", rights: ["Send"], primaryKey: AGENT_KEY },
    ],
  });
});

afterAll(() => broker.stop());

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

async function connect(options: ConnectionStringOptions): Promise<ServiceBusClient> {
  return connectWith(await broker.connectionStringFor(options));
}

function connectWith(connectionString: string): ServiceBusClient {
  const client = new ServiceBusClient(connectionString, { retryOptions: ONCE });
  clients.push(client);
  return client;
}

/** "ok", or the code of the error. */
async function verdict(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "ok";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

async function message(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => new Error("it succeeded"),
    (reason: Error) => reason,
  );
  return error.message;
}

const OPERATIONS: Readonly<Record<string, (client: ServiceBusClient) => Promise<unknown>>> = {
  send: (client) => client.createSender("q").sendMessages({ body: "x" }),
  schedule: (client) =>
    client.createSender("q").scheduleMessages({ body: "x" }, new Date(Date.now() + 600_000)),
  receive: (client) => client.createReceiver("q").receiveMessages(1, { maxWaitTimeInMs: 50 }),
  "receive dead letters": (client) =>
    client
      .createReceiver("q", { subQueueType: "deadLetter" })
      .receiveMessages(1, { maxWaitTimeInMs: 50 }),
  peek: (client) => client.createReceiver("q").peekMessages(1),
  "accept a session": async (client) => {
    const session = await client.acceptSession("s", randomUUID());
    await session.setSessionState("x");
    await session.close();
  },
};

describe("a policy", () => {
  const DENIED = "UnauthorizedAccess";

  it.each([
    ["listener", ["receive", "receive dead letters", "peek", "accept a session"]],
    ["sender", ["send", "schedule"]],
    ["owner", Object.keys(OPERATIONS)],
  ])("with the rights of %s may %j and nothing else", async (rule, allowed) => {
    const client = await connect({ rule });
    const found: Record<string, string> = {};
    for (const [name, operation] of Object.entries(OPERATIONS)) {
      // The client takes the refusal of a session for a lock that somebody else has.
      found[name] = (await verdict(operation(client))).replace("SessionCannotBeLocked", DENIED);
    }
    const expected = Object.keys(OPERATIONS).map((name) => [
      name,
      allowed.includes(name) ? "ok" : DENIED,
    ]);
    expect(found).toEqual(Object.fromEntries(expected));
  });

  it("says which claim is missing, at a link as at $management", async () => {
    const text = (claim: string, path: string): string =>
      `Unauthorized access. '${claim}' claim(s) are required to perform this operation. Resource: '${path}'.`;
    const [listener, sender] = [
      await connect({ rule: "listener" }),
      await connect({ rule: "sender" }),
    ];
    expect([
      await message(listener.createSender("q").sendMessages({ body: "x" })),
      await message(
        listener.createSender("q").scheduleMessages({ body: "x" }, new Date(Date.now() + 60_000)),
      ),
      await message(sender.createReceiver("q").peekMessages(1)),
      await message(sender.createReceiver("q").receiveMessages(1)),
    ]).toEqual([
      text("Send", "q"),
      text("Send", "q/$management"),
      text("Listen", "q/$management"),
      text("Listen", "q"),
    ]);
  });

  it("of one queue opens no other", async () => {
    const client = await connect({ rule: "mine", queue: "q" });
    expect([
      await verdict(client.createSender("q").sendMessages({ body: "x" })),
      await verdict(client.createReceiver("Q").peekMessages(1)),
      await message(client.createSender("other").sendMessages({ body: "x" })),
    ]).toEqual(["ok", "ok", "InvalidSignature: The token has an invalid signature."]);
  });

  it("gives its rights over SASL PLAIN too", async () => {
    const connection = await connectRaw("rotated", AGENT_KEY);
    await once(connection.open_sender("q"), "sendable");
    const [context] = (await once(connection.open_receiver("q"), "receiver_error")) as [
      EventContext,
    ];
    expect(context.receiver?.error).toMatchObject({ condition: "amqp:unauthorized-access" });
  });
});

describe("the rules of config/broker.json", () => {
  const QUEUES_OF_PARTS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
    agent: { Listen: ["requests", "writes"], Send: ["replies", "heartbeats"] },
    requester: { Listen: ["replies"], Send: ["requests"] },
    writer: { Listen: ["replies"], Send: ["requests", "writes"] },
    monitoring: { Listen: ["heartbeats"], Send: [] },
  };
  let own: BrokerProcess;

  beforeAll(async () => {
    const file = fileURLToPath(new URL("../../config/broker.json", import.meta.url));
    const { queues, rules } = parseBrokerConfig(await readFile(file, "utf8"));
    own = await startBrokerProcess({ queues, rules });
  });

  afterAll(() => own.stop());

  it.each(Object.keys(QUEUES_OF_PARTS))(
    "let the %s do with one connection string what it needs, and nothing else",
    async (rule) => {
      const client = connectWith(await own.connectionStringFor({ rule }));
      const allowed: Record<string, string[]> = { Listen: [], Send: [] };
      for (const queue of ["requests", "replies", "writes", "heartbeats"]) {
        const message = { body: "x", sessionId: "one" };
        const sent = await verdict(client.createSender(queue).sendMessages(message));
        if (sent === "ok") allowed["Send"]?.push(queue);
        const peeked = await verdict(client.createReceiver(queue).peekMessages(1));
        if (peeked === "ok") allowed["Listen"]?.push(queue);
      }
      expect(allowed).toEqual(QUEUES_OF_PARTS[rule]);
    },
  );
});

describe("keys", () => {
  it("primary and secondary are equally good", async () => {
    for (const key of ["primary", "secondary"] as const) {
      const client = await connect({ rule: "sender", key });
      expect(await verdict(client.createSender("q").sendMessages({ body: key }))).toBe("ok");
    }
  });

  it("are rotated one after the other: who has the old one lives on until the next token", async () => {
    const old = await connect({ rule: "rotated" });
    const sender = old.createSender("q");
    await sender.sendMessages({ body: "before" });
    const second = await broker.connectionStringFor({ rule: "rotated", key: "secondary" });
    await broker.setKey({ rule: "rotated" }, "primary", "a new key");
    await sender.sendMessages({ body: "on the living link" });
    const other = old.createSender("other").sendMessages({ body: "needs a token of its own" });
    expect(await verdict(other)).toBe("UnauthorizedAccess");
    const fresh = await connect({ rule: "rotated" });
    expect([
      await verdict(connectWith(second).createSender("q").sendMessages({ body: "x" })),
      await verdict(fresh.createSender("q").sendMessages({ body: "x" })),
      await message(broker.setKey({ rule: "none" }, "primary", "x")),
    ]).toEqual(["ok", "ok", "the broker has no rule 'none'"]);
  });
});

const webSocketPort = (): number => broker.listeners.find(({ kind }) => kind === "ws")?.port ?? 0;

function sign(key: string, name: string, seconds: number): string {
  const resource = encodeURIComponent(`sb://127.0.0.1:${broker.port}/`);
  const expiry = Math.floor(Date.now() / 1000) + seconds;
  const signature = createHmac("sha256", key).update(`${resource}\n${expiry}`).digest("base64");
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${name}`;
}

describe("a token that has expired", () => {
  const keyOf = async (rule: string): Promise<string> => {
    const connectionString = await broker.connectionStringFor({ rule });
    return /SharedAccessKey=([^;]+)/.exec(connectionString)?.[1] ?? "";
  };

  it("detaches the links that live by it, and no other", async () => {
    const connection = await connectRaw("anyone");
    const put = await openCbs(connection);
    const sas = "servicebus.windows.net:sastoken";
    const sender = await keyOf("sender");
    const granted = await put({ type: sas, name: "sb://x/q", token: sign(sender, "sender", 2) });
    expect(granted.status).toBe(202);
    await put({ type: sas, name: "sb://x/other", token: sign(sender, "sender", 60) });
    const living = connection.open_sender("other");
    const dying = connection.open_sender("q");
    await Promise.all([once(living, "sendable"), once(dying, "sendable")]);
    const [context] = (await once(dying, "sender_error")) as [EventContext];
    const error = context.sender?.error as { condition?: string; description?: string } | undefined;
    expect([error?.condition, error?.description]).toEqual([
      "amqp:link:detach-forced",
      "The link is force detached. Code: RenewToken. Details: Unauthorized access. 'Send' claim(s) are required to perform this operation. Resource: 'q'.",
    ]);
    expect(living.is_open()).toBe(true);
    expect(await put({ type: sas, name: "sb://x/q", token: sign(sender, "sender", -1) })).toEqual({
      status: 401,
      description: "ExpiredToken: The token is expired.",
    });
  });

  it("is UnauthorizedAccess to the client that cannot renew it", async () => {
    const token = sign(await keyOf("sender"), "sender", 1);
    // The library asks for TLS with such a string, whatever else stands in it.
    const client = new ServiceBusClient(
      `Endpoint=sb://127.0.0.1:${webSocketPort()};SharedAccessSignature=${token}`,
      { retryOptions: ONCE, webSocketOptions: { webSocket: PlainWebSocket } },
    );
    clients.push(client);
    const sender = client.createSender("q");
    expect(await verdict(sender.sendMessages({ body: "in time" }))).toBe("ok");
    const late = async (): Promise<string> => verdict(sender.sendMessages({ body: "late" }));
    await expect.poll(late, { timeout: 8_000, interval: 300 }).toBe("UnauthorizedAccess");
  });

  it("may be renewed while the link lives", async () => {
    const connection = await connectRaw("anyone");
    const put = await openCbs(connection);
    const type = "servicebus.windows.net:sastoken";
    const key = await keyOf("sender");
    await put({ type, name: "sb://x/q", token: sign(key, "sender", 2) });
    const sender = connection.open_sender("q");
    await once(sender, "sendable");
    await put({ type, name: "sb://x/q", token: sign(key, "sender", 60) });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(sender.is_open()).toBe(true);
  });
});

describe("a token of type jwt", () => {
  function jwt(roles: readonly string[], key = JWT_KEY): string {
    const part = (value: unknown): string =>
      Buffer.from(JSON.stringify(value)).toString("base64url");
    const exp = Math.floor(Date.now() / 1000) + 60;
    const text = `${part({ alg: "HS256" })}.${part({ aud: "https://servicebus.azure.net", exp, roles })}`;
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  }

  it("gives the rights of its roles when a test has signed it", async () => {
    const connection = await connectRaw("anyone");
    const put = await openCbs(connection);
    const token = jwt(["Azure Service Bus Data Sender"]);
    expect((await put({ type: "jwt", name: "sb://x/q", token })).status).toBe(202);
    await once(connection.open_sender("q"), "sendable");
    await once(connection.open_receiver("q"), "receiver_error");
  });

  it("is refused otherwise", async () => {
    const put = await openCbs(await connectRaw("anyone"));
    expect(await put({ type: "jwt", name: "sb://x/q", token: jwt([], "another key") })).toEqual({
      status: 401,
      description: "InvalidIssuer: Token issuer is invalid.",
    });
    expect(await put({ type: "xml", name: "sb://x/q", token: "<x/>" })).toEqual({
      status: 401,
      description: "InvalidToken: the type of the token is not known.",
    });
  });
});

async function connectRaw(user: string, password?: string): Promise<Connection> {
  const container = rhea.create_container();
  for (const event of ["error", "disconnected"]) container.on(event, () => undefined);
  const connection = container.connect({
    ...{ host: "127.0.0.1", port: broker.port, reconnect: false, username: user },
    ...(password === undefined ? {} : { password }),
  });
  connections.push(connection);
  await once(connection, "connection_open");
  return connection;
}

interface Token {
  readonly type: string;
  readonly name: string;
  readonly token: string;
}

type PutToken = (
  token: Token,
) => Promise<{ readonly status: number; readonly description: string }>;

async function openCbs(connection: Connection): Promise<PutToken> {
  const replies = connection.open_receiver({ source: "$cbs", name: "cbs" });
  const requests = connection.open_sender("$cbs");
  await Promise.all([once(requests, "sendable"), once(replies, "receiver_open")]);
  return async ({ type, name, token }) => {
    requests.send({
      message_id: randomUUID(),
      reply_to: "cbs",
      application_properties: { operation: "put-token", type, name },
      body: token,
    });
    const [context] = (await once(replies, "message")) as [EventContext];
    const properties = context.message?.application_properties;
    return {
      status: properties?.["status-code"],
      description: properties?.["status-description"],
    };
  };
}
