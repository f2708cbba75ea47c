import type { OutgoingRequest } from "../ports.ts";

/** Paths that are posted to and change nothing. */
const READ_PATHS: readonly RegExp[] = [/\/\.search$/, /^\/\.delta$/, /^\/agent\//];

/** Whether a request may be sent again without doing something twice: a read, or one that the agents can tell from its repetition. */
export function isRepeatable(
  request: Pick<OutgoingRequest, "method" | "path" | "headers">,
): boolean {
  const { method, path, headers = {} } = request;
  if (method === "GET" || method === "HEAD") return true;
  if (method === "POST" && READ_PATHS.some((pattern) => pattern.test(path))) return true;
  return (headers["idempotency-key"] ?? "") !== "";
}
