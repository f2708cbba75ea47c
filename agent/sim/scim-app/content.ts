import type { JsonObject } from "../../core/scim/attribute-value.ts";
import { badRequest } from "../../core/scim/error.ts";
import { isObject } from "../../core/scim/resource.ts";
import type { ResourceBody } from "../../core/scim/resource-body.ts";
import { ENTERPRISE_USER_SCHEMA } from "../../core/scim/urn.ts";
import type { ResourceStore } from "./store.ts";

/** `…/Users/<id>`, as references spell it. */
const REFERENCE = /\/(?:Users|Groups)\/([^/?#]+)$/;

/**
 * What is kept of a resource that a client sent or patched: nothing that is derived, and references by id alone. The
 * password is thrown away, since nobody signs in here.
 * @throws ScimError 400 invalidValue: a member that is no resource of this server
 */
export function storedContent(resource: JsonObject, store: ResourceStore): ResourceBody {
  const { id: _id, meta: _meta, groups: _groups, password: _password, ...rest } = resource;
  const { members, [ENTERPRISE_USER_SCHEMA]: enterprise, ...content } = rest;
  const kept = Array.isArray(members) ? storedMembers(members, store) : [];
  return {
    ...(content as ResourceBody),
    ...(kept.length === 0 ? {} : { members: kept }),
    ...(isObject(enterprise)
      ? { [ENTERPRISE_USER_SCHEMA]: storedEnterprise(enterprise, store) }
      : {}),
  };
}

function storedMembers(members: readonly unknown[], store: ResourceStore): readonly JsonObject[] {
  const kept = new Map<string, JsonObject>();
  for (const member of members) {
    const value = referredId(member);
    const type = value === undefined ? undefined : store.typeOf(value);
    if (value === undefined || type === undefined) {
      throw badRequest("invalidValue", "a member is neither a user nor a group of this server");
    }
    kept.set(value, { value, type });
  }
  return [...kept.values()];
}

/** A manager who is not here is kept as given: clients may send people in any order. */
function storedEnterprise(enterprise: JsonObject, store: ResourceStore): JsonObject {
  const { manager } = enterprise;
  if (!isObject(manager)) return enterprise;
  const { displayName: _displayName, $ref, ...rest } = manager;
  const value = referredId(manager);
  const named = typeof $ref === "string" ? REFERENCE.exec($ref)?.[1] : undefined;
  // The reference of whoever was manager before says nothing of the new one.
  const derived = [value, named].some((id) => id !== undefined && store.typeOf(id) === "User");
  return {
    ...enterprise,
    manager: {
      ...rest,
      ...(value === undefined ? {} : { value }),
      ...($ref === undefined || derived ? {} : { $ref }),
    },
  };
}

function referredId(reference: unknown): string | undefined {
  if (!isObject(reference)) return undefined;
  const { value, $ref } = reference;
  if (typeof value === "string") return value;
  return typeof $ref === "string" ? REFERENCE.exec($ref)?.[1] : undefined;
}
