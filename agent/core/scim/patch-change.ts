import type { JsonObject, SubAttributeValues } from "./attribute-value.ts";
import { equalJson } from "./canonical-json.ts";
import { badRequest, type ScimError } from "./error.ts";
import type { PatchOperation } from "./patch-operation.ts";
import { readMember, writeMember } from "./resource-draft.ts";
import { findSubAttribute } from "./resource-type.ts";
import type { AttributeDefinition } from "./schema.ts";

type Op = PatchOperation["op"];

/**
 * The value that an attribute has after an operation; undefined for none. `add` of nothing changes nothing.
 * @throws ScimError 400 mutability: immutable and assigned, or required and to be unassigned (RFC 7644 section 3.5.2.2)
 */
export function changedValue(
  definition: AttributeDefinition,
  before: unknown,
  value: unknown,
  op: Op,
): unknown {
  const after = value === undefined && op === "add" ? before : value;
  if (equalJson(before, after)) return before;
  if (after === undefined && definition.required) throw mutability(definition, "is required");
  if (before !== undefined && definition.mutability === "immutable") {
    throw mutability(definition, "is immutable");
  }
  return after;
}

/**
 * A complex value with some sub-attributes changed and the others as they were; undefined when none is left.
 * @throws ScimError 400 mutability
 */
export function changedComplex(
  definition: AttributeDefinition,
  before: JsonObject,
  values: SubAttributeValues,
  op: Op,
): JsonObject | undefined {
  const after: Record<string, unknown> = { ...before };
  for (const [name, value] of values) {
    // The names come from the definition.
    const sub = findSubAttribute(definition, name) as AttributeDefinition;
    const known = readMember(before, name) ?? undefined;
    writeMember(after, name, changedValue(sub, known, value, op));
  }
  return Object.keys(after).length === 0 ? undefined : after;
}

export function mutability({ name }: AttributeDefinition, reason: string): ScimError {
  return badRequest("mutability", `${name} ${reason}`);
}
