import { describe, expect } from "vitest";
import { bodies, pause } from "./bench.ts";
import { operation } from "./operation.ts";
import { BRIEF_LOCK_MS } from "./target.ts";

const LOST = { code: "MessageLockLost" };
const OWN_RENEWAL = { maxAutoLockRenewalDurationInMs: 0 } as const;

export function describeLocks(): void {
  describe("message lock", () => {
    operation(
      "lost: settling fails, and the message comes again, counted",
      "brief",
      async (bench) => {
        await bench.send("a", "b");
        const receiver = bench.receiver(OWN_RENEWAL);
        const first = await bench.takeOne(receiver);
        await pause(BRIEF_LOCK_MS + 500);
        await expect(receiver.completeMessage(first)).rejects.toMatchObject(LOST);
        const again = await bench.take(receiver, 2);
        expect(again.map((message) => [message.body, message.deliveryCount])).toEqual([
          ["a", 1],
          ["b", 0],
        ]);
        expect(again[0]?.lockToken).not.toBe(first.lockToken);
      },
    );

    for (const kind of ["abandonMessage", "deferMessage", "deadLetterMessage"] as const) {
      operation(`lost: ${kind} fails`, "brief", async (bench) => {
        await bench.send("a");
        const receiver = bench.receiver(OWN_RENEWAL);
        const message = await bench.takeOne(receiver);
        await pause(BRIEF_LOCK_MS + 500);
        await expect(receiver[kind](message)).rejects.toMatchObject(LOST);
        expect(await bench.contents()).toEqual([["a", "active"]]);
        expect(await bench.contents({ subQueueType: "deadLetter" })).toEqual([]);
      });
    }

    operation("lost: it cannot be renewed, nor settled after close", "brief", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver(OWN_RENEWAL);
      const message = await bench.takeOne(receiver);
      await pause(BRIEF_LOCK_MS + 500);
      await expect(receiver.renewMessageLock(message)).rejects.toMatchObject(LOST);
      await receiver.close();
      await expect(bench.receiver().completeMessage(message)).rejects.toMatchObject(LOST);
    });

    operation("lasts as long as the queue says, and no longer", "brief", async (bench) => {
      await bench.send("a");
      const started = Date.now();
      const { lockedUntilUtc } = await bench.takeOne(bench.receiver(OWN_RENEWAL));
      const lasts = (lockedUntilUtc?.getTime() ?? 0) - started;
      expect(Math.abs(lasts - BRIEF_LOCK_MS)).toBeLessThan(2_000);
      const other = bench.receiver();
      expect(await bench.nothing(other, BRIEF_LOCK_MS - 2_000)).toBe(true);
      expect(bodies(await bench.take(other, 1))).toEqual(["a"]);
      expect(Date.now() - started).toBeLessThan(BRIEF_LOCK_MS + 5_000);
    });

    operation("stays when its receiver is closed", "brief", async (bench) => {
      await bench.send("a");
      const first = bench.receiver(OWN_RENEWAL);
      await first.receiveMessages(1);
      await first.close();
      const receiver = bench.receiver();
      expect(await bench.nothing(receiver, 2_000)).toBe(true);
      expect((await bench.takeOne(receiver)).deliveryCount).toBe(1);
    });
  });

  describe("renewMessageLock", () => {
    operation("keeps a lock beyond its duration", "brief", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver(OWN_RENEWAL);
      const message = await bench.takeOne(receiver);
      let until = message.lockedUntilUtc?.getTime() ?? 0;
      for (let round = 0; round < 3; round++) {
        await pause(BRIEF_LOCK_MS / 2);
        const renewed = (await receiver.renewMessageLock(message)).getTime();
        expect(renewed).toBeGreaterThan(until);
        until = renewed;
      }
      await receiver.completeMessage(message);
      expect(await bench.contents()).toEqual([]);
    });

    operation("by the client itself", "brief", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      const message = await bench.takeOne(receiver);
      await pause(2 * BRIEF_LOCK_MS);
      await receiver.completeMessage(message);
      expect(await bench.contents()).toEqual([]);
    });

    operation("of a settled message fails", "plain", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      const message = await bench.takeOne(receiver);
      await receiver.completeMessage(message);
      await expect(receiver.renewMessageLock(message)).rejects.toMatchObject(LOST);
    });
  });
}
