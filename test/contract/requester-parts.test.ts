import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBusMessage } from "@azure/service-bus";
import { afterEach, describe, expect, it } from "vitest";
import { MemoryPartStage, type PartStage, type PartStaging } from "../../agent/bus/part-stage.ts";
import { SpillingPartStaging } from "../../agent/bus/spilling-part-stage.ts";
import { AgentError } from "../../agent/core/error.ts";
import { HandAgent, partsOf } from "../support/hand-agent.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { RawBus } from "../support/raw-bus.ts";
import {
  documents,
  documentsOf,
  never,
  outgoing,
  startRequester,
  startWorld,
  type Undo,
} from "../support/requester-world.ts";

const undo: Undo = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

/** A staging whose stages do this instead of keeping a part, as long as it says so. */
function stagingThat(instead: (request: string) => Promise<void>): PartStaging {
  return {
    open: ({ correlationId }): PartStage => {
      const stage = new MemoryPartStage();
      return {
        stage: async (key, part) => {
          await instead(correlationId);
          await stage.stage(key, part);
        },
        read: (key) => stage.read(key),
        clear: (selection) => stage.clear(selection),
      };
    },
    close: async () => {},
  };
}

const withBody = (part: ServiceBusMessage | undefined, body: Buffer): ServiceBusMessage => {
  if (part === undefined) throw new Error("a part was made");
  return { ...part, body };
};

describe("the time-outs of a request", () => {
  it("ends when nothing comes for the idle time, and says how much had come", async () => {
    const { agent, broker } = await startWorld(undo);
    const { requester } = startRequester(undo, broker.connectionString);
    const nothing = requester.request(outgoing({ idleTimeoutMs: 700 }), {}, never);
    await expect(nothing).rejects.toMatchObject({
      code: "reply.timeout",
      message: "nothing came for 700 ms: 0 parts with 0 items had come",
    });
    const next = agent.next();
    const asked = requester.request(outgoing({ idleTimeoutMs: 1_500 }), {}, never);
    const refused = expect(asked).rejects.toMatchObject({
      code: "reply.timeout",
      message: "nothing came for 1500 ms: 2 parts with 2 items had come",
    });
    await agent.send(partsOf(await next, documents(3)).slice(0, 2));
    await refused;
    expect(requester.inFlight).toBe(0);
  });

  it("does not end while parts come, however long that takes in all", async () => {
    const { agent, broker } = await startWorld(undo);
    const { requester } = startRequester(undo, broker.connectionString);
    const next = agent.next();
    const asked = requester.request(outgoing({ idleTimeoutMs: 1_500 }), {}, never);
    await agent.send(partsOf(await next, documents(6)), { pauseMs: 500 });
    expect(await documentsOf(await asked)).toEqual(documents(6));
  });

  it("ends at the total time all the same, which is also how long the message lives", async () => {
    const { agent, broker } = await startWorld(undo);
    const { requester } = startRequester(undo, broker.connectionString);
    const next = agent.next();
    const asked = requester.request(outgoing({ timeoutMs: 2_500 }), {}, never);
    const refused = expect(asked).rejects.toMatchObject({
      code: "reply.timeout",
      message: expect.stringMatching(/^no whole answer within 2500 ms: \d parts with \d items/),
    });
    const request = await next;
    expect(request.timeToLive).toBeGreaterThan(500);
    expect(request.timeToLive).toBeLessThanOrEqual(2_500);
    await agent.send(partsOf(request, documents(9)).slice(0, 8), { pauseMs: 400 });
    await refused;
  });

  it("throws the caller's reason when the caller gives up", async () => {
    const { agent, broker } = await startWorld(undo);
    const { requester } = startRequester(undo, broker.connectionString);
    const next = agent.next();
    const stop = new AbortController();
    const asked = requester.request(outgoing(), {}, stop.signal);
    const refused = expect(asked).rejects.toThrow("enough");
    await next;
    stop.abort(new Error("enough"));
    await refused;
  });
});

describe("the parts of an answer", () => {
  it("puts a part aside that cannot be read, and says so when the answer never is whole", async () => {
    const { agent, broker } = await startWorld(undo);
    const { requester } = startRequester(undo, broker.connectionString);
    const next = agent.next();
    const asked = requester.request(outgoing({ idleTimeoutMs: 1_500 }), {}, never);
    const refused = expect(asked).rejects.toMatchObject({
      code: "reply.timeout",
      message:
        "nothing came for 1500 ms: 1 parts with 1 items had come, and an answer was damaged: it is not one JSON object",
      hint: expect.stringContaining("PartUnreadable"),
    });
    const [first, second] = partsOf(await next, documents(2));
    await agent.send([withBody(first, Buffer.from('{"secret": ')), withBody(second, second?.body)]);
    await refused;
    const bus = new RawBus(broker.connectionString);
    undo.push(() => bus.close());
    const [dead] = await bus.take("replies", 1, { subQueueType: "deadLetter" });
    expect([dead?.deadLetterReason, dead?.deadLetterErrorDescription]).toEqual([
      "PartUnreadable",
      "The part cannot be read: it is not one JSON object",
    ]);
  });

  it("puts the part aside that shows that the digest is wrong, and takes another agent's answer", async () => {
    const { agent, broker } = await startWorld(undo);
    const { requester } = startRequester(undo, broker.connectionString);
    const next = agent.next();
    const asked = requester.request(outgoing(), {}, never);
    const request = await next;
    const [first, last] = partsOf(request, documents(2));
    await agent.send([
      withBody(first, Buffer.from('{"Resources":[7]}')),
      withBody(last, last?.body),
    ]);
    await agent.send(partsOf(request, documents(3)));
    const reply = await asked;
    expect(await documentsOf(reply)).toEqual(documents(3));
    expect(reply.counts()).toEqual({ repeated: 0, dropped: 1 });
    const { deadLettered } = await broker.stats("replies");
    expect(deadLettered).toBe(1);
  });

  it("counts what still comes for a whole answer, and strangers apart", async () => {
    const { agent, broker } = await startWorld(undo);
    const { requester } = startRequester(undo, broker.connectionString);
    const next = agent.next();
    const asked = requester.request(outgoing(), {}, never);
    const request = await next;
    const parts = partsOf(request, documents(2));
    await agent.send(parts);
    const reply = await asked;
    await agent.send(parts);
    await agent.send(partsOf(request, documents(4)));
    await agent.send(partsOf(request, documents(4)));
    await agent.send(partsOf({ ...request, messageId: "nobody's" }, documents(1)));
    await expect.poll(() => requester.strangers, { timeout: 5_000 }).toBe(1);
    expect(reply.counts()).toEqual({ repeated: 2, dropped: 2 });
    expect(await broker.stats("replies")).toMatchObject({ active: 0, deadLettered: 0 });
    await reply.release();
    await expect(documentsOf(reply)).rejects.toThrow("part 0 of a whole answer is gone");
  });

  it("loses no part that could not be kept at first", async () => {
    const { agent, broker } = await startWorld(undo);
    let failures = 3;
    const staging = stagingThat(async () => {
      if (failures-- > 0) throw new Error("the store is locked");
    });
    const { requester, log } = startRequester(undo, broker.connectionString, { staging });
    agent.onRequest = (request) => agent.send(partsOf(request, documents(5)));
    const reply = await requester.request(outgoing(), {}, never);
    expect(await documentsOf(reply)).toEqual(documents(5));
    expect(log.lines.filter(({ event }) => event === "part.notKept")).toHaveLength(3);
    await expect
      .poll(() => broker.stats("replies"), { timeout: 5_000 })
      .toMatchObject({ active: 0, locked: 0, deadLettered: 0 });
  });

  it("keeps an answer in files that is too large for memory, and leaves none behind", async () => {
    const folder = await mkdtemp(join(tmpdir(), "spilling-"));
    undo.push(() => rm(folder, { recursive: true, force: true }));
    const { agent, broker } = await startWorld(undo);
    const staging = new SpillingPartStaging({
      folder,
      memoryBytesPerRequest: 100_000,
      log: new MemoryLog(),
    });
    const { requester } = startRequester(undo, broker.connectionString, { staging });
    const large = Array.from({ length: 40 }, (_, part) => ({ part, text: "x".repeat(50_000) }));
    agent.onRequest = (request) => agent.send(partsOf(request, large));
    const reply = await requester.request(outgoing(), {}, never);
    expect(staging.usedBytes.memory).toBeLessThanOrEqual(100_000);
    expect(staging.usedBytes.disk).toBeGreaterThan(38 * 50_000);
    expect(await documentsOf(reply)).toEqual(large);
    await reply.release();
    expect(staging.usedBytes).toEqual({ memory: 0, disk: 0 });
    await requester.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it("ends with what the stage says when it will never keep the answer", async () => {
    const { agent, broker } = await startWorld(undo);
    const staging = stagingThat(async () => {
      throw new AgentError("reply.refused", "there is no room");
    });
    const { requester } = startRequester(undo, broker.connectionString, { staging });
    agent.onRequest = (request) => agent.send(partsOf(request, documents(3)));
    await expect(requester.request(outgoing(), {}, never)).rejects.toMatchObject({
      code: "reply.refused",
      message: "there is no room",
    });
    await expect
      .poll(async () => (await broker.stats("replies")).active, { timeout: 5_000 })
      .toBe(0);
  });

  it("does not hold up a request because of another one that is kept or read slowly", async () => {
    const { agent, broker } = await startWorld(undo);
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const staging = stagingThat(async (request) => {
      if (request === "slow") await held;
    });
    const { requester } = startRequester(undo, broker.connectionString, { staging });
    agent.onRequest = (request) => agent.send(partsOf(request, documents(20)));
    const slow = requester.request(outgoing({ correlationId: "slow" }), {}, never);
    await expect.poll(() => agent.received.length, { timeout: 5_000 }).toBe(1);
    const quick = await requester.request(outgoing({ timeoutMs: 5_000 }), {}, never);
    const reading = quick.documents();
    await reading.next();
    const other = await requester.request(outgoing({ timeoutMs: 5_000 }), {}, never);
    expect(await documentsOf(other)).toEqual(documents(20));
    letGo();
    expect(await documentsOf(await slow)).toEqual(documents(20));
    const rest: unknown[] = [];
    for await (const document of reading) rest.push(document);
    expect(rest).toEqual(documents(20).slice(1));
  });

  it("keeps 256 requests in flight apart, two agents answering each, in any order", async () => {
    const { agent, broker } = await startWorld(undo);
    const { requester } = startRequester(undo, broker.connectionString);
    const agents = [agent, new HandAgent(broker.connectionString)] as const;
    undo.push(() => agents[1].close());
    agent.onRequest = async (request) => {
      const asked = Number(request.correlationId);
      const twice = [0, 1].flatMap((by) =>
        partsOf(request, [
          { asked, by },
          { asked, by },
        ]),
      );
      const shuffled = [...twice, ...twice.slice(0, 2)]
        .map((part) => ({ part, at: randomBytes(4).readUInt32BE() }))
        .sort((a, b) => a.at - b.at);
      await Promise.all(shuffled.map(({ part }, n) => agents[n % 2 === 0 ? 0 : 1].send([part])));
    };
    const asking = Array.from({ length: 256 }, async (_, n) => {
      const reply = await requester.request(
        outgoing({ correlationId: String(n), stream: n % 2 === 0 }),
        {},
        never,
      );
      return { n, documents: await documentsOf(reply) };
    });
    for (const { n, documents: found } of await Promise.all(asking)) {
      const [first] = found as { asked: number; by: number }[];
      expect(found).toEqual([
        { asked: n, by: first?.by },
        { asked: n, by: first?.by },
      ]);
    }
    expect(requester.inFlight).toBe(0);
  });
});

describe("the keys of a requester", () => {
  const wrong = (connectionString: string) =>
    connectionString.replace(/SharedAccessKey=[^;]+/, "SharedAccessKey=d3Jvbmc=");

  it("takes the second key when the first is refused", async () => {
    const { agent, broker } = await startWorld(undo);
    agent.onRequest = (request) => agent.send(partsOf(request, documents(1)));
    const { connectionString } = broker;
    const { requester, log } = startRequester(undo, connectionString, {
      limits: { heartbeatMs: 400, answerMs: 5_000 },
      credential: async () => [
        {
          name: "first",
          credential: { kind: "connectionString", connectionString: wrong(connectionString) },
        },
        { name: "second", credential: { kind: "connectionString", connectionString } },
      ],
    });
    const reply = await requester.request(outgoing(), {}, never);
    expect(await documentsOf(reply)).toEqual(documents(1));
    expect(JSON.stringify(log.lines)).not.toContain("d3Jvbmc=");
  });

  it("reads a key again when a connection has to be made again", async () => {
    const { agent, proxy, behind } = await startWorld(undo);
    agent.onRequest = (request) => agent.send(partsOf(request, documents(1)));
    let reads = 0;
    let connectionString = behind;
    const { requester } = startRequester(undo, behind, {
      limits: { heartbeatMs: 400, answerMs: 5_000 },
      credential: async () => {
        reads++;
        return [{ name: "key", credential: { kind: "connectionString", connectionString } }];
      },
    });
    await requester.request(outgoing(), {}, never);
    const before = reads;
    connectionString = wrong(behind);
    proxy.cut();
    await expect.poll(() => reads, { timeout: 5_000 }).toBeGreaterThan(before + 1);
    await expect(requester.request(outgoing(), {}, never)).rejects.toMatchObject({
      code: "bus.denied",
    });
    connectionString = behind;
    await sleep(100);
    const reply = await requester.request(outgoing({ stream: false }), {}, never);
    expect(await documentsOf(reply)).toEqual(documents(1));
  });
});
