import { randomUUID } from "node:crypto";
import {
  type RequesterOptions,
  ServiceBusRequester,
} from "../../agent/bus/service-bus-requester.ts";
import type { OutgoingRequest, Reply } from "../../agent/ports.ts";
import { startBrokerProcess } from "./broker-process.ts";
import { BusProxy, throughPort } from "./bus-proxy.ts";
import { HandAgent } from "./hand-agent.ts";
import { MemoryLog } from "./memory-log.ts";
import { testQueues } from "./queues.ts";

export type Undo = (() => Promise<unknown>)[];

/** Short enough that a test sees a dead connection noticed. */
const LIMITS = { heartbeatMs: 400, answerMs: 1_500 };

export const never = new AbortController().signal;

/** A broker, a proxy in front of it for the requester, and an agent that does what the test says. */
export async function startWorld(undo: Undo, { lockDurationMs = 5_000 } = {}) {
  const broker = await startBrokerProcess(testQueues({ lockDurationMs }));
  undo.push(() => broker.stop());
  const proxy = new BusProxy({ brokerPort: broker.port });
  await proxy.listen();
  undo.push(() => proxy.close());
  const agent = new HandAgent(broker.connectionString);
  undo.push(() => agent.close());
  agent.start();
  return { broker, proxy, agent, behind: throughPort(broker.connectionString, proxy.port) };
}

export function startRequester(
  undo: Undo,
  connectionString: string,
  options: Partial<RequesterOptions> = {},
) {
  const log = new MemoryLog();
  const requester = new ServiceBusRequester(
    {
      credential: { kind: "connectionString", connectionString },
      requestQueue: "requests",
      replyQueue: "replies",
      limits: LIMITS,
      ...options,
    },
    { log },
  );
  undo.push(() => requester.close());
  return { requester, log };
}

/** A delta, unless changed. */
export function outgoing(changes: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return {
    method: "POST",
    path: "/.delta",
    stream: true,
    correlationId: randomUUID(),
    timeoutMs: 25_000,
    ...changes,
  };
}

export async function documentsOf(reply: Reply): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for await (const document of reply.documents()) all.push(document);
  return all;
}

/** So many parts of one element each. */
export function documents(
  count: number,
): readonly { readonly Resources: number[]; part: number }[] {
  return Array.from({ length: count }, (_, part) => ({ Resources: [part], part }));
}
