import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LockKeeper, LockLostError } from "../../agent/bus/lock-keeper.ts";
import type { Settlement } from "../../agent/bus/settlement.ts";
import { MemoryLog } from "../support/memory-log.ts";

const LOCK_MS = 60_000;

describe("LockKeeper", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  /** A broker that answers each renewal with the next of `answers`, the last one for ever. */
  function keep(answers: readonly ("renewed" | "lock lost" | "fails")[]) {
    const renewals: number[] = [];
    const message = { lockedUntilUtc: new Date(Date.now() + LOCK_MS) } as ServiceBusReceivedMessage;
    const settlement: Pick<Settlement, "renewLock"> = {
      renewLock: async () => {
        const answer = answers[Math.min(renewals.length, answers.length - 1)];
        renewals.push(Date.now());
        if (answer === "fails") throw new Error("the connection is gone");
        if (answer === "lock lost") return "lock lost";
        message.lockedUntilUtc = new Date(Date.now() + LOCK_MS);
        return message.lockedUntilUtc;
      },
    };
    const keeper = new LockKeeper({
      settlement: settlement as Settlement,
      receiver: {} as ServiceBusReceiver,
      message,
      now: () => Date.now(),
      log: new MemoryLog(),
    });
    return { keeper, renewals };
  }

  it("renews at a third of the lock's time, for as long as the work takes", async () => {
    const { keeper, renewals } = keep(["renewed"]);
    const startedAt = Date.now();
    await vi.advanceTimersByTimeAsync(10 * LOCK_MS);
    expect(renewals.slice(0, 3).map((at) => at - startedAt)).toEqual([20_000, 40_000, 60_000]);
    expect(renewals).toHaveLength(30);
    expect(keeper.signal.aborted).toBe(false);
    keeper.stop();
    await vi.advanceTimersByTimeAsync(LOCK_MS);
    expect(renewals).toHaveLength(30);
  });

  it("aborts the work at once when the broker says that the lock is lost", async () => {
    const { keeper } = keep(["renewed", "lock lost"]);
    await vi.advanceTimersByTimeAsync(40_000);
    expect(keeper.signal.reason).toBeInstanceOf(LockLostError);
  });

  it("tries again while the lock still holds, and aborts when it has run out", async () => {
    const { keeper, renewals } = keep(["fails"]);
    await vi.advanceTimersByTimeAsync(LOCK_MS - 1);
    expect(renewals).toHaveLength(2);
    expect(keeper.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(keeper.signal.reason).toBeInstanceOf(LockLostError);
  });

  it("goes on when a renewal that failed works the next time", async () => {
    const { keeper } = keep(["fails", "renewed"]);
    await vi.advanceTimersByTimeAsync(3 * LOCK_MS);
    expect(keeper.signal.aborted).toBe(false);
    keeper.stop();
  });
});
