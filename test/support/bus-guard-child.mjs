// Scenarios of the Service Bus client's silent failures. Imported, they run in the process of the test, where the guards are
// installed. Started as a child process, this file runs one of them with the client as it is shipped:
//   fork(bus-guard-child.mjs, [scenario, JSON options]) -> message {result}; {connection} asks the parent to change it and to answer.
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ServiceBusClient } from "@azure/service-bus";

/** A queue that brings nothing for this long while a receiver has credit is taken to have stopped. */
const QUIET_MS = 2_000;
const RECEIVE_WAIT_MS = 10_000;

/** @param {string} connectionString @param {number} [timeoutInMs] */
function connect(connectionString, timeoutInMs = 10_000) {
  const retryOptions = { maxRetries: 0, retryDelayInMs: 100, timeoutInMs };
  return new ServiceBusClient(connectionString, { retryOptions });
}

/** @param {PromiseLike<unknown>} settlement */
async function outcomeOf(settlement) {
  try {
    return (await settlement) ?? "settled";
  } catch (error) {
    return error.code ?? error.message;
  }
}

/** The ids of the messages that a queue holds, in order. */
async function contents(client, queue, subQueueType) {
  const receiver = client.createReceiver(queue, subQueueType ? { subQueueType } : {});
  const messages = await receiver.peekMessages(100);
  return messages.map(({ messageId }) => messageId);
}

/** Settles one message per outcome, all in one turn of the event loop, in order. Messages are named 0, 1, 2 ... */
async function settleTogether({ connectionString, queue, outcomes }) {
  const client = connect(connectionString);
  await client
    .createSender(queue)
    .sendMessages(outcomes.map((_, i) => ({ body: i, messageId: `${i}` })));
  const receiver = client.createReceiver(queue);
  const messages = [];
  while (messages.length < outcomes.length) {
    const maxWaitTimeInMs = RECEIVE_WAIT_MS;
    const more = await receiver.receiveMessages(outcomes.length - messages.length, {
      maxWaitTimeInMs,
    });
    if (more.length === 0) throw new Error(`only ${messages.length} messages came`);
    messages.push(...more);
  }
  messages.sort((a, b) => Number(a.messageId) - Number(b.messageId));
  const promises = await Promise.all(
    messages.map((message, i) => outcomeOf(receiver[outcomes[i]](message))),
  );
  const left = await contents(client, queue);
  const deadLettered = await contents(client, queue, "deadLetter");
  await client.close();
  return { promises, left, deadLettered };
}

/** Never settles the first message that comes and completes the others. How many came, until all did or none came for long. */
async function forgetOne({ connectionString, queue, messages }) {
  const client = connect(connectionString);
  const batch = Array.from({ length: messages }, (_, i) => ({ body: i, messageId: `${i}` }));
  const sender = client.createSender(queue);
  for (let i = 0; i < messages; i += 500) await sender.sendMessages(batch.slice(i, i + 500));
  const receiver = client.createReceiver(queue, { maxAutoLockRenewalDurationInMs: 0 });
  let received = 0;
  let last = performance.now();
  const processMessage = async (message) => {
    received++;
    last = performance.now();
    if (received > 1) await receiver.completeMessage(message);
  };
  const handlers = { processMessage, processError: async () => {} };
  receiver.subscribe(handlers, { autoCompleteMessages: false, maxConcurrentCalls: 64 });
  while (received < messages && performance.now() - last < QUIET_MS) await sleep(50);
  await client.close();
  return { received };
}

/** Which sockets the client opens, and on how many of them it turns Nagle's algorithm off. */
async function sockets({ connectionString, queue }) {
  const { connect: dial, setNoDelay } = net.Socket.prototype;
  const opened = new Set();
  const withoutDelay = new Set();
  net.Socket.prototype.connect = function (...args) {
    opened.add(this);
    return dial.apply(this, args);
  };
  net.Socket.prototype.setNoDelay = function (on = true) {
    if (on) withoutDelay.add(this);
    else withoutDelay.delete(this);
    return setNoDelay.call(this, on);
  };
  try {
    const client = connect(connectionString);
    await client.createSender(queue).sendMessages({ body: "1" });
    await client.close();
  } finally {
    Object.assign(net.Socket.prototype, { connect: dial, setNoDelay });
  }
  return { opened: opened.size, withoutDelay: withoutDelay.size };
}

/**
 * Receives the message "held" through `viaProxy`, has the connection cut, and settles it. `when`: "before" the settlement, once
 * the client receives on its new link, or "during" it, when neither the settlement nor its answer came through.
 * `settle` is the client's own completeMessage unless given.
 */
async function settleAfterCut(
  { connectionString, viaProxy, queue, when, timeoutInMs, deliverAgain },
  connection,
  settle,
) {
  const direct = connect(connectionString);
  const sender = direct.createSender(queue);
  const client = connect(viaProxy, timeoutInMs);
  const receiver = client.createReceiver(queue, { maxAutoLockRenewalDurationInMs: 0 });
  const arrivals = [];
  let arrived = () => {};
  const processMessage = async (message) => {
    arrivals.push(message);
    arrived();
  };
  const arrival = async (id, deliveryCount = 0) => {
    const is = (message) => message.messageId === id && message.deliveryCount >= deliveryCount;
    while (!arrivals.some(is))
      await new Promise((resolve) => {
        arrived = resolve;
      });
    return arrivals.find(is);
  };
  const handlers = { processMessage, processError: async () => {} };
  receiver.subscribe(handlers, { autoCompleteMessages: false, maxConcurrentCalls: 8 });
  await sender.sendMessages({ body: "1", messageId: "held" });
  const held = await arrival("held");
  const act = settle ?? ((by, message) => by.completeMessage(message));
  let settlement;
  if (when === "before") {
    await connection("cut");
    // The broker would send the next message to the link that it does not know to be dead.
    await connection("back");
    await sender.sendMessages({ body: "2", messageId: "next" });
    await receiver.completeMessage(await arrival("next"));
    settlement = outcomeOf(act(receiver, held));
  } else {
    await connection("mute");
    settlement = outcomeOf(act(receiver, held));
    await sleep(100);
    await connection("cut");
  }
  const outcome = await settlement;
  if (deliverAgain) {
    const again = await arrival("held", 1);
    await receiver.completeMessage(again);
  }
  const left = await contents(direct, queue);
  const deliveries = arrivals.filter(({ messageId }) => messageId === "held").length;
  await Promise.all([client.close(), direct.close()]);
  return { outcome, deliveries, left };
}

export const scenarios = { settleTogether, forgetOne, sockets, settleAfterCut };

/** Has the parent do something to the connection, and waits until it did. */
function askParent(what) {
  return new Promise((resolve) => {
    process.once("message", resolve);
    process.send({ connection: what });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , name, options] = process.argv;
  const result = await scenarios[name](JSON.parse(options), askParent);
  process.send({ result }, () => process.disconnect());
}
