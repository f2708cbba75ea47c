import { fork } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { fileURLToPath } from "node:url";
import type { ServiceBusMessage } from "@azure/service-bus";
import { onTestFinished } from "vitest";
import { type BrokerProcess, startBrokerProcess } from "./broker-process.ts";
import { type Listening, startListener } from "./listening.ts";
import { RawBus, rawRequest } from "./raw-bus.ts";

const CHILD = fileURLToPath(new URL("bus-pitfall-child.mjs", import.meta.url));
const ANSWER_TIMEOUT_MS = 20_000;
/** The lock of the queue `short`. */
export const SHORT_LOCK_MS = 2_000;

/** A broker of one test, with what the test does to it. Each call has a connection of its own, which nothing has frozen. */
export interface PitfallWorld {
  readonly broker: BrokerProcess;
  send(queue: string, ...messages: readonly ServiceBusMessage[]): Promise<void>;
  /** Sends a request, and waits for its answer. @returns the status */
  ask(queue?: string): Promise<string | undefined>;
}

/** Given back when the test is over. */
export async function startBroker(): Promise<PitfallWorld> {
  const broker = await startBrokerProcess({
    strict: false,
    queues: [
      { name: "requests", lockDurationMs: 60_000 },
      { name: "short", lockDurationMs: SHORT_LOCK_MS, maxDeliveryCount: 10 },
      { name: "plain-replies", maxBytes: 64 * 1024 * 1024 },
      { name: "sessions", requiresSession: true, lockDurationMs: 60_000 },
    ],
  });
  onTestFinished(() => broker.stop());
  const withBus = async <T>(act: (bus: RawBus) => Promise<T>): Promise<T> => {
    const bus = new RawBus(broker.connectionString);
    try {
      return await act(bus);
    } finally {
      await bus.close();
    }
  };
  return {
    broker,
    send: (queue, ...messages) =>
      withBus(async (bus) => {
        for (const message of messages) await bus.send(queue, message);
      }),
    ask: (queue = "requests") =>
      withBus(async (bus) => {
        await bus.send(queue, rawRequest());
        const [answer] = await bus.take("plain-replies", 1, { waitMs: ANSWER_TIMEOUT_MS });
        return answer?.subject;
      }),
  };
}

/** A message that is known by its id. */
export function named(messageId: string): ServiceBusMessage {
  return { messageId, body: messageId };
}

/** A listener that is stopped when the test is over. */
export async function listen(...args: Parameters<typeof startListener>): Promise<Listening> {
  const listening = await startListener(...args);
  onTestFinished(() => listening.listener.stop());
  return listening;
}

/** Runs a scenario with the client as it is shipped, in a process of its own, and does what it asks for. */
export async function unguarded(
  name: string,
  options: object,
  steps: Readonly<Record<string, () => Promise<unknown>>> = {},
): Promise<unknown> {
  const child = fork(CHILD, [name, JSON.stringify(options)], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  onTestFinished(() => void child.kill());
  const errors: Buffer[] = [];
  child.stderr?.on("data", (chunk: Buffer) => errors.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("message", (message: { result?: unknown; step?: string }) => {
      if (message.step === undefined) return resolve(message.result);
      const step = steps[message.step];
      if (step === undefined) return reject(new Error(`no step ${message.step}`));
      step().then(() => child.send("done"), reject);
    });
    child.on("exit", () => reject(new Error(`${name} ended: ${Buffer.concat(errors)}`)));
  });
}

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
