import type { Answer, ScimRequest } from "../core/exchange.ts";
import { ScimError } from "../core/scim/error.ts";
import { parseSearchRequest } from "../core/scim/list.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import { LIST_RESPONSE_MESSAGE } from "../core/scim/urn.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { Log } from "../ports.ts";
import { answerDelta } from "./delta.ts";
import {
  type FaceCapabilities,
  findDiscovered,
  listDiscovered,
  resourceTypeResources,
  schemaResources,
  serviceProviderConfig,
} from "./discovery.ts";
import { explainEntry, parseExplainRequest } from "./explain-entry.ts";
import { type HealthOptions, readHealth } from "./health.ts";
import { readResource } from "./read-resource.ts";
import type { ReadOptions } from "./read-resources.ts";
import { searchResources } from "./search-resources.ts";
import { chooseDirectory, type ServedDirectory } from "./served-directory.ts";

export interface RouteOptions extends HealthOptions {
  readonly log: Log;
  /** Whether `debug` lines may hold values of people. */
  readonly logValues: boolean;
  readonly capabilities: FaceCapabilities;
}

type Route = (signal: AbortSignal) => Promise<Answer> | Answer;

/** What stands at a path. */
interface Place {
  /** By method. */
  readonly routes: Readonly<Partial<Record<string, Route>>>;
  /** Whether something could be written here. */
  readonly isWritable?: true;
}

const ENDPOINTS: Readonly<Record<string, ResourceTypeName>> = { Users: "User", Groups: "Group" };
const WRITING_METHODS: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/**
 * What answers a request. Whether the path exists is decided first, then the method; the body is not looked at.
 * @throws ScimError 404 for a path that does not exist, 403 for a write, 405 for a method that the path does not have,
 *   501 for `/Me`
 */
export function findRoute(request: ScimRequest, options: RouteOptions): Route {
  const segments = request.path.replace(/^\//, "").split("/");
  const place = placeAt(segments, request, options);
  if (place === undefined) throw new ScimError(404, "there is no such path");
  const { routes, isWritable } = place;
  const route = Object.hasOwn(routes, request.method) ? routes[request.method] : undefined;
  if (route !== undefined) return route;
  if (isWritable && WRITING_METHODS.has(request.method)) {
    throw new ScimError(
      403,
      "writes are off: this version of the agent only reads the directory; where writes are on, they come through a queue of their own with its own access rule",
    );
  }
  // RFC 9110 section 10.2.1: empty when no method is allowed for now.
  const allow = Object.keys(routes).join(", ");
  const takes = allow === "" ? "nothing while writes are off" : allow;
  throw new ScimError(405, `this path takes ${takes}`, { headers: { allow } });
}

function placeAt(
  segments: readonly string[],
  request: ScimRequest,
  options: RouteOptions,
): Place | undefined {
  const [first = "", second, third] = segments;
  if (third !== undefined || second === "") return undefined;
  const endpoint = Object.hasOwn(ENDPOINTS, first) ? ENDPOINTS[first] : undefined;
  if (endpoint !== undefined) return resourcePlace(endpoint, second, { request, options });
  if (first === "agent") return agentPlace(second, { request, options });
  if (second !== undefined && first !== "Schemas" && first !== "ResourceTypes") return undefined;
  switch (first) {
    case ".search":
      return searchPlace(["User", "Group"], { request, options });
    case ".delta":
      return { routes: { POST: (signal) => delta({ request, options }, signal) } };
    case "ServiceProviderConfig":
      return { routes: { GET: () => ok(serviceProviderConfig(options.capabilities)) } };
    case "Schemas":
      return discoveryPlace(() => schemaResources(options.served), second);
    case "ResourceTypes":
      return discoveryPlace(() => resourceTypeResources(options.served), second);
    case "Bulk":
      return { routes: {}, isWritable: true };
    case "Me":
      // RFC 7644 section 3.11.
      throw new ScimError(501, "whoever asks is no resource of this agent");
    default:
      return undefined;
  }
}

interface Asked {
  readonly request: ScimRequest;
  readonly options: RouteOptions;
}

function resourcePlace(
  resourceType: ResourceTypeName,
  id: string | undefined,
  asked: Asked,
): Place {
  if (id === ".search") return searchPlace([resourceType], asked);
  const { projection = {}, headers } = asked.request;
  const read = readOptions(asked);
  if (id === undefined) {
    const wanted = { ...read, search: projection, types: [resourceType] };
    const list: Route = (signal) => searchResources(directoryOf(asked), wanted, signal);
    return { routes: { GET: list }, isWritable: true };
  }
  const wanted = {
    ...read,
    resourceType,
    id,
    projection,
    ifMatch: headers.get("if-match"),
    ifNoneMatch: headers.get("if-none-match"),
  };
  const get: Route = (signal) => readResource(directoryOf(asked), wanted, signal);
  return { routes: { GET: get }, isWritable: true };
}

function searchPlace(types: readonly ResourceTypeName[], asked: Asked): Place {
  const search: Route = (signal) => {
    const wanted = { ...readOptions(asked), search: parseSearchRequest(asked.request.body), types };
    return searchResources(directoryOf(asked), wanted, signal);
  };
  return { routes: { POST: search } };
}

function delta(asked: Asked, signal: AbortSignal): Promise<Answer> {
  const { configuration } = asked.options.agent;
  const { body } = asked.request;
  return answerDelta(directoryOf(asked), { ...readOptions(asked), body, configuration }, signal);
}

function discoveryPlace(resources: () => readonly ScimResource[], id: string | undefined): Place {
  const get: Route = () =>
    id === undefined
      ? { kind: "list", schema: LIST_RESPONSE_MESSAGE, elements: listDiscovered(resources()) }
      : ok(findDiscovered(resources(), id));
  return { routes: { GET: get } };
}

function agentPlace(name: string | undefined, asked: Asked): Place | undefined {
  const { request, options } = asked;
  switch (name) {
    case "health":
      return { routes: { GET: async (signal) => ok(await readHealth(options, signal)) } };
    case "explain":
      return {
        routes: {
          POST: async (signal) => {
            const wanted = { ...parseExplainRequest(request.body), now: options.clock.now() };
            return ok(await explainEntry(directoryOf(asked), wanted, signal));
          },
        },
      };
    default:
      return undefined;
  }
}

/** Pinned: an answer is of one server. */
function directoryOf({ request, options }: Asked): ServedDirectory {
  const served = chooseDirectory(options.served, request.headers.get("directory"));
  return { ...served, directory: served.directory.pin() };
}

function readOptions({ request, options }: Asked): ReadOptions {
  const { requestId, correlationId } = request;
  const { log, logValues, clock } = options;
  return { log: log.child({ requestId, correlationId }), logValues, now: clock.now() };
}

function ok(body: unknown): Answer {
  return { kind: "document", status: 200, body };
}
