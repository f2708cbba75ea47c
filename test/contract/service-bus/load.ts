import { describe, expect } from "vitest";
import { numbered, pause } from "./bench.ts";
import { eventually } from "./eventually.ts";
import { operationAlone } from "./operation.ts";

const MESSAGES = 10_000;
const CHUNK = 500;
const LONG = { timeoutMs: 60_000 };

export function describeLoad(): void {
  describe("receiveMessages", () => {
    operationAlone("a drain loses nothing", "plain", async (bench) => {
      const [sender, receiver] = [bench.sender(), bench.receiver()];
      const total = 150;
      let sending = true;
      const sent = (async () => {
        for (const message of numbered(total)) {
          await sender.sendMessages(message);
          await pause(message.body % 7);
        }
        sending = false;
      })();
      const seen: [number, number | undefined][] = [];
      while (sending || seen.length < total) {
        // Short waits: almost every call ends by a drain that messages cross on their way.
        for (const message of await receiver.receiveMessages(20, { maxWaitTimeInMs: 30 })) {
          seen.push([message.body, message.deliveryCount]);
          await receiver.completeMessage(message);
        }
      }
      await sent;
      expect(seen).toEqual(numbered(total).map(({ body }) => [body, 0]));
    });
  });

  describe("10,000 messages", () => {
    operationAlone("through one receiver, in their order", "plain", async (bench) => {
      const sender = bench.sender();
      const all = numbered(MESSAGES);
      for (let at = 0; at < MESSAGES; at += CHUNK)
        await sender.sendMessages(all.slice(at, at + CHUNK));
      const receiver = bench.receiver({ receiveMode: "receiveAndDelete" });
      const seen: unknown[] = [];
      while (seen.length < MESSAGES) {
        const messages = await receiver.receiveMessages(1_000, { maxWaitTimeInMs: 10_000 });
        if (messages.length === 0) break;
        for (const { body } of messages) seen.push(body);
      }
      expect(seen).toEqual(all.map(({ body }) => body));
      expect(await bench.contents()).toEqual([]);
    });

    operationAlone(
      "through four subscribers while they are sent, each once",
      "plain",
      async (bench) => {
        const counts = new Array<number>(MESSAGES).fill(0);
        let [seen, redelivered] = [0, 0];
        const errors: unknown[] = [];
        for (let subscriber = 0; subscriber < 4; subscriber++) {
          bench.receiver().subscribe(
            {
              processMessage: async ({ body, deliveryCount }) => {
                counts[body] = (counts[body] ?? 0) + 1;
                seen += 1;
                if (deliveryCount !== 0) redelivered += 1;
              },
              processError: async ({ error }) => void errors.push(error),
            },
            { maxConcurrentCalls: 64 },
          );
        }
        const sender = bench.sender();
        const all = numbered(MESSAGES);
        for (let at = 0; at < MESSAGES; at += CHUNK)
          await sender.sendMessages(all.slice(at, at + CHUNK));
        await eventually(() => expect(seen).toBeGreaterThanOrEqual(MESSAGES), LONG);
        await eventually(async () => expect(await bench.contents()).toEqual([]));
        expect(counts.every((count) => count === 1)).toBe(true);
        expect([redelivered, errors]).toEqual([0, []]);
      },
    );
  });
}
