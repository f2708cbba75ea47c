import type { BrokerOptions } from "../../agent/sim/broker/server.ts";

/** The queues of `config/broker.json`, with a lock that runs out while a test waits. */
export function testQueues({ lockDurationMs = 60_000 } = {}): BrokerOptions {
  return {
    strict: false,
    queues: [
      { name: "requests", lockDurationMs, maxDeliveryCount: 10, requiresDuplicateDetection: true },
      { name: "replies", requiresSession: true, lockDurationMs },
      { name: "plain-replies", lockDurationMs },
    ],
  };
}
