// What the scenarios of the Service Bus client as it is shipped are made of.
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { ServiceBusClient } from "@azure/service-bus";

/** The client waits 60 seconds for the answer to its AMQP open, or to the close of a link, and has no option for it. */
const ANSWER_TIMEOUT_S = 1;

/** @param {string} connectionString @param {object} [retryOptions] */
export function connect(connectionString, retryOptions) {
  const retry = { maxRetries: 0, retryDelayInMs: 100, timeoutInMs: 2_000, ...retryOptions };
  return new ServiceBusClient(connectionString, { retryOptions: retry });
}

export function shortenWaiting() {
  const client = createRequire(createRequire(import.meta.url).resolve("@azure/service-bus"));
  const { Connection } = client("rhea-promise");
  const { open } = Connection.prototype;
  Connection.prototype.open = function (...args) {
    this.options.operationTimeoutInSeconds = ANSWER_TIMEOUT_S;
    return open.apply(this, args);
  };
}

/** Has the parent do something, and waits until it did. */
export function askParent(step) {
  return new Promise((resolve) => {
    process.once("message", resolve);
    process.send({ step });
  });
}

/** Subscribes, and completes what comes. */
export function listen(client, queue) {
  const received = [];
  const errors = [];
  const receiver = client.createReceiver(queue, { skipParsingBodyAsJson: true });
  const subscription = receiver.subscribe(
    {
      processMessage: async ({ messageId }) => void received.push(messageId),
      processError: async ({ error }) => void errors.push(error.message),
    },
    { maxConcurrentCalls: 4 },
  );
  return { received, errors, receiver, subscription };
}

export async function until(isTrue, limitMs = 20_000) {
  const deadline = Date.now() + limitMs;
  while (!isTrue() && Date.now() < deadline) await sleep(20);
}

export async function codeOf(promise) {
  try {
    await promise;
    return "done";
  } catch (error) {
    return error.code ?? error.message;
  }
}
