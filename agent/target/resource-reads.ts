import type { PatchStyle } from "../core/scim/patch-style.ts";
import { isObject, memberReader, type ScimResource } from "../core/scim/resource.ts";
import type { SchemaDefinition } from "../core/scim/schema.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { Target, TargetFound, TargetReadOutcome, TargetRefusal } from "../ports.ts";
import { listByCursor, listByIndex } from "./listing.ts";
import { compileStranger } from "./lookup-match.ts";
import { parseSchemas } from "./schema-document.ts";
import type { ListAnswer } from "./scim-answer.ts";
import type { ScimClient } from "./scim-client.ts";
import { isGone, isSuccess, resourceOf, toGone, toMalformed, toRefusal } from "./scim-outcome.ts";
import {
  findRequest,
  listRequest,
  readRequest,
  referenceRequest,
  type ScimRequest,
} from "./scim-request.ts";
import { refused } from "./target-error.ts";

const CURSOR_ERRORS: ReadonlySet<string> = new Set(["invalidcursor", "expiredcursor"]);

const readPagination = memberReader("pagination");
const readCursor = memberReader("cursor");

type Page = readonly (readonly [name: string, value: string])[];

export interface ResourceReadsOptions {
  readonly style: PatchStyle;
  readonly pageSize: number;
  /** A look-up that finds nothing. */
  readonly createProbe: () => ScimRequest;
}

/** What is asked of the target; the methods are those of the port. */
export class ResourceReads
  implements Pick<Target, "test" | "find" | "read" | "hasReference" | "all" | "schemas">
{
  readonly #client: ScimClient;
  readonly #options: ResourceReadsOptions;
  /** Once the target has said so. */
  #offersCursor: boolean | undefined;

  constructor(client: ScimClient, options: ResourceReadsOptions) {
    this.#client = client;
    this.#options = options;
  }

  async test(signal: AbortSignal): Promise<void> {
    const reply = await this.#client.list(this.#options.createProbe(), {}, signal);
    const context = this.#client.context(reply.requestId);
    if (reply.kind === "refused") {
      const { status, scimType } = reply;
      const words = [status === undefined ? reply.detail : `status ${status}`, scimType];
      throw refused(
        context,
        `answers no list to a look-up: ${words.filter((word) => word !== undefined).join(" ")}`,
      );
    }
    const { resources, totalResults = 0 } = reply.list;
    if (resources.length > 0 || totalResults > 0) {
      throw refused(context, "finds what cannot be there: it ignores the filter");
    }
  }

  async find(
    resourceType: ResourceTypeName,
    lookup: { readonly path: string; readonly value: string },
    signal: AbortSignal,
  ): Promise<TargetFound | TargetRefusal> {
    const isStranger = compileStranger(resourceType, lookup);
    const reply = await this.#client.list(findRequest(resourceType, lookup), {}, signal);
    if (reply.kind === "refused") return reply;
    const { requestId, list } = reply;
    const { resources, totalResults = 0 } = list;
    if (resources.length === 0 && totalResults > 0) {
      return malformed(requestId, `the answer counts ${totalResults} resources and has none`);
    }
    if (resources.some(isStranger)) {
      const detail = "the answer has resources with another value: the target ignores the filter";
      return { ...malformed(requestId, detail), retryable: false };
    }
    return { kind: "found", resources, requestId };
  }

  async read(resourceType: ResourceTypeName, id: string, signal: AbortSignal) {
    const request = readRequest(resourceType, id);
    const reply = await this.#client.inOrder({ resourceType, id }, (send) => send(request), signal);
    if (isGone(reply)) return toGone(reply);
    if (!isSuccess(reply)) return toRefusal(reply);
    const resource = resourceOf(reply);
    if (resource?.id !== id) return toMalformed(reply, "the answer is not this resource");
    return { kind: "found", resource, requestId: reply.requestId } as const;
  }

  async hasReference(
    resourceType: ResourceTypeName,
    id: string,
    reference: { readonly attribute: "manager" | "members"; readonly id: string },
    signal: AbortSignal,
  ) {
    const request = referenceRequest(resourceType, id, reference, this.#options.style);
    const reply = await this.#client.list(request, { about: { resourceType, id } }, signal);
    if (reply.kind === "refused") return reply;
    const holds = reply.list.resources.some((resource) => resource.id === id);
    return { kind: "answered", holds, requestId: reply.requestId } as const;
  }

  async *all(
    resourceType: ResourceTypeName,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ScimResource[], TargetReadOutcome> {
    const { pageSize } = this.#options;
    this.#offersCursor ??= await this.#readPaging(signal);
    if (this.#offersCursor) {
      const fetchPage = (page: Page) => this.#cursorPage(resourceType, page, signal);
      return yield* listByCursor({ pageSize, fetchPage });
    }
    const fetchPage = (page: Page) => this.#page(resourceType, page, signal);
    return yield* listByIndex({ pageSize, fetchPage });
  }

  async schemas(signal: AbortSignal): Promise<readonly SchemaDefinition[] | undefined> {
    const reply = await this.#client.send({ method: "GET", path: "/Schemas" }, signal);
    return reply.kind === "answered" && isSuccess(reply) ? parseSchemas(reply.body) : undefined;
  }

  /** RFC 9865 section 4. A target that shows no configuration pages as RFC 7644 has it. */
  async #readPaging(signal: AbortSignal): Promise<boolean> {
    const request = { method: "GET", path: "/ServiceProviderConfig" } as const;
    const reply = await this.#client.send(request, signal);
    if (reply.kind !== "answered" || !isObject(reply.body)) return false;
    const pagination = readPagination(reply.body);
    return isSuccess(reply) && isObject(pagination) && readCursor(pagination) === true;
  }

  async #page(
    resourceType: ResourceTypeName,
    page: Page,
    signal: AbortSignal,
  ): Promise<ListAnswer> {
    const reply = await this.#client.list(listRequest(resourceType, page), {}, signal);
    if (reply.kind === "list") return reply.list;
    throw this.#unreadable(reply);
  }

  async #cursorPage(
    resourceType: ResourceTypeName,
    page: Page,
    signal: AbortSignal,
  ): Promise<ListAnswer | undefined> {
    const reply = await this.#client.list(listRequest(resourceType, page), {}, signal);
    if (reply.kind === "list") return reply.list;
    if (CURSOR_ERRORS.has(reply.scimType?.toLowerCase() ?? "")) return undefined;
    throw this.#unreadable(reply);
  }

  #unreadable({ status, requestId }: TargetRefusal) {
    const what = status === undefined ? "gives no page" : `answers ${status} to a page`;
    return refused(this.#client.context(requestId), `${what} of a listing`);
  }
}

function malformed(requestId: string, detail: string): TargetRefusal {
  return {
    kind: "refused",
    status: 200,
    scimType: undefined,
    detail,
    retryable: true,
    requestId,
  };
}
