import { describe, expect } from "vitest";
import { bodies, numberOf, pause } from "./bench.ts";
import { operation } from "./operation.ts";
import { BRIEF_LOCK_MS } from "./target.ts";

const EXCEEDED = [
  "MaxDeliveryCountExceeded",
  "Message could not be consumed after 2 delivery attempts.",
];

export function describeDeadLetters(): void {
  describe("MaxDeliveryCount", () => {
    operation("by locks that expired", "twice", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver({ maxAutoLockRenewalDurationInMs: 0 });
      const counts: unknown[] = [];
      for (let attempt = 0; attempt < 2; attempt++) {
        counts.push(
          (await receiver.receiveMessages(1, { maxWaitTimeInMs: 15_000 }))[0]?.deliveryCount,
        );
      }
      expect(counts).toEqual([0, 1]);
      await pause(BRIEF_LOCK_MS + 500);
      expect(await bench.nothing(receiver)).toBe(true);
      const dead = await bench.takeOne(bench.deadLetters());
      expect([dead.deadLetterReason, dead.deadLetterErrorDescription]).toEqual(EXCEEDED);
    });

    operation("by messages that were abandoned", "twice", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      for (const count of [0, 1]) {
        const message = await bench.takeOne(receiver);
        expect(message.deliveryCount).toBe(count);
        await receiver.abandonMessage(message);
      }
      const dead = await bench.takeOne(bench.deadLetters());
      expect([dead.body, dead.deadLetterReason, dead.deadLetterErrorDescription]).toEqual([
        "a",
        ...EXCEEDED,
      ]);
      expect(await bench.contents()).toEqual([]);
    });
  });

  describe("deadLetterMessage", () => {
    operation("with reason, description and properties", "plain", async (bench) => {
      const message = {
        body: "a",
        messageId: "m-1",
        subject: "s",
        applicationProperties: { mine: 1 },
      };
      await bench.sender().sendMessages(message);
      const receiver = bench.receiver();
      await receiver.deadLetterMessage(await bench.takeOne(receiver), {
        deadLetterReason: "bad request",
        deadLetterErrorDescription: "not parsable",
        hint: "none",
      });
      const dead = await bench.takeOne(bench.deadLetters());
      expect({
        body: dead.body,
        messageId: dead.messageId,
        subject: dead.subject,
        reason: dead.deadLetterReason,
        description: dead.deadLetterErrorDescription,
        source: dead.deadLetterSource,
        properties: dead.applicationProperties,
      }).toEqual({
        body: "a",
        messageId: "m-1",
        subject: "s",
        reason: "bad request",
        description: "not parsable",
        source: bench.queue,
        properties: {
          mine: 1,
          hint: "none",
          DeadLetterReason: "bad request",
          DeadLetterErrorDescription: "not parsable",
        },
      });
      expect(await bench.contents()).toEqual([]);
    });

    operation("without any reason", "plain", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      await receiver.deadLetterMessage(await bench.takeOne(receiver));
      const dead = await bench.takeOne(bench.deadLetters());
      expect([dead.body, dead.deadLetterReason]).toEqual(["a", undefined]);
    });

    operation("a locked message leaves its place at once", "plain", async (bench) => {
      await bench.send("a", "b");
      const receiver = bench.receiver();
      await receiver.deadLetterMessage(await bench.takeOne(receiver));
      expect(bodies(await bench.take(receiver, 1))).toEqual(["b"]);
      expect(await bench.nothing(receiver)).toBe(true);
    });
  });

  describe("$DeadLetterQueue", () => {
    operation("has an order and numbers of its own", "plain", async (bench) => {
      await bench.send("a", "b", "c");
      const receiver = bench.receiver();
      const messages = await bench.take(receiver, 3);
      for (const message of messages.toReversed()) await receiver.deadLetterMessage(message);
      const dead = await bench.take(bench.deadLetters(), 3);
      expect(bodies(dead)).toEqual(["c", "b", "a"]);
      const numbers = dead.map((message) => numberOf(message).toNumber());
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      expect(dead.map((message) => message.enqueuedSequenceNumber)).toEqual(
        messages.toReversed().map((message) => numberOf(message).toNumber()),
      );
    });

    operation("complete, abandon and defer", "plain", async (bench) => {
      await bench.send("a", "b", "c");
      const receiver = bench.receiver();
      for (const message of await bench.take(receiver, 3))
        await receiver.deadLetterMessage(message);
      const dead = bench.deadLetters();
      const [a, b, c] = await bench.take(dead, 3);
      if (a === undefined || b === undefined || c === undefined) throw new Error("missing");
      await dead.completeMessage(a);
      await dead.abandonMessage(b);
      await dead.deferMessage(c);
      const again = await bench.takeOne(dead);
      expect([again.body, (again.deliveryCount ?? 0) - (b.deliveryCount ?? 0)]).toEqual(["b", 1]);
      const [deferred] = await dead.receiveDeferredMessages(numberOf(c));
      expect(deferred?.body).toBe("c");
      if (deferred !== undefined) await dead.completeMessage(deferred);
    });

    operation("has no limit of deliveries", "twice", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      await receiver.deadLetterMessage(await bench.takeOne(receiver));
      const dead = bench.deadLetters();
      for (let round = 0; round < 4; round++) await dead.abandonMessage(await bench.takeOne(dead));
      expect((await bench.takeOne(dead)).body).toBe("a");
    });

    operation("receive-and-delete", "plain", async (bench) => {
      await bench.send("a", "b");
      const receiver = bench.receiver();
      for (const message of await bench.take(receiver, 2))
        await receiver.deadLetterMessage(message);
      const deleting = bench.deadLetters({ receiveMode: "receiveAndDelete" });
      expect(bodies(await bench.take(deleting, 2))).toEqual(["a", "b"]);
      expect(await bench.contents({ subQueueType: "deadLetter" })).toEqual([]);
    });

    operation("nobody can send to it", "plain", async (bench) => {
      const sender = bench.sender(`${bench.queue}/$DeadLetterQueue`);
      await expect(sender.sendMessages({ body: "a" })).rejects.toThrow();
      expect(await bench.contents({ subQueueType: "deadLetter" })).toEqual([]);
    });

    operation("of a queue with sessions has none", "session", async (bench) => {
      await bench.sendToSession("one", "a");
      const session = await bench.session("one");
      await session.deadLetterMessage(await bench.takeOne(session));
      const dead = await bench.takeOne(bench.deadLetters());
      expect([dead.body, dead.sessionId]).toEqual(["a", "one"]);
    });
  });
}
