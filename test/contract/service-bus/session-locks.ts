import { describe, expect } from "vitest";
import { bodies, pause } from "./bench.ts";
import { eventually } from "./eventually.ts";
import { operation } from "./operation.ts";
import { BRIEF_LOCK_MS } from "./target.ts";

const LOST = { code: "SessionLockLost" };
const OWN_RENEWAL = { maxAutoLockRenewalDurationInMs: 0 } as const;

export function describeSessionLocks(): void {
  describe("session lock", () => {
    operation(
      "lost: settling fails, the session goes on, counted",
      "brief-session",
      async (bench) => {
        await bench.sendToSession("one", "a", "b");
        const session = await bench.session("one", OWN_RENEWAL);
        const message = await bench.takeOne(session);
        await pause(BRIEF_LOCK_MS + 1_000);
        await expect(session.completeMessage(message)).rejects.toMatchObject(LOST);
        const next = await bench.session("one");
        const messages = await bench.take(next, 2);
        expect(messages.map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([
          ["a", 1],
          ["b", 0],
        ]);
      },
    );

    operation(
      "lost: state and renewal fail, the receiver closes",
      "brief-session",
      async (bench) => {
        await bench.sendToSession("one", "a");
        const session = await bench.session("one", OWN_RENEWAL);
        await pause(BRIEF_LOCK_MS + 1_000);
        await expect(session.renewSessionLock()).rejects.toMatchObject(LOST);
        await expect(session.setSessionState("x")).rejects.toMatchObject(LOST);
        expect(session.isClosed).toBe(true);
      },
    );

    operation("lost: a subscriber hears of it", "brief-session", async (bench) => {
      const session = await bench.session("silent", OWN_RENEWAL);
      const codes: unknown[] = [];
      session.subscribe({
        processMessage: async () => undefined,
        processError: async ({ error }) => {
          codes.push("code" in error ? error.code : error.name);
        },
      });
      await eventually(() => expect(codes).toEqual(["SessionLockLost"]));
    });

    operation("lost: the next one who waits gets the session", "brief-session", async (bench) => {
      await bench.sendToSession("one", "a");
      await bench.session("one", OWN_RENEWAL);
      const next = await bench.nextSession();
      expect(next.sessionId).toBe("one");
    });

    operation("given back at once by close, uncounted", "session", async (bench) => {
      await bench.sendToSession("one", "a");
      const first = await bench.session("one");
      expect(await first.receiveMessages(1)).toHaveLength(1);
      await first.close();
      const second = await bench.session("one");
      const message = await bench.takeOne(second);
      expect([message.body, message.deliveryCount]).toEqual(["a", 0]);
    });

    operation("given back when the connection goes", "session", async (bench) => {
      await bench.sendToSession("one", "a");
      const client = await bench.connect();
      const first = await bench.session("one", { client });
      await first.receiveMessages(1);
      await client.close();
      const second = await bench.session("one");
      expect(bodies(await bench.take(second, 1))).toEqual(["a"]);
    });
  });

  describe("renewSessionLock", () => {
    operation("keeps a session beyond the duration of its lock", "brief-session", async (bench) => {
      await bench.sendToSession("one", "a");
      const session = await bench.session("one", OWN_RENEWAL);
      const message = await bench.takeOne(session);
      let until = session.sessionLockedUntilUtc.getTime();
      for (let round = 0; round < 3; round++) {
        await pause(BRIEF_LOCK_MS / 2);
        const renewed = (await session.renewSessionLock()).getTime();
        expect(renewed).toBeGreaterThan(until);
        until = renewed;
      }
      await session.completeMessage(message);
      expect(await bench.contents()).toEqual([]);
    });

    operation("by the client itself", "brief-session", async (bench) => {
      await bench.sendToSession("one", "a");
      const session = await bench.session("one");
      const message = await bench.takeOne(session);
      await pause(2 * BRIEF_LOCK_MS);
      await session.completeMessage(message);
      expect(session.isClosed).toBe(false);
      expect(await bench.contents()).toEqual([]);
    });
  });
}
