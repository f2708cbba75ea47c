import { describe, expect } from "vitest";
import { bodies, numbered, numberOf } from "./bench.ts";
import { operation } from "./operation.ts";
import { peekFirst } from "./peek.ts";

export function describePeeking(): void {
  describe("peekMessages", () => {
    operation("goes on where the last one ended, and locks nothing", "plain", async (bench) => {
      await bench.send("a", "b", "c");
      const receiver = bench.receiver();
      expect(bodies(await receiver.peekMessages(2))).toEqual(["a", "b"]);
      expect(bodies(await receiver.peekMessages(2))).toEqual(["c"]);
      expect(await receiver.peekMessages(2)).toEqual([]);
      const messages = await bench.take(receiver, 3);
      expect(messages.map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([
        ["a", 0],
        ["b", 0],
        ["c", 0],
      ]);
    });

    operation("nothing in an empty queue", "plain", async (bench) => {
      expect(await bench.receiver().peekMessages(10)).toEqual([]);
    });

    operation("from a sequence number", "plain", async (bench) => {
      await bench.send("a", "b", "c", "d");
      const [, b] = await peekFirst(bench.receiver(), 4);
      if (b === undefined) throw new Error("nothing to peek");
      const receiver = bench.receiver();
      const from = numberOf(b);
      expect(bodies(await receiver.peekMessages(2, { fromSequenceNumber: from }))).toEqual([
        "b",
        "c",
      ]);
      expect(bodies(await receiver.peekMessages(5, { fromSequenceNumber: from.add(1) }))).toEqual([
        "c",
        "d",
      ]);
      expect(await receiver.peekMessages(5, { fromSequenceNumber: from.add(100) })).toEqual([]);
    });

    operation("locked, deferred and scheduled messages too", "plain", async (bench) => {
      await bench.send("locked", "deferred", "waiting");
      await bench.sender().scheduleMessages({ body: "later" }, new Date(Date.now() + 60_000));
      const receiver = bench.receiver();
      const [, deferred] = await bench.take(receiver, 2);
      if (deferred !== undefined) await receiver.deferMessage(deferred);
      expect(await bench.contents()).toEqual([
        ["locked", "active"],
        ["deferred", "deferred"],
        ["waiting", "active"],
        ["later", "scheduled"],
      ]);
    });

    operation("a peeked message has no lock", "plain", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      const [peeked] = await peekFirst(receiver, 1);
      if (peeked === undefined) throw new Error("nothing to peek");
      expect(peeked.lockToken).toBeUndefined();
      await expect(receiver.completeMessage(peeked)).rejects.toThrow();
      expect(await bench.contents()).toEqual([["a", "active"]]);
    });

    operation("more than fits one answer", "plain", async (bench) => {
      const sender = bench.sender();
      for (let round = 0; round < 6; round++) {
        await sender.sendMessages({ body: Buffer.alloc(200_000, round) });
      }
      const receiver = bench.receiver();
      const seen: unknown[] = [];
      for (;;) {
        const messages = await receiver.peekMessages(10);
        if (messages.length === 0) break;
        seen.push(...messages.map((message) => message.body[0]));
      }
      expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    });

    operation("of the dead-letter queue", "plain", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      await receiver.deadLetterMessage(await bench.takeOne(receiver), {
        deadLetterReason: "r",
        deadLetterErrorDescription: "d",
      });
      const [peeked] = await peekFirst(bench.deadLetters(), 5);
      expect([peeked?.body, peeked?.deadLetterReason, peeked?.deadLetterSource]).toEqual([
        "a",
        "r",
        bench.queue,
      ]);
    });

    operation("of one session", "session", async (bench) => {
      await bench.sendToSession("one", "a", "b");
      await bench.sendToSession("two", "x");
      const session = await bench.session("one");
      expect(bodies(await peekFirst(session, 10))).toEqual(["a", "b"]);
    });

    operation("of all sessions without holding any", "session", async (bench) => {
      await bench.sendToSession("one", "a");
      await bench.sendToSession("two", "x");
      await bench.sendToSession("one", "b");
      await bench.session("one");
      const peeked = await peekFirst(bench.receiver(), 10);
      expect(peeked.map(({ body, sessionId }) => [body, sessionId])).toEqual([
        ["a", "one"],
        ["x", "two"],
        ["b", "one"],
      ]);
    });

    operation("a hundred in their order", "plain", async (bench) => {
      await bench.sender().sendMessages(numbered(100));
      const receiver = bench.receiver();
      const seen: unknown[] = [];
      while (seen.length < 100) {
        const messages = await receiver.peekMessages(60);
        if (messages.length === 0) break;
        seen.push(...bodies(messages));
      }
      expect(seen).toEqual(numbered(100).map(({ body }) => body));
    });
  });
}
