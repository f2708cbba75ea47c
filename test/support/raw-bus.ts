import { randomUUID } from "node:crypto";
import {
  ServiceBusClient,
  type ServiceBusMessage,
  type ServiceBusReceivedMessage,
} from "@azure/service-bus";

/** A request as any AMQP client would send it; `changes` spoil it. */
export function rawRequest(changes: Partial<ServiceBusMessage> = {}): ServiceBusMessage {
  return {
    messageId: randomUUID(),
    subject: "GET",
    to: "/agent/health",
    replyTo: "plain-replies",
    contentType: "application/scim+json",
    timeToLive: 60_000,
    body: Buffer.alloc(0),
    applicationProperties: { "http:request": "1.1" },
    ...changes,
  };
}

/** The unmodified client, without anything of the project around it. */
export class RawBus {
  readonly client: ServiceBusClient;

  constructor(connectionString: string) {
    this.client = new ServiceBusClient(connectionString);
  }

  async send(queue: string, message: ServiceBusMessage): Promise<void> {
    const sender = this.client.createSender(queue);
    await sender.sendMessages(message);
    await sender.close();
  }

  /** Takes messages until there are `count` of them, or the time is over. */
  async take(
    queue: string,
    count: number,
    { subQueueType, waitMs = 15_000 }: { subQueueType?: "deadLetter"; waitMs?: number } = {},
  ): Promise<ServiceBusReceivedMessage[]> {
    const receiver = this.client.createReceiver(queue, {
      receiveMode: "receiveAndDelete",
      skipParsingBodyAsJson: true,
      ...(subQueueType === undefined ? {} : { subQueueType }),
    });
    const taken: ServiceBusReceivedMessage[] = [];
    const deadline = Date.now() + waitMs;
    while (taken.length < count && Date.now() < deadline) {
      const maxWaitTimeInMs = Math.max(deadline - Date.now(), 1);
      taken.push(...(await receiver.receiveMessages(count - taken.length, { maxWaitTimeInMs })));
    }
    await receiver.close();
    return taken;
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
