import type { JsonObject } from "./attribute-value.ts";
import { badRequest } from "./error.ts";
import { applyAttributes } from "./patch.ts";
import { fitsDepth } from "./patch-operation.ts";
import type { PatchOptions } from "./patch-target.ts";
import { isObject } from "./resource.ts";
import { ResourceDraft, readMember } from "./resource-draft.ts";
import { RESOURCE_TYPES } from "./resource-type.ts";

/** A resource as a client may set it: without `id` and `meta`, names spelled as in the schema. */
export interface ResourceBody {
  /** The core schema, and the extensions that have attributes. */
  readonly schemas: readonly string[];
  readonly [attribute: string]: unknown;
}

/**
 * Reads the body of a POST or PUT (RFC 7644 sections 3.3 and 3.5.1). Names come in any letter case; what is unknown,
 * read-only or null is left out; core attributes under the core schema's URN are taken as if they stood at the top.
 * @throws ScimError 400: invalidSyntax (no object), invalidValue (another type, nested deeper than
 *   16, a required attribute is missing),
 *   invalidPath (a path for a name, but not in the profile `entra`)
 */
export function normalizeResource(body: unknown, options: PatchOptions): ResourceBody {
  if (!isObject(body)) throw badRequest("invalidSyntax", "the body is not a JSON object");
  if (!fitsDepth(body)) throw badRequest("invalidValue", "the body is nested too deep");
  const { schema } = RESOURCE_TYPES[options.resourceType];
  const draft = new ResourceDraft<JsonObject>({ schemas: [schema.id] });
  applyAttributes(draft, { op: "add", value: body }, options);
  const resource = draft.finish() as ResourceBody;
  for (const { name, required } of schema.attributes) {
    if (required && readMember(resource, name) === undefined) {
      throw badRequest("invalidValue", `${name} is required`);
    }
  }
  return resource;
}
