/** What this service provider can do (RFC 7643 section 5). */
export const SERVICE_PROVIDER_CONFIG = {
  schemas: ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
  patch: { supported: false },
  bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
  // A list without `prefer: stream` has to fit into one part; a streamed one has no limit.
  filter: { supported: true, maxResults: 1000 },
  changePassword: { supported: false },
  sort: { supported: false },
  etag: { supported: false },
  // Who may ask is decided by the queue's access rules.
  authenticationSchemes: [],
  meta: { resourceType: "ServiceProviderConfig" },
} as const;
