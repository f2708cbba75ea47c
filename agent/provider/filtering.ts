import {
  type LdapFilter,
  ldapFilterAttributes,
  printLdapFilterShape,
} from "../core/ldap-filter.ts";
import { printAttributePath } from "../core/scim/attribute-path.ts";
import type { ScimFilter } from "../core/scim/filter.ts";
import type { LdapTranslation } from "../core/scim/ldap-algebra.ts";
import { type LdapTranslationOptions, toLdapFilter } from "../core/scim/ldap-translation.ts";
import { locateAttribute } from "../core/scim/resource-type.ts";
import type { ResourceTypeName } from "../core/scope.ts";

/** How a filter is answered, for the log: names of attributes, never values. */
export interface Filtering {
  /** SCIM attributes that the directory is asked about. */
  readonly asked: readonly string[];
  /** SCIM attributes that only the mapped resource decides on. */
  readonly matchedAfter: readonly string[];
  /** Whether what the directory finds is right as it is; otherwise all of the filter is matched on the resource too. */
  readonly exact: boolean;
  /** In the notation of RFC 4515 with `?` for each value; absent when the directory is asked for everything. */
  readonly ldapFilter?: string;
}

/** Characters of a filter's shape that a log line shows. */
const MAX_SHAPE = 512;
/** An attribute that no schema knows: its name is the requester's own text. */
const UNKNOWN_NAME = "(unknown)";

/** What a translation asks of the directory, and what it leaves for later. */
export function describeFiltering(
  filter: ScimFilter,
  { translation, ...options }: LdapTranslationOptions & { readonly translation: LdapTranslation },
): Filtering {
  const ldapFilter = translation.kind === "filter" ? translation.ldapFilter : undefined;
  const sent = ldapFilter === undefined ? new Set<string>() : ldapFilterAttributes(ldapFilter);
  const asked = new Set<string>();
  const after = new Set<string>();
  for (const test of testsOf(filter)) {
    const part = toLdapFilter(test, options);
    const isSent = part.kind === "filter" && isWithin(part.ldapFilter, sent);
    const name = nameOf(test, options.sources.resourceType);
    if (isSent) asked.add(name);
    else if (!translation.exact) after.add(name);
  }
  return {
    asked: [...asked].sort(),
    matchedAfter: [...after].sort(),
    exact: translation.exact,
    ...(ldapFilter === undefined
      ? {}
      : { ldapFilter: printLdapFilterShape(ldapFilter).slice(0, MAX_SHAPE) }),
  };
}

type Test = Exclude<ScimFilter, { readonly kind: "and" | "or" | "not" }>;

function testsOf(filter: ScimFilter): readonly Test[] {
  switch (filter.kind) {
    case "and":
    case "or":
      return filter.filters.flatMap(testsOf);
    case "not":
      return testsOf(filter.filter);
    default:
      return [filter];
  }
}

function isWithin(part: LdapFilter, sent: ReadonlySet<string>): boolean {
  return [...ldapFilterAttributes(part)].every((attribute) => sent.has(attribute));
}

function nameOf({ path }: Test, resourceType: ResourceTypeName): string {
  const { extension, definition, subDefinition } = locateAttribute(resourceType, path);
  if (definition === undefined) return UNKNOWN_NAME;
  return printAttributePath({
    ...(extension === undefined ? {} : { schema: extension }),
    attribute: definition.name,
    ...(subDefinition === undefined ? {} : { subAttribute: subDefinition.name }),
  });
}
