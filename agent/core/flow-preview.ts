import { type CompiledFlow, type CompiledMapping, sourcesOf } from "./compiled-mapping.ts";
import { printBase64 } from "./directory-value/octets.ts";
import { type Entry, valuesOf } from "./entry.ts";
import type { FlowTarget } from "./flow-target.ts";
import { mapEntry } from "./map-entry.ts";
import { printSource } from "./mapping.ts";
import { isObject } from "./scim/resource.ts";

/** What one flow makes of an entry, values included: for the operator on this machine. */
export interface FlowPreview {
  readonly target: string;
  /** The attribute, expression, function or constant, as configured. */
  readonly rule: string;
  /** Every attribute that the flow reads; bytes are base64. */
  readonly sources: readonly { readonly attribute: string; readonly values: readonly string[] }[];
  readonly result:
    | { readonly kind: "value"; readonly value: unknown }
    | { readonly kind: "none" }
    | { readonly kind: "problem"; readonly reason: string };
}

/** Takes a mapping apart for one entry, flow by flow in the order of the configuration. */
export function previewFlows(
  entry: Entry,
  options: {
    readonly mapping: CompiledMapping;
    readonly idOf: (dn: string) => string | undefined;
    readonly now: number;
  },
): readonly FlowPreview[] {
  const { mapping } = options;
  return mapping.flows.map((compiled) => {
    const { flow, expression } = compiled;
    return {
      target: flow.target,
      rule: printSource(flow),
      sources: sourcesOf(flow, expression).map((attribute) => ({
        attribute,
        values: valuesOf(entry, attribute).map((value) =>
          typeof value === "string" ? value : printBase64(value),
        ),
      })),
      result: resultOf(entry, compiled, options),
    };
  });
}

function resultOf(
  entry: Entry,
  compiled: CompiledFlow,
  options: Parameters<typeof previewFlows>[1],
): FlowPreview["result"] {
  const mapping = { ...options.mapping, flows: [compiled] };
  const mapped = mapEntry(entry, { ...options, mapping });
  if (mapped.kind === "problem") return { kind: "problem", reason: mapped.problem.reason };
  const value = valueAt(mapped.resource as unknown as Json, compiled.target);
  return value === undefined ? { kind: "none" } : { kind: "value", value };
}

type Json = Readonly<Record<string, unknown>>;

function valueAt(resource: Json, { extension, attribute, member, fixed }: FlowTarget): unknown {
  const holder = extension === undefined ? resource : resource[extension];
  const value = isObject(holder) ? holder[attribute.name] : undefined;
  if (member === undefined || value === undefined) return value;
  const read = (element: unknown) => (isObject(element) ? element[member.name] : undefined);
  if (!Array.isArray(value)) return read(value);
  const values = value.map(read);
  return Object.keys(fixed).length > 0 ? values[0] : values;
}
