import type { ResourceTypeName } from "../core/scope.ts";
import type { TargetRefusal } from "../ports.ts";
import type { KeyedQueue } from "./keyed-queue.ts";
import type { RequestSender, ScimReply } from "./request-sender.ts";
import { type ListAnswer, parseList } from "./scim-answer.ts";
import { isGone, isSuccess, toMalformed, toRefusal } from "./scim-outcome.ts";
import type { ScimRequest } from "./scim-request.ts";
import type { FailureContext } from "./target-error.ts";
import { denied, refused } from "./target-error.ts";

const FORBIDDEN = 403;

export interface ScimClientParts {
  readonly queue: KeyedQueue;
  readonly sender: RequestSender;
  /** Host and port, for messages. */
  readonly host: string;
}

export interface ResourceName {
  readonly resourceType: ResourceTypeName;
  readonly id: string;
}

/** A page of a listing, or the answer to a filter. */
export type ListReply =
  | { readonly kind: "list"; readonly list: ListAnswer; readonly requestId: string }
  | TargetRefusal;

/** Sends requests in their turn. */
export class ScimClient {
  readonly #parts: ScimClientParts;

  constructor(parts: ScimClientParts) {
    this.#parts = parts;
  }

  /** Sends a request that has no order. */
  async send(request: ScimRequest, signal: AbortSignal): Promise<ScimReply> {
    const { queue, sender } = this.#parts;
    return await queue.run(undefined, () => sender.send(request, signal), signal);
  }

  /** Runs what is to be done with one resource after what was asked for earlier. */
  async inOrder<T>(
    { resourceType, id }: ResourceName,
    work: (send: (request: ScimRequest) => Promise<ScimReply>) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const { queue, sender } = this.#parts;
    const key = `${resourceType}/${id}`;
    return await queue.run(key, () => work((request) => sender.send(request, signal)), signal);
  }

  /**
   * Asks a listing of resources, which has to be there and answers with a list whatever is in it.
   * @param about the resource that it is about, after whose earlier requests it is sent
   * @throws AgentError `target.denied` (403), `target.refused` (404)
   */
  async list(
    request: ScimRequest,
    { about }: { readonly about?: ResourceName },
    signal: AbortSignal,
  ): Promise<ListReply> {
    const reply =
      about === undefined
        ? await this.send(request, signal)
        : await this.inOrder(about, (send) => send(request), signal);
    const { requestId } = reply;
    if (isGone(reply)) {
      const what = `answers ${toRefusal(reply).status} on ${request.path}, where a list is`;
      throw refused(this.context(requestId), what);
    }
    if (reply.kind === "answered" && reply.status === FORBIDDEN) {
      throw denied(this.context(requestId), FORBIDDEN);
    }
    if (!isSuccess(reply) || reply.kind !== "answered") return toRefusal(reply);
    const list = parseList(reply.body);
    if (list === undefined) return toMalformed(reply, "the answer is no ListResponse");
    return { kind: "list", list, requestId };
  }

  context(requestId: string): FailureContext {
    return { host: this.#parts.host, requestId };
  }
}
