import { allOf, anyOf, type LdapFilter } from "../core/ldap-filter.ts";
import { leftOutFilter } from "../core/left-out.ts";
import type { ResourceMapping } from "../core/mapping.ts";
import type { Directory } from "../ports.ts";

/**
 * The filter that finds the entries of a resource type and nothing that the directory always leaves out. Every read of
 * them goes by it, by id and by search alike.
 */
export function entriesOfType(
  { objectClasses }: Pick<ResourceMapping, "objectClasses">,
  { leftOut }: Pick<Directory, "leftOut">,
): LdapFilter {
  const ofType = anyOf(
    objectClasses.map((value) => ({ kind: "equality", attribute: "objectClass", value }) as const),
  );
  const remaining = leftOutFilter(leftOut);
  return remaining === undefined ? ofType : allOf([ofType, remaining]);
}
