import { badRequest, ScimError } from "../../core/scim/error.ts";
import { RESOURCE_TYPES } from "../../core/scim/resource-type.ts";
import { BULK_RESPONSE_MESSAGE } from "../../core/scim/urn.ts";
import {
  type BulkOperation,
  type BulkRequest,
  referencesIn,
  withoutReferences,
} from "./bulk-request.ts";
import { type Reply, replyTo } from "./reply.ts";
import { parsePath } from "./request-target.ts";
import type { ResourceEndpoint } from "./resource-endpoint.ts";
import { routeOf } from "./router.ts";
import type { Route, ScimRequest } from "./scim-request.ts";
import type { ResourceStore } from "./store.ts";

export interface BulkOptions {
  readonly store: ResourceStore;
  readonly resources: ResourceEndpoint;
  /** Tells of what fails for another reason than the request. */
  readonly onError: (error: unknown) => void;
}

/** Where the creation of a resource stands that others may refer to. */
type Creation = { readonly at: number } & (
  | { readonly state: "waiting" | "failed" }
  | { readonly state: "reserved" | "created"; readonly id: string }
);

/**
 * One `POST /Bulk` (RFC 7644 section 3.7). Operations are carried out in their order, except that what another one
 * refers to is created before it. Where resources refer to each other in a circle, the id of one is taken before the
 * resource is there; should it not come to be, then neither do those that refer to it (409).
 */
export class BulkJob {
  readonly #options: BulkOptions;
  readonly #request: ScimRequest;
  readonly #bulk: BulkRequest;
  readonly #creations = new Map<string, Creation>();
  /** By bulkId: the operations that referred to it. */
  readonly #dependents = new Map<string, number[]>();
  readonly #replies = new Map<number, Reply>();
  readonly #visited = new Set<number>();
  #errors = 0;

  constructor(bulk: BulkRequest, request: ScimRequest, options: BulkOptions) {
    this.#options = options;
    this.#request = request;
    this.#bulk = bulk;
  }

  run(): Reply {
    const { operations } = this.#bulk;
    for (const [at, { method, bulkId }] of operations.entries()) {
      // Of two with the same one the first counts.
      if (method !== "POST" || bulkId === undefined || this.#creations.has(bulkId)) continue;
      this.#creations.set(bulkId, { at, state: "waiting" });
    }
    for (const at of operations.keys()) this.#visit(at);
    for (const [bulkId, creation] of this.#creations) {
      if (creation.state === "reserved") this.#fail(bulkId, creation);
    }
    const results = [...this.#replies].sort(([a], [b]) => a - b);
    return {
      status: 200,
      body: {
        schemas: [BULK_RESPONSE_MESSAGE],
        Operations: results.map(([at, reply]) => this.#result(at, reply)),
      },
    };
  }

  #visit(at: number): void {
    const operation = this.#bulk.operations[at];
    if (operation === undefined || this.#visited.has(at) || this.#isOver()) return;
    this.#visited.add(at);
    for (const bulkId of referencesIn(operation)) {
      const known = this.#creations.get(bulkId);
      this.#dependents.set(bulkId, [...(this.#dependents.get(bulkId) ?? []), at]);
      if (known === undefined || known.state !== "waiting") continue;
      if (this.#visited.has(known.at)) this.#reserve(bulkId, known.at);
      else this.#visit(known.at);
    }
    if (this.#isOver()) return;
    const reply = this.#reply(operation, at);
    this.#replies.set(at, reply);
    if (reply.status >= 400) this.#errors++;
  }

  #isOver(): boolean {
    return this.#errors >= (this.#bulk.failOnErrors ?? Number.POSITIVE_INFINITY);
  }

  #reserve(bulkId: string, at: number): void {
    const operation = this.#bulk.operations[at];
    const route = operation === undefined ? undefined : tryRoute(operation);
    if (route?.kind !== "collection") return;
    const id = this.#options.store.reserve(route.type);
    this.#creations.set(bulkId, { at, state: "reserved", id });
  }

  #reply(operation: BulkOperation, at: number): Reply {
    const { bulkId } = operation;
    try {
      return this.#carryOut(operation, at);
    } catch (error) {
      const creation = bulkId === undefined ? undefined : this.#creations.get(bulkId);
      if (bulkId !== undefined && creation?.at === at) this.#fail(bulkId, creation);
      if (!(error instanceof ScimError)) this.#options.onError(error);
      return replyTo(error);
    }
  }

  /** @throws ScimError */
  #carryOut(operation: BulkOperation, at: number): Reply {
    const { method, path, version, data, bulkId } = withoutReferences(operation, (each) =>
      this.#idOf(each),
    );
    if (method === "GET") throw badRequest("invalidValue", "a bulk operation changes something");
    const route = routeOf(method, parsePath(path));
    const request = {
      ...this.#request,
      method,
      query: new Map<string, string>(),
      ifMatch: version,
      ifNoneMatch: undefined,
      body: data,
    };
    const { resources } = this.#options;
    if (route.kind === "resource") return resources.answer(route.type, route.id, request);
    if (route.kind !== "collection") {
      throw badRequest("invalidValue", "a bulk operation is about a user or a group");
    }
    if (bulkId === undefined || bulkId === "") {
      throw badRequest("invalidValue", "POST needs a bulkId");
    }
    const creation = this.#creations.get(bulkId);
    if (creation?.at !== at) throw badRequest("invalidValue", "another POST has this bulkId");
    const reserved = creation.state === "reserved" ? creation.id : undefined;
    const reply = resources.create(route.type, request, reserved);
    const id = String((reply.body as { id?: unknown }).id);
    if (reserved !== undefined) this.#options.store.release(reserved);
    this.#creations.set(bulkId, { at, state: "created", id });
    return reply;
  }

  /** @throws ScimError 400 invalidValue, 409 */
  #idOf(bulkId: string): string {
    const creation = this.#creations.get(bulkId);
    if (creation === undefined) throw badRequest("invalidValue", "no POST has this bulkId");
    if (creation.state === "created" || creation.state === "reserved") return creation.id;
    throw new ScimError(409, "the resource that this refers to was not created");
  }

  /** The resource will not be there: what refers to it and was created goes too. */
  #fail(bulkId: string, creation: Creation): void {
    const { store } = this.#options;
    this.#creations.set(bulkId, { at: creation.at, state: "failed" });
    if (creation.state === "reserved") store.release(creation.id);
    for (const at of this.#dependents.get(bulkId) ?? []) {
      const own = this.#bulk.operations[at]?.bulkId;
      const created = own === undefined ? undefined : this.#creations.get(own);
      if (own === undefined || created?.at !== at || created.state !== "created") continue;
      const stored = store.find(created.id);
      if (stored !== undefined) store.delete(stored);
      this.#errors++;
      this.#replies.set(
        at,
        replyTo(new ScimError(409, "the resource that this refers to was not created")),
      );
      this.#fail(own, created);
    }
  }

  #result(at: number, { status, headers, body }: Reply): object {
    const { method = "", bulkId = undefined } = this.#bulk.operations[at] ?? {};
    const location = headers?.["location"] ?? this.#locationOf(at);
    const version = headers?.["etag"];
    return {
      method,
      ...(location === undefined ? {} : { location }),
      ...(bulkId === undefined ? {} : { bulkId }),
      ...(version === undefined || status >= 400 ? {} : { version }),
      status: String(status),
      ...(status >= 400 ? { response: body } : {}),
    };
  }

  /** RFC 7644 section 3.7.3: of every resource, but not of one that could not be created. */
  #locationOf(at: number): string | undefined {
    const operation = this.#bulk.operations[at];
    const route = operation === undefined ? undefined : tryRoute(operation);
    if (route?.kind !== "resource") return undefined;
    const creation = route.id.startsWith("bulkId:")
      ? this.#creations.get(route.id.slice("bulkId:".length))
      : undefined;
    const id = creation !== undefined && "id" in creation ? creation.id : route.id;
    return `${this.#request.base}${RESOURCE_TYPES[route.type].endpoint}/${encodeURIComponent(id)}`;
  }
}

function tryRoute({ method, path }: BulkOperation): Route | undefined {
  try {
    return routeOf(method, parsePath(path));
  } catch {
    return undefined;
  }
}
