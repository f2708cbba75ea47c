import type { PatchProfile } from "../../core/scim/patch-operation.ts";
import { BulkJob } from "./bulk.ts";
import { MAX_PAYLOAD_BYTES, parseBulkRequest } from "./bulk-request.ts";
import { answerDiscovery, type DiscoveryOptions } from "./discovery.ts";
import type { Reply } from "./reply.ts";
import { ResourceEndpoint } from "./resource-endpoint.ts";
import type { Route, ScimRequest } from "./scim-request.ts";
import { SearchEndpoint } from "./search-endpoint.ts";
import { searchFromBody, searchFromQuery } from "./search-request.ts";
import type { ResourceStore } from "./store.ts";

export interface AppOptions extends DiscoveryOptions {
  readonly store: ResourceStore;
  readonly profile: PatchProfile;
  readonly now: () => Date;
  /** Tells of what fails for another reason than the request. */
  readonly onError: (error: unknown) => void;
}

/** The service provider without its transport. */
export class App {
  readonly #options: AppOptions;
  readonly #resources: ResourceEndpoint;
  readonly #search: SearchEndpoint;

  constructor(options: AppOptions) {
    this.#options = options;
    this.#resources = new ResourceEndpoint(options);
    this.#search = new SearchEndpoint(options);
  }

  /** @throws ScimError */
  answer(route: Route, request: ScimRequest): Reply {
    const { base } = request;
    switch (route.kind) {
      case "resource":
        return this.#resources.answer(route.type, route.id, request);
      case "collection":
        if (request.method === "POST") return this.#resources.create(route.type, request);
        return this.#search.answer(route.type, searchFromQuery(request.query), base);
      case "root":
        return this.#search.answer(undefined, searchFromQuery(request.query), base);
      case "search":
        return this.#search.answer(route.type, searchFromBody(request.body), base);
      case "bulk": {
        const { store, onError } = this.#options;
        const bulk = parseBulkRequest(request.body);
        return new BulkJob(bulk, request, { store, resources: this.#resources, onError }).run();
      }
      case "discovery":
        return answerDiscovery(route.endpoint, route.id, request, this.#options);
    }
  }
}

/** Bytes of a body that a route takes; undefined for what every one takes, 0 when it takes none. */
export function bodyLimit({ kind }: Route, method: string): number | undefined {
  if (method === "GET" || method === "DELETE") return 0;
  return kind === "bulk" ? MAX_PAYLOAD_BYTES : undefined;
}
