import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { RetryingRequester } from "../../agent/bus/retrying-requester.ts";
import type { ReplyProgress } from "../../agent/ports.ts";
import { startBrokerProcess } from "../support/broker-process.ts";
import { HandAgent, partsOf } from "../support/hand-agent.ts";
import { testQueues } from "../support/queues.ts";
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

describe("a request whose connections are cut", () => {
  it("is sent when a refused connection is accepted at last", async () => {
    const { proxy, agent, behind } = await startWorld(undo);
    agent.onRequest = (request) => agent.send(partsOf(request, documents(1)));
    await proxy.refuse();
    const { requester } = startRequester(undo, behind);
    const asked = requester.request(outgoing(), {}, never);
    await sleep(500);
    await proxy.listen();
    expect(await documentsOf(await asked)).toEqual(documents(1));
    // The same for a connection to send that was there.
    await proxy.refuse();
    proxy.cut();
    const again = requester.request(outgoing(), {}, never);
    await sleep(500);
    await proxy.listen();
    expect(await documentsOf(await again)).toEqual(documents(1));
  });

  it("fails soon with bus.unreachable when nobody listens", async () => {
    const { proxy, behind } = await startWorld(undo);
    await proxy.refuse();
    const { requester } = startRequester(undo, behind);
    const startedAt = Date.now();
    await expect(requester.request(outgoing(), {}, never)).rejects.toMatchObject({
      code: "bus.unreachable",
    });
    expect(Date.now() - startedAt).toBeLessThan(10_000);
  });

  it("gets the answer that was sent while its connections were cut", async () => {
    const { proxy, agent, behind } = await startWorld(undo);
    const { requester, log } = startRequester(undo, behind);
    const next = agent.next();
    const asked = requester.request(outgoing(), {}, never);
    const request = await next;
    await proxy.refuse();
    expect(proxy.cut()).toBeGreaterThan(0);
    await agent.send(partsOf(request, documents(3)));
    await proxy.listen();
    expect(await documentsOf(await asked)).toEqual(documents(3));
    expect(log.lines.map(({ event }) => event)).toContain("session.retaken");
  });

  it("gets every part once although the connection is cut again and again while they come", async () => {
    const { proxy, agent, behind } = await startWorld(undo);
    const { requester } = startRequester(undo, behind);
    const next = agent.next();
    const progress: ReplyProgress[] = [];
    const onProgress = (one: ReplyProgress) => {
      progress.push(one);
      if (one.parts % 10 === 5) proxy.cut();
    };
    const asked = requester.request(outgoing(), { onProgress }, never);
    await agent.send(partsOf(await next, documents(60)));
    const reply = await asked;
    expect(await documentsOf(reply)).toEqual(documents(60));
    expect(progress.map(({ parts }) => parts)).toEqual(documents(60).map(({ part }) => part + 1));
    // The part in hand was not settled when the connection went: it came again.
    expect(reply.counts().repeated).toBeGreaterThan(0);
    expect(reply.counts().dropped).toBe(0);
  });

  it("is asked again with another id after the broker has forgotten everything", async () => {
    const broker = await startBrokerProcess({ ...testQueues(), key: "a-key-that-stays" });
    undo.push(() => broker.stop());
    const { requester, log } = startRequester(undo, broker.connectionString);
    const clock = { now: () => Date.now() };
    const retrying = new RetryingRequester(requester, { clock, random: Math.random, log });
    const first = new HandAgent(broker.connectionString);
    first.start();
    const next = first.next();
    const attempts: (number | undefined)[] = [];
    const onProgress = ({ attempt }: ReplyProgress) => attempts.push(attempt);
    const asked = retrying.request(outgoing({ idleTimeoutMs: 4_000 }), { onProgress }, never);
    const { messageId, correlationId } = await next;
    await first.close();
    await broker.stop();
    const { port } = broker;
    const reborn = await startBrokerProcess({ ...testQueues(), port, key: "a-key-that-stays" });
    undo.push(() => reborn.stop());
    const second = new HandAgent(reborn.connectionString);
    undo.push(() => second.close());
    second.onRequest = (request) => second.send(partsOf(request, documents(2)));
    second.start();
    expect(await documentsOf(await asked)).toEqual(documents(2));
    expect(attempts[0]).toBeGreaterThan(1);
    const [again] = second.received;
    expect(again?.correlationId).toBe(correlationId);
    expect(again?.messageId).not.toBe(messageId);
  });
});
