import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { ClientSource } from "../../agent/bus/client-source.ts";
import { ReplySession } from "../../agent/bus/reply-session.ts";
import { partsOf } from "../support/hand-agent.ts";
import { MemoryLog } from "../support/memory-log.ts";
import {
  documents,
  documentsOf,
  never,
  outgoing,
  startRequester,
  startWorld,
  type Undo,
} from "../support/requester-world.ts";

/** Longer than a test: what the broker holds to be delivered does not come again by itself. */
const LOCK_MS = 60_000;
const HEARTBEAT_MS = 200;
/** Many looks at the session. */
const WORK_MS = HEARTBEAT_MS * 7;

const undo: Undo = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

describe("a part in a session that is held", () => {
  it("which the link does not bring comes when the session is taken again", async () => {
    const { broker, agent, behind } = await startWorld(undo, { lockDurationMs: LOCK_MS });
    agent.onRequest = (request) => agent.send(partsOf(request, documents(3)));
    const { requester, log } = startRequester(undo, behind);
    const lost = await broker.faults.arm({
      at: { event: "delivery", queue: "replies" },
      action: { kind: "drop" },
    });
    const reply = await requester.request(outgoing({ timeoutMs: 15_000 }), {}, never);
    expect(await documentsOf(reply)).toEqual(documents(3));
    expect(await lost.hits()).toBe(1);
    const events = log.lines.map(({ event }) => event).filter((event) => /^session/.test(event));
    expect(events).toEqual(["session.stalled", "session.retaken"]);
  });

  it("that is worked on for long is no reason to take it again, nor are those behind it", async () => {
    const { broker, agent } = await startWorld(undo, { lockDurationMs: LOCK_MS });
    const { connectionString } = broker;
    const log = new MemoryLog();
    const came: number[] = [];
    const session = new ReplySession({
      source: new ClientSource({ kind: "connectionString", connectionString }, { log }),
      queue: "replies",
      sessionId: "mine",
      onPart: async (message, { receiver, settlement }) => {
        came.push(came.length);
        await sleep(WORK_MS);
        await settlement.complete(receiver, message);
      },
      log,
      limits: { heartbeatMs: HEARTBEAT_MS, answerMs: 2_000 },
    });
    undo.push(() => session.close());
    await session.open();
    const request = { messageId: "any", replyToSessionId: "mine" };
    // More than are worked on at once: the last of them waits for the first.
    await agent.send(partsOf(request, documents(80)));
    await expect.poll(() => came.length, { timeout: WORK_MS * 3 }).toBe(80);
    await expect
      .poll(() => broker.stats("replies"), { timeout: WORK_MS * 2 })
      .toMatchObject({
        active: 0,
        locked: 0,
      });
    expect(log.lines).toEqual([]);
    expect(came.length).toBe(80);
  });
});
