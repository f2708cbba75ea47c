import type { ResourceTypeName } from "../../core/scope.ts";

/** A request with all that its answer depends on. */
export interface ScimRequest {
  /** In upper case; GET for HEAD. */
  readonly method: string;
  /** Names in lower case. */
  readonly query: ReadonlyMap<string, string>;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** JSON; undefined when there is none. */
  readonly body: unknown;
  /** The base of all locations, without a slash at the end. */
  readonly base: string;
}

/** Where a request goes. */
export type Route =
  | { readonly kind: "collection"; readonly type: ResourceTypeName }
  | { readonly kind: "resource"; readonly type: ResourceTypeName; readonly id: string }
  /** Without a type: all of them. */
  | { readonly kind: "search"; readonly type: ResourceTypeName | undefined }
  | { readonly kind: "root" }
  | { readonly kind: "bulk" }
  | { readonly kind: "discovery"; readonly endpoint: DiscoveryEndpoint; readonly id?: string };

export type DiscoveryEndpoint = "ServiceProviderConfig" | "Schemas" | "ResourceTypes";
