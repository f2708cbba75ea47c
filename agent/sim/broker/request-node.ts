import type { FaultEvent, Moment } from "./fault.ts";
import type { FaultGate, Step } from "./fault-gate.ts";
import { grantCredit } from "./producer.ts";
import { malformed, type Refusal } from "./refusal.ts";
import {
  encodeResponse,
  parseRequest,
  type Request,
  type Response,
  type ResponseNames,
} from "./request.ts";
import { acceptIncoming, rejectIncoming, sendSettled } from "./rhea-delivery.ts";
import { addressOf, onLink, openLink } from "./rhea-link.ts";
import { arrivedBytes } from "./rhea-session.ts";
import type { AmqpReceiver, AmqpSender, IncomingDelivery } from "./rhea-types.ts";
import { DecodeError } from "./value.ts";

interface RequestNodeOptions {
  readonly names: ResponseNames;
  readonly gate: FaultGate;
  /** The moments of a request, as faults name them. */
  readonly events: { readonly before: FaultEvent; readonly after?: FaultEvent };
  /** The entity it belongs to, in lower case. */
  readonly queue?: string;
  readonly answer: (request: Request) => Response;
}

/** `$cbs` or a `$management` of one connection: requests come in on one link, answers go out on another. */
export class RequestNode {
  readonly #options: RequestNodeOptions;
  /** By link name and by target address: clients give either as the address to reply to. */
  readonly #replies = new Map<string, AmqpSender>();
  #tag = 0;

  constructor(options: RequestNodeOptions) {
    this.#options = options;
  }

  attachReplies(link: AmqpSender): () => void {
    const names = [link.name, addressOf(link.target) || link.name];
    for (const name of names) this.#replies.set(name, link);
    openLink(link);
    return () => {
      for (const name of names) {
        if (this.#replies.get(name) === link) this.#replies.delete(name);
      }
    };
  }

  attachRequests(link: AmqpReceiver, maxMessageBytes: number): void {
    onLink(link, "message", (context) => {
      const delivery = context.delivery as IncomingDelivery;
      grantCredit(link);
      try {
        if (arrivedBytes(link) > maxMessageBytes) throw new DecodeError("it is too large");
        this.#arrive(parseRequest(context.message as Buffer));
        acceptIncoming(delivery);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        rejectIncoming(delivery, malformed(error.message));
      }
    });
    openLink(link, { maxMessageBytes });
    grantCredit(link);
  }

  #arrive(request: Request): void {
    const { gate, events } = this.#options;
    if (gate.quiet) {
      this.#respond(request, this.#options.answer(request));
      return;
    }
    gate.pass(this.#moment(events.before, request), {
      ...this.#otherwise(request),
      go: () => this.#carryOut(request),
    });
  }

  #carryOut(request: Request): void {
    const { gate, events } = this.#options;
    const response = this.#options.answer(request);
    if (gate.quiet || events.after === undefined) {
      this.#respondLate(request, response);
      return;
    }
    gate.pass(this.#moment(events.after, request), {
      ...this.#otherwise(request),
      go: () => this.#respondLate(request, response),
    });
  }

  #moment(event: FaultEvent, { operation }: Request): Omit<Moment, "connection"> {
    return { event, queue: this.#options.queue, operation };
  }

  #otherwise(request: Request): Omit<Step, "go"> {
    return { refuse: (error) => this.#respondLate(request, refusedResponse(error)) };
  }

  /** The request was accepted already: where nobody waits for the answer any more, there is none. */
  #respondLate(request: Request, response: Response): void {
    if (this.#replies.has(request.replyTo)) this.#respond(request, response);
  }

  #respond(request: Request, response: Response): void {
    const link = this.#replies.get(request.replyTo);
    if (link === undefined) throw new DecodeError("nobody listens at its reply address");
    this.#tag += 1;
    const tag = Buffer.alloc(4);
    tag.writeUInt32BE(this.#tag >>> 0);
    const message = encodeResponse(request, response, this.#options.names);
    if (!sendSettled(link, message, tag)) throw new DecodeError("its answers are not read");
  }
}

/** HTTP-like statuses of the conditions that the service gives one of their own. */
const STATUS: Readonly<Record<string, number>> = {
  "amqp:unauthorized-access": 401,
  "amqp:not-found": 404,
  "com.microsoft:timeout": 408,
  "com.microsoft:message-lock-lost": 410,
  "com.microsoft:session-lock-lost": 410,
  "com.microsoft:server-busy": 503,
};
const INTERNAL_ERROR = 500;

export function refusedResponse({ condition, description }: Refusal): Response {
  return { status: STATUS[condition] ?? INTERNAL_ERROR, description, errorCondition: condition };
}
