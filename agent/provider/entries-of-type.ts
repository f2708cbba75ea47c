import type { CompiledMapping } from "../core/compiled-mapping.ts";
import { allOf, anyOf, type LdapFilter } from "../core/ldap-filter.ts";
import type { Directory } from "../ports.ts";

/** The filter for the entries that can be resources of a mapping, without what is never provisioned. */
export function entriesOfType(
  { objectClasses }: CompiledMapping,
  { leftOut }: Pick<Directory, "leftOut">,
): LdapFilter {
  const ofType = anyOf(
    objectClasses.map((value) => ({ kind: "equality", attribute: "objectClass", value }) as const),
  );
  const others = leftOut.map(({ ldapFilter }) => ({ kind: "not", filter: ldapFilter }) as const);
  return allOf([ofType, ...others]);
}
