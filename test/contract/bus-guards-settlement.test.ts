import { setTimeout as sleep } from "node:timers/promises";
import type {
  ServiceBusClient,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
} from "@azure/service-bus";
import { ServiceBusError } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { createSettlement } from "../../agent/bus/settlement.ts";

const QUEUE = "requests";
const TIMEOUT_MS = 200;

type Complete = (message: ServiceBusReceivedMessage) => Promise<void>;

const never: Complete = () => new Promise(() => {});

/** A receiver that completes messages in the way given; a session's when it has a session id. */
function receiver(completeMessage: Complete, more: object = {}): ServiceBusReceiver {
  const fake = { isClosed: false, completeMessage, close: async () => {}, ...more };
  return fake as unknown as ServiceBusReceiver;
}

/** A message whose link says of itself whether it is open. */
function message(isOpen: () => boolean, more: object = {}): ServiceBusReceivedMessage {
  const fake = { lockToken: "lock", delivery: { link: { is_open: isOpen } }, ...more };
  return fake as unknown as ServiceBusReceivedMessage;
}

/** A settlement whose second way completes messages in the way given. */
function settlementBy(completeMessage: Complete) {
  const client = { createReceiver: () => receiver(completeMessage) };
  return createSettlement({
    client: client as unknown as ServiceBusClient,
    queue: QUEUE,
    timeoutMs: TIMEOUT_MS,
  });
}

const refused =
  (code: "MessageLockLost" | "SessionLockLost" | "UnauthorizedAccess") => async () => {
    throw new AggregateError([new Error("the first try"), new ServiceBusError("refused", code)]);
  };

describe("a settlement", () => {
  it("takes the link while it is open, and the second way not at all", async () => {
    const asked: string[] = [];
    const settlement = settlementBy(async () => void asked.push("second"));
    const link = receiver(async () => void asked.push("link"));
    expect(
      await settlement.complete(
        link,
        message(() => true),
      ),
    ).toBe("settled");
    expect(asked).toEqual(["link"]);
  });

  it("takes the second way when the link stays silent", async () => {
    const settlement = settlementBy(async () => {});
    expect(
      await settlement.complete(
        receiver(never),
        message(() => true),
      ),
    ).toBe("settled");
  });

  it("asks the second way for the lock alone: no link, no session", async () => {
    const asked: unknown[] = [];
    const settlement = settlementBy(async (it) => {
      const { lockToken, sessionId, delivery } = it as ServiceBusReceivedMessage & {
        delivery: unknown;
      };
      asked.push({ lockToken, sessionId, delivery });
    });
    const received = message(() => false, { sessionId: "a session" });
    expect(await settlement.complete(receiver(never), received)).toBe("settled");
    expect(asked).toEqual([{ lockToken: "lock", sessionId: undefined, delivery: {} }]);
  });

  it("says at once that the lock is lost when the link says so, inside an AggregateError too", async () => {
    const settlement = settlementBy(never);
    const link = receiver(refused("MessageLockLost"));
    expect(
      await settlement.complete(
        link,
        message(() => true),
      ),
    ).toBe("lock lost");
  });

  it("of a session is lost with its link, without asking anybody", async () => {
    const asked: string[] = [];
    const settlement = settlementBy(async () => void asked.push("second"));
    const session = receiver(async () => void asked.push("link"), { sessionId: "a session" });
    expect(
      await settlement.complete(
        session,
        message(() => false),
      ),
    ).toBe("lock lost");
    expect(asked).toEqual([]);
  });

  it("of a session that was cut off while it waited is lost", async () => {
    let isOpen = true;
    const settlement = settlementBy(async () => {});
    const cut: Complete = async () => {
      isOpen = false;
      throw new Error("cut");
    };
    const session = receiver(cut, { sessionId: "a session" });
    expect(
      await settlement.complete(
        session,
        message(() => isOpen),
      ),
    ).toBe("lock lost");
  });

  it("of a session that stays silent ends with bus.unreachable", async () => {
    const settlement = settlementBy(async () => {});
    const session = receiver(never, { sessionId: "a session" });
    await expect(
      settlement.complete(
        session,
        message(() => true),
      ),
    ).rejects.toMatchObject({
      code: "bus.unreachable",
      message: `cannot settle a message of ${QUEUE}`,
    });
  });

  it("that the broker refuses on the second way ends with bus.denied", async () => {
    const settlement = settlementBy(refused("UnauthorizedAccess"));
    await expect(
      settlement.complete(
        receiver(never),
        message(() => false),
      ),
    ).rejects.toMatchObject({ code: "bus.denied" });
  });

  it("is one of many under way, without a warning of a leak", async () => {
    const warnings: unknown[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.name);
    process.on("warning", onWarning);
    const settlement = settlementBy(async () => {});
    const link = receiver(() => sleep(20));
    const it = message(() => true);
    const settled = Array.from({ length: 64 }, () => settlement.complete(link, it));
    expect(new Set(await Promise.all(settled))).toEqual(new Set(["settled"]));
    // A warning comes in a later turn.
    await sleep(0);
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  it("leaves no rejection behind when both ways fail after the time is over", async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    const failing: ((error: Error) => void)[] = [];
    const late: Complete = () => new Promise((_, reject) => failing.push(reject));
    const settlement = settlementBy(late);
    await expect(
      settlement.complete(
        receiver(late),
        message(() => true),
      ),
    ).rejects.toMatchObject({ code: "bus.unreachable" });
    for (const fail of failing) fail(new Error("too late"));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", onUnhandled);
    expect({ ways: failing.length, unhandled }).toEqual({ ways: 2, unhandled: [] });
  });
});
