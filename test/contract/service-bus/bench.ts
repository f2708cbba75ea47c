import { randomUUID } from "node:crypto";
import type {
  ServiceBusClient,
  ServiceBusClientOptions,
  ServiceBusMessage,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
  ServiceBusReceiverOptions,
  ServiceBusSender,
  ServiceBusSessionReceiver,
  ServiceBusSessionReceiverOptions,
} from "@azure/service-bus";
import { clean } from "./clean.ts";
import { peekFirst } from "./peek.ts";
import { type QueueKind, type Target, target } from "./target.ts";

const TAKE_TIMEOUT_MS = 15_000;

/** One queue to itself, and everything that a test opens on it. */
export class Bench {
  readonly queue: string;
  readonly target: Target;
  readonly client: ServiceBusClient;
  readonly #kind: QueueKind;
  readonly #opened: (() => Promise<unknown>)[] = [];
  /** Still locked, perhaps: completed at the end, so that the next test need not wait for them. */
  readonly #taken: (() => Promise<void>)[] = [];

  private constructor(kind: QueueKind, queue: string, found: Target) {
    this.#kind = kind;
    this.queue = queue;
    this.target = found;
    this.client = found.client;
  }

  static async open(kind: QueueKind): Promise<Bench> {
    const found = await target();
    const queue = await found.takeQueue(kind);
    try {
      await clean(found.client, queue, { sessions: kind.endsWith("session") });
    } catch (error) {
      found.giveQueueBack(kind, queue);
      throw error;
    }
    return new Bench(kind, queue, found);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#taken.map((settle) => settle()));
    await Promise.allSettled(this.#opened.reverse().map((close) => close()));
    this.target.giveQueueBack(this.#kind, this.queue);
  }

  /** A connection of its own. */
  async connect(options?: ServiceBusClientOptions): Promise<ServiceBusClient> {
    const client = await this.target.connect(options);
    this.#opened.push(() => this.target.disconnect(client));
    return client;
  }

  sender(queue = this.queue): ServiceBusSender {
    const sender = this.client.createSender(queue);
    this.#opened.push(() => sender.close());
    return sender;
  }

  /** Sends messages with these bodies, whose ids say their body. */
  async send(...bodies: unknown[]): Promise<void> {
    await this.sender().sendMessages(
      bodies.map((body) => ({ body, messageId: `${body}-${randomUUID().slice(0, 8)}` })),
    );
  }

  async sendToSession(sessionId: string, ...bodies: unknown[]): Promise<void> {
    await this.sender().sendMessages(bodies.map((body) => ({ body, sessionId })));
  }

  receiver(options: ServiceBusReceiverOptions = {}): ServiceBusReceiver {
    const receiver = this.client.createReceiver(this.queue, options);
    this.#opened.push(() => receiver.close());
    return receiver;
  }

  deadLetters(options: ServiceBusReceiverOptions = {}): ServiceBusReceiver {
    return this.receiver({ ...options, subQueueType: "deadLetter" });
  }

  async session(
    id: string,
    { client = this.client, ...options }: SessionOptions = {},
  ): Promise<ServiceBusSessionReceiver> {
    const receiver = await client.acceptSession(this.queue, id, options);
    this.#opened.push(() => receiver.close());
    return receiver;
  }

  async nextSession({
    client = this.client,
    ...options
  }: SessionOptions = {}): Promise<ServiceBusSessionReceiver> {
    const receiver = await client.acceptNextSession(this.queue, options);
    this.#opened.push(() => receiver.close());
    return receiver;
  }

  /** Receives exactly this many messages. */
  async take(receiver: ServiceBusReceiver, count: number): Promise<ServiceBusReceivedMessage[]> {
    const messages: ServiceBusReceivedMessage[] = [];
    const deadline = Date.now() + TAKE_TIMEOUT_MS;
    while (messages.length < count) {
      const maxWaitTimeInMs = deadline - Date.now();
      if (maxWaitTimeInMs <= 0) throw new Error(`${messages.length} of ${count} messages came`);
      const more = await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs });
      for (const message of more) this.#keep(receiver, message);
      messages.push(...more);
    }
    return messages;
  }

  async takeOne(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage> {
    const [message] = await this.take(receiver, 1);
    if (message === undefined) throw new Error("no message came");
    return message;
  }

  /** Says that nothing can be received now. */
  async nothing(receiver: ServiceBusReceiver, maxWaitTimeInMs = 700): Promise<boolean> {
    return (await receiver.receiveMessages(1, { maxWaitTimeInMs })).length === 0;
  }

  /** What a peek from the beginning shows: body and state. */
  async contents(options: ServiceBusReceiverOptions = {}): Promise<(readonly [unknown, string])[]> {
    const peeked = await peekFirst(this.receiver(options), 100);
    return peeked.map((message) => [message.body, message.state] as const);
  }

  #keep(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage): void {
    if (receiver.receiveMode !== "peekLock") return;
    this.#taken.push(() => receiver.completeMessage(message));
  }
}

interface SessionOptions extends ServiceBusSessionReceiverOptions {
  readonly client?: ServiceBusClient;
}

export function bodies(messages: readonly ServiceBusReceivedMessage[]): unknown[] {
  return messages.map((message) => message.body);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** `count` messages with their index as the body. */
export function numbered(
  count: number,
  rest: Partial<ServiceBusMessage> = {},
): ServiceBusMessage[] {
  return Array.from({ length: count }, (_, body) => ({ ...rest, body }));
}

export function numberOf(
  message: ServiceBusReceivedMessage,
): NonNullable<ServiceBusReceivedMessage["sequenceNumber"]> {
  if (message.sequenceNumber === undefined) throw new Error("the message has no sequence number");
  return message.sequenceNumber;
}
