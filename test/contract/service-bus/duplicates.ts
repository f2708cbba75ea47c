import { randomUUID } from "node:crypto";
import { describe, expect } from "vitest";
import { pause } from "./bench.ts";
import { eventually } from "./eventually.ts";
import { operation } from "./operation.ts";
import { DUPLICATE_WINDOW_MS } from "./target.ts";

function later(): Date {
  return new Date(Date.now() + 60_000);
}

export function describeDuplicates(): void {
  describe("duplicate detection", () => {
    operation("forgets an id when its window is over", "unique", async (bench) => {
      const messageId = randomUUID();
      const sender = bench.sender();
      await sender.sendMessages({ body: "first", messageId });
      await bench.take(bench.receiver({ receiveMode: "receiveAndDelete" }), 1);
      await pause(DUPLICATE_WINDOW_MS / 2);
      await sender.sendMessages({ body: "within", messageId });
      expect(await bench.contents()).toEqual([]);
      // The service forgets in batches, so not on the second.
      await eventually(
        async () => {
          await sender.sendMessages({ body: "after", messageId });
          expect(await bench.contents()).toEqual([["after", "active"]]);
        },
        { timeoutMs: 3 * DUPLICATE_WINDOW_MS, intervalMs: DUPLICATE_WINDOW_MS / 2 + 1_000 },
      );
    });

    operation(
      "drops a message whose id came before, whatever else it says",
      "unique",
      async (bench) => {
        const messageId = randomUUID();
        const sender = bench.sender();
        await sender.sendMessages({ body: "first", messageId });
        await sender.sendMessages({ body: "second", messageId, subject: "other" });
        expect(await bench.contents()).toEqual([["first", "active"]]);
      },
    );

    operation("also after the first was completed", "unique", async (bench) => {
      const messageId = randomUUID();
      const [sender, receiver] = [bench.sender(), bench.receiver()];
      await sender.sendMessages({ body: "a", messageId });
      await receiver.completeMessage(await bench.takeOne(receiver));
      await sender.sendMessages({ body: "a", messageId });
      expect(await bench.contents()).toEqual([]);
    });

    operation("within an array and a batch", "unique", async (bench) => {
      const messageId = randomUUID();
      const sender = bench.sender();
      await sender.sendMessages([
        { body: "first", messageId },
        { body: "again", messageId },
        { body: "other", messageId: randomUUID() },
      ]);
      const batch = await sender.createMessageBatch();
      batch.tryAddMessage({ body: "batched again", messageId });
      batch.tryAddMessage({ body: "batched", messageId: randomUUID() });
      await sender.sendMessages(batch);
      expect(await bench.contents()).toEqual([
        ["first", "active"],
        ["other", "active"],
        ["batched", "active"],
      ]);
    });

    operation("a scheduled duplicate is dropped", "unique", async (bench) => {
      const messageId = randomUUID();
      const sender = bench.sender();
      await sender.sendMessages({ body: "first", messageId });
      await sender.scheduleMessages({ body: "again", messageId }, later());
      expect(await bench.contents()).toEqual([["first", "active"]]);
    });

    operation("a duplicate of a scheduled message is dropped", "unique", async (bench) => {
      const messageId = randomUUID();
      const sender = bench.sender();
      await sender.scheduleMessages({ body: "first", messageId }, later());
      await sender.sendMessages({ body: "again", messageId });
      await sender.scheduleMessages({ body: "again", messageId }, later());
      expect(await bench.contents()).toEqual([["first", "scheduled"]]);
    });

    operation("is off unless the queue asks for it", "plain", async (bench) => {
      const messageId = randomUUID();
      await bench.sender().sendMessages([
        { body: "a", messageId },
        { body: "b", messageId },
      ]);
      expect(await bench.contents()).toEqual([
        ["a", "active"],
        ["b", "active"],
      ]);
    });
  });
}
