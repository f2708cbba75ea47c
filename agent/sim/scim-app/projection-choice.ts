import { compileProjection, type ProjectionOptions } from "../../core/scim/projection.ts";
import type { ScimResource } from "../../core/scim/resource.ts";
import type { ResourceTypeName } from "../../core/scope.ts";
import type { ScimRequest } from "./scim-request.ts";

/** The names of a list with commas. */
export function namesIn(text: string | undefined): readonly string[] {
  const names = (text ?? "").split(",").map((name) => name.trim());
  return names.filter((name) => name !== "");
}

/**
 * The attributes that a request for one resource wants to see (RFC 7644 section 3.9).
 * @throws ScimError 400 invalidValue
 */
export function projectionOf(
  { query }: ScimRequest,
  type: ResourceTypeName,
): (resource: ScimResource) => ScimResource {
  const choice: ProjectionOptions = {
    attributes: namesIn(query.get("attributes")),
    excludedAttributes: namesIn(query.get("excludedattributes")),
  };
  return compileProjection(choice, type);
}
