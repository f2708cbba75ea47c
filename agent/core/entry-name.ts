import { parseSid } from "./directory-value/sid.ts";
import { parseDn } from "./dn.ts";
import type { Value } from "./entry.ts";
import { anyOf, type LdapFilter } from "./ldap-filter.ts";

/** What people call an entry by. */
export type EntryName =
  | { readonly kind: "dn"; readonly dn: string }
  /** `ids` are the readings of the text, the likelier first. */
  | { readonly kind: "id"; readonly ids: readonly string[] }
  | { readonly kind: "sid"; readonly ldapFilter: LdapFilter }
  /** The filters are to be tried in this order until one finds something. */
  | { readonly kind: "account"; readonly attempts: readonly NameAttempt[] };

export interface NameAttempt {
  /** The attributes that are compared, for a person. */
  readonly attributes: readonly string[];
  readonly ldapFilter: LdapFilter;
}

const GUID = /^\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i;
/** 16 bytes in base64 (RFC 4648 section 4): an objectGUID in LDIF, an ImmutableId in Entra. */
const GUID_IN_BASE64 = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
const ADDRESS_PREFIX = /^(?:smtp|mailto):/i;

/**
 * Reads what an operator typed. A GUID is taken as text and as the octets of objectGUID, whose first three groups are
 * turned around (MS-DTYP section 2.3.4.2), in either case with or without braces and hyphens, or in base64.
 * @returns undefined for empty text
 */
export function parseEntryName(text: string): EntryName | undefined {
  const name = text.trim();
  if (name === "") return undefined;
  const ids = parseIds(name);
  if (ids !== undefined) return { kind: "id", ids };
  const sid = parseSid(name);
  if (sid !== undefined) return { kind: "sid", ldapFilter: sidFilter(name, sid) };
  if (parseDn(name) !== undefined) return { kind: "dn", dn: name };
  return { kind: "account", attempts: accountAttempts(name) };
}

function parseIds(name: string): readonly string[] | undefined {
  const groups = GUID.exec(name)?.slice(1);
  if (groups !== undefined) {
    const plain = groups.join("-").toLowerCase();
    return [plain, turnedAround(plain)];
  }
  if (!GUID_IN_BASE64.test(name)) return undefined;
  const hex = Buffer.from(name, "base64").toString("hex");
  const plain = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return [turnedAround(plain), plain];
}

/** The same bytes with the first three groups in the other byte order. */
function turnedAround(guid: string): string {
  return guid.replace(/^(..)(..)(..)(..)-(..)(..)-(..)(..)/, "$4$3$2$1-$6$5-$8$7");
}

/** Samba on OpenLDAP keeps the SID as text. */
function sidFilter(text: string, sid: Uint8Array): LdapFilter {
  return anyOf([equality("objectSid", sid), equality("sambaSID", text.toUpperCase())]);
}

/** What is unique by its purpose first: whoever is called like an account's name is not meant while there is one. */
function accountAttempts(name: string): readonly NameAttempt[] {
  const account = /^[^\\]+\\([^\\]+)$/.exec(name)?.[1];
  if (account !== undefined) return [attempt([["sAMAccountName", account]])];
  const address = name.replace(ADDRESS_PREFIX, "");
  const logins = attempt([
    ["userPrincipalName", address],
    ["uid", address],
    ["sAMAccountName", address],
  ]);
  if (address.includes("@")) {
    const mail = attempt([
      ["mail", address],
      ["proxyAddresses", `smtp:${address}`],
    ]);
    return address === name ? [logins, mail] : [mail];
  }
  return [logins, attempt([["cn", address]])];
}

function attempt(pairs: readonly (readonly [attribute: string, value: string])[]): NameAttempt {
  return {
    attributes: pairs.map(([attribute]) => attribute),
    ldapFilter: anyOf(pairs.map(([attribute, value]) => equality(attribute, value))),
  };
}

function equality(attribute: string, value: Value): LdapFilter {
  return { kind: "equality", attribute, value };
}
