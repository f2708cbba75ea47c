import { ScimError } from "../../core/scim/error.ts";
import { RESOURCE_TYPES } from "../../core/scim/resource-type.ts";
import type { ResourceTypeName } from "../../core/scope.ts";
import type { DiscoveryEndpoint, Route } from "./scim-request.ts";

const TYPES: ReadonlyMap<string, ResourceTypeName> = new Map(
  Object.values(RESOURCE_TYPES).map(({ endpoint, name }) => [endpoint.slice(1), name]),
);
const DISCOVERY: ReadonlySet<string> = new Set<DiscoveryEndpoint>([
  "ServiceProviderConfig",
  "Schemas",
  "ResourceTypes",
]);
const SEARCH = ".search";

const METHODS: Readonly<Record<Route["kind"], readonly string[]>> = {
  collection: ["GET", "POST"],
  resource: ["GET", "PUT", "PATCH", "DELETE"],
  search: ["POST"],
  root: ["GET"],
  bulk: ["POST"],
  discovery: ["GET"],
};

/**
 * Finds what a path means (RFC 7644 section 3.2).
 * @param method in upper case, GET for HEAD
 * @throws ScimError 404, 405 with `allow`, 501 for `/Me` (section 3.11)
 */
export function routeOf(method: string, path: readonly string[]): Route {
  if (path[0] === "Me") throw new ScimError(501, "/Me is not supported");
  const route = findRoute(path);
  if (route === undefined) throw new ScimError(404, "there is no such endpoint");
  const allowed = METHODS[route.kind];
  if (allowed.includes(method)) return route;
  const allow = allowed.flatMap((each) => (each === "GET" ? ["GET", "HEAD"] : [each])).join(", ");
  throw new ScimError(405, `this endpoint takes ${allow}`, { headers: { allow } });
}

function findRoute(path: readonly string[]): Route | undefined {
  const [first, second, ...more] = path;
  if (more.length > 0) return undefined;
  if (first === undefined) return { kind: "root" };
  const type = TYPES.get(first);
  if (type !== undefined) {
    if (second === undefined) return { kind: "collection", type };
    return second === SEARCH ? { kind: "search", type } : { kind: "resource", type, id: second };
  }
  if (isDiscovery(first)) {
    if (second === undefined) return { kind: "discovery", endpoint: first };
    if (first === "ServiceProviderConfig") return undefined;
    return { kind: "discovery", endpoint: first, id: second };
  }
  if (second !== undefined) return undefined;
  if (first === SEARCH) return { kind: "search", type: undefined };
  return first === "Bulk" ? { kind: "bulk" } : undefined;
}

function isDiscovery(name: string): name is DiscoveryEndpoint {
  return DISCOVERY.has(name);
}
