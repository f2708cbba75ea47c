import type { Answer } from "../core/exchange.ts";
import { parseAttributePath } from "../core/scim/attribute-path.ts";
import { ScimError } from "../core/scim/error.ts";
import { evaluatePreconditions, resourceVersion } from "../core/scim/etag.ts";
import { compileProjection, type ProjectionOptions } from "../core/scim/projection.ts";
import { isObject, type ScimResource } from "../core/scim/resource.ts";
import { locateAttribute } from "../core/scim/resource-type.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { beginScope } from "./pending-scope.ts";
import { planUnfiltered } from "./plan-read.ts";
import { type ReadOptions, readResources } from "./read-resources.ts";
import { References } from "./references.ts";
import type { ServedDirectory } from "./served-directory.ts";

export interface ReadTarget extends ReadOptions {
  readonly resourceType: ResourceTypeName;
  readonly id: string;
  readonly projection: ProjectionOptions;
  /** As of the headers `if-match` and `if-none-match`. */
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

/**
 * `GET /Users/{id}` and `GET /Groups/{id}` (RFC 7644 section 3.4.1). What is out of scope is not found, in the same
 * words as what does not exist.
 *
 * The weak ETag is that of the resource, which `meta.version` repeats. Where attributes are left out it is that of what
 * is sent, so that they need not be read, and there is no `meta.version`, unless `attributes` asks for `meta`.
 * @returns 200 with the resource, or 304 without a body when `if-none-match` names the version
 * @throws ScimError 400 for attributes that are none, 404, 412, or 422 when the entry cannot be mapped; AgentError as
 *   `resolveScope` and `readWhole`
 */
export async function readResource(
  served: ServedDirectory,
  target: ReadTarget,
  signal: AbortSignal,
): Promise<Answer> {
  const { resourceType, id, projection, log, logValues, now } = target;
  const project = compileProjection(projection, resourceType);
  const ldapFilter = served.directory.idFilter(id.toLowerCase());
  if (ldapFilter === undefined) throw notFound(resourceType);
  const isWhole = readsWhole(projection, resourceType);
  const mapping = served.mappings[resourceType];
  const plan = planUnfiltered(isWhole ? {} : projection, mapping);
  const scope = beginScope(served, signal);
  const references = new References(served.directory);
  const query = { ...plan.query, ldapFilter, served, scope, references, log, logValues, now };
  for await (const [mapped] of readResources(query, signal)) {
    if (mapped === undefined) continue;
    if (mapped.kind === "resource") {
      return answerWith(versioned(mapped.resource, { project, isWhole }), target);
    }
    const { attribute, rule, reason } = mapped.problem;
    throw new ScimError(422, `the entry cannot be mapped: ${attribute} ${reason} (${rule})`);
  }
  throw notFound(resourceType);
}

interface Versioned {
  readonly version: string;
  readonly resource: ScimResource;
}

function versioned(
  resource: ScimResource,
  {
    project,
    isWhole,
  }: { readonly project: (resource: ScimResource) => ScimResource; readonly isWhole: boolean },
): Versioned {
  if (!isWhole) {
    const part = project(resource);
    return { version: resourceVersion(part), resource: part };
  }
  const version = resourceVersion(resource);
  const meta = isObject(resource["meta"]) ? resource["meta"] : {};
  return { version, resource: project({ ...resource, meta: { ...meta, version } }) };
}

function answerWith(
  { version, resource }: Versioned,
  { ifMatch, ifNoneMatch }: ReadTarget,
): Answer {
  const verdict = evaluatePreconditions(version, { method: "GET", ifMatch, ifNoneMatch });
  const headers = { etag: version };
  if (verdict.met) return { kind: "document", status: 200, body: resource, headers };
  if (verdict.status === 304) return { kind: "document", status: 304, body: undefined, headers };
  throw new ScimError(412, "the resource has another version", { headers });
}

/** Whether the version is that of the whole resource: nothing is left out, or `attributes` asks for `meta`. */
function readsWhole(projection: ProjectionOptions, resourceType: ResourceTypeName): boolean {
  const { attributes = [], excludedAttributes = [] } = projection;
  if (attributes.length === 0) return excludedAttributes.length === 0;
  return attributes.some((name) => {
    const path = parseAttributePath(name);
    if (path === undefined) return false;
    const { extension, attribute } = locateAttribute(resourceType, path);
    return extension === undefined && attribute === "meta";
  });
}

function notFound(resourceType: ResourceTypeName): ScimError {
  return new ScimError(404, `there is no such ${resourceType} in scope`);
}
