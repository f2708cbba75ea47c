import { describe, expect } from "vitest";
import { bodies } from "./bench.ts";
import { operation } from "./operation.ts";

const TOO_LONG = "x".repeat(129);
const LATER_MS = 60_000;

export function describeLimits(): void {
  describe("size of a message", () => {
    operation(
      "above the limit of the link: MessageSizeExceeded, and the link goes on",
      "plain",
      async (bench) => {
        const sender = bench.sender();
        const { maxSizeInBytes } = await sender.createMessageBatch();
        const tooLarge = sender.sendMessages({ body: Buffer.alloc(maxSizeInBytes + 1) });
        await expect(tooLarge).rejects.toMatchObject({ code: "MessageSizeExceeded" });
        const fits = Buffer.alloc(maxSizeInBytes - 1_024, 7);
        await sender.sendMessages({ body: fits });
        expect(fits.equals((await bench.takeOne(bench.receiver())).body)).toBe(true);
      },
    );

    operation("an array above the limit is refused as a whole", "plain", async (bench) => {
      const sender = bench.sender();
      const { maxSizeInBytes } = await sender.createMessageBatch();
      const half = { body: Buffer.alloc(Math.ceil(maxSizeInBytes / 2)) };
      await expect(sender.sendMessages([half, half])).rejects.toThrow();
      expect(await bench.contents()).toEqual([]);
    });

    operation("a scheduled message above the limit is refused", "plain", async (bench) => {
      const sender = bench.sender();
      const { maxSizeInBytes } = await sender.createMessageBatch();
      const body = Buffer.alloc(maxSizeInBytes + 1);
      const at = new Date(Date.now() + LATER_MS);
      await expect(sender.scheduleMessages({ body }, at)).rejects.toThrow();
      expect(await bench.contents()).toEqual([]);
    });
  });

  describe("number of messages", () => {
    operation("a batch of 4,500 is taken", "plain", async (bench) => {
      const sender = bench.sender();
      const batch = await sender.createMessageBatch();
      const body = Buffer.from([1]);
      while (batch.count < 4_500 && batch.tryAddMessage({ body }));
      expect(batch.count).toBe(4_500);
      await sender.sendMessages(batch);
      const receiver = bench.receiver({ receiveMode: "receiveAndDelete" });
      let seen = 0;
      while (seen < 4_500) seen += (await bench.take(receiver, 1_500)).length;
      expect(await bench.contents()).toEqual([]);
    });
  });

  describe("properties", () => {
    operation("together above 64 KB are refused", "plain", async (bench) => {
      const part = "x".repeat(30_000);
      const applicationProperties = { a: part, b: part, c: part };
      await expect(
        bench.sender().sendMessages({ body: "a", applicationProperties }),
      ).rejects.toThrow();
      expect(await bench.contents()).toEqual([]);
    });

    operation("one above 32 KB is refused", "plain", async (bench) => {
      const applicationProperties = { a: "x".repeat(33_000) };
      await expect(
        bench.sender().sendMessages({ body: "a", applicationProperties }),
      ).rejects.toThrow();
      expect(await bench.contents()).toEqual([]);
    });

    operation("two of 30 KB are taken", "plain", async (bench) => {
      const part = "x".repeat(30_000);
      await bench.sender().sendMessages({ body: "a", applicationProperties: { a: part, b: part } });
      const message = await bench.takeOne(bench.receiver());
      expect(message.applicationProperties).toEqual({ a: part, b: part });
    });

    // Written as annotated messages, since the client itself looks at the ids of the others.
    const IDS = [
      ["messageId", { properties: { messageId: TOO_LONG } }],
      ["sessionId", { properties: { groupId: TOO_LONG } }],
      ["replyToSessionId", { properties: { replyToGroupId: TOO_LONG } }],
      ["partitionKey", { messageAnnotations: { "x-opt-partition-key": TOO_LONG } }],
    ] as const;
    for (const [name, sections] of IDS) {
      operation(`a ${name} beyond 128 characters is refused`, "plain", async (bench) => {
        const message = { bodyType: "value", body: "a", ...sections } as const;
        await expect(bench.sender().sendMessages(message)).rejects.toThrow();
        expect(await bench.contents()).toEqual([]);
      });
    }

    operation("ids of 128 characters are taken", "session", async (bench) => {
      const id = "ä".repeat(128);
      await bench.sender().sendMessages({ body: "a", messageId: id, sessionId: id });
      const session = await bench.session(id);
      expect(bodies(await bench.take(session, 1))).toEqual(["a"]);
    });

    operation("a partition key other than the session id is refused", "session", async (bench) => {
      const message = {
        bodyType: "value",
        body: "a",
        properties: { groupId: "one" },
        messageAnnotations: { "x-opt-partition-key": "two" },
      } as const;
      await expect(bench.sender().sendMessages(message)).rejects.toThrow();
      expect(await bench.contents()).toEqual([]);
    });
  });
}
