import { coerceValue } from "./coercion.ts";
import { type CompiledMapping, REQUIRED_TARGET } from "./compiled-mapping.ts";
import { type Entry, type Value, valuesOf } from "./entry.ts";
import type { EntryProblem } from "./exchange.ts";
import type { FlowTarget } from "./flow-target.ts";
import type { Flow } from "./mapping.ts";
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
  },
): MappedEntry {
  const { mapping, idOf } = options;
  const { resourceType } = mapping;
  const draft: Record<string, unknown> = {
    schemas: [RESOURCE_TYPES[resourceType].schema.id],
    id: entry.id,
    externalId: entry.anchor,
    meta: { resourceType },
  };
  for (const { flow, target } of mapping.flows) {
    const values =
      flow.kind === "constant" ? [flow.value] : readValues(entry, flow.attribute, target, idOf);
    if ("reason" in values) return problemOf(entry, { resourceType, flow, reason: values.reason });
    if (values.length > 0) write(draft, target, values);
    else if (target.text === REQUIRED_TARGET[resourceType]) {
      return problemOf(entry, { resourceType, flow, reason: "has no value" });
    }
  }
  return { kind: "resource", resource: draft as unknown as ScimResource };
}

function problemOf(
  entry: Entry,
  { resourceType, flow, reason }: { resourceType: ResourceTypeName; flow: Flow; reason: string },
): MappedEntry {
  const source = flow.kind === "direct" ? flow.attribute : JSON.stringify(flow.value);
  const rule = `${flow.target} <- ${source}`;
  return {
    kind: "problem",
    problem: { resourceType, id: entry.id, attribute: flow.target, rule, reason },
  };
}

type Written = string | number | boolean;

/** The values of a direct flow as the target wants them. Empty text counts as no value. */
function readValues(
  entry: Entry,
  attribute: string,
  target: FlowTarget,
  idOf: (dn: string) => string | undefined,
): readonly Written[] | { readonly reason: string } {
  const values = valuesOf(entry, attribute);
  if (target.isReference) {
    return values.flatMap((dn) => (typeof dn === "string" ? (idOf(dn) ?? []) : []));
  }
  const { type } = target.member ?? target.attribute;
  const written: Written[] = [];
  // A single target takes the first value, as the server orders them.
  for (const value of takesMany(target) ? values : values.slice(0, 1)) {
    if (isEmpty(value)) continue;
    const coerced = coerceValue(value, type);
    if (!coerced.ok) return coerced;
    written.push(coerced.value);
  }
  return written;
}

function isEmpty(value: Value): boolean {
  return value.length === 0;
}

/** With a filter the path means one element; without one, an element for each value. */
function takesMany(target: FlowTarget): boolean {
  return target.attribute.multiValued && Object.keys(target.fixed).length === 0;
}

function write(
  draft: Record<string, unknown>,
  target: FlowTarget,
  values: readonly Written[],
): void {
  const holder = target.extension === undefined ? draft : extensionOf(draft, target.extension);
  const { name, multiValued } = target.attribute;
  const [first] = values;
  if (target.member === undefined) {
    holder[name] = multiValued ? values : first;
    return;
  }
  const member = target.member.name;
  if (!multiValued) {
    holder[name] = { ...(holder[name] as object | undefined), [member]: first };
    return;
  }
  const elements = elementsOf(holder, name);
  if (takesMany(target)) {
    for (const value of values) elements.push({ [member]: value });
    return;
  }
  const existing = elements.find((element) =>
    Object.entries(target.fixed).every(([key, value]) => element[key] === value),
  );
  if (existing === undefined) elements.push({ ...target.fixed, [member]: first });
  else existing[member] = first;
}

function extensionOf(draft: Record<string, unknown>, urn: string): Record<string, unknown> {
  const known = draft[urn];
  if (known !== undefined) return known as Record<string, unknown>;
  const extension: Record<string, unknown> = {};
  draft[urn] = extension;
  (draft["schemas"] as string[]).push(urn);
  return extension;
}

function elementsOf(holder: Record<string, unknown>, name: string): Record<string, unknown>[] {
  const known = holder[name];
  if (known !== undefined) return known as Record<string, unknown>[];
  const elements: Record<string, unknown>[] = [];
  holder[name] = elements;
  return elements;
}
