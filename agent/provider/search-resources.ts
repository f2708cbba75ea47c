import type { Answer, AnswerElement, ListEnd } from "../core/exchange.ts";
import { ScimError } from "../core/scim/error.ts";
import type { SearchRequest } from "../core/scim/list.ts";
import { LIST_RESPONSE_MESSAGE } from "../core/scim/urn.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { Filtering } from "./filtering.ts";
import { beginScope } from "./pending-scope.ts";
import { type PlannedRead, planRead } from "./plan-read.ts";
import { type ReadOptions, readResources } from "./read-resources.ts";
import { References } from "./references.ts";
import type { ServedDirectory } from "./served-directory.ts";

const UNFILTERED: Filtering = { asked: [], matchedAfter: [], exact: true };

/**
 * `POST /Users/.search`, `/Groups/.search` and `/.search` (RFC 7644 section 3.4.3). What can be asked of the directory
 * is; unless that is exact, every resource is matched again after it was mapped. The elements come in the directory's
 * order: `sortBy` and `sortOrder` are ignored, as section 3.4.2.3 has it for a provider that does not sort. The total is
 * the number of elements that are no problems.
 * @throws ScimError 400; the elements throw AgentError as `resolveScope` and `readWhole`
 */
export function searchResources(
  served: ServedDirectory,
  options: ReadOptions & {
    readonly search: SearchRequest;
    readonly types: readonly ResourceTypeName[];
  },
  signal: AbortSignal,
): Answer {
  const { search } = options;
  refusePaging(search);
  const searches = options.types.flatMap(
    (resourceType) => planRead(served, { search, mapping: served.mappings[resourceType] }) ?? [],
  );
  // One line for each type. Values of the filter are values of people: none of them is in it.
  for (const { query, filtering = UNFILTERED } of searches) {
    const { resourceType } = query.mapping;
    options.log.debug("search.planned", { resourceType, ...filtering });
  }
  return {
    kind: "list",
    schema: LIST_RESPONSE_MESSAGE,
    elements: listElements({ served, searches, options }, signal),
  };
}

/** Pages need a process that keeps the list between two requests; any agent may take the next one from the queue. */
function refusePaging({ startIndex = 1, count, cursor }: SearchRequest): void {
  if (startIndex === 1 && count === undefined && cursor === undefined) return;
  throw new ScimError(
    400,
    "there are no pages over the queue: leave out startIndex, count and cursor, and ask with prefer: stream",
    { scimType: "invalidValue" },
  );
}

async function* listElements(
  plan: {
    readonly served: ServedDirectory;
    readonly searches: readonly PlannedRead[];
    readonly options: ReadOptions;
  },
  signal: AbortSignal,
): AsyncGenerator<readonly AnswerElement[], ListEnd> {
  const { served, searches, options } = plan;
  if (searches.length === 0) return {};
  const scope = beginScope(served, signal);
  const references = new References(served.directory);
  for (const { query, project } of searches) {
    for await (const batch of readResources(
      { ...query, served, scope, references, ...options },
      signal,
    )) {
      yield batch.map(
        (mapped): AnswerElement =>
          mapped.kind === "problem"
            ? mapped
            : { kind: "resource", resource: project(mapped.resource) },
      );
    }
  }
  return {};
}
