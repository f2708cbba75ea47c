import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { describe, expect } from "vitest";
import { type Bench, bodies, numbered, pause } from "./bench.ts";
import { eventually } from "./eventually.ts";
import { operation } from "./operation.ts";

interface SubscribeOptions {
  readonly maxConcurrentCalls?: number;
  readonly autoCompleteMessages?: boolean;
  readonly receiver?: ServiceBusReceiver;
}

function subscribe(
  bench: Bench,
  handle: (message: ServiceBusReceivedMessage, receiver: ServiceBusReceiver) => Promise<void>,
  { receiver = bench.receiver(), ...options }: SubscribeOptions = {},
): { readonly errors: unknown[]; close(): Promise<void> } {
  const errors: unknown[] = [];
  const subscription = receiver.subscribe(
    {
      processMessage: (message) => handle(message, receiver),
      processError: async ({ error }) => {
        errors.push(error);
      },
    },
    options,
  );
  return { errors, close: () => subscription.close() };
}

export function describeSubscribing(): void {
  describe("subscribe", () => {
    operation("completes what was handled", "plain", async (bench) => {
      const seen: unknown[] = [];
      const { errors } = subscribe(bench, async ({ body }) => void seen.push(body));
      await bench.send("a", "b", "c");
      await eventually(() => expect(seen).toEqual(["a", "b", "c"]));
      await eventually(async () => expect(await bench.contents()).toEqual([]));
      expect(errors).toEqual([]);
    });

    operation("abandons what the handler throws at", "plain", async (bench) => {
      const counts: unknown[] = [];
      const { errors } = subscribe(bench, async ({ deliveryCount }) => {
        counts.push(deliveryCount);
        if (counts.length < 3) throw new Error("not yet");
      });
      await bench.send("a");
      await eventually(() => expect(counts).toEqual([0, 1, 2]));
      await eventually(async () => expect(await bench.contents()).toEqual([]));
      expect(errors).toHaveLength(2);
    });

    operation(
      "settles nothing by itself when autoCompleteMessages is off",
      "plain",
      async (bench) => {
        const seen: unknown[] = [];
        subscribe(
          bench,
          async (message, receiver) => {
            seen.push(message.body);
            if (message.body === "a") await receiver.completeMessage(message);
            else await receiver.deadLetterMessage(message);
          },
          { autoCompleteMessages: false },
        );
        await bench.send("a", "b");
        await eventually(() => expect(seen).toHaveLength(2));
        await eventually(async () => expect(await bench.contents()).toEqual([]));
        expect(await bench.contents({ subQueueType: "deadLetter" })).toEqual([["b", "active"]]);
      },
    );

    for (const most of [1, 4]) {
      operation(`maxConcurrentCalls: ${most} at a time`, "plain", async (bench) => {
        let [running, highest, done] = [0, 0, 0];
        subscribe(
          bench,
          async () => {
            running += 1;
            highest = Math.max(highest, running);
            await pause(30);
            running -= 1;
            done += 1;
          },
          { maxConcurrentCalls: most },
        );
        await bench.sender().sendMessages(numbered(16));
        await eventually(() => expect(done).toBe(16));
        expect(highest).toBe(most);
      });
    }

    operation("receive-and-delete", "plain", async (bench) => {
      const seen: unknown[] = [];
      const receiver = bench.receiver({ receiveMode: "receiveAndDelete" });
      subscribe(bench, async ({ body }) => void seen.push(body), { receiver });
      await bench.send("a", "b");
      await eventually(() => expect(seen).toEqual(["a", "b"]));
      expect(await bench.contents()).toEqual([]);
    });

    operation(
      "after close no more messages come, and a new receiver gets them",
      "plain",
      async (bench) => {
        const seen: unknown[] = [];
        const subscription = subscribe(bench, async ({ body }) => void seen.push(body));
        await bench.send("a");
        await eventually(() => expect(seen).toEqual(["a"]));
        await subscription.close();
        await bench.send("b");
        await pause(500);
        expect(seen).toEqual(["a"]);
        expect(bodies(await bench.take(bench.receiver(), 1))).toEqual(["b"]);
      },
    );

    operation("a link without traffic goes on working", "plain", async (bench) => {
      const seen: unknown[] = [];
      const { errors } = subscribe(bench, async ({ body }) => void seen.push(body));
      const sender = bench.sender();
      await sender.sendMessages({ body: "a" });
      await pause(8_000);
      await sender.sendMessages({ body: "b" });
      await eventually(() => expect(seen).toEqual(["a", "b"]));
      expect(errors).toEqual([]);
    });

    operation("several subscribers share the messages", "plain", async (bench) => {
      const seen: unknown[][] = [[], []];
      for (const mine of seen) {
        subscribe(
          bench,
          async ({ body }) => {
            mine.push(body);
            await pause(5);
          },
          { maxConcurrentCalls: 5 },
        );
      }
      await pause(500);
      await bench.sender().sendMessages(numbered(100));
      await eventually(() => expect(seen.flat().length).toBe(100));
      expect(new Set(seen.flat()).size).toBe(100);
      for (const mine of seen) expect(mine.length).toBeGreaterThan(10);
    });
  });
}
