import type { ResourceTypeName } from "../scope.ts";
import { diffAttribute } from "./attribute-difference.ts";
import type { JsonObject } from "./attribute-value.ts";
import { COMMON_ATTRIBUTES } from "./common-attributes.ts";
import { MAX_PATCH_OPERATIONS, type PatchMessage } from "./patch-operation.ts";
import { type PatchStyle, PatchWriter } from "./patch-style.ts";
import { isObject } from "./resource.ts";
import { readMember } from "./resource-draft.ts";
import { RESOURCE_TYPES } from "./resource-type.ts";
import { PATCH_OP_MESSAGE } from "./urn.ts";

export interface PatchGenerationOptions {
  readonly resourceType: ResourceTypeName;
  readonly style: PatchStyle;
  /** Most elements of a multi-valued attribute that one operation adds or removes; 1,000 unless given. */
  readonly maxValues?: number;
  /** Most operations of one message; 1,000 unless given. */
  readonly maxOperations?: number;
}

const MAX_VALUES = 1000;

/**
 * The PATCH messages that make `after` of `before`, to be sent in this order; none when nothing is to change. What is
 * read-only or in no schema does not count, nor do `schemas`, which follow the extensions. Members of a group are
 * told apart by `value` alone. null and [] are no values, in the styles of Entra "" neither.
 * @throws RangeError: a limit below 1
 */
export function generatePatch(
  before: JsonObject,
  after: JsonObject,
  options: PatchGenerationOptions,
): readonly PatchMessage[] {
  const { resourceType, style } = options;
  const { maxValues = MAX_VALUES, maxOperations = MAX_PATCH_OPERATIONS } = options;
  if (maxValues < 1 || maxOperations < 1) throw new RangeError("a limit must be at least 1");
  const { schema, extensions } = RESOURCE_TYPES[resourceType];
  const writer = new PatchWriter(style);
  for (const definition of [...COMMON_ATTRIBUTES, ...schema.attributes]) {
    const { name, mutability } = definition;
    if (mutability === "readOnly" || name === "schemas") continue;
    const difference = { path: name, definition, maxValues };
    diffAttribute(writer, readMember(before, name), readMember(after, name), difference);
  }
  for (const { id, attributes } of extensions) {
    const from = readObject(before, id);
    const to = readObject(after, id);
    for (const definition of attributes) {
      const { name } = definition;
      const difference = { path: `${id}:${name}`, definition, maxValues };
      diffAttribute(writer, readMember(from, name), readMember(to, name), difference);
    }
  }
  return toMessages(writer, maxOperations);
}

function readObject(holder: JsonObject, name: string): JsonObject {
  const value = readMember(holder, name);
  return isObject(value) ? value : {};
}

function toMessages(writer: PatchWriter, maxOperations: number): readonly PatchMessage[] {
  const operations = writer.finish();
  const messages: PatchMessage[] = [];
  for (let at = 0; at < operations.length; at += maxOperations) {
    messages.push({
      schemas: [PATCH_OP_MESSAGE],
      Operations: operations.slice(at, at + maxOperations),
    });
  }
  return messages;
}
