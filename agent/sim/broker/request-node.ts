import { grantCredit } from "./producer.ts";
import { malformed } from "./refusal.ts";
import {
  encodeResponse,
  parseRequest,
  type Request,
  type Response,
  type ResponseNames,
} from "./request.ts";
import { acceptIncoming, rejectIncoming, sendSettled } from "./rhea-delivery.ts";
import { onLink, openLink } from "./rhea-link.ts";
import { arrivedBytes } from "./rhea-session.ts";
import type { AmqpReceiver, AmqpSender, IncomingDelivery } from "./rhea-types.ts";
import { DecodeError } from "./value.ts";

interface RequestNodeOptions {
  readonly names: ResponseNames;
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
    const names = [link.name, link.target?.address ?? link.name];
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
        this.#respond(parseRequest(context.message as Buffer));
        acceptIncoming(delivery);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        rejectIncoming(delivery, malformed(error.message));
      }
    });
    openLink(link, { maxMessageBytes });
    grantCredit(link);
  }

  #respond(request: Request): void {
    const response = encodeResponse(request, this.#options.answer(request), this.#options.names);
    const link = this.#replies.get(request.replyTo);
    if (link === undefined) throw new DecodeError("nobody listens at its reply address");
    this.#tag += 1;
    const tag = Buffer.alloc(4);
    tag.writeUInt32BE(this.#tag >>> 0);
    if (!sendSettled(link, response, tag)) throw new DecodeError("its answers are not read");
  }
}
