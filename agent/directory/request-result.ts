import type { AgentError } from "../core/error.ts";
import type { LdapConnection } from "./connection.ts";
import type { RequestEncoder } from "./requests.ts";
import type { LdapResult } from "./result-code.ts";

/**
 * The result of a request that has no entries (bind, StartTLS).
 * @throws AgentError `directory.unreachable`, `directory.busy` (the connection ended)
 */
export function requestResult(
  connection: LdapConnection,
  request: RequestEncoder,
  endsWith: "bind" | "extended",
): Promise<LdapResult> {
  return new Promise((resolve, reject) => {
    connection.send(request, {
      endsWith,
      entry() {},
      reference() {},
      result: resolve,
      failed: (error: AgentError) => reject(error),
    });
  });
}
