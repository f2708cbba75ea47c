import type {
  PeekMessagesOptions,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
} from "@azure/service-bus";

/** Looks at the oldest message of what a receiver reads from, whether it is locked or not. */
export class OldestMessage {
  readonly #receiver: ServiceBusReceiver;
  #fromStart: PeekMessagesOptions = {};

  constructor(receiver: ServiceBusReceiver) {
    this.#receiver = receiver;
  }

  /** @throws what the client throws */
  async peek(abortSignal?: AbortSignal): Promise<ServiceBusReceivedMessage | undefined> {
    const signal = abortSignal === undefined ? {} : { abortSignal };
    const [oldest] = await this.#receiver.peekMessages(1, { ...this.#fromStart, ...signal });
    const number = oldest?.sequenceNumber;
    // Without a number the client goes on after the last message that it peeked.
    if (number !== undefined) this.#fromStart = { fromSequenceNumber: number.sub(number) };
    return oldest;
  }
}
