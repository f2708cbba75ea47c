import { isObject, type ScimResource } from "../../core/scim/resource.ts";
import type { ResourceBody } from "../../core/scim/resource-body.ts";
import { RESOURCE_TYPES } from "../../core/scim/resource-type.ts";
import { ENTERPRISE_USER_SCHEMA } from "../../core/scim/urn.ts";
import type { ResourceStore } from "./store.ts";
import { displayOf, type StoredResource } from "./stored-resource.ts";

/** The weak entity tag of RFC 7644 section 3.14. */
export function versionOf({ revision }: StoredResource): string {
  return `W/"${revision}"`;
}

export function locationOf({ type, id }: StoredResource, base: string): string {
  return `${base}${RESOURCE_TYPES[type].endpoint}/${id}`;
}

/** A resource as clients see it, with everything that is derived from others. */
export function represent(
  stored: StoredResource,
  { store, base }: { readonly store: ResourceStore; readonly base: string },
): ScimResource {
  const { id, type, content, created, lastModified } = stored;
  const { schemas, ...attributes } = content;
  const location = locationOf(stored, base);
  const refer = (target: StoredResource) => ({ $ref: locationOf(target, base) });
  return {
    schemas,
    id,
    ...attributes,
    ...(type === "User" ? groupsOf(stored, store, refer) : membersOf(content, store, refer)),
    ...(type === "User" ? managerOf(content, store, refer) : {}),
    meta: { resourceType: type, created, lastModified, location, version: versionOf(stored) },
  };
}

type Refer = (target: StoredResource) => { readonly $ref: string };

/** RFC 7643 section 4.1.2: read-only, and what the groups say. */
function groupsOf({ id }: StoredResource, store: ResourceStore, refer: Refer): object {
  const groups = [];
  for (const groupId of store.groupsOf(id)) {
    const group = store.get("Group", groupId);
    if (group === undefined) continue;
    const display = displayOf(group);
    groups.push({
      value: groupId,
      ...refer(group),
      ...(display === undefined ? {} : { display }),
      type: "direct",
    });
  }
  return groups.length === 0 ? {} : { groups };
}

function membersOf(content: ResourceBody, store: ResourceStore, refer: Refer): object {
  const { members } = content as { members?: unknown };
  if (!Array.isArray(members)) return {};
  return {
    members: members.map((member) => {
      const target = isObject(member) ? store.find(String(member["value"])) : undefined;
      if (target === undefined) return member;
      const display = displayOf(target);
      return {
        value: target.id,
        ...refer(target),
        type: target.type,
        ...(display === undefined ? {} : { display }),
      };
    }),
  };
}

function managerOf(content: ResourceBody, store: ResourceStore, refer: Refer): object {
  const enterprise = content[ENTERPRISE_USER_SCHEMA];
  const manager = isObject(enterprise) ? enterprise["manager"] : undefined;
  if (!isObject(enterprise) || !isObject(manager)) return {};
  const target = store.get("User", String(manager["value"]));
  if (target === undefined) return {};
  const displayName = displayOf(target);
  return {
    [ENTERPRISE_USER_SCHEMA]: {
      ...enterprise,
      manager: {
        value: target.id,
        ...refer(target),
        ...(displayName === undefined ? {} : { displayName }),
      },
    },
  };
}
