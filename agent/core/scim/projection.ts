import type { ResourceTypeName } from "../scope.ts";
import { parseAttributePath } from "./attribute-path.ts";
import { ScimError } from "./error.ts";
import { isObject, type ScimResource } from "./resource.ts";
import { locateAttribute, RESOURCE_TYPES } from "./resource-type.ts";

/** Which attributes a client wants (RFC 7644 section 3.9). An empty list counts as none given. */
export interface ProjectionOptions {
  readonly attributes?: readonly string[];
  readonly excludedAttributes?: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;
/** By member name in lower case: `true` is the whole member, a map is the members named in it. */
type Selection = Map<string, true | Selection>;

/** Most paths in one request. */
const MAX_PATHS = 512;

const ALWAYS = ["schemas", "id"] as const;

/**
 * Compiles a choice of attributes for resources of one type: names in any letter case, with or without URN, with
 * sub-attributes, or a URN alone for all of a schema. `schemas` and `id` are always there, `password` never. Names
 * that nothing has are ignored. What is left empty is left out.
 * @throws ScimError 400 invalidValue: both lists given, more than 512 paths, or a path that is none
 */
export function compileProjection(
  options: ProjectionOptions,
  resourceType: ResourceTypeName,
): (resource: ScimResource) => ScimResource {
  const attributes = options.attributes ?? [];
  const excludedAttributes = options.excludedAttributes ?? [];
  if (attributes.length > 0 && excludedAttributes.length > 0) {
    throw invalidValue("attributes and excludedAttributes exclude each other");
  }
  if (attributes.length + excludedAttributes.length > MAX_PATHS) {
    throw invalidValue(`more than ${MAX_PATHS} attributes are named`);
  }
  const { schema, extensions } = RESOURCE_TYPES[resourceType];
  const hidden = [schema, ...extensions].flatMap((each) =>
    each.attributes.flatMap(({ name, returned }) =>
      returned === "never" ? [`${each.id}:${name}`] : [],
    ),
  );
  const excluded = select([...excludedAttributes, ...hidden], resourceType);
  for (const name of ALWAYS) excluded.delete(name);
  const drop = (resource: Json) => withoutSelected(resource, excluded);
  if (attributes.length === 0) return (resource) => drop(resource) as ScimResource;
  const included = select([...attributes, ...ALWAYS], resourceType);
  return (resource) => keepSelected(drop(resource), included) as ScimResource;
}

/** Applies `compileProjection` to one resource. */
export function projectResource(
  resource: ScimResource,
  options: ProjectionOptions,
  resourceType: ResourceTypeName,
): ScimResource {
  return compileProjection(options, resourceType)(resource);
}

function select(paths: readonly string[], resourceType: ResourceTypeName): Selection {
  const selection: Selection = new Map();
  for (const text of paths) {
    const path = parseAttributePath(text);
    if (path === undefined) throw invalidValue("an attribute that is named is no attribute path");
    const { extension, attribute, subAttribute } = locateAttribute(resourceType, path);
    if (extension === undefined && attribute === undefined) {
      for (const { name } of RESOURCE_TYPES[resourceType].schema.attributes) add(selection, [name]);
      continue;
    }
    add(
      selection,
      [extension, attribute, subAttribute].filter((name) => name !== undefined),
    );
  }
  return selection;
}

function add(selection: Selection, names: readonly string[]): void {
  let level = selection;
  for (const [depth, name] of names.entries()) {
    const key = name.toLowerCase();
    const known = level.get(key);
    if (known === true) return;
    if (depth === names.length - 1) {
      level.set(key, true);
      return;
    }
    const inner: Selection = known ?? new Map();
    level.set(key, inner);
    level = inner;
  }
}

function keepSelected(holder: Json, selection: Selection): Json {
  return mapMembers(holder, (value, name) => {
    const choice = selection.get(name);
    if (choice === undefined) return undefined;
    if (choice === true) return value;
    return mapElements(value, (element) =>
      isObject(element) ? keepSelected(element, choice) : undefined,
    );
  });
}

function withoutSelected(holder: Json, selection: Selection): Json {
  if (!Object.keys(holder).some((name) => selection.has(name.toLowerCase()))) return holder;
  return mapMembers(holder, (value, name) => {
    const choice = selection.get(name);
    if (choice === undefined) return value;
    if (choice === true) return undefined;
    return mapElements(value, (element) =>
      isObject(element) ? withoutSelected(element, choice) : element,
    );
  });
}

/** A copy without the members that become undefined. */
function mapMembers(holder: Json, change: (value: unknown, name: string) => unknown): Json {
  const members: [string, unknown][] = [];
  for (const [name, value] of Object.entries(holder)) {
    const changed = change(value, name.toLowerCase());
    if (changed !== undefined) members.push([name, changed]);
  }
  return Object.fromEntries(members);
}

/** Changes a value, or each element of an array; undefined when nothing is left. */
function mapElements(value: unknown, change: (element: unknown) => unknown): unknown {
  if (!Array.isArray(value)) {
    const changed = change(value);
    return isEmpty(changed) ? undefined : changed;
  }
  const elements = value.map(change).filter((element) => !isEmpty(element));
  return elements.length === 0 ? undefined : elements;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (isObject(value) && Object.keys(value).length === 0);
}

function invalidValue(detail: string): ScimError {
  return new ScimError(400, detail, { scimType: "invalidValue" });
}
