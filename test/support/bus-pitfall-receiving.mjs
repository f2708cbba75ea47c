// More scenarios of bus-pitfall-child.mjs: what becomes of receivers, sessions and sockets.
import { setTimeout as sleep } from "node:timers/promises";
import { ServiceBusClient } from "@azure/service-bus";
import {
  askParent,
  codeOf,
  connect,
  listen,
  shortenWaiting,
  until,
} from "./bus-pitfall-client.mjs";

/** A connection is lost, and nobody listens for a while. The client has its own retry options. */
async function outage({ connectionString, queue, waitMs }) {
  const { received, errors } = listen(new ServiceBusClient(connectionString), queue);
  await until(() => received.length === 1);
  await askParent("cut, let nobody listen for a while, and send");
  await sleep(waitMs);
  return { received, errors: errors.length };
}

/** A connection is lost, and the next one is made at once. */
async function disconnect({ connectionString, queue }) {
  const { received, errors } = listen(connect(connectionString), queue);
  await until(() => received.length === 1);
  await askParent("cut, and send");
  await until(() => received.length === 2);
  return { received, errors };
}

/** A message is worked on for longer than the client renews its lock: 5 minutes unless told. */
async function longWork({ connectionString, queue, workMs, renewalMs }) {
  const client = connect(connectionString);
  const receiver = client.createReceiver(queue, { maxAutoLockRenewalDurationInMs: renewalMs });
  let came = 0;
  const outcomes = [];
  const processMessage = async (message) => {
    came++;
    await sleep(workMs);
    outcomes.push(await codeOf(receiver.completeMessage(message)));
  };
  receiver.subscribe(
    { processMessage, processError: async () => {} },
    { autoCompleteMessages: false, maxConcurrentCalls: 2 },
  );
  await askParent("send");
  await until(() => outcomes.length === 1 && came === 2);
  return { came, outcome: outcomes[0] };
}

/** The connection of a session is lost. */
async function sessionCut({ connectionString, queue, sessionId, waitMs }) {
  const receiver = await connect(connectionString).acceptSession(queue, sessionId);
  const received = [];
  const errors = [];
  receiver.subscribe({
    processMessage: async ({ messageId }) => void received.push(messageId),
    processError: async ({ error }) => void errors.push(error.code),
  });
  await askParent("send");
  await until(() => received.length === 1);
  await askParent("cut, and send");
  await sleep(waitMs);
  return { received, errors, isClosed: receiver.isClosed };
}

/** Whichever session has messages is asked for, and none has. */
async function nextSession({ connectionString, queue, timeoutInMs }) {
  const client = connect(connectionString, { timeoutInMs });
  return { outcome: await codeOf(client.acceptNextSession(queue)) };
}

/** What becomes of bodies on their way: what a string is on the wire, and JSON to a receiver. */
async function bodies({ connectionString, queue }) {
  const client = connect(connectionString);
  const sender = client.createSender(queue);
  await sender.sendMessages([{ body: "text" }, { body: Buffer.from("1.0") }]);
  const raw = client.createReceiver(queue, { skipParsingBodyAsJson: true });
  const [text] = await raw.receiveMessages(1);
  await raw.completeMessage(text);
  await raw.close();
  const [json] = await client.createReceiver(queue).receiveMessages(1);
  return { text: String(text.body), json: json.body };
}

/** One message is there, and ten are asked for. */
async function askForTen({ connectionString, queue, leastMs }) {
  const client = connect(connectionString);
  await client.createSender(queue).sendMessages({ body: "1" });
  const receiver = client.createReceiver(queue);
  await receiver.peekMessages(1);
  const startedAt = performance.now();
  const messages = await receiver.receiveMessages(10);
  return { came: messages.length, waited: performance.now() - startedAt >= leastMs };
}

/** As many messages in one batch as fit into it, for all that the client knows. */
async function bigBatch({ connectionString, queue, count }) {
  const sender = connect(connectionString).createSender(queue);
  const batch = await sender.createMessageBatch();
  for (let i = 0; i < count; i++) batch.tryAddMessage({ body: "" });
  const refusal = await sender.sendMessages(batch).catch(({ message }) => message);
  return { count: batch.count, refusal };
}

/** A receiver stops while its peer says nothing. An unhandled rejection ends the process before it has a result. */
async function stopBeforeFrozenPeer({ connectionString, queue, waitMs }) {
  shortenWaiting();
  const { received, subscription } = listen(connect(connectionString), queue);
  await until(() => received.length === 1);
  await askParent("freeze");
  await subscription.close();
  await sleep(waitMs);
  return { survived: true };
}

/** A client is closed whose peer says nothing any more, or did not answer its AMQP open. */
async function closeBeforeSilentPeer({ connectionString, queue, waitMs }) {
  shortenWaiting();
  const client = connect(connectionString);
  const outcome = await codeOf(client.createSender(queue).sendMessages({ body: "1" }));
  await askParent("make the peer silent");
  await Promise.race([codeOf(client.close()), sleep(waitMs)]);
  await askParent("count");
  return { outcome };
}

export const receivingScenarios = {
  outage,
  disconnect,
  longWork,
  sessionCut,
  nextSession,
  bodies,
  askForTen,
  bigBatch,
  stopBeforeFrozenPeer,
  closeBeforeSilentPeer,
};
