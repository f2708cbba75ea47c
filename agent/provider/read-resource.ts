import type { Answer } from "../core/exchange.ts";
import { ScimError } from "../core/scim/error.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { type ReadOptions, readResources } from "./read-resources.ts";
import { References } from "./references.ts";
import { resolveScope } from "./resolve-scope.ts";
import type { ServedDirectory } from "./served-directory.ts";

/**
 * `GET /Users/{id}` and `GET /Groups/{id}` (RFC 7644 section 3.4.1). What is out of scope is not found, in the same
 * words as what does not exist.
 * @throws ScimError 404, or 422 when the entry cannot be mapped; AgentError as `resolveScope` and `readWhole`
 */
export async function readResource(
  served: ServedDirectory,
  target: ReadOptions & { readonly resourceType: ResourceTypeName; readonly id: string },
  signal: AbortSignal,
): Promise<Answer> {
  const { resourceType, id } = target;
  const ldapFilter = served.directory.idFilter(id.toLowerCase());
  if (ldapFilter === undefined) throw notFound(resourceType);
  const query = {
    ...target,
    served,
    scope: await resolveScope(served, signal),
    mapping: served.mappings[resourceType],
    references: new References(served.directory),
    ldapFilter,
    matches: () => true,
    matchesReferences: true,
  };
  for await (const [mapped] of readResources(query, signal)) {
    if (mapped === undefined) continue;
    if (mapped.kind === "resource") return { kind: "document", status: 200, body: mapped.resource };
    const { attribute, rule, reason } = mapped.problem;
    throw new ScimError(422, `the entry cannot be mapped: ${attribute} ${reason} (${rule})`);
  }
  throw notFound(resourceType);
}

function notFound(resourceType: ResourceTypeName): ScimError {
  return new ScimError(404, `there is no such ${resourceType} in scope`);
}
