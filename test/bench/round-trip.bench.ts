import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ServiceBusClient } from "@azure/service-bus";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ServiceBusRequester } from "../../agent/bus/service-bus-requester.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, startAgent } from "../support/command.ts";
import { MemoryLog } from "../support/memory-log.ts";

const DIST =
  process.env["HYBRID_TEST_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url));
const ECHO = fileURLToPath(new URL("echo-responder.mjs", import.meta.url));
/** Turns of each; short ones, so that whatever else the machine does meets both. */
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 20);
const WARM_UP_REQUESTS = 2_000;
const THROUGHPUT_ROUNDS = 5;
const MESSAGES = 5_000;
/** Answers at once, for the agent and the echo alike. */
const CONCURRENCY = 64;
const never = new AbortController().signal;

let broker: BrokerProcess;
let files: AgentFiles;
let agent: AgentProcess;
let echo: ChildProcess;
const requesters = new Map<string, ServiceBusRequester>();

function createRequester(requestQueue: string): ServiceBusRequester {
  const { connectionString } = broker;
  const requester = new ServiceBusRequester(
    {
      credential: { kind: "connectionString", connectionString },
      requestQueue,
      replyQueue: "replies",
    },
    { log: new MemoryLog() },
  );
  requesters.set(requestQueue, requester);
  return requester;
}

function requesterOf(queue: "echo" | "requests"): ServiceBusRequester {
  const requester = requesters.get(queue);
  if (requester === undefined) throw new Error(`no requester for ${queue}`);
  return requester;
}

beforeAll(async () => {
  const lockDurationMs = 60_000;
  broker = await startBrokerProcess({
    strict: false,
    queues: [
      { name: "requests", lockDurationMs },
      { name: "echo", lockDurationMs },
      { name: "plain", lockDurationMs },
      { name: "replies", requiresSession: true, lockDurationMs },
    ],
  });
  const { connectionString } = broker;
  // Nobody listens there: what is asked for needs no directory.
  files = await writeAgentFiles({
    connectionString,
    url: "ldap://127.0.0.1:1",
    baseDn: "dc=example,dc=com",
    bindDn: "cn=sync,dc=example,dc=com",
    bindPassword: "secret",
    bus: { concurrency: CONCURRENCY },
    log: { level: "warn" },
  });
  agent = await startAgent(files.configPath);
  const document = JSON.stringify(await ask(createRequester("requests")));
  const guards = join(DIST, "agent/bus/rhea-guards.js");
  const args = [ECHO, guards, connectionString, String(CONCURRENCY), document];
  echo = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  if (echo.stdout !== null) await once(echo.stdout, "data");
  expect(JSON.stringify(await ask(createRequester("echo")))).toBe(document);
});

afterAll(async () => {
  for (const requester of requesters.values()) await requester.close();
  echo?.kill("SIGKILL");
  await agent?.kill("SIGTERM");
  await files?.remove();
  await broker?.stop();
});

async function ask(requester: ServiceBusRequester): Promise<unknown> {
  const reply = await requester.request(
    {
      method: "GET",
      path: "/ServiceProviderConfig",
      stream: false,
      correlationId: randomUUID(),
      timeoutMs: 60_000,
    },
    {},
    never,
  );
  const { value } = await reply.documents().next();
  await reply.release();
  return value;
}

interface Sample {
  readonly times: readonly number[];
  readonly perSecond: number;
}

async function measure(
  requester: ServiceBusRequester,
  { inFlight, requests }: { readonly inFlight: number; readonly requests: number },
): Promise<Sample> {
  const times: number[] = [];
  let left = requests;
  const startedAt = performance.now();
  const lane = async () => {
    while (left-- > 0) {
      const askedAt = performance.now();
      await ask(requester);
      times.push(performance.now() - askedAt);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { times, perSecond: (times.length * 1_000) / (performance.now() - startedAt) };
}

it("a round trip through the agent against an echo", async () => {
  const lines = [
    `round trip of GET /ServiceProviderConfig over the embedded broker, ${ROUNDS} rounds of each, in turns`,
    `${"".padEnd(24)}${"echo p50".padStart(10)}${"p99".padStart(9)}${"agent p50".padStart(12)}${"p99".padStart(9)}${"p50 ratio".padStart(12)}${"echo/s".padStart(9)}${"agent/s".padStart(9)}`,
  ];
  for (const queue of ["echo", "requests"] as const) {
    await measure(requesterOf(queue), { inFlight: 32, requests: WARM_UP_REQUESTS });
  }
  for (const inFlight of [1, 32, 256]) {
    const samples = { requests: [] as Sample[], echo: [] as Sample[] };
    const requests = Math.max(50, 2 * inFlight);
    for (let round = 0; round < ROUNDS; round++) {
      for (const queue of ["echo", "requests"] as const) {
        samples[queue].push(await measure(requesterOf(queue), { inFlight, requests }));
      }
    }
    const [plain, whole] = [samples.echo, samples.requests].map((all) => ({
      p50: quantile(
        all.flatMap(({ times }) => times),
        0.5,
      ),
      p99: quantile(
        all.flatMap(({ times }) => times),
        0.99,
      ),
      perSecond: quantile(
        all.map(({ perSecond }) => perSecond),
        0.5,
      ),
    }));
    if (plain === undefined || whole === undefined) throw new Error("both were measured");
    lines.push(
      `${`${inFlight} in flight`.padEnd(24)}${ms(plain.p50)}${ms(plain.p99)}${ms(whole.p50, 12)}${ms(whole.p99)}${`${(whole.p50 / plain.p50).toFixed(2)} x`.padStart(12)}${plain.perSecond.toFixed(0).padStart(9)}${whole.perSecond.toFixed(0).padStart(9)}`,
    );
  }
  console.log(lines.join("\n"));
});

it("the broker's throughput, one queue, sender and receiver with the plain client", async () => {
  const rates: number[] = [];
  for (let round = 0; round <= THROUGHPUT_ROUNDS; round++) {
    const rate = await throughput();
    if (round > 0) rates.push(rate);
  }
  console.log(
    `${MESSAGES} messages of 1 KiB through one queue (peek-lock, 256 sends at once): ${quantile(rates, 0.5).toFixed(0)} messages/s, median of ${THROUGHPUT_ROUNDS}`,
  );
});

async function throughput(): Promise<number> {
  const client = new ServiceBusClient(broker.connectionString);
  const receiving = new ServiceBusClient(broker.connectionString);
  const receiver = receiving.createReceiver("plain", { skipParsingBodyAsJson: true });
  const body = Buffer.alloc(1024, "x");
  let received = 0;
  const startedAt = performance.now();
  const all = new Promise<void>((resolve) => {
    receiver.subscribe(
      {
        processMessage: async (message) => {
          await receiver.completeMessage(message);
          if (++received === MESSAGES) resolve();
        },
        processError: async () => {},
      },
      { autoCompleteMessages: false, maxConcurrentCalls: 256 },
    );
  });
  const sender = client.createSender("plain");
  let left = MESSAGES;
  const lane = async () => {
    while (left-- > 0) await sender.sendMessages({ body });
  };
  await Promise.all(Array.from({ length: 256 }, lane));
  await all;
  const perSecond = (MESSAGES * 1_000) / (performance.now() - startedAt);
  await Promise.all([client.close(), receiving.close()]);
  return perSecond;
}

const ms = (value: number, width = 9) => `${value.toFixed(1)} ms`.padStart(width);

function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * at)] ?? Number.NaN;
}
