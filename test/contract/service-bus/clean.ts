import type {
  ServiceBusClient,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
} from "@azure/service-bus";

import { peekFirst } from "./peek.ts";

/** Above the longest lock that an earlier run may have left. */
const CLEAN_TIMEOUT_MS = 70_000;
const PEEKED = 250;
const WAIT_MS = 500;

async function peekAll(
  client: ServiceBusClient,
  queue: string,
  subQueueType?: "deadLetter",
): Promise<ServiceBusReceivedMessage[]> {
  const receiver = client.createReceiver(queue, subQueueType === undefined ? {} : { subQueueType });
  try {
    return await peekFirst(receiver, PEEKED);
  } finally {
    await receiver.close();
  }
}

/** Deletes what can be received, and the deferred messages among those that were peeked. */
async function empty(
  receiver: ServiceBusReceiver,
  peeked: readonly ServiceBusReceivedMessage[],
): Promise<void> {
  try {
    for (const { state, sequenceNumber } of peeked) {
      if (state !== "deferred" || sequenceNumber === undefined) continue;
      await receiver.receiveDeferredMessages(sequenceNumber).catch(() => undefined);
    }
    let received: unknown[];
    do {
      received = await receiver.receiveMessages(PEEKED, { maxWaitTimeInMs: WAIT_MS });
    } while (received.length > 0);
  } finally {
    await receiver.close();
  }
}

async function emptySessions(
  client: ServiceBusClient,
  queue: string,
  peeked: readonly ServiceBusReceivedMessage[],
): Promise<void> {
  for (const id of new Set(peeked.map((message) => message.sessionId))) {
    if (id === undefined) continue;
    const session = await client
      .acceptSession(queue, id, { receiveMode: "receiveAndDelete" })
      .catch(() => undefined);
    if (session === undefined) continue;
    const own = peeked.filter((message) => message.sessionId === id);
    // The client closes a session whose drain is not answered within 200 ms; the next round goes on.
    await empty(session, own).catch(() => undefined);
  }
}

/** Removes everything from a queue and its dead-letter queue, whatever state it is in. */
export async function clean(
  client: ServiceBusClient,
  queue: string,
  { sessions }: { readonly sessions: boolean },
): Promise<void> {
  const deadline = Date.now() + CLEAN_TIMEOUT_MS;
  const receiveMode = "receiveAndDelete";
  for (;;) {
    const dead = await peekAll(client, queue, "deadLetter");
    if (dead.length > 0) {
      await empty(client.createReceiver(queue, { receiveMode, subQueueType: "deadLetter" }), dead);
    }
    const peeked = await peekAll(client, queue);
    if (peeked.length === 0 && dead.length === 0) return;
    const sender = client.createSender(queue);
    for (const { state, sequenceNumber } of peeked) {
      if (state !== "scheduled" || sequenceNumber === undefined) continue;
      await sender.cancelScheduledMessages(sequenceNumber).catch(() => undefined);
    }
    await sender.close();
    if (sessions) await emptySessions(client, queue, peeked);
    else await empty(client.createReceiver(queue, { receiveMode }), peeked);
    if (Date.now() > deadline) throw new Error(`the queue ${queue} cannot be emptied`);
  }
}
