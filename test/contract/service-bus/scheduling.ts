import { describe, expect } from "vitest";
import { bodies, numberOf, pause } from "./bench.ts";
import { operation } from "./operation.ts";
import { peekFirst } from "./peek.ts";

const NOT_FOUND = { code: "MessageNotFound" };

function inMs(ms: number): Date {
  return new Date(Date.now() + ms);
}

export function describeScheduling(): void {
  describe("scheduleMessages", () => {
    operation("one and several, which come when it is time", "plain", async (bench) => {
      const sender = bench.sender();
      const at = inMs(3_000);
      const [one] = await sender.scheduleMessages({ body: "a" }, at);
      const several = await sender.scheduleMessages([{ body: "b" }, { body: "c" }], at);
      expect(several).toHaveLength(2);
      if (one === undefined) throw new Error("not scheduled");
      const receiver = bench.receiver();
      expect(await bench.nothing(receiver)).toBe(true);
      const messages = await bench.take(receiver, 3);
      expect(Date.now()).toBeGreaterThanOrEqual(at.getTime() - 500);
      expect(bodies(messages).toSorted()).toEqual(["a", "b", "c"]);
      expect(messages.map(({ state }) => state)).toEqual(["active", "active", "active"]);
      const a = messages.find(({ body }) => body === "a");
      expect(a?.enqueuedSequenceNumber).toBe(one.toNumber());
      expect(a?.scheduledEnqueueTimeUtc?.getTime()).toBe(at.getTime());
    });

    operation(
      "an enqueued message gets a number behind those sent before",
      "plain",
      async (bench) => {
        const sender = bench.sender();
        const [number] = await sender.scheduleMessages({ body: "later" }, inMs(1_500));
        await bench.send("now");
        const messages = await bench.take(bench.receiver(), 2);
        expect(bodies(messages)).toEqual(["now", "later"]);
        const [now, later] = messages.map((message) => numberOf(message).toNumber());
        expect(number?.toNumber()).toBeLessThan(now ?? 0);
        expect(now).toBeLessThan(later ?? 0);
      },
    );

    operation("shows in a peek with its time", "plain", async (bench) => {
      const at = inMs(60_000);
      const [number] = await bench.sender().scheduleMessages({ body: "a", subject: "s" }, at);
      const [peeked] = await peekFirst(bench.receiver(), 1);
      expect([peeked?.state, peeked?.subject, peeked?.scheduledEnqueueTimeUtc]).toEqual([
        "scheduled",
        "s",
        at,
      ]);
      expect(peeked?.sequenceNumber?.toNumber()).toBe(number?.toNumber());
    });

    operation("in a session", "session", async (bench) => {
      const at = inMs(1_500);
      await bench.sender().scheduleMessages({ body: "a", sessionId: "one" }, at);
      const session = await bench.session("one");
      expect(bodies(await bench.take(session, 1))).toEqual(["a"]);
      expect(Date.now()).toBeGreaterThanOrEqual(at.getTime() - 500);
    });

    operation("for a time that has passed, at once", "plain", async (bench) => {
      await bench.sender().scheduleMessages({ body: "a" }, inMs(-60_000));
      expect(bodies(await bench.take(bench.receiver(), 1))).toEqual(["a"]);
    });
  });

  describe("scheduledEnqueueTimeUtc", () => {
    operation("of a message that is sent", "plain", async (bench) => {
      const scheduledEnqueueTimeUtc = inMs(2_500);
      await bench
        .sender()
        .sendMessages([{ body: "later", scheduledEnqueueTimeUtc }, { body: "now" }]);
      const receiver = bench.receiver();
      expect(bodies(await bench.take(receiver, 1))).toEqual(["now"]);
      expect(await bench.nothing(receiver)).toBe(true);
      expect(bodies(await bench.take(receiver, 1))).toEqual(["later"]);
      expect(Date.now()).toBeGreaterThanOrEqual(scheduledEnqueueTimeUtc.getTime() - 500);
    });

    operation("in the past is no schedule", "plain", async (bench) => {
      const message = { body: "a", scheduledEnqueueTimeUtc: inMs(-60_000) };
      await bench.sender().sendMessages(message);
      expect(bodies(await bench.take(bench.receiver(), 1))).toEqual(["a"]);
    });
  });

  describe("cancelScheduledMessages", () => {
    operation("one, several, and never twice", "plain", async (bench) => {
      const sender = bench.sender();
      const messages = ["a", "b", "c"].map((body) => ({ body }));
      const [a, b, c] = await sender.scheduleMessages(messages, inMs(60_000));
      if (a === undefined || b === undefined || c === undefined) throw new Error("not scheduled");
      await sender.cancelScheduledMessages(a);
      await expect(sender.cancelScheduledMessages(a)).rejects.toMatchObject(NOT_FOUND);
      expect(await bench.contents()).toEqual([
        ["b", "scheduled"],
        ["c", "scheduled"],
      ]);
      await sender.cancelScheduledMessages([b, c]);
      expect(await bench.contents()).toEqual([]);
    });

    operation("a cancelled message does not come", "plain", async (bench) => {
      const sender = bench.sender();
      const [number] = await sender.scheduleMessages({ body: "a" }, inMs(1_500));
      if (number !== undefined) await sender.cancelScheduledMessages(number);
      await pause(2_000);
      expect(await bench.nothing(bench.receiver())).toBe(true);
    });

    operation("one that is enqueued already: MessageNotFound", "plain", async (bench) => {
      const sender = bench.sender();
      const [number] = await sender.scheduleMessages({ body: "a" }, inMs(500));
      if (number === undefined) throw new Error("not scheduled");
      await bench.take(bench.receiver(), 1);
      await expect(sender.cancelScheduledMessages(number)).rejects.toMatchObject(NOT_FOUND);
    });

    operation("a number that never was: MessageNotFound", "plain", async (bench) => {
      const sender = bench.sender();
      const [number] = await sender.scheduleMessages({ body: "a" }, inMs(60_000));
      if (number === undefined) throw new Error("not scheduled");
      const unknown = sender.cancelScheduledMessages(number.add(1_000));
      await expect(unknown).rejects.toMatchObject(NOT_FOUND);
    });

    operation("an active message is not cancelled", "plain", async (bench) => {
      await bench.send("a");
      const [peeked] = await peekFirst(bench.receiver(), 1);
      if (peeked === undefined) throw new Error("nothing to peek");
      const active = bench.sender().cancelScheduledMessages(numberOf(peeked));
      await expect(active).rejects.toMatchObject(NOT_FOUND);
      expect(await bench.contents()).toEqual([["a", "active"]]);
    });
  });
}
