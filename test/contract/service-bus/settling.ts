import { describe, expect } from "vitest";
import { bodies, numbered, numberOf } from "./bench.ts";
import { operation } from "./operation.ts";

export function describeSettling(): void {
  describe("completeMessage", () => {
    operation("removes the message", "plain", async (bench) => {
      await bench.send("a", "b");
      const receiver = bench.receiver();
      const [a] = await bench.take(receiver, 2);
      if (a !== undefined) await receiver.completeMessage(a);
      expect(await bench.contents()).toEqual([["b", "active"]]);
    });

    operation("many side by side", "plain", async (bench) => {
      await bench.sender().sendMessages(numbered(100));
      const receiver = bench.receiver();
      const messages = await bench.take(receiver, 100);
      await Promise.all(messages.map((message) => receiver.completeMessage(message)));
      expect(await bench.contents()).toEqual([]);
    });

    operation("twice is refused", "plain", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      const message = await bench.takeOne(receiver);
      await receiver.completeMessage(message);
      await expect(receiver.completeMessage(message)).rejects.toThrow(/already settled/);
    });

    operation("after its receiver was closed", "plain", async (bench) => {
      await bench.send("a", "b");
      const receiver = bench.receiver();
      const [a, b] = await bench.take(receiver, 2);
      await receiver.close();
      const other = bench.receiver();
      if (a !== undefined) await other.completeMessage(a);
      if (b !== undefined)
        await other.deadLetterMessage(b, {
          deadLetterReason: "r",
          deadLetterErrorDescription: "d",
        });
      expect(await bench.contents()).toEqual([]);
      const dead = await bench.takeOne(bench.deadLetters());
      expect([dead.body, dead.deadLetterReason]).toEqual(["b", "r"]);
    });
  });

  describe("abandonMessage", () => {
    operation("brings it back first, counted", "plain", async (bench) => {
      await bench.send("a", "b");
      const receiver = bench.receiver();
      const first = await bench.takeOne(receiver);
      await receiver.abandonMessage(first);
      const again = await bench.takeOne(receiver);
      expect([again.body, again.deliveryCount]).toEqual(["a", 1]);
      expect(numberOf(again)).toEqual(numberOf(first));
      expect(again.lockToken).not.toBe(first.lockToken);
    });

    operation("with properties to modify", "plain", async (bench) => {
      const applicationProperties = { kept: "k", changed: 1 };
      await bench.sender().sendMessages({ body: "a", applicationProperties });
      const receiver = bench.receiver();
      const changes = { changed: "2", added: 3, yes: true };
      await receiver.abandonMessage(await bench.takeOne(receiver), changes);
      const again = await bench.takeOne(receiver);
      expect(again.applicationProperties).toEqual({ kept: "k", ...changes });
    });

    operation("after its receiver was closed", "plain", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      const message = await bench.takeOne(receiver);
      await receiver.close();
      const other = bench.receiver();
      await other.abandonMessage(message, { why: "closed" });
      const again = await bench.takeOne(other);
      expect([again.deliveryCount, again.applicationProperties]).toEqual([1, { why: "closed" }]);
    });
  });

  describe("settlements", () => {
    operation("of different kinds one after the other stay apart", "plain", async (bench) => {
      await bench.send("a", "b", "c", "d");
      const receiver = bench.receiver();
      const [a, b, c, d] = await bench.take(receiver, 4);
      if (!a || !b || !c || !d) throw new Error("messages are missing");
      // Not at once: within one turn the client itself mixes them up (reference 8.1).
      await receiver.deadLetterMessage(a);
      await receiver.completeMessage(b);
      await receiver.abandonMessage(c);
      await receiver.deferMessage(d);
      expect(await bench.contents()).toEqual([
        ["c", "active"],
        ["d", "deferred"],
      ]);
      expect(await bench.contents({ subQueueType: "deadLetter" })).toEqual([["a", "active"]]);
    });

    operation("are refused in receive-and-delete", "plain", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver({ receiveMode: "receiveAndDelete" });
      const message = await bench.takeOne(receiver);
      await expect(receiver.completeMessage(message)).rejects.toThrow(/receiveAndDelete/);
    });
  });

  describe("deferMessage, receiveDeferredMessages", () => {
    operation("set it aside until it is asked for by its number", "plain", async (bench) => {
      await bench.send("a", "b");
      const receiver = bench.receiver();
      const message = await bench.takeOne(receiver);
      await receiver.deferMessage(message, { why: "later" });
      expect(bodies(await bench.take(receiver, 1))).toEqual(["b"]);
      expect(await bench.nothing(receiver)).toBe(true);
      const [deferred] = await receiver.receiveDeferredMessages(numberOf(message));
      expect([deferred?.body, deferred?.state, deferred?.applicationProperties]).toEqual([
        "a",
        "deferred",
        { why: "later" },
      ]);
      if (deferred !== undefined) await receiver.completeMessage(deferred);
      expect(await bench.contents()).toEqual([["b", "active"]]);
    });

    operation("several at once", "plain", async (bench) => {
      await bench.send("a", "b", "c");
      const receiver = bench.receiver();
      const messages = await bench.take(receiver, 3);
      for (const message of messages) await receiver.deferMessage(message);
      const deferred = await receiver.receiveDeferredMessages(messages.map(numberOf));
      expect(bodies(deferred).toSorted()).toEqual(["a", "b", "c"]);
      for (const message of deferred) await receiver.completeMessage(message);
      expect(await bench.contents()).toEqual([]);
    });

    operation("receive-and-delete", "plain", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      const message = await bench.takeOne(receiver);
      await receiver.deferMessage(message);
      const deleting = bench.receiver({ receiveMode: "receiveAndDelete" });
      expect(bodies(await deleting.receiveDeferredMessages(numberOf(message)))).toEqual(["a"]);
      expect(await bench.contents()).toEqual([]);
    });

    operation("abandoned it stays deferred, counted", "plain", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      const number = numberOf(
        await bench.takeOne(receiver).then(async (message) => {
          await receiver.deferMessage(message);
          return message;
        }),
      );
      const [first] = await receiver.receiveDeferredMessages(number);
      if (first !== undefined) await receiver.abandonMessage(first);
      expect(await bench.contents()).toEqual([["a", "deferred"]]);
      const [second] = await receiver.receiveDeferredMessages(number);
      expect((second?.deliveryCount ?? 0) - (first?.deliveryCount ?? 0)).toBe(1);
      if (second !== undefined) await receiver.completeMessage(second);
    });

    operation("dead-lettered from there", "plain", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      const message = await bench.takeOne(receiver);
      await receiver.deferMessage(message);
      const [deferred] = await receiver.receiveDeferredMessages(numberOf(message));
      const reason = { deadLetterReason: "r", deadLetterErrorDescription: "d" };
      if (deferred !== undefined) await receiver.deadLetterMessage(deferred, reason);
      expect(await bench.contents()).toEqual([]);
      const dead = await bench.takeOne(bench.deadLetters());
      expect([dead.body, dead.deadLetterReason, dead.state]).toEqual(["a", "r", "active"]);
    });

    operation("a locked one is not to be had again", "plain", async (bench) => {
      await bench.send("a");
      const receiver = bench.receiver();
      const message = await bench.takeOne(receiver);
      await receiver.deferMessage(message);
      const [deferred] = await receiver.receiveDeferredMessages(numberOf(message));
      const again = bench.receiver().receiveDeferredMessages(numberOf(message));
      await expect(again).rejects.toMatchObject({ code: "MessageNotFound" });
      if (deferred !== undefined) await receiver.completeMessage(deferred);
    });

    operation("a number of no deferred message: MessageNotFound", "plain", async (bench) => {
      await bench.send("a", "b");
      const receiver = bench.receiver();
      const [a, b] = await bench.take(receiver, 2);
      if (a === undefined || b === undefined) throw new Error("messages are missing");
      await receiver.deferMessage(a);
      const notFound = { code: "MessageNotFound" };
      const active = receiver.receiveDeferredMessages(numberOf(b));
      await expect(active).rejects.toMatchObject(notFound);
      const unknown = receiver.receiveDeferredMessages(numberOf(b).add(1_000));
      await expect(unknown).rejects.toMatchObject(notFound);
      const [deferred] = await receiver.receiveDeferredMessages(numberOf(a));
      if (deferred !== undefined) await receiver.completeMessage(deferred);
      const gone = receiver.receiveDeferredMessages(numberOf(a));
      await expect(gone).rejects.toMatchObject(notFound);
    });
  });
}
