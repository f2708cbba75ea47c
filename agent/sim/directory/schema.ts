import type { Syntax } from "./syntax.ts";

export interface AttributeType {
  /** The spelling in answers. */
  readonly name: string;
  readonly oid: string;
  readonly syntax: Syntax;
  readonly aliases: readonly string[];
  /** The supertype: a filter or selection that names it means this one too (RFC 4512 section 2.5.1). */
  readonly supertype: string | undefined;
  readonly operational: boolean;
  readonly singleValued: boolean;
  /** Whether its syntax has an ORDERING rule here. Without one `>=` and `<=` are Undefined. */
  readonly ordered: boolean;
  /** Whether it has a SUBSTR rule. */
  readonly substrings: boolean;
  /** Kept by the server; a client cannot write it. */
  readonly readOnly: boolean;
}

/** Flags: s single-valued, o ordered, n no substrings, + operational, r read-only, < supertype. */
type Row = readonly [
  names: string,
  oid: string,
  syntax: Syntax,
  flags?: string,
  supertype?: string,
];

/**
 * The attribute types of OpenLDAP's core, cosine, inetorgperson and nis schemas that people and groups use, the
 * operational ones, and the names of Active Directory that an agent reads. What is not here is unknown: a filter on
 * it is Undefined, an add of it is refused.
 */
const ROWS: readonly Row[] = [
  ["objectClass", "2.5.4.0", "oid", "n"],
  ["name", "2.5.4.41", "text"],
  ["cn commonName", "2.5.4.3", "text", "", "name"],
  ["sn surname", "2.5.4.4", "text", "", "name"],
  ["givenName gn", "2.5.4.42", "text", "", "name"],
  ["initials", "2.5.4.43", "text", "", "name"],
  ["generationQualifier", "2.5.4.44", "text", "", "name"],
  ["c countryName", "2.5.4.6", "text", "s", "name"],
  ["l localityName", "2.5.4.7", "text", "", "name"],
  ["st stateOrProvinceName", "2.5.4.8", "text", "", "name"],
  ["o organizationName", "2.5.4.10", "text", "", "name"],
  ["ou organizationalUnitName", "2.5.4.11", "text", "", "name"],
  ["title", "2.5.4.12", "text", "", "name"],
  ["street streetAddress", "2.5.4.9", "text"],
  ["serialNumber", "2.5.4.5", "text"],
  ["description", "2.5.4.13", "text"],
  ["businessCategory", "2.5.4.15", "text"],
  ["postalCode", "2.5.4.17", "text"],
  ["postOfficeBox", "2.5.4.18", "text"],
  ["physicalDeliveryOfficeName", "2.5.4.19", "text"],
  ["telephoneNumber", "2.5.4.20", "telephone"],
  ["facsimileTelephoneNumber fax", "2.5.4.23", "telephone", "n"],
  ["distinguishedName", "2.5.4.49", "dn", "n"],
  ["member", "2.5.4.31", "dn", "n", "distinguishedName"],
  ["uniqueMember", "2.5.4.50", "dn", "n"],
  ["owner", "2.5.4.32", "dn", "n", "distinguishedName"],
  ["roleOccupant", "2.5.4.33", "dn", "n", "distinguishedName"],
  ["seeAlso", "2.5.4.34", "dn", "n", "distinguishedName"],
  ["manager", "0.9.2342.19200300.100.1.10", "dn", "n"],
  ["secretary", "0.9.2342.19200300.100.1.21", "dn", "n"],
  ["userPassword", "2.5.4.35", "octets", "n"],
  ["userCertificate", "2.5.4.36", "octets", "n"],
  ["uid userid", "0.9.2342.19200300.100.1.1", "text"],
  ["mail rfc822Mailbox", "0.9.2342.19200300.100.1.3", "ia5"],
  ["info", "0.9.2342.19200300.100.1.4", "text"],
  ["roomNumber", "0.9.2342.19200300.100.1.6", "text"],
  ["host", "0.9.2342.19200300.100.1.9", "text"],
  ["homePhone homeTelephoneNumber", "0.9.2342.19200300.100.1.20", "telephone"],
  ["mobile mobileTelephoneNumber", "0.9.2342.19200300.100.1.41", "telephone"],
  ["pager pagerTelephoneNumber", "0.9.2342.19200300.100.1.42", "telephone"],
  ["jpegPhoto", "0.9.2342.19200300.100.1.60", "octets", "n"],
  ["dc domainComponent", "0.9.2342.19200300.100.1.25", "ia5", "s"],
  ["labeledURI", "1.3.6.1.4.1.250.1.57", "exact", "n"],
  ["carLicense", "2.16.840.1.113730.3.1.1", "text"],
  ["departmentNumber", "2.16.840.1.113730.3.1.2", "text"],
  ["displayName", "2.16.840.1.113730.3.1.241", "text", "s"],
  ["employeeNumber", "2.16.840.1.113730.3.1.3", "text", "s"],
  ["employeeType", "2.16.840.1.113730.3.1.4", "text"],
  ["preferredLanguage", "2.16.840.1.113730.3.1.39", "text", "s"],
  ["uidNumber", "1.3.6.1.1.1.1.0", "integer", "son"],
  ["gidNumber", "1.3.6.1.1.1.1.1", "integer", "son"],
  ["gecos", "1.3.6.1.1.1.1.2", "ia5", "s"],
  ["homeDirectory", "1.3.6.1.1.1.1.3", "exact", "sn"],
  ["loginShell", "1.3.6.1.1.1.1.4", "exact", "sn"],
  ["memberUid", "1.3.6.1.1.1.1.12", "exact"],
  ["pwdAccountLockedTime", "1.3.6.1.4.1.42.2.27.8.1.17", "time", "son+"],
  ["memberOf", "1.2.840.113556.1.2.102", "dn", "n+r"],
  ["sAMAccountName", "1.2.840.113556.1.4.221", "text", "s"],
  ["userPrincipalName", "1.2.840.113556.1.4.656", "text", "s"],
  ["userAccountControl", "1.2.840.113556.1.4.8", "integer", "son"],
  ["accountExpires", "1.2.840.113556.1.4.159", "integer", "son"],
  ["pwdLastSet", "1.2.840.113556.1.4.96", "integer", "son"],
  ["uSNChanged", "1.2.840.113556.1.2.120", "integer", "son"],
  ["whenChanged", "1.2.840.113556.1.2.3", "time", "son"],
  ["groupType", "1.2.840.113556.1.4.750", "integer", "son"],
  ["objectGUID", "1.2.840.113556.1.4.2", "octets", "sn"],
  ["objectSid", "1.2.840.113556.1.4.146", "octets", "sn"],
  ["mS-DS-ConsistencyGuid", "1.2.840.113556.1.4.1360", "octets", "sn"],
  ["proxyAddresses", "1.2.840.113556.1.2.210", "text"],
  ["department", "1.2.840.113556.1.2.141", "text", "s"],
  ["company", "1.2.840.113556.1.2.146", "text", "s"],
  ["co", "1.2.840.113556.1.2.131", "text", "s"],
  ...Array.from(
    { length: 15 },
    (_, i): Row => [
      `extensionAttribute${i + 1}`,
      `1.2.840.113556.1.2.${i < 10 ? 423 + i : 590 + i}`,
      "text",
      "s",
    ],
  ),
  ["structuralObjectClass", "2.5.21.9", "oid", "sn+r"],
  ["entryUUID", "1.3.6.1.1.16.4", "uuid", "son+r"],
  ["entryCSN", "1.3.6.1.4.1.4203.666.1.7", "csn", "son+r"],
  ["contextCSN", "1.3.6.1.4.1.4203.666.1.25", "csn", "on+r"],
  ["entryDN", "1.3.6.1.1.20", "dn", "sn+r"],
  ["creatorsName", "2.5.18.3", "dn", "sn+r"],
  ["modifiersName", "2.5.18.4", "dn", "sn+r"],
  ["createTimestamp", "2.5.18.1", "time", "son+r"],
  ["modifyTimestamp", "2.5.18.2", "time", "son+r"],
  ["hasSubordinates", "2.5.18.9", "boolean", "sn+r"],
  ["subschemaSubentry", "2.5.18.10", "dn", "sn+r"],
  ["namingContexts", "1.3.6.1.4.1.1466.101.120.5", "dn", "n+r"],
  ["supportedControl", "1.3.6.1.4.1.1466.101.120.13", "oid", "n+r"],
  ["supportedExtension", "1.3.6.1.4.1.1466.101.120.7", "oid", "n+r"],
  ["supportedFeatures", "1.3.6.1.4.1.4203.1.3.5", "oid", "n+r"],
  ["supportedLDAPVersion", "1.3.6.1.4.1.1466.101.120.15", "integer", "n+r"],
  ["vendorName", "1.3.6.1.1.4", "exact", "sn+r"],
  ["vendorVersion", "1.3.6.1.1.5", "exact", "sn+r"],
  ["attributeTypes", "2.5.21.5", "exact", "n+r"],
  ["objectClasses", "2.5.21.6", "exact", "n+r"],
];

export const ATTRIBUTE_TYPES: readonly AttributeType[] = ROWS.map(
  ([names, oid, syntax, flags = "", supertype]) => {
    const [name = "", ...aliases] = names.split(" ");
    return {
      name,
      oid,
      syntax,
      aliases,
      supertype,
      operational: flags.includes("+"),
      singleValued: flags.includes("s"),
      ordered: flags.includes("o"),
      substrings: !flags.includes("n"),
      readOnly: flags.includes("r"),
    };
  },
);

const BY_NAME = new Map<string, AttributeType>();
for (const type of ATTRIBUTE_TYPES) {
  for (const name of [type.name, type.oid, ...type.aliases]) BY_NAME.set(name.toLowerCase(), type);
}

/** The type that a name, an alias or an OID means; the case of names does not matter. */
export function attributeType(name: string): AttributeType | undefined {
  return BY_NAME.get(name) ?? BY_NAME.get(name.toLowerCase());
}

/** The type that is known to exist in the table above. */
export function knownType(name: string): AttributeType {
  const type = attributeType(name);
  if (type === undefined) throw new RangeError(`no attribute type ${name}`);
  return type;
}

/** Whether `type` is `ancestor` or one of its subtypes. */
export function isSubtype(type: AttributeType, ancestor: AttributeType): boolean {
  for (let current: AttributeType | undefined = type; current !== undefined; ) {
    if (current === ancestor) return true;
    current = current.supertype === undefined ? undefined : attributeType(current.supertype);
  }
  return false;
}

/** An attribute type with options such as `lang-en` (RFC 4512 section 2.5). */
export interface AttributeDescription {
  readonly type: AttributeType;
  /** Lower case, sorted. */
  readonly options: readonly string[];
}

const NO_OPTIONS: readonly string[] = [];

/** Undefined when the type is unknown. */
export function parseDescription(text: string): AttributeDescription | undefined {
  const semicolon = text.indexOf(";");
  const type = attributeType(semicolon < 0 ? text : text.slice(0, semicolon));
  if (type === undefined) return undefined;
  if (semicolon < 0) return { type, options: NO_OPTIONS };
  return {
    type,
    options: text
      .slice(semicolon + 1)
      .toLowerCase()
      .split(";")
      .sort(),
  };
}

export function printDescription({ type, options }: AttributeDescription): string {
  return options.length === 0 ? type.name : [type.name, ...options].join(";");
}

/** Whether what is asked for by `wanted` includes `held`: the same type or a subtype, with at least these options. */
export function includesDescription(
  wanted: AttributeDescription,
  held: AttributeDescription,
): boolean {
  return (
    isSubtype(held.type, wanted.type) &&
    wanted.options.every((option) => held.options.includes(option))
  );
}
