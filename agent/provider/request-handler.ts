import { AgentError } from "../core/error.ts";
import { errorAnswer } from "../core/error-answer.ts";
import type { Answer, RequestHandler, ScimRequest } from "../core/exchange.ts";
import { pathPattern } from "../core/path-pattern.ts";
import { ScimError } from "../core/scim/error.ts";
import { readTexts } from "../core/scim/list.ts";
import { isObject, memberReader } from "../core/scim/resource.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { Log } from "../ports.ts";
import { DELTA_RESPONSE_MESSAGE, listEverything, refuseToken } from "./delta.ts";
import { SERVICE_PROVIDER_CONFIG } from "./discovery.ts";
import { type HealthOptions, readHealth } from "./health.ts";
import type { Wanted } from "./plan-read.ts";
import { readResource } from "./read-resource.ts";
import type { ReadOptions } from "./read-resources.ts";
import { searchResources } from "./search-resources.ts";
import { chooseDirectory, type ServedDirectory } from "./served-directory.ts";

export interface RequestHandlerOptions extends HealthOptions {
  readonly log: Log;
  /** Whether `debug` lines may hold values of people. */
  readonly logValues: boolean;
}

type Route = (request: ScimRequest, signal: AbortSignal) => Promise<Answer> | Answer;

const ENDPOINTS: Readonly<Record<string, ResourceTypeName>> = { Users: "User", Groups: "Group" };
const WRITING_METHODS: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** The agent as a SCIM service provider over its directories, whatever transport the request came by. */
export function createRequestHandler(options: RequestHandlerOptions): RequestHandler {
  return async (request, signal) => {
    try {
      return await route(request, options)(request, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      logFailure(error, { log: options.log, request });
      return errorAnswer(error);
    }
  };
}

/**
 * @throws ScimError 404 for a path that does not exist, 405 for a method that it does not have, 403 for a write
 */
function route(request: ScimRequest, options: RequestHandlerOptions): Route {
  const { served, agent } = options;
  const { requestId, correlationId } = request;
  const read = {
    log: options.log.child({ requestId, correlationId }),
    logValues: options.logValues,
  };
  const serve = (): ServedDirectory => chooseDirectory(served, request.headers.get("directory"));
  const [first = "", second, ...more] = request.path.replace(/^\//, "").split("/");
  const routes: Partial<Record<string, Route>> = {};
  const endpoint = Object.hasOwn(ENDPOINTS, first) ? ENDPOINTS[first] : undefined;
  if (more.length > 0) throw notFound();
  if (endpoint !== undefined && second === ".search") {
    routes["POST"] = (_, signal) =>
      searchResources(serve(), { ...read, request, types: [endpoint] }, signal);
  } else if (endpoint !== undefined) {
    if (second !== undefined) {
      routes["GET"] = (_, signal) =>
        readResource(serve(), { ...read, resourceType: endpoint, id: second }, signal);
    }
    if (WRITING_METHODS.has(request.method)) throw new ScimError(403, "writes are off");
  } else if (first === ".search" && second === undefined) {
    routes["POST"] = (_, signal) =>
      searchResources(serve(), { ...read, request, types: ["User", "Group"] }, signal);
  } else if (first === ".delta" && second === undefined) {
    routes["POST"] = (_, signal) =>
      answerDelta(serve(), { ...read, request, configuration: agent.configuration }, signal);
  } else if (first === "ServiceProviderConfig" && second === undefined) {
    routes["GET"] = () => ({ kind: "document", status: 200, body: SERVICE_PROVIDER_CONFIG });
  } else if (first === "agent" && second === "health") {
    routes["GET"] = async (_, signal) => {
      const body = await readHealth(options, signal);
      return { kind: "document", status: 200, body };
    };
  } else throw notFound();
  const found = routes[request.method];
  if (found !== undefined) return found;
  const allowed = Object.keys(routes);
  if (allowed.length === 0) throw new ScimError(405, "ask with POST and /.search after this path");
  throw new ScimError(405, `this path takes ${allowed.join(", ")}`);
}

function notFound(): ScimError {
  return new ScimError(404, "there is no such path");
}

function answerDelta(
  served: ServedDirectory,
  {
    request,
    ...options
  }: ReadOptions & { readonly request: ScimRequest; readonly configuration: string },
  signal: AbortSignal,
): Answer {
  const { body } = request;
  if (body !== undefined && !isObject(body)) {
    throw new ScimError(400, "the body is not a JSON object", { scimType: "invalidSyntax" });
  }
  // Names in any letter case, and null for absent, as in every SCIM message (RFC 7643 sections 2.1 and 2.5).
  const token = body === undefined ? undefined : memberReader("deltaToken")(body);
  if (token !== undefined && token !== null) refuseToken();
  const wanted = body === undefined ? {} : wantedOf(body);
  const elements = listEverything(served, { ...options, wanted }, signal);
  return { kind: "list", schema: DELTA_RESPONSE_MESSAGE, elements };
}

function wantedOf(body: Readonly<Record<string, unknown>>): Wanted {
  const attributes = readTexts(body, "attributes");
  const excludedAttributes = readTexts(body, "excludedAttributes");
  return {
    ...(attributes === undefined ? {} : { attributes }),
    ...(excludedAttributes === undefined ? {} : { excludedAttributes }),
  };
}

/** What the requester got wrong is its own business; what the directory or the agent got wrong is the operator's. */
function logFailure(error: unknown, { log, request }: { log: Log; request: ScimRequest }): void {
  const fields = {
    requestId: request.requestId,
    correlationId: request.correlationId,
    method: request.method,
    path: pathPattern(request.path),
  };
  if (error instanceof ScimError) {
    log.info("request.refused", { ...fields, status: error.status, scimType: error.scimType });
    return;
  }
  if (error instanceof AgentError) {
    const { code, message, hint } = error;
    log.warn("request.failed", { ...fields, code, message, hint });
    return;
  }
  log.error("request.crashed", { ...fields, error });
}
