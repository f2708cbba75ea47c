import type { AnswerElement, ListEnd } from "../core/exchange.ts";
import { ScimError } from "../core/scim/error.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import { RESOURCE_TYPES } from "../core/scim/resource-type.ts";
import {
  RESOURCE_TYPE_SCHEMA,
  SCHEMA_SCHEMA,
  SERVICE_PROVIDER_CONFIG_SCHEMA,
} from "../core/scim/urn.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { ServedDirectory } from "./served-directory.ts";
import { servedSchemas } from "./served-schema.ts";

/** Pages as a transport offers them (RFC 9865 section 4). */
export interface PaginationCapability {
  readonly cursor: boolean;
  readonly index: boolean;
  readonly defaultPaginationMethod: "cursor" | "index";
  readonly defaultPageSize: number;
  readonly maxPageSize: number;
  /** Seconds between two pages. */
  readonly cursorTimeout?: number;
}

/** What the transport in front of the handler can do, besides what the handler does itself. */
export interface FaceCapabilities {
  /** Resources in one response at most. */
  readonly maxResults: number;
  /** Whether clients show a bearer token (RFC 6750). */
  readonly bearerToken: boolean;
  /** Absent: no pages, or clients that take what they do not know for an error. */
  readonly pagination?: PaginationCapability;
}

/**
 * The queue: who may ask is decided by its access rules, and pages need one process that keeps the list. A list
 * without `prefer: stream` has to fit into one part; a streamed one has no limit.
 */
export const QUEUE_CAPABILITIES: FaceCapabilities = { maxResults: 1000, bearerToken: false };

const BEARER = {
  type: "oauthbearertoken",
  name: "Bearer token",
  description: "The token of the agent's configuration, in the Authorization header",
  specUri: "https://www.rfc-editor.org/info/rfc6750",
  primary: true,
} as const;

/** RFC 7643 section 5. Locations are relative to the base of the service provider. */
export function serviceProviderConfig(face: FaceCapabilities) {
  return {
    schemas: [SERVICE_PROVIDER_CONFIG_SCHEMA],
    patch: { supported: false },
    bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
    filter: { supported: true, maxResults: face.maxResults },
    changePassword: { supported: false },
    sort: { supported: false },
    etag: { supported: true },
    ...(face.pagination === undefined ? {} : { pagination: face.pagination }),
    authenticationSchemes: face.bearerToken ? [BEARER] : [],
    meta: { resourceType: "ServiceProviderConfig", location: "/ServiceProviderConfig" },
  };
}

/** `/Schemas` (RFC 7643 section 7): what the mappings of all served directories write, and no more. */
export function schemaResources(served: readonly ServedDirectory[]): readonly ScimResource[] {
  const types = Object.values(RESOURCE_TYPES);
  return types.flatMap(({ name }) =>
    servedSchemas(mappingsOf(served, name)).map((schema) => ({
      schemas: [SCHEMA_SCHEMA],
      ...schema,
      meta: { resourceType: "Schema", location: `/Schemas/${schema.id}` },
    })),
  );
}

/** `/ResourceTypes` (RFC 7643 section 6). */
export function resourceTypeResources(served: readonly ServedDirectory[]): readonly ScimResource[] {
  return Object.values(RESOURCE_TYPES).map(({ name, endpoint, schema }) => {
    const extensions = servedSchemas(mappingsOf(served, name)).filter(({ id }) => id !== schema.id);
    return {
      schemas: [RESOURCE_TYPE_SCHEMA],
      id: name,
      name,
      description: schema.description,
      endpoint,
      schema: schema.id,
      schemaExtensions: extensions.map(({ id }) => ({ schema: id, required: false })),
      meta: { resourceType: "ResourceType", location: `/ResourceTypes/${name}` },
    };
  });
}

function mappingsOf(served: readonly ServedDirectory[], name: ResourceTypeName) {
  return served.map(({ mappings }) => mappings[name]);
}

/**
 * One of the resources by its id, a URN in any letter case.
 * @throws ScimError 404
 */
export function findDiscovered(resources: readonly ScimResource[], id: string): ScimResource {
  const folded = id.toLowerCase();
  const found = resources.find((resource) => resource.id.toLowerCase() === folded);
  if (found !== undefined) return found;
  throw new ScimError(404, "there is no such schema or resource type");
}

/** All of them as one batch of a list. */
export async function* listDiscovered(
  resources: readonly ScimResource[],
): AsyncGenerator<readonly AnswerElement[], ListEnd> {
  yield resources.map((resource) => ({ kind: "resource", resource }));
  return {};
}
