import { describe, expect } from "vitest";
import { bodies, numbered, pause } from "./bench.ts";
import { operation } from "./operation.ts";

export function describeReceiving(): void {
  describe("receiveMessages", () => {
    operation("at most as many as asked for, first in first out", "plain", async (bench) => {
      await bench.send("a", "b", "c");
      const receiver = bench.receiver();
      const first = await receiver.receiveMessages(2);
      const second = await receiver.receiveMessages(2);
      expect([bodies(first), bodies(second)]).toEqual([["a", "b"], ["c"]]);
      for (const message of [...first, ...second]) await receiver.completeMessage(message);
      expect(await bench.contents()).toEqual([]);
    });

    operation("nothing when the wait is over", "plain", async (bench) => {
      const started = Date.now();
      const receiver = bench.receiver();
      expect(await receiver.receiveMessages(5, { maxWaitTimeInMs: 1_000 })).toEqual([]);
      const waited = Date.now() - started;
      expect(waited).toBeGreaterThanOrEqual(990);
      expect(waited).toBeLessThan(5_000);
    });

    operation("a message that arrives during the wait", "plain", async (bench) => {
      const coming = bench.take(bench.receiver(), 1);
      await pause(500);
      await bench.send("late");
      expect(bodies(await coming)).toEqual(["late"]);
    });

    operation("again and again over one receiver", "plain", async (bench) => {
      const receiver = bench.receiver();
      for (const body of ["a", "b", "c"]) {
        await bench.send(body);
        const message = await bench.takeOne(receiver);
        expect(message.body).toBe(body);
        await receiver.completeMessage(message);
        expect(await bench.nothing(receiver, 200)).toBe(true);
      }
    });

    operation("aborted by a signal", "plain", async (bench) => {
      const abort = new AbortController();
      const receiving = bench.receiver().receiveMessages(1, { abortSignal: abort.signal });
      setTimeout(() => abort.abort(), 300);
      await expect(receiving).rejects.toMatchObject({ name: "AbortError" });
    });

    operation("every message to one of the competing receivers", "plain", async (bench) => {
      const seen: unknown[] = [];
      const receivers = Array.from({ length: 4 }, () => bench.receiver());
      await bench.sender().sendMessages(numbered(200));
      await Promise.all(
        receivers.map(async (receiver) => {
          for (;;) {
            const messages = await receiver.receiveMessages(10, { maxWaitTimeInMs: 1_000 });
            if (messages.length === 0) return;
            seen.push(...bodies(messages));
            for (const message of messages) await receiver.completeMessage(message);
          }
        }),
      );
      expect(seen.toSorted((a, b) => Number(a) - Number(b))).toEqual(
        bodies(numbered(200) as never),
      );
    });

    operation("a locked message is hidden from others", "plain", async (bench) => {
      await bench.send("a", "b");
      await bench.take(bench.receiver(), 1);
      const other = bench.receiver();
      expect(bodies(await bench.take(other, 1))).toEqual(["b"]);
      expect(await bench.nothing(other)).toBe(true);
    });

    operation("receive-and-delete", "plain", async (bench) => {
      await bench.send("a", "b", "c");
      const receiver = bench.receiver({ receiveMode: "receiveAndDelete" });
      const messages = await bench.take(receiver, 3);
      expect(bodies(messages)).toEqual(["a", "b", "c"]);
      expect(await bench.contents()).toEqual([]);
      expect(messages[0]?.lockToken).toBeUndefined();
    });
  });

  describe("getMessageIterator", () => {
    operation("message by message, as they come", "plain", async (bench) => {
      const receiver = bench.receiver();
      await bench.send("a", "b");
      setTimeout(() => void bench.send("c"), 300);
      const seen: unknown[] = [];
      for await (const message of receiver.getMessageIterator()) {
        seen.push(message.body);
        await receiver.completeMessage(message);
        if (seen.length === 3) break;
      }
      expect(seen).toEqual(["a", "b", "c"]);
      expect(await bench.contents()).toEqual([]);
    });
  });
}
