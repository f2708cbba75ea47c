import { AgentError } from "../core/error.ts";
import { errorAnswer } from "../core/error-answer.ts";
import type { RequestHandler, ScimRequest } from "../core/exchange.ts";
import { pathPattern } from "../core/path-pattern.ts";
import { ScimError } from "../core/scim/error.ts";
import type { Log } from "../ports.ts";
import { type FaceCapabilities, QUEUE_CAPABILITIES } from "./discovery.ts";
import type { HealthOptions } from "./health.ts";
import { findRoute } from "./routes.ts";

export interface RequestHandlerOptions extends HealthOptions {
  readonly log: Log;
  /** Whether `debug` lines may hold values of people. */
  readonly logValues: boolean;
  /** What the transport in front can do. Default: what the queue can. */
  readonly capabilities?: FaceCapabilities;
}

/** The agent as a SCIM service provider over its directories, whatever transport the request came by. */
export function createRequestHandler(options: RequestHandlerOptions): RequestHandler {
  const routing = { capabilities: QUEUE_CAPABILITIES, ...options };
  return async (request, signal) => {
    try {
      return await findRoute(request, routing)(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      logFailure(error, { log: options.log, request });
      return errorAnswer(error);
    }
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
