import type {
  PeekMessagesOptions,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
} from "@azure/service-bus";

/** Zero as the client's own Long, which it does not export. */
const ZERO = {
  __isLong__: true,
  toBytesBE: () => new Array<number>(8).fill(0),
} as unknown as NonNullable<PeekMessagesOptions["fromSequenceNumber"]>;

/**
 * The first messages of a queue or session. Without a number the client would go on behind the last message that any of
 * its receivers of this queue has peeked.
 */
export function peekFirst(
  receiver: ServiceBusReceiver,
  count: number,
): Promise<ServiceBusReceivedMessage[]> {
  return receiver.peekMessages(count, { fromSequenceNumber: ZERO });
}
