import type { StagedItem } from "../core/provisioning/staged-import.ts";
import { compileElementFilter } from "../core/scim/filter-match.ts";
import { parsePath } from "../core/scim/path.ts";
import { isObject, memberReader } from "../core/scim/resource.ts";
import { locateAttribute } from "../core/scim/resource-type.ts";
import { ENTERPRISE_USER_SCHEMA } from "../core/scim/urn.ts";
import type { ResourceTypeName } from "../core/scope.ts";

type Json = Readonly<Record<string, unknown>>;

/** An object of the source that points at others, by their ids in the directory. */
export interface SourceReferences {
  readonly manager: string | undefined;
  readonly members: readonly string[];
}

/** What an agent reported of an entry. */
export interface SourceObject {
  readonly anchor: string;
  /** The directory's id. */
  readonly sourceId: string;
  readonly resourceType: ResourceTypeName;
  /** What is exported: without what is the target's to say, and without references. */
  readonly attributes: Json;
  readonly references: SourceReferences;
  /** Undefined where the type has none. */
  readonly active: boolean | undefined;
  /** `userName` or `displayName`: what a person recognises it by. */
  readonly name: string;
  readonly read: (attribute: string) => unknown;
}

/** Given by whoever keeps the resource (RFC 7643 sections 3.1 and 4.1.2). */
const OF_THE_PROVIDER: ReadonlySet<string> = new Set(["id", "meta", "groups", "members"]);

/** @returns undefined for an item that comes without a resource */
export function toSourceObject(item: StagedItem): SourceObject | undefined {
  const { data, sourceId, resourceType } = item;
  if (data === undefined || isObject(data["problem"])) return undefined;
  const { externalId, active } = data;
  const anchor = typeof externalId === "string" && externalId !== "" ? externalId : sourceId;
  return {
    anchor,
    sourceId,
    resourceType,
    attributes: { ...withoutReferences(data), externalId: anchor },
    references: { manager: managerOf(data), members: membersOf(data) },
    active: resourceType === "User" ? active !== false : undefined,
    name: nameOf(data) ?? anchor,
    read: (path) => readAttribute(resourceType, data, path),
  };
}

/** What stands in the place of a resource that could not be made (DESIGN section 4). */
export function problemOf({ data }: StagedItem): string | undefined {
  const problem = data?.["problem"];
  if (!isObject(problem)) return undefined;
  const { attribute, rule, reason } = problem;
  return `${String(attribute)}: ${String(reason)} (${String(rule)})`;
}

function withoutReferences(data: Json): Json {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(data)) {
    if (OF_THE_PROVIDER.has(name)) continue;
    if (name !== ENTERPRISE_USER_SCHEMA || !isObject(value)) {
      kept[name] = value;
      continue;
    }
    const { manager: _manager, ...rest } = value;
    if (Object.keys(rest).length > 0) kept[name] = rest;
  }
  // An extension is announced where it has content, which the manager alone is not yet.
  const { schemas } = kept;
  if (Array.isArray(schemas)) {
    kept["schemas"] = schemas.filter((urn) => urn !== ENTERPRISE_USER_SCHEMA || urn in kept);
  }
  return kept;
}

function managerOf(data: Json): string | undefined {
  const extension = data[ENTERPRISE_USER_SCHEMA];
  const manager = isObject(extension) ? extension["manager"] : undefined;
  const value = isObject(manager) ? manager["value"] : undefined;
  return typeof value === "string" ? value : undefined;
}

function membersOf(data: Json): readonly string[] {
  const { members } = data;
  if (!Array.isArray(members)) return [];
  const ids = members.map((member: unknown) => (isObject(member) ? member["value"] : undefined));
  return [...new Set(ids.filter((id) => typeof id === "string"))];
}

/** What a person recognises a resource by. */
function nameOf({ userName, displayName }: Json): string | undefined {
  const name = userName ?? displayName;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** Paths of clauses and matching attributes are few, objects are many. */
const READERS = new Map<string, (data: Json) => unknown>();
const MAX_READERS = 10_000;

/** A value by its SCIM path; all values of a multi-valued attribute, the only one of a path with a filter. */
function readAttribute(resourceType: ResourceTypeName, data: Json, path: string): unknown {
  const key = `${resourceType} ${path}`;
  const known = READERS.get(key);
  if (known !== undefined) return known(data);
  const reader = compileReader(resourceType, path);
  if (READERS.size < MAX_READERS) READERS.set(key, reader);
  return reader(data);
}

/** @throws ScimError for what is no path */
function compileReader(resourceType: ResourceTypeName, text: string): (data: Json) => unknown {
  const { filter, ...path } = parsePath(text);
  const { extension, attribute, subAttribute, definition } = locateAttribute(resourceType, path);
  const readHolder = extension === undefined ? undefined : memberReader(extension);
  const read = memberReader(attribute ?? path.attribute);
  const readSub = subAttribute === undefined ? undefined : memberReader(subAttribute);
  const matches =
    filter === undefined || definition === undefined
      ? undefined
      : compileElementFilter(filter, definition);
  return (data) => {
    const holder = readHolder === undefined ? data : readHolder(data);
    const value = isObject(holder) ? read(holder) : undefined;
    if (!Array.isArray(value)) return isObject(value) && readSub ? readSub(value) : value;
    const elements: readonly unknown[] = matches ? value.filter(matches) : value;
    const values = readSub
      ? elements.map((element) => (isObject(element) ? readSub(element) : element))
      : elements;
    return matches && values.length <= 1 ? values[0] : values;
  };
}

/** The filter that finds entries by their ids, as a search takes it. */
export function idFilterText(ids: readonly string[]): string {
  return ids.map((id) => `id eq ${JSON.stringify(id)}`).join(" or ");
}
