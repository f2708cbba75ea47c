import {
  ServiceBusClient,
  type ServiceBusMessage,
  type ServiceBusReceivedMessage,
} from "@azure/service-bus";

/**
 * Stands between a requester and the agents: passes requests on with a reply queue of its own, and their answers
 * back. The first answering goes through as it comes; the parts of every later one are held until its last part is
 * there, and then go in reverse order.
 */
export class ReversingRelay {
  readonly #client: ServiceBusClient;
  readonly #queues: { readonly front: string; readonly back: string; readonly replies: string };
  readonly #requesters = new Map<string, { replyTo: string; session: string }>();
  readonly #held = new Map<string, ServiceBusReceivedMessage[]>();
  #first: string | undefined;
  /** Answers that were turned round. */
  reversed = 0;

  constructor(
    connectionString: string,
    queues: { readonly front: string; readonly back: string; readonly replies: string },
  ) {
    this.#client = new ServiceBusClient(connectionString);
    this.#queues = queues;
  }

  start(): void {
    const { front, replies } = this.#queues;
    const options = { skipParsingBodyAsJson: true };
    const processError = async () => {};
    this.#client
      .createReceiver(front, options)
      .subscribe({ processMessage: (message) => this.#passRequest(message), processError });
    this.#client
      .createReceiver(replies, options)
      .subscribe({ processMessage: (message) => this.#passPart(message), processError });
  }

  async #passRequest(message: ServiceBusReceivedMessage): Promise<void> {
    const { messageId, replyTo = "", replyToSessionId = "" } = message;
    this.#requesters.set(String(messageId), { replyTo, session: replyToSessionId });
    const { replyToSessionId: _session, ...request } = pick(message);
    await this.#client
      .createSender(this.#queues.back)
      .sendMessages({ ...request, replyTo: this.#queues.replies });
  }

  async #passPart(message: ServiceBusReceivedMessage): Promise<void> {
    const answer = String(message.applicationProperties?.["answer"]);
    this.#first ??= answer;
    if (answer === this.#first) return this.#forward(message);
    const held = this.#held.get(answer) ?? [];
    this.#held.set(answer, held);
    held.push(message);
    if (message.applicationProperties?.["last"] !== true) return;
    this.reversed++;
    for (const part of held.reverse()) await this.#forward(part);
  }

  async #forward(part: ServiceBusReceivedMessage): Promise<void> {
    const requester = this.#requesters.get(String(part.correlationId));
    if (requester === undefined) return;
    const sender = this.#client.createSender(requester.replyTo);
    await sender.sendMessages({ ...pick(part), sessionId: requester.session });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

/** What the sender had written; the broker adds the rest anew. */
function pick(message: ServiceBusReceivedMessage): ServiceBusMessage {
  const {
    messageId,
    correlationId,
    subject,
    to,
    contentType,
    timeToLive,
    body,
    applicationProperties,
    replyTo,
    replyToSessionId,
  } = message;
  const fields = {
    messageId,
    correlationId,
    subject,
    to,
    contentType,
    timeToLive,
    body,
    applicationProperties,
    replyTo,
    replyToSessionId,
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), body: message.body };
}
