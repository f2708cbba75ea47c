import { coerceValue } from "./coercion.ts";
import { type CompiledFlow, type CompiledMapping, REQUIRED_TARGET } from "./compiled-mapping.ts";
import type { Entry } from "./entry.ts";
import type { EntryProblem } from "./exchange.ts";
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
  for (const compiled of mapping.flows) {
    const { flow, target } = compiled;
    const values = flow.kind === "constant" ? [flow.value] : readValues(entry, compiled, idOf);
    if ("reason" in values) return problemOf(entry, { resourceType, flow, reason: values.reason });
    if (values.length > 0) write(draft, compiled, values);
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

const NONE: readonly Written[] = [];

/** The values of a direct flow as the target wants them. Empty text counts as no value. */
function readValues(
  entry: Entry,
  { target, attribute, takesMany }: CompiledFlow,
  idOf: (dn: string) => string | undefined,
): readonly Written[] | { readonly reason: string } {
  const values = attribute === undefined ? undefined : entry.attributes.get(attribute);
  if (values === undefined) return NONE;
  if (target.isReference) {
    return values.flatMap((dn) => (typeof dn === "string" ? (idOf(dn) ?? []) : []));
  }
  const { type } = target.member ?? target.attribute;
  const written: Written[] = [];
  for (const value of values) {
    if (value.length === 0) continue;
    const coerced = coerceValue(value, type);
    if (!coerced.ok) return coerced;
    written.push(coerced.value);
    // A single target takes the first value, as the server orders them.
    if (!takesMany) break;
  }
  return written;
}

function write(
  draft: Record<string, unknown>,
  { target, takesMany, fixed }: CompiledFlow,
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
    membersOf(holder, name)[member] = first;
    return;
  }
  const elements = elementsOf(holder, name);
  if (takesMany) {
    for (const value of values) elements.push({ [member]: value });
    return;
  }
  const existing = elements.find((element) =>
    fixed.every(([key, value]) => element[key] === value),
  );
  if (existing === undefined) elements.push({ ...target.fixed, [member]: first });
  else existing[member] = first;
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

function elementsOf(holder: Record<string, unknown>, name: string): Record<string, unknown>[] {
  const known = holder[name];
  if (known !== undefined) return known as Record<string, unknown>[];
  const elements: Record<string, unknown>[] = [];
  holder[name] = elements;
  return elements;
}
