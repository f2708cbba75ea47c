import { randomUUID } from "node:crypto";
import { describe, expect } from "vitest";
import { type Bench, bodies, numbered, numberOf, pause } from "./bench.ts";
import { eventually } from "./eventually.ts";
import { operation } from "./operation.ts";
import { peekFirst } from "./peek.ts";

/** Sessions keep their state for ever, so every test has ids of its own. */
function freshId(): string {
  return `s-${randomUUID()}`;
}

async function accept(bench: Bench): Promise<ReturnType<Bench["session"]>> {
  return bench.session(freshId());
}

export function describeSessions(): void {
  describe("acceptSession", () => {
    operation("gives the messages of that session alone, in order", "session", async (bench) => {
      await bench.sendToSession("one", "a", "b");
      await bench.sendToSession("two", "x");
      await bench.sendToSession("one", "c");
      const session = await bench.session("one");
      expect(session.sessionId).toBe("one");
      expect(session.sessionLockedUntilUtc.getTime()).toBeGreaterThan(Date.now());
      const messages = await bench.take(session, 3);
      expect(messages.map(({ body, sessionId }) => [body, sessionId])).toEqual([
        ["a", "one"],
        ["b", "one"],
        ["c", "one"],
      ]);
      expect(await bench.nothing(session)).toBe(true);
    });

    operation("before its first message", "session", async (bench) => {
      const session = await accept(bench);
      await bench.sendToSession(session.sessionId, "a");
      expect(bodies(await bench.take(session, 1))).toEqual(["a"]);
    });

    operation("held by somebody else: SessionCannotBeLocked", "session", async (bench) => {
      const session = await accept(bench);
      const refused = { code: "SessionCannotBeLocked" };
      await expect(bench.session(session.sessionId)).rejects.toMatchObject(refused);
      const client = await bench.connect();
      await expect(bench.session(session.sessionId, { client })).rejects.toMatchObject(refused);
    });

    operation("several sessions side by side", "session", async (bench) => {
      const ids = ["one", "two", "three", "four"];
      for (const id of ids)
        await bench.sendToSession(id, ...Array.from({ length: 10 }, (_, n) => n));
      const seen = await Promise.all(
        ids.map(async (id) => {
          const session = await bench.session(id);
          const messages = await bench.take(session, 10);
          for (const message of messages) await session.completeMessage(message);
          return bodies(messages);
        }),
      );
      expect(seen).toEqual(ids.map(() => bodies(numbered(10) as never)));
      expect(await bench.contents()).toEqual([]);
    });

    operation("subscribe keeps the order with one call at a time", "session", async (bench) => {
      const session = await accept(bench);
      const seen: unknown[] = [];
      session.subscribe({
        processMessage: async ({ body }) => {
          await pause(1);
          seen.push(body);
        },
        processError: async () => undefined,
      });
      await bench.sender().sendMessages(numbered(50, { sessionId: session.sessionId }));
      await eventually(() => expect(seen.length).toBe(50));
      expect(seen).toEqual(bodies(numbered(50) as never));
    });

    operation("receive-and-delete", "session", async (bench) => {
      await bench.sendToSession("one", "a", "b");
      const session = await bench.session("one", { receiveMode: "receiveAndDelete" });
      expect(bodies(await bench.take(session, 2))).toEqual(["a", "b"]);
      expect(await bench.contents()).toEqual([]);
    });
  });

  describe("acceptNextSession", () => {
    operation("a session that has messages", "session", async (bench) => {
      await bench.sendToSession("one", "a");
      const session = await bench.nextSession();
      expect(session.sessionId).toBe("one");
      expect(bodies(await bench.take(session, 1))).toEqual(["a"]);
    });

    operation("every session once", "session", async (bench) => {
      const ids = ["one", "two", "three"];
      for (const id of ids) await bench.sendToSession(id, "a");
      const sessions = [
        await bench.nextSession(),
        await bench.nextSession(),
        await bench.nextSession(),
      ];
      expect(sessions.map(({ sessionId }) => sessionId).toSorted()).toEqual(ids.toSorted());
    });

    operation("waits for one that gets its first message", "session", async (bench) => {
      const coming = bench.nextSession();
      await pause(1_000);
      await bench.sendToSession("fresh", "a");
      const session = await coming;
      expect(session.sessionId).toBe("fresh");
      expect(bodies(await bench.take(session, 1))).toEqual(["a"]);
    });

    operation("waits for one that is given back", "session", async (bench) => {
      await bench.sendToSession("one", "a");
      const first = await bench.session("one");
      const coming = bench.nextSession();
      await pause(500);
      await first.close();
      expect((await coming).sessionId).toBe("one");
    });

    operation("none before the time is over: ServiceTimeout", "session", async (bench) => {
      await bench.sendToSession("one", "a");
      await bench.session("one");
      const client = await bench.connect({ retryOptions: { maxRetries: 0, timeoutInMs: 2_000 } });
      const started = Date.now();
      const waiting = bench.nextSession({ client });
      await expect(waiting).rejects.toMatchObject({ code: "ServiceTimeout" });
      expect(Date.now() - started).toBeGreaterThan(1_000);
    });
  });

  describe("session state", () => {
    operation("set, get and clear", "session", async (bench) => {
      const session = await accept(bench);
      expect(await session.getSessionState()).toBeNull();
      await session.setSessionState({ page: 3 });
      expect(await session.getSessionState()).toEqual({ page: 3 });
      await session.setSessionState("ä");
      expect(await session.getSessionState()).toBe("ä");
      await session.setSessionState(null);
      expect(await session.getSessionState()).toBeNull();
    });

    operation("outlives the receiver and all messages", "session", async (bench) => {
      const first = await accept(bench);
      await bench.sendToSession(first.sessionId, "a");
      await first.completeMessage(await bench.takeOne(first));
      await first.setSessionState("kept");
      await first.close();
      const second = await bench.session(first.sessionId);
      expect(await second.getSessionState()).toBe("kept");
      await second.setSessionState(null);
    });

    operation("belongs to one session", "session", async (bench) => {
      const [one, two] = [await accept(bench), await accept(bench)];
      await one.setSessionState("one");
      expect(await two.getSessionState()).toBeNull();
      await one.setSessionState(null);
    });
  });

  describe("messages of a session", () => {
    operation("deferred, and received by their number", "session", async (bench) => {
      await bench.sendToSession("one", "a", "b");
      await bench.sendToSession("two", "x");
      const session = await bench.session("one");
      const message = await bench.takeOne(session);
      await session.deferMessage(message);
      expect(bodies(await bench.take(session, 1))).toEqual(["b"]);
      const other = await bench.session("two");
      const stranger = other.receiveDeferredMessages(numberOf(message));
      await expect(stranger).rejects.toMatchObject({ code: "MessageNotFound" });
      const [deferred] = await session.receiveDeferredMessages(numberOf(message));
      expect([deferred?.body, deferred?.state]).toEqual(["a", "deferred"]);
      if (deferred !== undefined) await session.completeMessage(deferred);
      expect(bodies(await peekFirst(session, 5))).toEqual(["b"]);
    });

    operation("deferred, by whoever holds the session next", "session", async (bench) => {
      await bench.sendToSession("one", "a");
      const first = await bench.session("one");
      const message = await bench.takeOne(first);
      await first.deferMessage(message);
      await first.close();
      const second = await bench.session("one");
      const [deferred] = await second.receiveDeferredMessages(numberOf(message));
      expect(deferred?.body).toBe("a");
      if (deferred !== undefined) await second.completeMessage(deferred);
    });

    operation("abandoned come again first", "session", async (bench) => {
      await bench.sendToSession("one", "a", "b");
      const session = await bench.session("one");
      await session.abandonMessage(await bench.takeOne(session));
      const messages = await bench.take(session, 2);
      expect(messages.map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([
        ["a", 1],
        ["b", 0],
      ]);
    });

    operation("without a session id are refused", "session", async (bench) => {
      const sender = bench.sender();
      await expect(sender.sendMessages({ body: "a" })).rejects.toThrow(/SessionId|session/i);
      const scheduled = sender.scheduleMessages({ body: "a" }, new Date(Date.now() + 60_000));
      await expect(scheduled).rejects.toThrow(/SessionId|session/i);
      expect(await bench.contents()).toEqual([]);
    });
  });
}
