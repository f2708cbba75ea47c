import type { CompiledMapping } from "../core/compiled-mapping.ts";
import type { Flow } from "../core/mapping.ts";
import {
  indexLdapSources,
  type LdapSource,
  type LdapSources,
  type SourcedPath,
} from "../core/scim/ldap-source.ts";
import { parsePath } from "../core/scim/path.ts";

/**
 * Attributes whose equality and substrings rules are the caseIgnore ones wherever the standard schemas are used
 * (RFC 4519, RFC 4524, RFC 2798; MS-ADA for Active Directory). Of any other attribute the rule is not known, and a
 * server that compares more strictly than SCIM does would find too little: it is matched after the read.
 */
const CASE_IGNORE: ReadonlySet<string> = new Set(
  [
    "uid cn sn givenName initials displayName mail title o ou l st street postalCode description",
    "employeeNumber employeeType departmentNumber preferredLanguage",
    "sAMAccountName userPrincipalName mailNickname department company division employeeID",
  ]
    .join(" ")
    .toLowerCase()
    .split(" "),
);

const indexed = new WeakMap<CompiledMapping, LdapSources>();

/** What the directory can be asked about the attributes that a mapping writes. */
export function ldapSourcesOf(mapping: CompiledMapping): LdapSources {
  const known = indexed.get(mapping);
  if (known !== undefined) return known;
  const sources = indexSources(mapping);
  indexed.set(mapping, sources);
  return sources;
}

function indexSources(mapping: CompiledMapping): LdapSources {
  const paths = mapping.flows.map(
    ({ flow, target }): SourcedPath => ({
      path: parsePath(target.text),
      source: sourceOf(flow, target.isReference),
    }),
  );
  return indexLdapSources(paths, { resourceType: mapping.resourceType });
}

function sourceOf(flow: Flow, isReference: boolean): LdapSource {
  switch (flow.kind) {
    case "constant":
      return { kind: "constant", value: flow.value };
    case "direct":
      return direct(flow.attribute, isReference);
    case "computed":
    case "expression":
      return { kind: "computed" };
  }
}

function direct(attribute: string, isReference: boolean): LdapSource {
  if (isReference || !CASE_IGNORE.has(attribute.toLowerCase())) return { kind: "computed" };
  return { kind: "attribute", attribute, matching: "caseIgnore", substrings: true };
}
