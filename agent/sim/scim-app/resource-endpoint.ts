import { equalJson } from "../../core/scim/canonical-json.ts";
import { badRequest, ScimError } from "../../core/scim/error.ts";
import { evaluatePreconditions } from "../../core/scim/etag.ts";
import { applyPatch } from "../../core/scim/patch.ts";
import { type PatchProfile, parsePatch } from "../../core/scim/patch-operation.ts";
import { isObject, memberReader, type ScimResource } from "../../core/scim/resource.ts";
import { normalizeResource } from "../../core/scim/resource-body.ts";
import { RESOURCE_TYPES } from "../../core/scim/resource-type.ts";
import type { ResourceTypeName } from "../../core/scope.ts";
import { storedContent } from "./content.ts";
import { projectionOf } from "./projection-choice.ts";
import type { Reply } from "./reply.ts";
import { locationOf, represent, versionOf } from "./representation.ts";
import type { ScimRequest } from "./scim-request.ts";
import type { ResourceStore } from "./store.ts";
import type { StoredResource } from "./stored-resource.ts";

export interface ResourceEndpointOptions {
  readonly store: ResourceStore;
  readonly profile: PatchProfile;
}

type Project = (resource: ScimResource) => ScimResource;

const readSchemas = memberReader("schemas");

/** Creates, reads and changes single resources (RFC 7644 sections 3.3 to 3.6). */
export class ResourceEndpoint {
  readonly #store: ResourceStore;
  readonly #profile: PatchProfile;

  constructor({ store, profile }: ResourceEndpointOptions) {
    this.#store = store;
    this.#profile = profile;
  }

  /**
   * RFC 7644 section 3.3.
   * @param id - for the resource, when it was reserved before
   * @throws ScimError 400, 409 uniqueness
   */
  create(type: ResourceTypeName, request: ScimRequest, id?: string): Reply {
    const project = projectionOf(request, type);
    const content = this.#contentOf(type, request);
    const stored = this.#store.create(type, content, id);
    return this.#answer(201, stored, request, project);
  }

  /**
   * GET, PUT, PATCH or DELETE of one resource.
   * @throws ScimError 400, 404, 409 uniqueness, 412
   */
  answer(type: ResourceTypeName, id: string, request: ScimRequest): Reply {
    const project = projectionOf(request, type);
    const stored = this.#store.get(type, id);
    if (stored === undefined) throw new ScimError(404, `there is no ${type} with this id`);
    const { ifMatch, ifNoneMatch, method } = request;
    const verdict = evaluatePreconditions(versionOf(stored), { method, ifMatch, ifNoneMatch });
    if (!verdict.met) {
      if (verdict.status === 304) return { status: 304, headers: { etag: versionOf(stored) } };
      throw new ScimError(412, `the precondition failed: ${verdict.because}`);
    }
    switch (method) {
      case "PUT":
        return this.#replace(stored, request, project);
      case "PATCH":
        return this.#patch(stored, request, project);
      case "DELETE":
        this.#store.delete(stored);
        return { status: 204 };
      default:
        return this.#answer(200, stored, request, project);
    }
  }

  /** RFC 7644 section 3.5.1: what is not given is cleared. */
  #replace(stored: StoredResource, request: ScimRequest, project: Project): Reply {
    const content = this.#contentOf(stored.type, request);
    const same = equalJson(content, stored.content);
    const replaced = same ? stored : this.#store.replace(stored, content);
    return this.#answer(200, replaced, request, project);
  }

  #patch(stored: StoredResource, request: ScimRequest, project: Project): Reply {
    const { type } = stored;
    const operations = parsePatch(request.body);
    const { base } = request;
    const { resource, changed } = applyPatch(
      represent(stored, { store: this.#store, base }),
      operations,
      { resourceType: type, profile: this.#profile },
    );
    const patched = changed
      ? this.#store.replace(stored, storedContent(resource, this.#store))
      : stored;
    // Microsoft asks for 204 here; section 3.5.2 for 200 when attributes are named.
    if (this.#profile === "entra" && type === "Group" && !request.query.has("attributes")) {
      return { status: 204, headers: headersOf(patched, base) };
    }
    return this.#answer(200, patched, request, project);
  }

  #contentOf(type: ResourceTypeName, { body }: ScimRequest) {
    if (this.#profile === "rfc7644") requireSchema(body, RESOURCE_TYPES[type].schema.id);
    const options = { resourceType: type, profile: this.#profile };
    return storedContent(normalizeResource(body, options), this.#store);
  }

  #answer(status: number, stored: StoredResource, request: ScimRequest, project: Project): Reply {
    const { base } = request;
    const body = project(represent(stored, { store: this.#store, base }));
    return { status, headers: headersOf(stored, base), body };
  }
}

function headersOf(stored: StoredResource, base: string): Readonly<Record<string, string>> {
  return { location: locationOf(stored, base), etag: versionOf(stored) };
}

/** RFC 7643 section 3: `schemas` is required. Schemas that nobody here knows are ignored, as Entra sends one. */
function requireSchema(body: unknown, urn: string): void {
  const schemas = isObject(body) ? readSchemas(body) : undefined;
  const folded = urn.toLowerCase();
  const named =
    Array.isArray(schemas) &&
    schemas.some((each) => typeof each === "string" && each.toLowerCase() === folded);
  if (isObject(body) && !named) throw badRequest("invalidValue", `schemas must hold ${urn}`);
}
