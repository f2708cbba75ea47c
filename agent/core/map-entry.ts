import { coerceValue } from "./coercion.ts";
import { type CompiledFlow, type CompiledMapping, REQUIRED_TARGET } from "./compiled-mapping.ts";
import { computeValue } from "./computed-value.ts";
import type { Entry } from "./entry.ts";
import type { EntryProblem } from "./exchange.ts";
import { evaluateFlow } from "./expression-flow.ts";
import { type Flow, printSource } from "./mapping.ts";
import type { ScimResource } from "./scim/resource.ts";
import { RESOURCE_TYPES } from "./scim/resource-type.ts";
import type { ResourceTypeName } from "./scope.ts";

/** What an entry becomes. */
export type MappedEntry =
  | { readonly kind: "resource"; readonly resource: ScimResource }
  | { readonly kind: "problem"; readonly problem: EntryProblem };

/**
 * Makes the SCIM resource of an entry. A reference becomes the id that
 * `idOf` knows for its DN, and is left out when there is none: it points at nothing that this account can see.
 */
export function mapEntry(
  entry: Entry,
  options: {
    readonly mapping: CompiledMapping;
    readonly idOf: (dn: string) => string | undefined;
    /** Milliseconds since 1970, for what depends on the time. */
    readonly now: number;
  },
): MappedEntry {
  const { mapping, idOf, now } = options;
  const { resourceType } = mapping;
  const draft: Record<string, unknown> = {
    schemas: [RESOURCE_TYPES[resourceType].schema.id],
    id: entry.id,
    externalId: entry.anchor,
    meta: { resourceType },
  };
  for (const compiled of mapping.flows) {
    const { flow, target } = compiled;
    const reason = writeFlow(draft, { entry, compiled, idOf, now });
    if (reason === undefined) continue;
    if (reason !== NO_VALUE || target.text === REQUIRED_TARGET[resourceType]) {
      return problemOf(entry, { resourceType, flow, reason });
    }
  }
  return { kind: "resource", resource: draft as unknown as ScimResource };
}

function problemOf(
  entry: Entry,
  { resourceType, flow, reason }: { resourceType: ResourceTypeName; flow: Flow; reason: string },
): MappedEntry {
  const rule = `${flow.target} <- ${printSource(flow)}`;
  return {
    kind: "problem",
    problem: { resourceType, id: entry.id, attribute: flow.target, rule, reason },
  };
}

type Written = string | number | boolean;

const NO_VALUE = "has no value";

interface FlowOfEntry {
  readonly entry: Entry;
  readonly compiled: CompiledFlow;
  readonly idOf: (dn: string) => string | undefined;
  readonly now: number;
}

/**
 * Writes what a flow makes of an entry. Empty text counts as no value; a single target takes the first value that is
 * not empty, as the server orders them.
 * @returns why nothing was written
 */
function writeFlow(
  draft: Record<string, unknown>,
  { entry, compiled, idOf, now }: FlowOfEntry,
): string | undefined {
  const { flow, target, attribute, expression, takesMany } = compiled;
  if (flow.kind === "constant") return writeValue(draft, compiled, flow.value);
  if (flow.kind === "computed") {
    const computed = computeValue(flow, entry, now);
    return computed.ok ? writeComputed(draft, compiled, computed.values) : computed.reason;
  }
  const { type } = target.member ?? target.attribute;
  if (expression !== undefined) {
    const evaluated = evaluateFlow(expression, { entry, type, now });
    return evaluated.ok ? writeComputed(draft, compiled, evaluated.values) : evaluated.reason;
  }
  const values = attribute === undefined ? undefined : entry.attributes.get(attribute);
  if (values === undefined) return NO_VALUE;
  let isWritten = false;
  for (const value of values) {
    if (value.length === 0) continue;
    if (target.isReference) {
      const id = typeof value === "string" ? idOf(value) : undefined;
      if (id === undefined) continue;
      writeValue(draft, compiled, id);
    } else if (type === "string" && typeof value === "string") {
      writeValue(draft, compiled, value);
    } else {
      const coerced = coerceValue(value, type);
      if (!coerced.ok) return coerced.reason;
      writeValue(draft, compiled, coerced.value);
    }
    isWritten = true;
    if (!takesMany) break;
  }
  return isWritten ? undefined : NO_VALUE;
}

function writeComputed(
  draft: Record<string, unknown>,
  compiled: CompiledFlow,
  values: readonly Written[],
): string | undefined {
  const taken = compiled.takesMany ? values : values.slice(0, 1);
  for (const value of taken) writeValue(draft, compiled, value);
  return taken.length === 0 ? NO_VALUE : undefined;
}

/** One value to its place; further ones of a target that takes many make further elements. */
function writeValue(
  draft: Record<string, unknown>,
  { target, takesMany, fixed }: CompiledFlow,
  value: Written,
): undefined {
  const holder = target.extension === undefined ? draft : extensionOf(draft, target.extension);
  const { name, multiValued } = target.attribute;
  if (target.member === undefined) {
    if (multiValued) elementsOf<Written>(holder, name).push(value);
    else holder[name] = value;
    return;
  }
  const member = target.member.name;
  if (!multiValued) {
    membersOf(holder, name)[member] = value;
    return;
  }
  const elements = elementsOf<Record<string, unknown>>(holder, name);
  const existing = takesMany ? undefined : findElement(elements, fixed);
  if (existing !== undefined) {
    existing[member] = value;
    return;
  }
  const element: Record<string, unknown> = {};
  for (const [key, fixedValue] of fixed) element[key] = fixedValue;
  element[member] = value;
  elements.push(element);
}

/** The element that other flows of the same path began. */
function findElement(
  elements: readonly Record<string, unknown>[],
  fixed: CompiledFlow["fixed"],
): Record<string, unknown> | undefined {
  for (const element of elements) {
    if (fixed.every(([key, value]) => element[key] === value)) return element;
  }
  return undefined;
}

function membersOf(holder: Record<string, unknown>, name: string): Record<string, unknown> {
  const known = holder[name];
  if (known !== undefined) return known as Record<string, unknown>;
  const members: Record<string, unknown> = {};
  holder[name] = members;
  return members;
}

function extensionOf(draft: Record<string, unknown>, urn: string): Record<string, unknown> {
  const known = draft[urn];
  if (known !== undefined) return known as Record<string, unknown>;
  const extension: Record<string, unknown> = {};
  draft[urn] = extension;
  (draft["schemas"] as string[]).push(urn);
  return extension;
}

function elementsOf<T>(holder: Record<string, unknown>, name: string): T[] {
  const known = holder[name];
  if (known !== undefined) return known as T[];
  const elements: T[] = [];
  holder[name] = elements;
  return elements;
}
