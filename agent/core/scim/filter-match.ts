import type { ResourceTypeName } from "../scope.ts";
import type { AttributePath } from "./attribute-path.ts";
import { compileComparison, type ValueTest } from "./comparison.ts";
import type { CompareFilter, PresentFilter, ScimFilter, ValuePathFilter } from "./filter.ts";
import { invalidFilter } from "./filter-token.ts";
import { isObject, isPresent, memberReader, type ScimResource } from "./resource.ts";
import { findSubAttribute, type LocatedAttribute, locateAttribute } from "./resource-type.ts";
import type { AttributeDefinition } from "./schema.ts";

/** Reads a value out of a resource, or out of an element of a multi-valued attribute. */
type Read = (holder: unknown) => unknown;

/** What a path means where it stands. */
interface Target {
  readonly read: Read;
  readonly definition: AttributeDefinition | undefined;
  readonly subAttribute: string | undefined;
  readonly subDefinition: AttributeDefinition | undefined;
}

type Locate = (path: AttributePath) => Target;
type Match = (holder: unknown) => boolean;

/**
 * Compiles a filter for resources of one type (RFC 7644 section 3.4.2.2). Attributes that no schema knows are looked
 * up in the resource all the same and compared by the type of their value. Where the RFC is silent: `ne` holds for an
 * absent attribute, and for a multi-valued one when any value differs.
 * @throws ScimError 400 invalidFilter: an operator that the attribute's type does not have
 */
export function compileFilter(
  filter: ScimFilter,
  resourceType: ResourceTypeName,
): (resource: ScimResource) => boolean {
  return compile(filter, (path) => resourceTarget(locateAttribute(resourceType, path)));
}

/**
 * Compiles the value filter of a path for the elements of the multi-valued attribute that `definition` defines.
 * @throws ScimError 400 invalidFilter: an operator that the sub-attribute's type does not have
 */
export function compileElementFilter(
  filter: ScimFilter,
  definition: AttributeDefinition,
): (element: unknown) => boolean {
  return compile(filter, (path) => elementTarget(definition, path));
}

function compile(filter: ScimFilter, locate: Locate): Match {
  switch (filter.kind) {
    case "and": {
      const parts = filter.filters.map((part) => compile(part, locate));
      return (holder) => parts.every((matches) => matches(holder));
    }
    case "or": {
      const parts = filter.filters.map((part) => compile(part, locate));
      return (holder) => parts.some((matches) => matches(holder));
    }
    case "not": {
      const matches = compile(filter.filter, locate);
      return (holder) => !matches(holder);
    }
    case "valuePath":
      return compileValuePath(filter, locate);
    case "compare":
    case "present": {
      const target = locate(filter.path);
      const matches = compileTest(filter, target);
      return (holder) => matches(target.read(holder));
    }
  }
}

function compileValuePath({ path, filter, test }: ValuePathFilter, locate: Locate): Match {
  const target = locate(path);
  const matches = compile(filter, (inner) => elementTarget(target.definition, inner));
  if (test === undefined) {
    return (holder) => elementsOf(target.read(holder)).some(matches);
  }
  const name = test.path.attribute;
  const passes = compileTest(test, {
    ...target,
    subAttribute: name,
    subDefinition: findSubAttribute(target.definition, name),
  });
  return (holder) => passes(elementsOf(target.read(holder)).filter(matches));
}

/** The test of an attribute's whole value: one value, an array, null or undefined. */
function compileTest(filter: CompareFilter | PresentFilter, target: Target): Match {
  if (filter.kind === "present") return compilePresence(target);
  const { operator, value } = filter;
  if (value === null) {
    const present = compilePresence(target);
    if (operator === "ne") return present;
    if (operator === "eq") return (attribute) => !present(attribute);
    throw invalidFilter(`${operator} does not apply to null`);
  }
  const readValue = valueReader(target.subAttribute ?? "value");
  const definition = valueDefinition(target);
  if (operator === "ne") {
    const equals = compileComparison("eq", value, definition);
    const differs: ValueTest = (leaf) => !equals(leaf);
    return (attribute) => anyValue(attribute, readValue, differs) !== false;
  }
  const test = compileComparison(operator, value, definition);
  return (attribute) => anyValue(attribute, readValue, test) === true;
}

function compilePresence({ subAttribute }: Target): Match {
  if (subAttribute === undefined) return isPresent;
  const read = valueReader(subAttribute);
  return (attribute) => elementsOf(attribute).some((element) => isPresent(read(element)));
}

/** The definition of the values that are compared: a complex attribute alone means its `value`. */
function valueDefinition(target: Target): AttributeDefinition | undefined {
  if (target.subAttribute !== undefined) return target.subDefinition;
  if (target.definition?.type !== "complex") return target.definition;
  return findSubAttribute(target.definition, "value");
}

/** Whether the test holds for any value; undefined when there is no value at all. */
function anyValue(attribute: unknown, read: Read, test: ValueTest): boolean | undefined {
  if (!Array.isArray(attribute)) {
    const leaf = read(attribute);
    return leaf === undefined || leaf === null ? undefined : test(leaf);
  }
  let found: false | undefined;
  for (const element of attribute) {
    const leaf = read(element);
    if (leaf === undefined || leaf === null) continue;
    if (test(leaf)) return true;
    found = false;
  }
  return found;
}

function elementsOf(attribute: unknown): readonly unknown[] {
  if (Array.isArray(attribute)) return attribute;
  return attribute === undefined || attribute === null ? [] : [attribute];
}

/** Reads a sub-attribute of an element. An element that is no object is its own `value`. */
function valueReader(name: string): Read {
  const read = memberReader(name);
  const isValue = name.toLowerCase() === "value";
  return (element) => {
    if (isObject(element)) return read(element);
    return isValue ? element : undefined;
  };
}

function resourceTarget(located: LocatedAttribute): Target {
  const { extension, attribute, definition, subAttribute, subDefinition } = located;
  // RFC 7643 section 7: what is never returned cannot be searched for either.
  if (definition?.returned === "never") return { ...located, read: () => undefined };
  const readExtension = extension === undefined ? undefined : memberReader(extension);
  const readAttribute = attribute === undefined ? undefined : memberReader(attribute);
  const read: Read = (resource) => {
    const holder = readExtension === undefined ? resource : readFrom(resource, readExtension);
    return readAttribute === undefined ? holder : readFrom(holder, readAttribute);
  };
  return { read, definition, subAttribute, subDefinition };
}

function readFrom(holder: unknown, read: ReturnType<typeof memberReader>): unknown {
  return isObject(holder) ? read(holder) : undefined;
}

function elementTarget(
  definition: AttributeDefinition | undefined,
  { attribute, subAttribute }: AttributePath,
): Target {
  return {
    read: valueReader(attribute),
    definition: findSubAttribute(definition, attribute),
    subAttribute,
    subDefinition: undefined,
  };
}
