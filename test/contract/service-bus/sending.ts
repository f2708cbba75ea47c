import { describe, expect } from "vitest";
import { bodies, numbered } from "./bench.ts";
import { operation } from "./operation.ts";

export function describeSending(): void {
  describe("sendMessages", () => {
    operation("one message", "plain", async (bench) => {
      await bench.sender().sendMessages({ body: "a" });
      expect(bodies(await bench.take(bench.receiver(), 1))).toEqual(["a"]);
    });

    operation("an array, as single messages in their order", "plain", async (bench) => {
      await bench.sender().sendMessages(numbered(20));
      const messages = await bench.take(bench.receiver(), 20);
      expect(bodies(messages)).toEqual(bodies(messages.toSorted((a, b) => a.body - b.body)));
      expect(new Set(messages.map((message) => message.messageId)).size).toBe(20);
    });

    operation("an empty array is refused", "plain", async (bench) => {
      await expect(bench.sender().sendMessages([])).rejects.toThrow(/no data/);
      expect(await bench.contents()).toEqual([]);
    });

    operation("a batch", "plain", async (bench) => {
      const sender = bench.sender();
      const batch = await sender.createMessageBatch();
      for (const body of [1, 2, 3]) expect(batch.tryAddMessage({ body })).toBe(true);
      expect(batch.count).toBe(3);
      await sender.sendMessages(batch);
      expect(bodies(await bench.take(bench.receiver(), 3))).toEqual([1, 2, 3]);
    });

    operation("a batch filled until tryAddMessage says no", "plain", async (bench) => {
      const sender = bench.sender();
      const batch = await sender.createMessageBatch();
      const body = Buffer.alloc(8_000, 7);
      while (batch.tryAddMessage({ body }));
      expect(batch.sizeInBytes).toBeLessThanOrEqual(batch.maxSizeInBytes);
      expect(batch.sizeInBytes).toBeGreaterThan(batch.maxSizeInBytes - 2 * body.length);
      await sender.sendMessages(batch);
      const messages = await bench.take(bench.receiver(), batch.count);
      expect(messages.every((message) => body.equals(message.body))).toBe(true);
    });

    operation("a batch with a size of its own", "plain", async (bench) => {
      const sender = bench.sender();
      const batch = await sender.createMessageBatch({ maxSizeInBytes: 2_000 });
      expect(batch.tryAddMessage({ body: "x".repeat(1_000) })).toBe(true);
      expect(batch.tryAddMessage({ body: "x".repeat(1_000) })).toBe(false);
      await sender.sendMessages(batch);
      expect(await bench.take(bench.receiver(), 1)).toHaveLength(1);
      const tooLarge = sender.createMessageBatch({ maxSizeInBytes: 1024 ** 3 });
      await expect(tooLarge).rejects.toThrow(/Max message size/);
    });

    operation("a batch with properties of each message", "plain", async (bench) => {
      const sender = bench.sender();
      const batch = await sender.createMessageBatch();
      for (const subject of ["a", "b"]) {
        const applicationProperties = { mine: subject };
        batch.tryAddMessage({ body: subject, subject, applicationProperties, timeToLive: 60_000 });
      }
      await sender.sendMessages(batch);
      const messages = await bench.take(bench.receiver(), 2);
      expect(
        messages.map(({ subject, applicationProperties, timeToLive }) => [
          subject,
          applicationProperties,
          timeToLive,
        ]),
      ).toEqual([
        ["a", { mine: "a" }, 60_000],
        ["b", { mine: "b" }, 60_000],
      ]);
    });

    operation("many at once over one sender", "plain", async (bench) => {
      const sender = bench.sender();
      await Promise.all(numbered(200).map((message) => sender.sendMessages(message)));
      const messages = await bench.take(bench.receiver(), 200);
      expect(new Set(bodies(messages)).size).toBe(200);
      expect(await bench.contents()).toHaveLength(100);
    });

    operation("a message without an id is given one", "plain", async (bench) => {
      await bench.sender().sendMessages([{ body: "a" }, { body: "b" }]);
      const [a, b] = await bench.take(bench.receiver(), 2);
      expect([typeof a?.messageId, typeof b?.messageId]).toEqual(["string", "string"]);
      expect(a?.messageId).not.toBe(b?.messageId);
    });

    operation("a received message again", "plain", async (bench) => {
      const [sender, receiver] = [bench.sender(), bench.receiver()];
      await sender.sendMessages({ body: { n: 1 }, subject: "s", applicationProperties: { p: 1 } });
      const first = await bench.takeOne(receiver);
      await receiver.completeMessage(first);
      await sender.sendMessages(first);
      const { body, subject, applicationProperties, deliveryCount } = await bench.takeOne(receiver);
      expect({ body, subject, applicationProperties, deliveryCount }).toEqual({
        body: { n: 1 },
        subject: "s",
        applicationProperties: { p: 1 },
        deliveryCount: 0,
      });
    });

    operation("after close it refuses, and another sender goes on", "plain", async (bench) => {
      const sender = bench.sender();
      await sender.close();
      expect(sender.isClosed).toBe(true);
      await expect(sender.sendMessages({ body: "a" })).rejects.toThrow(/closed/);
      await bench.send("b");
      expect(await bench.contents()).toEqual([["b", "active"]]);
    });
  });
}
