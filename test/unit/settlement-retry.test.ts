import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import type { Settlement, SettleOutcome } from "../../agent/bus/settlement.ts";
import { RetriedSettlement } from "../../agent/bus/settlement-retry.ts";
import { AgentError, type ErrorCode } from "../../agent/core/error.ts";

const RECEIVER = {} as ServiceBusReceiver;

/** Each connection in turn settles, or fails with a code. */
function create(connections: (ErrorCode | SettleOutcome)[], { lockMs = 60_000 } = {}) {
  const told: string[] = [];
  const stop = new AbortController();
  let asked = 0;
  const settle = async (): Promise<SettleOutcome> => {
    const outcome = connections[Math.min(asked++, connections.length - 1)];
    if (outcome === "settled" || outcome === "lock lost") return outcome;
    throw new AgentError(outcome ?? "internal", "no answer");
  };
  const settlement = new RetriedSettlement({
    current: () =>
      ({ complete: settle, abandon: settle, deadLetter: settle }) as unknown as Settlement,
    onFailure: ({ code }) => told.push(code),
    signal: stop.signal,
    now: () => Date.now(),
  });
  const message = { lockedUntilUtc: new Date(Date.now() + lockMs) } as ServiceBusReceivedMessage;
  return { settlement, message, told, stop, asked: () => asked };
}

describe("a settlement that is tried again", () => {
  it("takes the next connection when the first does not answer", async () => {
    const { settlement, message, told } = create(["bus.unreachable", "settled"]);
    expect(await settlement.complete(RECEIVER, message)).toBe("settled");
    expect(told).toEqual(["bus.unreachable"]);
  });

  it("ends with the lock: the message is delivered again then", async () => {
    const { settlement, message, asked } = create(["bus.unreachable"], { lockMs: 500 });
    await expect(settlement.abandon(RECEIVER, message)).rejects.toMatchObject({
      code: "bus.unreachable",
    });
    expect(asked()).toBe(2);
  });

  it("is tried once when the agent stops", async () => {
    const { settlement, message, stop, asked } = create(["bus.denied"]);
    stop.abort();
    await expect(
      settlement.deadLetter(RECEIVER, message, { reason: "ReplyToMissing", description: "x" }),
    ).rejects.toMatchObject({ code: "bus.denied" });
    expect(asked()).toBe(1);
  });

  it("is not tried again when another connection would not help", async () => {
    const { settlement, message, told, asked } = create(["bus.missing"]);
    await expect(settlement.complete(RECEIVER, message)).rejects.toMatchObject({
      code: "bus.missing",
    });
    expect({ told, asked: asked() }).toEqual({ told: [], asked: 1 });
  });
});
