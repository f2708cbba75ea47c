import { generatePatch } from "../core/scim/patch-generation.ts";
import type { PatchMessage } from "../core/scim/patch-operation.ts";
import type { PatchStyle } from "../core/scim/patch-style.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import { RESOURCE_TYPES } from "../core/scim/resource-type.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type {
  MemberChange,
  MembersChanged,
  Target,
  TargetCreated,
  TargetGone,
  TargetRefusal,
  TargetUnknown,
  TargetUpdated,
} from "../ports.ts";
import { changeInBatches } from "./member-batches.ts";
import type { ScimReply } from "./request-sender.ts";
import { idOfLocation } from "./scim-answer.ts";
import type { ResourceName, ScimClient } from "./scim-client.ts";
import { isGone, isSuccess, resourceOf, toGone, toRefusal } from "./scim-outcome.ts";
import { createRequest, deleteRequest, patchRequest, type ScimRequest } from "./scim-request.ts";

/** After which it is not known whether a resource was created. */
const IN_DOUBT: ReadonlySet<number> = new Set([502, 503, 504]);

type Json = Readonly<Record<string, unknown>>;
type Send = (request: ScimRequest) => Promise<ScimReply>;

export interface ResourceWritesOptions {
  readonly style: PatchStyle;
  /** Most members of one request. */
  readonly memberBatch: number;
}

/** What is changed at the target; the methods are those of the port. */
export class ResourceWrites
  implements Pick<Target, "create" | "update" | "setActive" | "changeMembers" | "delete">
{
  readonly #client: ScimClient;
  readonly #options: ResourceWritesOptions;

  constructor(client: ScimClient, options: ResourceWritesOptions) {
    this.#client = client;
    this.#options = options;
  }

  async create(
    resourceType: ResourceTypeName,
    resource: Json,
    signal: AbortSignal,
  ): Promise<TargetCreated | TargetUnknown | TargetRefusal> {
    const request = createRequest(resourceType, resource, this.#options.style);
    const reply = await this.#client.send(request, signal);
    const { requestId } = reply;
    if (reply.kind === "unanswered") {
      return { kind: "unknown", detail: `no whole answer: ${reply.because}`, requestId };
    }
    const { status, headers } = reply;
    if (IN_DOUBT.has(status)) return { kind: "unknown", detail: `status ${status}`, requestId };
    if (!isSuccess(reply)) return toRefusal(reply);
    const created = resourceOf(reply);
    const { endpoint } = RESOURCE_TYPES[resourceType];
    const id = created?.id ?? idOfLocation(headers.get("location"), endpoint);
    if (id === undefined) {
      return { kind: "unknown", detail: `status ${status} without an id`, requestId };
    }
    return { kind: "created", id, resource: created, requestId };
  }

  async update(
    resourceType: ResourceTypeName,
    id: string,
    { before, after }: { readonly before: Json; readonly after: Json },
    signal: AbortSignal,
  ): Promise<TargetUpdated | TargetGone | TargetRefusal> {
    const options = { resourceType, style: this.#options.style };
    const messages =
      resourceType === "Group"
        ? generatePatch(withoutMembers(before), withoutMembers(after), options)
        : generatePatch(before, after, options);
    const resource = { resourceType, id };
    if (messages.length === 0) return { kind: "updated", resource: undefined, requestIds: [] };
    return await this.#client.inOrder(resource, (send) => patch(send, resource, messages), signal);
  }

  async setActive(id: string, active: boolean, signal: AbortSignal) {
    const change = { before: { active: !active }, after: { active } };
    return await this.update("User", id, change, signal);
  }

  async changeMembers(
    id: string,
    change: MemberChange,
    signal: AbortSignal,
  ): Promise<MembersChanged | TargetGone> {
    const { style, memberBatch: batchSize } = this.#options;
    const resource = { resourceType: "Group", id } as const;
    return await this.#client.inOrder(
      resource,
      (send) =>
        changeInBatches(change, {
          style,
          batchSize,
          patch: (message) => patch(send, resource, [message]),
        }),
      signal,
    );
  }

  async delete(resourceType: ResourceTypeName, id: string, signal: AbortSignal) {
    const request = deleteRequest(resourceType, id);
    const reply = await this.#client.inOrder({ resourceType, id }, (send) => send(request), signal);
    if (!isSuccess(reply) && !isGone(reply)) return toRefusal(reply);
    return { kind: "deleted", requestId: reply.requestId } as const;
  }
}

/** Sends the messages of one change in their order, up to the first that is not applied. */
async function patch(
  send: Send,
  { resourceType, id }: ResourceName,
  messages: readonly PatchMessage[],
): Promise<TargetUpdated | TargetGone | TargetRefusal> {
  const requestIds: string[] = [];
  let resource: ScimResource | undefined;
  for (const message of messages) {
    const reply = await send(patchRequest(resourceType, id, message));
    if (isGone(reply)) return toGone(reply);
    if (!isSuccess(reply)) return toRefusal(reply);
    requestIds.push(reply.requestId);
    const answer = resourceOf(reply);
    resource = answer?.id === id ? answer : undefined;
  }
  return { kind: "updated", resource, requestIds };
}

function withoutMembers(group: Json): Json {
  const rest = Object.entries(group).filter(([name]) => name.toLowerCase() !== "members");
  return Object.fromEntries(rest);
}
