import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { partsOf } from "../support/hand-agent.ts";
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

describe("a request whose peer stops answering", () => {
  it("gets its answer after the broker has held the session for a connection that is frozen, and another request needs not wait for that", async () => {
    const { proxy, agent, behind } = await startWorld(undo, { lockDurationMs: 16_000 });
    const { requester, log } = startRequester(undo, behind);
    const next = agent.next();
    const asked = requester.request(outgoing(), {}, never);
    const request = await next;
    proxy.freeze();
    await agent.send(partsOf(request, documents(2)));
    await sleep(8_000);
    expect(log.lines.filter(({ event }) => event === "session.lost").length).toBeGreaterThan(1);
    agent.onRequest = (another) => agent.send(partsOf(another, documents(1)));
    const other = await requester.request(outgoing({ timeoutMs: 5_000 }), {}, never);
    expect(await documentsOf(other)).toEqual(documents(1));
    expect(log.lines.map(({ event }) => event)).not.toContain("session.retaken");
    expect(await documentsOf(await asked)).toEqual(documents(2));
  });

  it("survives a peer that accepts connections and says nothing, for as long as that lasts", async () => {
    const { proxy, agent, behind } = await startWorld(undo);
    const { requester } = startRequester(undo, behind);
    const next = agent.next();
    const asked = requester.request(outgoing(), {}, never);
    const request = await next;
    proxy.mode = "silent";
    proxy.freeze();
    await agent.send(partsOf(request, documents(2)));
    await sleep(6_000);
    proxy.mode = "pass";
    expect(await documentsOf(await asked)).toEqual(documents(2));
    agent.onRequest = (another) => agent.send(partsOf(another, documents(1)));
    const again = await requester.request(outgoing({ stream: false }), {}, never);
    expect(await documentsOf(again)).toEqual(documents(1));
  });

  it("ends with the requester, which closes within seconds although nobody answers it", async () => {
    const { proxy, agent, behind } = await startWorld(undo);
    const { requester } = startRequester(undo, behind);
    const next = agent.next();
    const asked = requester.request(outgoing(), {}, never);
    const refused = expect(asked).rejects.toMatchObject({ code: "usage" });
    await next;
    proxy.mode = "silent";
    proxy.freeze();
    const startedAt = Date.now();
    await requester.close();
    await refused;
    expect(Date.now() - startedAt).toBeLessThan(8_000);
    // They would keep the process alive, and pile up in a service.
    await expect.poll(() => proxy.open, { timeout: 8_000 }).toBe(0);
    await expect(requester.request(outgoing(), {}, never)).rejects.toMatchObject({ code: "usage" });
  });
});
