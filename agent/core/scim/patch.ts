import { coerceComplex, coerceSimple, type JsonObject } from "./attribute-value.ts";
import { badRequest, ScimError } from "./error.ts";
import { changedComplex, changedValue, mutability } from "./patch-change.ts";
import { patchElements } from "./patch-elements.ts";
import type { PatchOperation } from "./patch-operation.ts";
import {
  type AttributeTarget,
  type PatchOptions,
  type PatchTarget,
  resolveName,
  resolveTarget,
  type SchemaTarget,
} from "./patch-target.ts";
import { isObject, type ScimResource } from "./resource.ts";
import { ResourceDraft } from "./resource-draft.ts";
import { RESOURCE_TYPES } from "./resource-type.ts";

export interface PatchOutcome {
  /** The very resource that was given when nothing changed. */
  readonly resource: ScimResource;
  /** Whether anything is different, so that `meta.lastModified` and the version have to change. */
  readonly changed: boolean;
}

type Draft = ResourceDraft<JsonObject>;

/**
 * Applies operations to a resource, one after the other, all or none (RFC 7644 section 3.5.2). The resource is not
 * changed; the outcome shares with it what is the same. `schemas` follows the extensions, `meta` is left alone.
 * Names in a set of attributes that no schema knows are ignored, as are read-only attributes there.
 * @throws ScimError 400: invalidPath, invalidFilter, invalidValue, noTarget, mutability
 */
export function applyPatch(
  resource: ScimResource,
  operations: readonly PatchOperation[],
  options: PatchOptions,
): PatchOutcome {
  const draft = new ResourceDraft<JsonObject>(resource);
  for (const [at, operation] of operations.entries()) {
    try {
      applyOperation(draft, operation, options);
    } catch (cause) {
      if (!(cause instanceof ScimError) || cause.scimType === undefined) throw cause;
      const { status, scimType, detail } = cause;
      throw new ScimError(status, `operation ${at}: ${detail}`, { scimType, cause });
    }
  }
  const patched = draft.finish() as ScimResource;
  return { resource: patched, changed: patched !== resource };
}

/**
 * Puts a set of attributes into a draft, as an operation without a path does.
 * @param within - URN of the extension that the set belongs to; undefined for the resource
 */
export function applyAttributes(
  draft: Draft,
  operation: PatchOperation,
  options: PatchOptions,
  within?: string,
): void {
  const { op, value } = operation;
  if (!isObject(value)) throw badRequest("invalidValue", "the value is not a set of attributes");
  for (const [name, member] of Object.entries(value)) {
    const target = resolveName(name, within, options);
    if (target === undefined || isReadOnly(target)) continue;
    applyToTarget(draft, { op, value: member }, target, options);
  }
}

function applyOperation(draft: Draft, operation: PatchOperation, options: PatchOptions): void {
  if (operation.path !== undefined) {
    const target = resolveTarget(operation.path, options);
    applyToTarget(draft, operation, target, options);
    return;
  }
  // RFC 7644 section 3.5.2.2.
  if (operation.op === "remove") throw badRequest("noTarget", "remove needs a path");
  applyAttributes(draft, operation, options);
}

function applyToTarget(
  draft: Draft,
  operation: PatchOperation,
  target: PatchTarget,
  options: PatchOptions,
): void {
  if (target.kind === "schema") {
    patchSchema(draft, operation, target, options);
    return;
  }
  const { definition, subDefinition } = target;
  if (isReadOnly(target)) throw mutability(subDefinition ?? definition, "is read-only");
  if (definition.name === "schemas") {
    // It follows the extensions that have attributes.
    if (operation.op === "remove") throw mutability(definition, "is required");
    return;
  }
  if (definition.multiValued) {
    patchElements(draft.list(target), operation, target, options.profile);
  } else {
    draft.write(target, patchedValue(draft.read(target), operation, target, options));
  }
}

function patchSchema(
  draft: Draft,
  operation: PatchOperation,
  { extension }: SchemaTarget,
  options: PatchOptions,
): void {
  const { op, value } = operation;
  const clears = op === "remove" || (op === "replace" && value === null);
  if (!clears) {
    if (value !== null) applyAttributes(draft, operation, options, extension);
    return;
  }
  const { extensions } = RESOURCE_TYPES[options.resourceType];
  const schema = extensions.find(({ id }) => id === extension);
  if (schema === undefined) {
    throw badRequest("mutability", "the attributes of the core schema cannot be removed together");
  }
  for (const definition of schema.attributes) {
    const whole = { subDefinition: undefined, filter: undefined } as const;
    const target = { kind: "attribute", extension, definition, ...whole } as const;
    applyToTarget(draft, { op: "remove" }, target, options);
  }
}

/** The value of a single-valued attribute after an operation on it or on one of its sub-attributes. */
function patchedValue(
  before: unknown,
  { op, value }: PatchOperation,
  { definition, subDefinition }: AttributeTarget,
  { profile }: PatchOptions,
): unknown {
  if (definition.type !== "complex") {
    const coerced = op === "remove" ? undefined : coerceSimple(definition, value, profile);
    return changedValue(definition, before, coerced, op);
  }
  const known = isObject(before) ? before : {};
  if (subDefinition !== undefined) {
    const coerced = op === "remove" ? undefined : coerceSimple(subDefinition, value, profile);
    // A reference without its value is none: Entra clears manager.value and means manager.
    const cleared = coerced === undefined && op !== "add" && subDefinition.name === "value";
    if (profile === "entra" && cleared) return changedValue(definition, before, undefined, op);
    return changedComplex(definition, known, new Map([[subDefinition.name, coerced]]), op);
  }
  const values = op === "remove" ? undefined : coerceComplex(definition, value, profile);
  if (values === undefined) return changedValue(definition, before, undefined, op);
  // What Entra does not repeat belongs to the reference that was there before.
  const other = values.has("value") && values.get("value") !== known["value"];
  return changedComplex(definition, profile === "entra" && other ? {} : known, values, op);
}

function isReadOnly(target: PatchTarget): boolean {
  if (target.kind === "schema") return false;
  return (
    target.definition.mutability === "readOnly" || target.subDefinition?.mutability === "readOnly"
  );
}
