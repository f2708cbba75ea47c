// Scenarios of the Service Bus client as it is shipped, each in a process of its own, without anything of the project:
//   fork(bus-pitfall-child.mjs, [scenario, JSON options]) -> message {step} asks the parent to do something and to answer,
//   message {result} is the last one.
import { setTimeout as sleep } from "node:timers/promises";
import {
  askParent,
  codeOf,
  connect,
  listen,
  shortenWaiting,
  until,
} from "./bus-pitfall-client.mjs";
import { receivingScenarios } from "./bus-pitfall-receiving.mjs";

/** The AMQP open of a connection that is made again is not answered; all later ones would be. */
async function unansweredOpen({ connectionString, queue, waitMs }) {
  shortenWaiting();
  const { received, errors } = listen(connect(connectionString), queue);
  await until(() => received.length === 1);
  await askParent("leave the next open unanswered, and cut");
  await until(() => errors.length >= 2);
  await askParent("thaw, and send");
  const failed = errors.length;
  await sleep(waitMs);
  return { received, goesOnFailing: errors.length > failed };
}

/** The peer of an open connection answers nothing any more. */
async function frozenPeer({ connectionString, queue, waitMs }) {
  const { received, errors } = listen(connect(connectionString), queue);
  await until(() => received.length === 1);
  await askParent("freeze, and send");
  await sleep(waitMs);
  return { received, errors };
}

/** The link is open and has credit, as far as the client knows. */
async function deafLink({ connectionString, queue, waitMs }) {
  const { received, errors } = listen(connect(connectionString), queue);
  await askParent("send");
  await sleep(waitMs);
  return { received, errors };
}

/** A send while nobody listens on the port, with retries to spare. */
async function sendWhileDown({ connectionString, queue, backAfterMs }) {
  const client = connect(connectionString, { maxRetries: 5, retryDelayInMs: backAfterMs });
  const startedAt = performance.now();
  const outcome = await codeOf(client.createSender(queue).sendMessages({ body: "1" }));
  return { outcome, triedAgain: performance.now() - startedAt >= backAfterMs };
}

/** What a send throws after its retries. */
async function sendToFrozenPeer({ connectionString, queue }) {
  const client = connect(connectionString, { maxRetries: 1, timeoutInMs: 300 });
  const sender = client.createSender(queue);
  await sender.sendMessages({ body: "1", messageId: "before" });
  await askParent("freeze");
  try {
    await sender.sendMessages({ body: "2", messageId: "retried" });
    return { name: "none" };
  } catch (error) {
    const { name, message, code, retryable } = error;
    return { name, message, code, retryable, inner: error.errors?.map((each) => each.code) };
  } finally {
    await askParent("thaw");
  }
}

/** Two messages with one id are worked on: the first is settled at once, the second after its lock would have run out. */
async function twins({ connectionString, queue, workMs }) {
  const client = connect(connectionString);
  const receiver = client.createReceiver(queue, { maxAutoLockRenewalDurationInMs: 60_000 });
  const outcomes = [];
  let came = 0;
  const processMessage = async (message) => {
    came++;
    // Both are in flight before the first is settled.
    await sleep(came === 1 ? 500 : workMs);
    outcomes.push(await codeOf(receiver.completeMessage(message)));
  };
  receiver.subscribe(
    { processMessage, processError: async () => {} },
    { autoCompleteMessages: false, maxConcurrentCalls: 2 },
  );
  await askParent("send");
  await until(() => outcomes.length >= 3, workMs + 5_000);
  return { cameAgain: came > 2 };
}

/** The client is closed while a message is worked on. */
async function closeFirst({ connectionString, queue }) {
  const client = connect(connectionString);
  const receiver = client.createReceiver(queue);
  let outcome;
  let working = false;
  const processMessage = async (message) => {
    working = true;
    await sleep(300);
    outcome = await codeOf(receiver.completeMessage(message));
  };
  receiver.subscribe(
    { processMessage, processError: async () => {} },
    { autoCompleteMessages: false },
  );
  await askParent("send");
  await until(() => working);
  await client.close();
  await until(() => outcome !== undefined);
  return { outcome };
}

/** A receiver is closed while messages that it brought are worked on. */
async function closeInTheRush({ connectionString, queue }) {
  const client = connect(connectionString);
  const errors = [];
  let closed = false;
  let came = 0;
  const receiver = client.createReceiver(queue);
  const processMessage = async (message) => {
    came++;
    await sleep(200);
    await receiver.completeMessage(message);
  };
  const processError = async ({ error }) => {
    if (closed) errors.push(error.message);
  };
  receiver.subscribe(
    { processMessage, processError },
    { autoCompleteMessages: false, maxConcurrentCalls: 4 },
  );
  await until(() => came === 4);
  closed = true;
  await receiver.close();
  await until(() => errors.length === 4, 2_000);
  return { errors };
}

/** More sends at once than the broker gives credit for. */
async function manySends({ connectionString, queue, count }) {
  const client = connect(connectionString, { timeoutInMs: 10_000 });
  const sender = client.createSender(queue);
  await sender.sendMessages({ body: "first" });
  const sends = Array.from({ length: count }, (_, body) => codeOf(sender.sendMessages({ body })));
  const outcomes = await Promise.all(sends);
  return { failed: outcomes.filter((outcome) => outcome !== "done").length > 0 };
}

const scenarios = {
  ...receivingScenarios,
  unansweredOpen,
  frozenPeer,
  deafLink,
  sendWhileDown,
  sendToFrozenPeer,
  twins,
  closeFirst,
  closeInTheRush,
  manySends,
};

const [, , name, options] = process.argv;
const result = await scenarios[name](JSON.parse(options));
process.send({ result }, () => process.exit(0));
