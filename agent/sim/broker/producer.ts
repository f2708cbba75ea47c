import { randomUUID } from "node:crypto";
import { parseContent } from "./content.ts";
import type { Queue } from "./queue.ts";
import { malformed, messageTooLarge, type Refusal } from "./refusal.ts";
import { acceptIncoming, rejectIncoming } from "./rhea-delivery.ts";
import { onLink, openLink } from "./rhea-link.ts";
import { arrivedBytes } from "./rhea-session.ts";
import type { AmqpReceiver, EventContext, IncomingDelivery } from "./rhea-types.ts";
import { batchedMessages } from "./section.ts";
import { DecodeError } from "./value.ts";

/** Credit of a sending client: the client library stops for a second when it has none, so half is kept in reserve. */
const CREDIT = 1_000;
const BATCH_FORMAT = 0x80013700;

interface ProducerOptions {
  readonly queue: Queue;
  readonly maxMessageBytes: number;
}

/** Keeps the credit of a link on which we receive. */
export function grantCredit(link: AmqpReceiver): void {
  if (link.credit <= CREDIT / 2) link.add_credit(CREDIT - link.credit);
}

/** A link on which a client sends to a queue. */
export function attachProducer(link: AmqpReceiver, options: ProducerOptions): void {
  onLink(link, "message", (context) => {
    const delivery = context.delivery as IncomingDelivery;
    const refused = take(link, context, options);
    if (refused === undefined) acceptIncoming(delivery);
    else rejectIncoming(delivery, refused);
    grantCredit(link);
  });
  openLink(link, { maxMessageBytes: options.maxMessageBytes });
  grantCredit(link);
}

/** A batch is accepted or refused as a whole. */
function take(
  link: AmqpReceiver,
  context: EventContext,
  { queue, maxMessageBytes }: ProducerOptions,
): Refusal | undefined {
  const size = arrivedBytes(link);
  // As a rejected disposition: a detach would leave the client's other sends hanging until their time-out.
  if (size > maxMessageBytes) return messageTooLarge(size, maxMessageBytes);
  const bytes = context.message as Buffer;
  try {
    const messages = context.format === BATCH_FORMAT ? batchedMessages(bytes) : [bytes];
    return queue.send(messages.map((message) => parseContent(message, createMessageId)));
  } catch (error) {
    if (error instanceof DecodeError) return malformed(error.message);
    throw error;
  }
}

export function createMessageId(): string {
  return randomUUID().replaceAll("-", "");
}
