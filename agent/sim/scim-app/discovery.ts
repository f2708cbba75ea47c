import { ScimError } from "../../core/scim/error.ts";
import { createListResponse } from "../../core/scim/list.ts";
import type { ScimResource } from "../../core/scim/resource.ts";
import { RESOURCE_TYPES } from "../../core/scim/resource-type.ts";
import {
  RESOURCE_TYPE_SCHEMA,
  SCHEMA_SCHEMA,
  SERVICE_PROVIDER_CONFIG_SCHEMA,
} from "../../core/scim/urn.ts";
import { MAX_OPERATIONS, MAX_PAYLOAD_BYTES } from "./bulk-request.ts";
import { CURSOR_TIMEOUT_SECONDS } from "./listing-cache.ts";
import type { Reply } from "./reply.ts";
import type { DiscoveryEndpoint, ScimRequest } from "./scim-request.ts";
import { DEFAULT_PAGE_SIZE } from "./search-endpoint.ts";

export interface DiscoveryOptions {
  /** Resources of one page at most. */
  readonly maxResults: number;
  readonly bearerToken: boolean;
  /** Whether to tell of cursors (RFC 9865 section 4): some clients refuse what RFC 7643 does not name. */
  readonly advertiseCursors: boolean;
}

const BEARER = {
  type: "oauthbearertoken",
  name: "Bearer token",
  description: "The token that the simulator was started with, in the Authorization header",
  specUri: "https://www.rfc-editor.org/info/rfc6750",
  primary: true,
} as const;

/**
 * What the server can do and which resources it has (RFC 7644 section 4).
 * @throws ScimError 403 for a filter, 404
 */
export function answerDiscovery(
  endpoint: DiscoveryEndpoint,
  id: string | undefined,
  { query, base }: ScimRequest,
  options: DiscoveryOptions,
): Reply {
  if (query.has("filter")) throw new ScimError(403, "there are no filters here");
  switch (endpoint) {
    case "ServiceProviderConfig":
      return { status: 200, body: serviceProviderConfig(base, options) };
    case "Schemas":
      return answerList(schemas(base), id);
    case "ResourceTypes":
      return answerList(resourceTypes(base), id);
  }
}

function answerList(resources: readonly ScimResource[], id: string | undefined): Reply {
  if (id === undefined) {
    const paging = { totalResults: resources.length, startIndex: 1 };
    return { status: 200, body: createListResponse(resources, paging) };
  }
  const folded = id.toLowerCase();
  const body = resources.find((resource) => resource.id.toLowerCase() === folded);
  if (body === undefined) throw new ScimError(404, "there is no such schema or resource type");
  return { status: 200, body };
}

/** RFC 7643 section 5. */
function serviceProviderConfig(base: string, options: DiscoveryOptions) {
  const { maxResults, bearerToken, advertiseCursors } = options;
  const pagination = {
    cursor: true,
    index: true,
    defaultPaginationMethod: "index",
    defaultPageSize: Math.min(DEFAULT_PAGE_SIZE, maxResults),
    maxPageSize: maxResults,
    cursorTimeout: CURSOR_TIMEOUT_SECONDS,
  };
  return {
    schemas: [SERVICE_PROVIDER_CONFIG_SCHEMA],
    patch: { supported: true },
    bulk: { supported: true, maxOperations: MAX_OPERATIONS, maxPayloadSize: MAX_PAYLOAD_BYTES },
    filter: { supported: true, maxResults },
    // Passwords are taken and thrown away.
    changePassword: { supported: false },
    sort: { supported: true },
    etag: { supported: true },
    ...(advertiseCursors ? { pagination } : {}),
    authenticationSchemes: bearerToken ? [BEARER] : [],
    meta: { resourceType: "ServiceProviderConfig", location: `${base}/ServiceProviderConfig` },
  };
}

/** RFC 7643 section 7. */
function schemas(base: string): readonly ScimResource[] {
  const types = Object.values(RESOURCE_TYPES);
  return types
    .flatMap(({ schema, extensions }) => [schema, ...extensions])
    .map((schema) => ({
      schemas: [SCHEMA_SCHEMA],
      ...schema,
      meta: { resourceType: "Schema", location: `${base}/Schemas/${schema.id}` },
    }));
}

/** RFC 7643 section 6. */
function resourceTypes(base: string): readonly ScimResource[] {
  return Object.values(RESOURCE_TYPES).map(({ name, endpoint, schema, extensions }) => ({
    schemas: [RESOURCE_TYPE_SCHEMA],
    id: name,
    name,
    description: schema.description,
    endpoint,
    schema: schema.id,
    ...(extensions.length === 0
      ? {}
      : { schemaExtensions: extensions.map(({ id }) => ({ schema: id, required: false })) }),
    meta: { resourceType: "ResourceType", location: `${base}/ResourceTypes/${name}` },
  }));
}
