import { type CompiledMapping, compileMapping } from "../../agent/core/compiled-mapping.ts";
import type { LdapFilter } from "../../agent/core/ldap-filter.ts";
import type { Flow } from "../../agent/core/mapping.ts";
import {
  indexLdapSources,
  type LdapSource,
  type LdapSources,
} from "../../agent/core/scim/ldap-source.ts";
import { parsePath } from "../../agent/core/scim/path.ts";
import { ENTERPRISE_USER_SCHEMA } from "../../agent/core/scim/urn.ts";

const direct = (target: string, attribute: string): Flow => ({ kind: "direct", target, attribute });
const constant = (target: string, value: string | boolean): Flow => ({
  kind: "constant",
  target,
  value,
});

/** Every shape of target, over attributes of every matching rule. */
export const WIDE: CompiledMapping = compileMapping({
  User: {
    objectClasses: ["inetOrgPerson"],
    flows: [
      direct("userName", "uid"),
      direct("active", "gecos"),
      constant("userType", "Employee"),
      constant("name.honorificPrefix", "Dr."),
      direct("displayName", "displayName"),
      direct("nickName", "loginShell"),
      direct("profileUrl", "description"),
      direct("title", "title"),
      direct("locale", "telephoneNumber"),
      direct("timezone", "uidNumber"),
      direct("preferredLanguage", "preferredLanguage"),
      direct("name.formatted", "cn"),
      direct("name.familyName", "sn"),
      direct("name.givenName", "givenName"),
      direct("name.middleName", "initials"),
      direct('emails[type eq "work"].value', "mail"),
      constant('emails[type eq "work"].primary', true),
      direct('emails[type eq "home"].value', "info"),
      direct('emails[type eq "Home" and display eq "b"].value', "street"),
      direct("phoneNumbers.value", "telephoneNumber"),
      direct("ims.value", "departmentNumber"),
      direct("photos.value", "labeledURI"),
      direct("roles.value", "employeeType"),
      direct('entitlements[type eq "a"].value', "o"),
      direct('entitlements[type eq "a"].display', "st"),
      direct("x509Certificates.value", "postalCode"),
      direct('addresses[type eq "work"].locality', "l"),
      direct('addresses[type eq "work"].region', "st"),
      direct('addresses[type eq "home"].streetAddress', "street"),
      constant('addresses[type eq "home"].country', "DE"),
      direct(`${ENTERPRISE_USER_SCHEMA}:employeeNumber`, "employeeNumber"),
      direct(`${ENTERPRISE_USER_SCHEMA}:costCenter`, "homeDirectory"),
      direct(`${ENTERPRISE_USER_SCHEMA}:organization`, "o"),
      direct(`${ENTERPRISE_USER_SCHEMA}:department`, "departmentNumber"),
      direct(`${ENTERPRISE_USER_SCHEMA}:manager`, "manager"),
    ],
  },
  Group: {
    objectClasses: ["groupOfNames"],
    flows: [direct("displayName", "cn"), direct("members", "member")],
  },
}).User;

/**
 * What can be said for certain of where the wide mapping reads, of every kind that there is. The shipped mappings say
 * less (`ldapSourcesOf`).
 */
export function declaredSources(managerOf: (id: string) => LdapFilter | undefined): LdapSources {
  const text = (
    attribute: string,
    matching: "caseIgnore" | "caseExact" | "none",
    { substrings = true, exact = false } = {},
  ): LdapSource => ({ kind: "attribute", attribute, matching, substrings, exact });
  const ignore = (attribute: string) => text(attribute, "caseIgnore");
  const gecos = (value: string): LdapFilter => ({ kind: "equality", attribute: "gecos", value });
  const sources: readonly (readonly [path: string, source: LdapSource])[] = [
    ["userName", ignore("uid")],
    ["active", { kind: "boolean", whenTrue: gecos("TRUE"), whenFalse: gecos("FALSE") }],
    ["userType", { kind: "constant", value: "Employee" }],
    ["name.honorificPrefix", { kind: "constant", value: "Dr." }],
    ["displayName", ignore("displayName")],
    ["nickName", text("loginShell", "caseExact", { substrings: false })],
    ["profileUrl", ignore("description")],
    ["title", ignore("title")],
    ["locale", text("telephoneNumber", "none")],
    ["timezone", text("uidNumber", "none", { substrings: false })],
    ["preferredLanguage", text("preferredLanguage", "caseIgnore", { exact: true })],
    ["name.formatted", ignore("cn")],
    ["name.familyName", ignore("sn")],
    ["name.givenName", ignore("givenName")],
    ["name.middleName", ignore("initials")],
    ['emails[type eq "work"].value', ignore("mail")],
    ['emails[type eq "work"].primary', { kind: "constant", value: true }],
    ['emails[type eq "home"].value', ignore("info")],
    ['emails[type eq "Home" and display eq "b"].value', ignore("street")],
    ["phoneNumbers.value", text("telephoneNumber", "none")],
    ["ims.value", ignore("departmentNumber")],
    ["photos.value", text("labeledURI", "caseExact", { substrings: false })],
    ["roles.value", ignore("employeeType")],
    ['entitlements[type eq "a"].value', ignore("o")],
    ['entitlements[type eq "a"].display', ignore("st")],
    ["x509Certificates.value", ignore("postalCode")],
    ['addresses[type eq "work"].locality', ignore("l")],
    ['addresses[type eq "work"].region', ignore("st")],
    ['addresses[type eq "home"].streetAddress', ignore("street")],
    ['addresses[type eq "home"].country', { kind: "constant", value: "DE" }],
    [`${ENTERPRISE_USER_SCHEMA}:employeeNumber`, ignore("employeeNumber")],
    [
      `${ENTERPRISE_USER_SCHEMA}:costCenter`,
      text("homeDirectory", "caseExact", { substrings: false }),
    ],
    [`${ENTERPRISE_USER_SCHEMA}:organization`, ignore("o")],
    [`${ENTERPRISE_USER_SCHEMA}:department`, ignore("departmentNumber")],
    [
      `${ENTERPRISE_USER_SCHEMA}:manager.value`,
      { kind: "lookup", attribute: "manager", filterFor: (id) => managerOf(id) },
    ],
    ["meta.resourceType", { kind: "constant", value: "User" }],
    ["meta.created", { kind: "time", attribute: "createTimestamp", fraction: false }],
  ];
  return indexLdapSources(
    sources.map(([path, source]) => ({ path: parsePath(path), source })),
    { resourceType: "User" },
  );
}
