import { randomUUID } from "node:crypto";
import { ScimError } from "../../core/scim/error.ts";
import { isObject } from "../../core/scim/resource.ts";
import type { ResourceBody } from "../../core/scim/resource-body.ts";
import type { ResourceTypeName } from "../../core/scope.ts";
import { displayOf, memberIds, type StoredResource } from "./stored-resource.ts";
import { ValueIndex } from "./value-index.ts";

/** What can be looked up without reading every resource. */
export type IndexedAttribute = "userName" | "displayName" | "externalId" | "emails";

export interface ResourceStoreOptions {
  /** Whether two groups may not have the same displayName, as Entra expects it. */
  readonly uniqueGroupNames: boolean;
  readonly now: () => Date;
}

/** Most resources of both kinds together. */
const MAX_RESOURCES = 1_000_000;

const INDEXED: readonly IndexedAttribute[] = ["userName", "displayName", "externalId", "emails"];

/** The resources in memory, with the indexes that keep ten thousands of them fast. */
export class ResourceStore {
  readonly #options: ResourceStoreOptions;
  readonly #resources = {
    User: new Map<string, StoredResource>(),
    Group: new Map<string, StoredResource>(),
  } as const;
  readonly #indexes = new Map<string, ValueIndex>();
  /** Groups by the ids of their members. */
  readonly #groupsOf = new ValueIndex();
  /** Ids of resources that are about to be created. */
  readonly #reserved = new Map<string, ResourceTypeName>();
  #sequence = 0;
  #revision = 0;
  /** Called after each change. */
  onChange: () => void = () => undefined;

  constructor(options: ResourceStoreOptions) {
    this.#options = options;
  }

  get(type: ResourceTypeName, id: string): StoredResource | undefined {
    return this.#resources[type].get(id);
  }

  find(id: string): StoredResource | undefined {
    return this.get("User", id) ?? this.get("Group", id);
  }

  /** The type of a resource that is there or about to be created. */
  typeOf(id: string): ResourceTypeName | undefined {
    return this.find(id)?.type ?? this.#reserved.get(id);
  }

  /** In the order in which they were created. */
  list(type: ResourceTypeName): Iterable<StoredResource> {
    return this.#resources[type].values();
  }

  count(type: ResourceTypeName): number {
    return this.#resources[type].size;
  }

  /** @param value as a client compares it, in any letter case where the attribute is not case exact */
  idsWith(type: ResourceTypeName, attribute: IndexedAttribute, value: string): ReadonlySet<string> {
    return this.#index(type, attribute).idsOf(fold(attribute, value));
  }

  /** Ids of the groups that have this resource as a member. */
  groupsOf(id: string): ReadonlySet<string> {
    return this.#groupsOf.idsOf(id);
  }

  /** Takes an id for a resource that will be created, so that others can refer to it before. */
  reserve(type: ResourceTypeName): string {
    const id = randomUUID();
    this.#reserved.set(id, type);
    return id;
  }

  /** Gives a reserved id up. References to it go, unless the resource was created. */
  release(id: string): void {
    this.#reserved.delete(id);
    if (this.find(id) === undefined) this.#removeMember(id);
  }

  /** @throws ScimError 409 uniqueness, 413 when there are too many resources */
  create(type: ResourceTypeName, content: ResourceBody, id: string = randomUUID()): StoredResource {
    if (this.count("User") + this.count("Group") >= MAX_RESOURCES) {
      throw new ScimError(413, `there are ${MAX_RESOURCES} resources, which is as many as fit`);
    }
    this.#assertUnique(type, content, undefined);
    const created = this.#now();
    return this.#put({ id, type, content, created, lastModified: created }, undefined);
  }

  /** @throws ScimError 409 uniqueness */
  replace(stored: StoredResource, content: ResourceBody): StoredResource {
    this.#assertUnique(stored.type, content, stored.id);
    return this.#put({ ...stored, content, lastModified: this.#now() }, stored);
  }

  /** Removes it, also from the groups that it is a member of. */
  delete({ id, type }: StoredResource): void {
    const stored = this.get(type, id);
    if (stored === undefined) return;
    this.#removeMember(id);
    this.#resources[type].delete(id);
    this.#unlink(stored);
    for (const member of memberIds(stored.content)) this.#touch(member);
    this.onChange();
  }

  /** Takes up a resource as it was when it was saved. Whoever does this with many calls it before all else. */
  restore(saved: Omit<StoredResource, "sequence">): void {
    this.#revision = Math.max(this.#revision, saved.revision);
    const stored = { ...saved, sequence: this.#sequence++ };
    this.#resources[stored.type].set(stored.id, stored);
    this.#link(stored);
  }

  #put(
    fields: Omit<StoredResource, "revision" | "sequence">,
    before: StoredResource | undefined,
  ): StoredResource {
    const sequence = before?.sequence ?? this.#sequence++;
    const stored = { ...fields, sequence, revision: ++this.#revision };
    if (before !== undefined) this.#unlink(before);
    this.#resources[stored.type].set(stored.id, stored);
    this.#link(stored);
    this.#touchRelated(stored, before);
    this.onChange();
    // A group may have itself as a member.
    return this.get(stored.type, stored.id) ?? stored;
  }

  /** What is shown of others and derived from this one is different now. */
  #touchRelated(stored: StoredResource, before: StoredResource | undefined): void {
    const members = new Set(memberIds(stored.content));
    const known = new Set(before === undefined ? [] : memberIds(before.content));
    const renamed = before !== undefined && displayOf(before) !== displayOf(stored);
    for (const id of members) if (renamed || !known.has(id)) this.#touch(id);
    for (const id of known) if (!members.has(id)) this.#touch(id);
    if (!renamed) return;
    for (const id of this.groupsOf(stored.id)) this.#touch(id);
  }

  #touch(id: string): void {
    const stored = this.find(id);
    if (stored === undefined) return;
    this.#resources[stored.type].set(id, { ...stored, revision: ++this.#revision });
  }

  #removeMember(id: string): void {
    for (const groupId of [...this.groupsOf(id)]) {
      const group = this.get("Group", groupId);
      if (group === undefined) continue;
      const { members, ...rest } = group.content as ResourceBody & { members?: unknown };
      const left = Array.isArray(members)
        ? members.filter((member) => isObject(member) && member["value"] !== id)
        : [];
      const content: ResourceBody = left.length === 0 ? rest : { ...rest, members: left };
      this.#put({ ...group, content, lastModified: this.#now() }, group);
    }
  }

  #link(stored: StoredResource): void {
    for (const [attribute, value] of indexedValues(stored)) {
      this.#index(stored.type, attribute).add(fold(attribute, value), stored.id);
    }
    for (const member of memberIds(stored.content)) this.#groupsOf.add(member, stored.id);
  }

  #unlink(stored: StoredResource): void {
    for (const [attribute, value] of indexedValues(stored)) {
      this.#index(stored.type, attribute).delete(fold(attribute, value), stored.id);
    }
    for (const member of memberIds(stored.content)) this.#groupsOf.delete(member, stored.id);
  }

  #index(type: ResourceTypeName, attribute: IndexedAttribute): ValueIndex {
    const key = `${type}.${attribute}`;
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    const index = new ValueIndex();
    this.#indexes.set(key, index);
    return index;
  }

  /** RFC 7643 section 2.2: in any letter case, since userName is not case exact. */
  #assertUnique(type: ResourceTypeName, content: ResourceBody, self: string | undefined): void {
    const attribute = this.#uniqueAttribute(type);
    const value = attribute === undefined ? undefined : content[attribute];
    if (attribute === undefined || typeof value !== "string") return;
    for (const id of this.idsWith(type, attribute, value)) {
      if (id === self) continue;
      throw new ScimError(409, `another ${type} has this ${attribute}`, { scimType: "uniqueness" });
    }
  }

  #uniqueAttribute(type: ResourceTypeName): "userName" | "displayName" | undefined {
    if (type === "User") return "userName";
    return this.#options.uniqueGroupNames ? "displayName" : undefined;
  }

  #now(): string {
    return this.#options.now().toISOString();
  }
}

function indexedValues({ content }: StoredResource): [IndexedAttribute, string][] {
  return INDEXED.flatMap((attribute): [IndexedAttribute, string][] => {
    const value = content[attribute];
    const values = Array.isArray(value) ? value.map(innerValue) : [value];
    return values.flatMap((each): [IndexedAttribute, string][] =>
      typeof each === "string" ? [[attribute, each]] : [],
    );
  });
}

function innerValue(element: unknown): unknown {
  return isObject(element) ? element["value"] : element;
}

function fold(attribute: IndexedAttribute, value: string): string {
  // RFC 7643 section 3.1: externalId is case exact.
  return attribute === "externalId" ? value : value.toLowerCase();
}
