import { isObject } from "../../core/scim/resource.ts";
import type { ResourceBody } from "../../core/scim/resource-body.ts";
import type { ResourceTypeName } from "../../core/scope.ts";

/** A resource as the store keeps it: what can be derived is left out of its content. */
export interface StoredResource {
  readonly id: string;
  readonly type: ResourceTypeName;
  /** Counts the resources in the order in which they were created. */
  readonly sequence: number;
  /** Without `id`, `meta`, `groups` and `password`; members are `{value, type}`. */
  readonly content: ResourceBody;
  /** xsd:dateTime in UTC. */
  readonly created: string;
  readonly lastModified: string;
  /** Another one after each change of what a client can see, derived attributes included. */
  readonly revision: number;
}

/** The ids that the members of a group point at, in their order. */
export function memberIds(content: ResourceBody): readonly string[] {
  const { members } = content as { members?: unknown };
  if (!Array.isArray(members)) return [];
  return members.flatMap((member) =>
    isObject(member) && typeof member["value"] === "string" ? [member["value"]] : [],
  );
}

/** What a person would call it: `display` of whoever refers to it. */
export function displayOf({ content }: StoredResource): string | undefined {
  for (const name of ["displayName", "userName"]) {
    const value = content[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return undefined;
}
