import { ServiceBusClient } from "@azure/service-bus";
import { describe, expect } from "vitest";
import { bodies } from "./bench.ts";
import { eventually } from "./eventually.ts";
import { operation } from "./operation.ts";

const MISSING = { code: "MessagingEntityNotFound", retryable: false };

export function describeRefusals(): void {
  describe("an unknown queue: MessagingEntityNotFound", () => {
    operation("sendMessages", "plain", async (bench) => {
      const sender = bench.sender(bench.target.unknownQueue());
      await expect(sender.sendMessages({ body: "a" })).rejects.toMatchObject(MISSING);
    });

    operation("receiveMessages", "plain", async (bench) => {
      const receiver = bench.client.createReceiver(bench.target.unknownQueue());
      await expect(receiver.receiveMessages(1)).rejects.toMatchObject(MISSING);
      await receiver.close();
    });

    operation("acceptSession", "plain", async (bench) => {
      const unknown = bench.client.acceptSession(bench.target.unknownQueue(), "one");
      await expect(unknown).rejects.toMatchObject(MISSING);
    });

    operation("subscribe tells processError", "plain", async (bench) => {
      const receiver = bench.client.createReceiver(bench.target.unknownQueue());
      const codes: unknown[] = [];
      receiver.subscribe({
        processMessage: async () => undefined,
        processError: async ({ error }) => {
          codes.push("code" in error ? error.code : error.name);
        },
      });
      await eventually(() => expect(codes[0]).toBe(MISSING.code));
      await receiver.close();
    });

    operation("a subscription of a topic", "plain", async (bench) => {
      const receiver = bench.client.createReceiver(bench.target.unknownQueue(), "subscription");
      await expect(receiver.receiveMessages(1)).rejects.toMatchObject(MISSING);
      await receiver.close();
    });
  });

  describe("a wrong key: UnauthorizedAccess", () => {
    const OPTIONS = { retryOptions: { maxRetries: 0, timeoutInMs: 10_000 } };

    for (const [name, change] of [
      ["another key", [/SharedAccessKey=[^;]*/, "SharedAccessKey=d3Jvbmc="]],
      ["another name of the key", [/SharedAccessKeyName=[^;]*/, "SharedAccessKeyName=nobody"]],
    ] as const) {
      operation(name, "plain", async (bench) => {
        const client = new ServiceBusClient(
          bench.target.connectionString.replace(change[0], change[1]),
          OPTIONS,
        );
        try {
          const unauthorized = { code: "UnauthorizedAccess", retryable: true };
          const sent = client.createSender(bench.queue).sendMessages({ body: "a" });
          await expect(sent).rejects.toMatchObject(unauthorized);
          const received = client.createReceiver(bench.queue).receiveMessages(1);
          await expect(received).rejects.toMatchObject(unauthorized);
        } finally {
          await client.close();
        }
        expect(await bench.contents()).toEqual([]);
      });
    }
  });

  describe("the kind of a queue", () => {
    operation(
      "a receiver without a session where sessions are required",
      "session",
      async (bench) => {
        await expect(bench.receiver().receiveMessages(1)).rejects.toThrow(/session/i);
      },
    );

    operation("a session where there are none", "plain", async (bench) => {
      await expect(bench.session("one")).rejects.toThrow();
      await expect(bench.nextSession()).rejects.toThrow();
    });

    operation("its name in another case is the same queue", "plain", async (bench) => {
      await bench.sender(bench.queue.toUpperCase()).sendMessages({ body: "a" });
      expect(bodies(await bench.take(bench.receiver(), 1))).toEqual(["a"]);
    });
  });

  describe("a closed client", () => {
    operation("refuses everything", "plain", async (bench) => {
      const client = await bench.connect();
      const sender = client.createSender(bench.queue);
      await sender.sendMessages({ body: "a" });
      await client.close();
      await expect(sender.sendMessages({ body: "b" })).rejects.toThrow(/closed/);
      expect(await bench.contents()).toEqual([["a", "active"]]);
    });
  });
}
