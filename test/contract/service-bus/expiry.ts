import { describe, expect } from "vitest";
import { type Bench, bodies, numberOf, pause } from "./bench.ts";
import { operation } from "./operation.ts";
import { LONGEST_LIFE_MS } from "./target.ts";

const SOON_MS = 1_500;
const PAST_MS = SOON_MS + 1_000;

async function sendBrief(bench: Bench, ...texts: string[]): Promise<void> {
  await bench.sender().sendMessages(texts.map((body) => ({ body, timeToLive: SOON_MS })));
}

export function describeExpiry(): void {
  describe("timeToLive", () => {
    operation("an expired message is dropped", "plain", async (bench) => {
      await sendBrief(bench, "brief");
      await bench.send("lasting");
      await pause(PAST_MS);
      expect(bodies(await bench.take(bench.receiver(), 1))).toEqual(["lasting"]);
      expect(await bench.contents({ subQueueType: "deadLetter" })).toEqual([]);
    });

    operation(
      "an expired message is dead-lettered where the queue says so",
      "expiring",
      async (bench) => {
        await sendBrief(bench, "brief");
        await pause(PAST_MS);
        // The service looks at expired messages when somebody receives.
        expect(await bench.nothing(bench.receiver())).toBe(true);
        const dead = await bench.takeOne(bench.deadLetters());
        expect([dead.body, dead.deadLetterReason, dead.deadLetterErrorDescription]).toEqual([
          "brief",
          "TTLExpiredException",
          "The message expired and was dead lettered.",
        ]);
        expect(dead.deadLetterSource).toBe(bench.queue);
      },
    );

    operation("a dead letter does not expire", "expiring", async (bench) => {
      await sendBrief(bench, "a");
      const receiver = bench.receiver();
      await receiver.deadLetterMessage(await bench.takeOne(receiver));
      await pause(PAST_MS);
      expect((await bench.takeOne(bench.deadLetters())).body).toBe("a");
    });

    operation(
      "is at most the queue's own, which is also the default",
      "expiring",
      async (bench) => {
        const messages = [{ body: "long", timeToLive: 10 * LONGEST_LIFE_MS }, { body: "none" }];
        await bench.sender().sendMessages(messages);
        const received = await bench.take(bench.receiver(), 2);
        const lives = received.map(
          ({ expiresAtUtc, enqueuedTimeUtc }) =>
            (expiresAtUtc?.getTime() ?? 0) - (enqueuedTimeUtc?.getTime() ?? 0),
        );
        expect(lives).toEqual([LONGEST_LIFE_MS, LONGEST_LIFE_MS]);
      },
    );

    operation("a locked message can be completed after its end", "plain", async (bench) => {
      await sendBrief(bench, "a");
      const receiver = bench.receiver();
      const message = await bench.takeOne(receiver);
      await pause(PAST_MS);
      await receiver.completeMessage(message);
      expect(await bench.contents()).toEqual([]);
    });

    operation(
      "a message abandoned after its end does not come again",
      "expiring",
      async (bench) => {
        await sendBrief(bench, "a");
        const receiver = bench.receiver();
        const message = await bench.takeOne(receiver);
        await pause(PAST_MS);
        await receiver.abandonMessage(message);
        expect(await bench.nothing(receiver)).toBe(true);
        const dead = await bench.takeOne(bench.deadLetters());
        expect(dead.deadLetterReason).toBe("TTLExpiredException");
      },
    );

    operation("a deferred message is not to be had after its end", "plain", async (bench) => {
      await sendBrief(bench, "a");
      const receiver = bench.receiver();
      const message = await bench.takeOne(receiver);
      await receiver.deferMessage(message);
      await pause(PAST_MS);
      const deferred = receiver.receiveDeferredMessages(numberOf(message));
      await expect(deferred).rejects.toMatchObject({ code: "MessageNotFound" });
    });

    operation("of a scheduled message begins when it is enqueued", "plain", async (bench) => {
      const scheduledEnqueueTimeUtc = new Date(Date.now() + PAST_MS);
      const message = { body: "a", timeToLive: SOON_MS, scheduledEnqueueTimeUtc };
      await bench.sender().sendMessages(message);
      const { enqueuedTimeUtc, expiresAtUtc } = await bench.takeOne(bench.receiver());
      expect(enqueuedTimeUtc?.getTime()).toBeGreaterThanOrEqual(
        scheduledEnqueueTimeUtc.getTime() - 1_000,
      );
      expect((expiresAtUtc?.getTime() ?? 0) - (enqueuedTimeUtc?.getTime() ?? 0)).toBe(SOON_MS);
    });

    operation("in a session", "session", async (bench) => {
      const brief = { body: "brief", sessionId: "one", timeToLive: SOON_MS };
      await bench.sender().sendMessages([brief, { body: "lasting", sessionId: "one" }]);
      await pause(PAST_MS);
      const session = await bench.session("one");
      expect(bodies(await bench.take(session, 1))).toEqual(["lasting"]);
      expect(await bench.nothing(session)).toBe(true);
    });
  });
}
