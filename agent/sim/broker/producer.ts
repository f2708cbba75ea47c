import { randomUUID } from "node:crypto";
import { parseContent } from "./content.ts";
import type { FaultGate, Step } from "./fault-gate.ts";
import type { Queue } from "./queue.ts";
import { malformed, messageTooLarge, type Refusal } from "./refusal.ts";
import { acceptIncoming, forgetIncoming, rejectIncoming } from "./rhea-delivery.ts";
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
  /** Name of the queue in lower case. */
  readonly path: string;
  readonly maxMessageBytes: number;
  readonly gate: FaultGate;
  readonly detach: (error: Refusal) => void;
}

/** What came in on a link: one message, or a batch of them. */
interface Arrival {
  readonly delivery: IncomingDelivery;
  readonly bytes: Buffer;
  readonly batch: boolean;
  /** Also of what was cut off. */
  readonly size: number;
}

/** Keeps the credit of a link on which we receive. */
export function grantCredit(link: AmqpReceiver): void {
  if (link.credit <= CREDIT / 2) link.add_credit(CREDIT - link.credit);
}

/** A link on which a client sends to a queue. */
export class Producer {
  readonly #link: AmqpReceiver;
  readonly #options: ProducerOptions;
  #closed = false;

  constructor(link: AmqpReceiver, options: ProducerOptions) {
    this.#link = link;
    this.#options = options;
    onLink(link, "message", (context) => {
      if (!this.#closed) this.#arrive(context);
    });
    openLink(link, { maxMessageBytes: options.maxMessageBytes });
    grantCredit(link);
  }

  /** What was on its way when the link was detached is not looked at. */
  close(): void {
    this.#closed = true;
  }

  #arrive(context: EventContext): void {
    const arrival: Arrival = {
      delivery: context.delivery as IncomingDelivery,
      bytes: context.message as Buffer,
      batch: context.format === BATCH_FORMAT,
      size: arrivedBytes(this.#link),
    };
    const { gate, path } = this.#options;
    if (gate.quiet) {
      this.#store(arrival);
    } else {
      gate.pass(
        { event: "transferIn", queue: path, role: "sender" },
        {
          ...this.#otherwise(arrival),
          go: () => this.#store(arrival),
          twice: () => {
            this.#take(arrival);
            this.#store(arrival);
          },
        },
      );
    }
    grantCredit(this.#link);
  }

  #store(arrival: Arrival): void {
    const refused = this.#take(arrival);
    const { gate, path } = this.#options;
    if (gate.quiet || refused !== undefined) {
      this.#answer(arrival, refused);
      return;
    }
    gate.pass(
      { event: "outcomeOut", queue: path, role: "sender" },
      { ...this.#otherwise(arrival), go: () => this.#answer(arrival, undefined) },
    );
  }

  #answer({ delivery }: Arrival, refused: Refusal | undefined): void {
    if (refused === undefined) acceptIncoming(delivery);
    else rejectIncoming(delivery, refused);
  }

  #otherwise(arrival: Arrival): Omit<Step, "go"> {
    return {
      refuse: (error) => this.#answer(arrival, error),
      skip: () => forgetIncoming(arrival.delivery),
      detach: this.#options.detach,
    };
  }

  /** A batch is accepted or refused as a whole. */
  #take({ bytes, batch, size }: Arrival): Refusal | undefined {
    const { queue, maxMessageBytes } = this.#options;
    // As a rejected disposition: a detach would leave the client's other sends hanging until their time-out.
    if (size > maxMessageBytes) return messageTooLarge(size, maxMessageBytes);
    try {
      const messages = batch ? batchedMessages(bytes) : [bytes];
      return queue.send(messages.map((message) => parseContent(message, createMessageId)));
    } catch (error) {
      if (error instanceof DecodeError) return malformed(error.message);
      throw error;
    }
  }
}

export function createMessageId(): string {
  return randomUUID().replaceAll("-", "");
}
