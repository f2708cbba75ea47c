import rhea from "rhea";
import { describe, expect } from "vitest";
import { bodies, pause } from "./bench.ts";
import { deleteMessages, managementOf, requestManagement } from "./management-client.ts";
import { operation } from "./operation.ts";
import { peekFirst } from "./peek.ts";

export function describeManagement(): void {
  describe("com.microsoft:batch-delete-messages", () => {
    operation("deletes the oldest, at most as many as asked for", "plain", async (bench) => {
      await bench.send("a", "b", "c");
      expect(await deleteMessages(bench.client, bench.queue, 2)).toBe(2);
      expect(await bench.contents()).toEqual([["c", "active"]]);
      expect(await deleteMessages(bench.client, bench.queue, 100)).toBe(1);
      expect(await deleteMessages(bench.client, bench.queue, 100)).toBe(0);
      await bench.send("d");
      expect(bodies(await bench.take(bench.receiver(), 1))).toEqual(["d"]);
    });

    operation("only what was enqueued before a time", "plain", async (bench) => {
      await bench.send("old");
      await pause(1_500);
      const [peeked] = await peekFirst(bench.receiver(), 1);
      const before = new Date((peeked?.enqueuedTimeUtc?.getTime() ?? 0) + 700);
      await bench.send("new");
      expect(await deleteMessages(bench.client, bench.queue, 100, before)).toBe(1);
      expect(await bench.contents()).toEqual([["new", "active"]]);
    });

    operation("not what is locked", "plain", async (bench) => {
      await bench.send("locked", "free");
      const receiver = bench.receiver();
      const locked = await bench.takeOne(receiver);
      expect(await deleteMessages(bench.client, bench.queue, 100)).toBe(1);
      await receiver.completeMessage(locked);
      expect(await bench.contents()).toEqual([]);
    });

    operation("in the dead-letter queue", "plain", async (bench) => {
      await bench.send("a", "b");
      const receiver = bench.receiver();
      await receiver.deadLetterMessage(await bench.takeOne(receiver));
      const entity = `${bench.queue}/$DeadLetterQueue`;
      expect(await deleteMessages(bench.client, entity, 100)).toBe(1);
      expect(await bench.contents({ subQueueType: "deadLetter" })).toEqual([]);
      expect(await bench.contents()).toEqual([["b", "active"]]);
    });

    operation("more than 4,000 at a time is refused", "plain", async (bench) => {
      await bench.send("a");
      await expect(deleteMessages(bench.client, bench.queue, 4_001)).rejects.toThrow();
      expect(await bench.contents()).toEqual([["a", "active"]]);
    });
  });

  describe("com.microsoft:get-message-sessions", () => {
    operation("the sessions that have messages, page by page", "session", async (bench) => {
      const ids = ["one", "two", "three"];
      for (const id of ids) await bench.sendToSession(id, "a");
      const management = managementOf(bench.client, bench.queue);
      const endOfTime = new Date(253_402_300_799_999);
      const all = await management.listMessageSessions(0, 100, endOfTime);
      expect(all.toSorted()).toEqual(ids.toSorted());
      const pages = [
        ...(await management.listMessageSessions(0, 2, endOfTime)),
        ...(await management.listMessageSessions(2, 2, endOfTime)),
      ];
      expect(pages.toSorted()).toEqual(ids.toSorted());
      expect(await management.listMessageSessions(3, 2, endOfTime)).toEqual([]);
    });
  });

  describe("com.microsoft:peek-message", () => {
    operation("answers 204 when there is nothing", "plain", async (bench) => {
      const body = {
        "from-sequence-number": rhea.types.wrap_long(1),
        "message-count": rhea.types.wrap_int(5),
      };
      const answer = await requestManagement(
        bench.client,
        bench.queue,
        "com.microsoft:peek-message",
        body,
      );
      expect(answer.application_properties).toMatchObject({ statusCode: 204 });
    });

    operation("without the bodies", "plain", async (bench) => {
      const text = "x".repeat(1_000);
      await bench.sender().sendMessages({ body: text, subject: "s" });
      const body = {
        "from-sequence-number": rhea.types.wrap_long(1),
        "message-count": rhea.types.wrap_int(5),
        "omit-message-body": true,
      };
      const answer = await requestManagement(
        bench.client,
        bench.queue,
        "com.microsoft:peek-message",
        body,
      );
      const [shown] = (answer.body?.["messages"] ?? []) as { readonly message: Buffer }[];
      expect(shown?.message.includes("x-opt-sequence-number")).toBe(true);
      expect(shown?.message.includes(text)).toBe(false);
    });
  });

  describe("an operation that does not exist", () => {
    operation("is refused, and the next one is answered", "plain", async (bench) => {
      await expect(
        requestManagement(bench.client, bench.queue, "com.microsoft:nonsense", {}),
      ).rejects.toThrow();
      expect(await bench.contents()).toEqual([]);
    });
  });
}
