import type { ResourceTypeName } from "../scope.ts";
import { type AttributePath, parseAttributePath } from "./attribute-path.ts";
import { COMMON_ATTRIBUTES } from "./common-attributes.ts";
import { ENTERPRISE_USER } from "./enterprise-user-schema.ts";
import { GROUP } from "./group-schema.ts";
import type { AttributeDefinition, SchemaDefinition } from "./schema.ts";
import { USER } from "./user-schema.ts";

/** RFC 7643 section 6, as far as the agent uses it. */
export interface ResourceType {
  readonly name: ResourceTypeName;
  /** Path of its resources below the base of the service provider. */
  readonly endpoint: string;
  readonly schema: SchemaDefinition;
  readonly extensions: readonly SchemaDefinition[];
}

export const RESOURCE_TYPES: Readonly<Record<ResourceTypeName, ResourceType>> = {
  User: { name: "User", endpoint: "/Users", schema: USER, extensions: [ENTERPRISE_USER] },
  Group: { name: "Group", endpoint: "/Groups", schema: GROUP, extensions: [] },
};

/** Where in a resource an attribute path points, whether a schema knows it or not. Known names are canonical. */
export interface LocatedAttribute {
  /** URN of the object that holds the attribute; undefined at the top level. */
  readonly extension: string | undefined;
  /** Undefined when the path names a whole schema. */
  readonly attribute: string | undefined;
  readonly definition: AttributeDefinition | undefined;
  readonly subAttribute: string | undefined;
  readonly subDefinition: AttributeDefinition | undefined;
}

/** An attribute that a schema of the resource type defines. */
export interface FoundAttribute {
  /** URN of the schema. The common attributes count as the core schema's. */
  readonly schema: string;
  /** Whether the schema is an extension, so that the attribute stands in an object of its own. */
  readonly extension: boolean;
  readonly attribute: AttributeDefinition;
  readonly subAttribute?: AttributeDefinition;
}

interface SchemaIndex {
  readonly id: string;
  readonly extension: string | undefined;
  readonly attributes: ReadonlyMap<string, AttributeDefinition>;
}

/** Core first, then the extensions: the order in which a name without URN is looked up. */
const SCHEMAS: Readonly<Record<ResourceTypeName, readonly SchemaIndex[]>> = {
  User: indexSchemas(RESOURCE_TYPES.User),
  Group: indexSchemas(RESOURCE_TYPES.Group),
};

function indexSchemas({ schema, extensions }: ResourceType): readonly SchemaIndex[] {
  return [
    {
      id: schema.id,
      extension: undefined,
      attributes: indexAttributes([...COMMON_ATTRIBUTES, ...schema.attributes]),
    },
    ...extensions.map(({ id, attributes }) => ({
      id,
      extension: id,
      attributes: indexAttributes(attributes),
    })),
  ];
}

function indexAttributes(
  attributes: readonly AttributeDefinition[],
): ReadonlyMap<string, AttributeDefinition> {
  return new Map(attributes.map((attribute) => [attribute.name.toLowerCase(), attribute]));
}

/**
 * Resolves a path against the schemas of a resource type, names in any letter case. The notation `<URN>.name` of
 * Entra's older clients and a URN alone, which the grammar reads as an attribute, are understood too.
 */
export function locateAttribute(
  resourceType: ResourceTypeName,
  path: AttributePath,
): LocatedAttribute {
  const schemas = SCHEMAS[resourceType];
  const { schema, attribute, subAttribute } = path;
  if (schema === undefined) {
    const index = schemas.find(({ attributes }) => attributes.has(attribute.toLowerCase()));
    return locate(index, index?.extension, attribute, subAttribute);
  }
  const whole = findSchema(schemas, `${schema}:${attribute}`);
  if (whole !== undefined) return locate(whole, whole.extension, subAttribute, undefined);
  const index = findSchema(schemas, schema);
  return locate(index, index === undefined ? schema : index.extension, attribute, subAttribute);
}

/**
 * The definition of the attribute at `path`, text or parsed.
 * @returns undefined when no schema of the resource type defines it
 */
export function findAttribute(
  resourceType: ResourceTypeName,
  path: string | AttributePath,
): FoundAttribute | undefined {
  const parsed = typeof path === "string" ? parseAttributePath(path) : path;
  if (parsed === undefined) return undefined;
  const located = locateAttribute(resourceType, parsed);
  if (located.definition === undefined) return undefined;
  if (located.subAttribute !== undefined && located.subDefinition === undefined) return undefined;
  return {
    schema: located.extension ?? RESOURCE_TYPES[resourceType].schema.id,
    extension: located.extension !== undefined,
    attribute: located.definition,
    ...(located.subDefinition === undefined ? {} : { subAttribute: located.subDefinition }),
  };
}

/** The sub-attribute of this name in any letter case. */
export function findSubAttribute(
  definition: AttributeDefinition | undefined,
  name: string,
): AttributeDefinition | undefined {
  const folded = name.toLowerCase();
  return definition?.subAttributes?.find((sub) => sub.name.toLowerCase() === folded);
}

function findSchema(schemas: readonly SchemaIndex[], urn: string): SchemaIndex | undefined {
  const folded = urn.toLowerCase();
  return schemas.find(({ id }) => id.toLowerCase() === folded);
}

function locate(
  index: SchemaIndex | undefined,
  extension: string | undefined,
  attribute: string | undefined,
  subAttribute: string | undefined,
): LocatedAttribute {
  const definition =
    attribute === undefined ? undefined : index?.attributes.get(attribute.toLowerCase());
  const subDefinition =
    subAttribute === undefined ? undefined : findSubAttribute(definition, subAttribute);
  return {
    extension,
    attribute: definition?.name ?? attribute,
    definition,
    subAttribute: subDefinition?.name ?? subAttribute,
    subDefinition,
  };
}
