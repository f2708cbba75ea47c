import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { ServiceBusSender } from "@azure/service-bus";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DirectoryServer, startDirectory } from "../../agent/sim/directory/server.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { awkwardEntries } from "../support/awkward-people.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, startAgent } from "../support/command.ts";
import { FateBook } from "../support/fate-book.ts";
import { type FuzzedMessage, fuzzMessages, REPLY_SESSIONS } from "../support/fuzzed-messages.ts";
import { readMemory } from "../support/inspector.ts";
import { RawBus, rawRequest } from "../support/raw-bus.ts";

const MESSAGES = Number(process.env["MESSAGES"] ?? 10_000);
/** Messages after which caches are full and code is compiled. */
const WARM_UP = MESSAGES / 5;
const SEED = Number(process.env["SEED"] ?? 40_404);
/** Messages in the queue at a time: a queue is as large as its quota. */
const AHEAD = 500;
const TIMEOUT_MS = 240_000;
const POLL_MS = 50;
/** Entries of the directory: what is looked for is to be found, and the answers are to be short. */
const ENTRIES = 60;
/** Nothing is settled for this long only when something is stuck. */
const STALL_MS = 20_000;
/** A leak of 2 KB for each message would be four times as much. */
const MAX_HELD_BYTES = ((MESSAGES - WARM_UP) * 2048) / 4;
const MAX_RSS_BYTES = (MESSAGES - WARM_UP) * 2048;

/** Lines of the agent's log that a failure does not repeat. */
const EXPECTED_EVENTS = [
  "request.received",
  "request.answered",
  "request.deadLettered",
  "entry.problem",
];

const BIND = { dn: "cn=sync,dc=example,dc=com", password: "secret" };

describe(`${MESSAGES} fuzzed messages with seed ${SEED}`, () => {
  let broker: BrokerProcess;
  let directory: DirectoryServer;
  let files: AgentFiles;
  let agent: AgentProcess;
  let bus: RawBus;

  beforeAll(async () => {
    const maxBytes = 1 << 30;
    broker = await startBrokerProcess({
      strict: false,
      queues: [
        {
          name: "requests",
          deadLetteringOnMessageExpiration: true,
          maxDeliveryCount: 10,
          maxBytes,
        },
        { name: "replies", requiresSession: true, maxBytes },
        { name: "plain-replies", maxBytes },
      ],
    });
    directory = await startDirectory({
      baseDn: "dc=example,dc=com",
      bind: BIND,
      entries: [...awkwardEntries()].slice(0, ENTRIES),
    });
    files = await writeAgentFiles({
      connectionString: broker.connectionString,
      url: directory.url,
      baseDn: directory.baseDn,
      bindDn: BIND.dn,
      bindPassword: BIND.password,
      bus: { replyQueues: ["replies", "plain-replies"], clockSkew: "0s" },
      log: { level: "info" },
    });
    agent = await startAgent(files.configPath, { env: { NODE_OPTIONS: "--inspect=127.0.0.1:0" } });
    bus = new RawBus(broker.connectionString);
  });

  afterAll(async () => {
    await bus?.close();
    await agent?.kill("SIGTERM");
    await files?.remove();
    await directory?.close();
    await broker?.stop();
  });

  it(
    "are each answered, dead-lettered with a documented reason or dropped at their deadline, once",
    async () => {
      const book = new FateBook();
      const readers = await listen(bus, book);
      const sender = bus.client.createSender("requests");
      const memory: { readonly rss: number; readonly held: number }[] = [];
      let sent = 0;
      const settled = async (left: number): Promise<void> => {
        let known = book.settled(agent);
        for (let idleMs = 0; sent - known > left; idleMs += POLL_MS) {
          if (!agent.isAlive() || idleMs > STALL_MS) {
            const left = JSON.stringify(await broker.stats("requests"));
            throw new Error(`not settled: ${book.pending()}\n${left}\n${lastLines(agent)}`);
          }
          await delay(POLL_MS);
          const now = book.settled(agent);
          if (now > known) idleMs = 0;
          known = now;
        }
      };
      for (const batch of batches(fuzzMessages(MESSAGES, SEED), AHEAD / 5)) {
        book.expect(batch);
        await sendAll(sender, batch);
        sent += batch.length;
        await settled(AHEAD);
        if (memory.length === 0 && sent >= WARM_UP) {
          await settled(0);
          memory.push(await readMemory(inspectorUrl(agent)));
        }
      }
      await settled(0);
      memory.push(await readMemory(inspectorUrl(agent)));
      await Promise.all(readers.map((reader) => reader.close()));

      const [warm, end] = memory;
      const grown = {
        held: (end?.held ?? 0) - (warm?.held ?? 0),
        rss: (end?.rss ?? 0) - (warm?.rss ?? 0),
      };
      const counts = book.counts(agent);
      console.log({ ...counts, ...grown });
      expect(book.wrong(agent)).toEqual([]);
      const sum = Object.values(counts).reduce((total, count) => total + count, 0);
      expect(sum).toBe(MESSAGES);
      const { active, locked, scheduled, deferred } = await broker.stats("requests");
      expect({ active, locked, scheduled, deferred }).toEqual({
        active: 0,
        locked: 0,
        scheduled: 0,
        deferred: 0,
      });
      expect(crashes(agent)).toEqual([]);
      expect(grown.held).toBeLessThan(MAX_HELD_BYTES);
      expect(grown.rss).toBeLessThan(MAX_RSS_BYTES);

      await bus.send("requests", rawRequest({ messageId: randomUUID() }));
      const [answer] = await bus.take("plain-replies", 1);
      expect(answer?.subject).toBe("200");
    },
    TIMEOUT_MS,
  );
});

/** Takes all answers and dead letters as they come. */
async function listen(bus: RawBus, book: FateBook): Promise<readonly { close(): Promise<void> }[]> {
  const options = { receiveMode: "receiveAndDelete", skipParsingBodyAsJson: true } as const;
  const processError = async () => undefined;
  const plain = bus.client.createReceiver("plain-replies", options);
  const dead = bus.client.createReceiver("requests", { ...options, subQueueType: "deadLetter" });
  const sessions = await Promise.all(
    REPLY_SESSIONS.map((id) => bus.client.acceptSession("replies", id, options)),
  );
  for (const receiver of [plain, ...sessions]) {
    receiver.subscribe({ processMessage: async (part) => book.answer(part), processError });
  }
  dead.subscribe({ processMessage: async (message) => book.deadLetter(message), processError });
  return [plain, dead, ...sessions];
}

function* batches<T>(from: Iterable<T>, size: number): Generator<readonly T[]> {
  let batch: T[] = [];
  for (const each of from) {
    batch.push(each);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function sendAll(
  sender: ServiceBusSender,
  messages: readonly FuzzedMessage[],
): Promise<void> {
  let batch = await sender.createMessageBatch();
  for (const { message } of messages) {
    if (batch.tryAddMessage(message)) continue;
    if (batch.count > 0) await sender.sendMessages(batch);
    batch = await sender.createMessageBatch();
    if (!batch.tryAddMessage(message)) await sender.sendMessages(message);
  }
  if (batch.count > 0) await sender.sendMessages(batch);
}

function inspectorUrl({ log }: AgentProcess): string {
  const line = log.find(({ text }) => /^Debugger listening on /.test(String(text)));
  return String(line?.["text"]).replace("Debugger listening on ", "");
}

/** What the agent says of itself when it is broken. */
function crashes({ log }: AgentProcess): readonly unknown[] {
  const names = ["request.crashed", "request.unsettled", "request.putBack", "request.lockLost"];
  return log.filter(
    ({ event, level }) => names.includes(event) || (level === "error" && event !== "not JSON"),
  );
}

function lastLines({ log }: AgentProcess): string {
  const odd = log.filter(({ event }) => !EXPECTED_EVENTS.includes(event));
  return odd
    .slice(-10)
    .map((line) => JSON.stringify(line))
    .join("\n");
}
