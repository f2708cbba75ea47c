import type { CompiledFlow, CompiledMapping } from "../core/compiled-mapping.ts";
import { computedSources } from "../core/computed-value.ts";
import { RESOURCE_TYPES } from "../core/scim/resource-type.ts";
import type { AttributeDefinition, SchemaDefinition } from "../core/scim/schema.ts";

/**
 * The schemas of one resource type with the attributes that these mappings, one for each directory, write: what they
 * do not write is in no answer. The characteristics are those of RFC 7643; the description says where the value comes
 * from, and `canonicalValues` what a mapping fixes. Common attributes (RFC 7643 section 3.1) belong to no schema. An
 * extension of which nothing is written is left out.
 */
export function servedSchemas(mappings: readonly CompiledMapping[]): readonly SchemaDefinition[] {
  const [first] = mappings;
  if (first === undefined) return [];
  const { schema, extensions } = RESOURCE_TYPES[first.resourceType];
  const flows = mappings.flatMap((mapping) => mapping.flows);
  const served = [schema, ...extensions].map((definition) => ({
    ...definition,
    attributes: definition.attributes.flatMap((attribute) => {
      const writers = flows.filter(({ target }) => target.attribute === attribute);
      return writers.length === 0 ? [] : [servedAttribute(attribute, writers)];
    }),
  }));
  return served.filter(({ id, attributes }) => id === schema.id || attributes.length > 0);
}

function servedAttribute(
  attribute: AttributeDefinition,
  writers: readonly CompiledFlow[],
): AttributeDefinition {
  const { subAttributes, ...plain } = attribute;
  const described = { ...plain, description: describe(writers) };
  if (subAttributes === undefined) return described;
  const members = subAttributes.flatMap((member) => servedMember(member, writers) ?? []);
  return { ...described, subAttributes: members };
}

function servedMember(
  member: AttributeDefinition,
  writers: readonly CompiledFlow[],
): AttributeDefinition | undefined {
  const own = writers.filter(({ target }) => target.member?.name === member.name);
  if (own.length > 0) return { ...member, description: describe(own) };
  const fixed = writers.flatMap(({ target }) =>
    Object.hasOwn(target.fixed, member.name) ? [target.fixed[member.name]] : [],
  );
  if (fixed.length === 0) return undefined;
  const texts = [...new Set(fixed)].filter((value) => typeof value === "string");
  return {
    ...member,
    description: "Fixed by the mapping",
    ...(texts.length === 0 ? {} : { canonicalValues: texts }),
  };
}

function describe(writers: readonly CompiledFlow[]): string {
  const sources = writers.map(({ flow, target, sources: read }) => {
    if (flow.kind === "constant") return "the same for all";
    if (flow.kind === "computed") {
      return `${flow.computed} of the directory's ${computedSources(flow).join(", ")}`;
    }
    if (flow.kind === "expression") return `an expression of the directory's ${read.join(", ")}`;
    return target.isReference
      ? `id of the entry that the directory's ${flow.attribute} names`
      : `the directory's ${flow.attribute}`;
  });
  return [...new Set(sources)].join(", ");
}
