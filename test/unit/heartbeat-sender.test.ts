import type { ServiceBusMessage } from "@azure/service-bus";
import { ServiceBusError } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { HeartbeatSender } from "../../agent/bus/heartbeat-sender.ts";
import { MemoryLog } from "../support/memory-log.ts";

type Code = "QuotaExceeded" | "UnauthorizedAccess" | "MessagingEntityNotFound";

function create(outcomes: (Code | undefined)[]) {
  const sent: { queue: string; message: ServiceBusMessage }[] = [];
  const log = new MemoryLog();
  const sender = new HeartbeatSender({
    queue: "heartbeats",
    post: async (queue, message) => {
      sent.push({ queue, message });
      const code = outcomes.shift();
      if (code !== undefined) throw new ServiceBusError("refused", code);
    },
    log,
  });
  return { sender, sent, log };
}

describe("a heartbeat", () => {
  it("is a message that lives for three intervals", async () => {
    const { sender, sent } = create([]);
    await sender.send({ name: "agent-1" }, { intervalMs: 300_000 });
    expect(sent).toEqual([
      {
        queue: "heartbeats",
        message: {
          messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          subject: "heartbeat",
          contentType: "application/json",
          timeToLive: 900_000,
          body: Buffer.from('{"name":"agent-1"}'),
        },
      },
    ]);
  });

  it("lives for a minute at least", async () => {
    const { sender, sent } = create([]);
    await sender.send({}, { intervalMs: 1_000 });
    expect(sent[0]?.message.timeToLive).toBe(60_000);
  });

  it("that cannot be sent is warned of once, until that changes", async () => {
    const { sender, log } = create([
      "QuotaExceeded",
      "QuotaExceeded",
      "UnauthorizedAccess",
      "UnauthorizedAccess",
      undefined,
      undefined,
      "MessagingEntityNotFound",
    ]);
    for (let beat = 0; beat < 7; beat++) await sender.send({}, { intervalMs: 1_000 });
    expect(log.lines.map(({ level, event, fields }) => [level, event, fields["code"]])).toEqual([
      ["warn", "heartbeat.failed", "bus.busy"],
      ["warn", "heartbeat.failed", "bus.denied"],
      ["info", "heartbeat.recovered", undefined],
      ["warn", "heartbeat.failed", "bus.missing"],
    ]);
  });
});
