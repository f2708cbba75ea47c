import type { Entry } from "../core/entry.ts";
import { AgentError } from "../core/error.ts";
import type { Directory, DirectoryQuery } from "../ports.ts";

/**
 * A search that ends well only when every entry was read.
 * @throws AgentError `directory.incomplete` when the read was cut, or what the directory throws
 */
export async function* readWhole(
  directory: Directory,
  query: DirectoryQuery,
  signal: AbortSignal,
): AsyncGenerator<readonly Entry[], void> {
  const outcome = yield* directory.search(query, signal);
  if (outcome.whole) return;
  throw new AgentError(
    "directory.incomplete",
    `the read of directory ${directory.name} was cut by a ${outcome.because} after ${outcome.entries} entries`,
    { hint: outcome.detail },
  );
}
