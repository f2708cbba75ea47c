import { errorAnswer } from "../core/error-answer.ts";
import type { RequestHandler, ScimRequest } from "../core/exchange.ts";
import { ScimError } from "../core/scim/error.ts";

/** What a queue brings, when there are two of them. */
export type QueueRole = "reads" | "writes";

const WRITING_METHODS: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"]);
const WRITTEN_PATHS: ReadonlySet<string> = new Set(["Users", "Groups", "Bulk"]);

/** Whether a request would change a directory: by its method and path alone, whoever answers it. */
export function isWrite({ method, path }: ScimRequest): boolean {
  const [first = "", second] = path.replace(/^\//, "").split("/");
  return WRITING_METHODS.has(method) && WRITTEN_PATHS.has(first) && second !== ".search";
}

/**
 * Refuses what came by the wrong queue: the right to send writes is the right to send to their queue.
 * @returns a handler that answers 403 then
 */
export function keepRole(handler: RequestHandler, role: QueueRole): RequestHandler {
  return async (request, signal) => {
    if (isWrite(request) === (role === "writes")) return handler(request, signal);
    const detail =
      role === "reads"
        ? "writes come through the write queue (bus.writeQueue of the agent's configuration)"
        : "only writes come through the write queue: send this to the request queue";
    return errorAnswer(new ScimError(403, detail));
  };
}
