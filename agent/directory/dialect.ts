import { parseGuid, parseUuid, printGuid } from "../core/directory-value/guid.ts";
import type { Value } from "../core/entry.ts";
import type { LdapFilter } from "../core/ldap-filter.ts";
import type { LeftOutRule } from "../core/left-out.ts";
import type { RequestControl } from "./requests.ts";

export type DirectoryKind = "openLdap" | "activeDirectory";

/** What one kind of directory does its own way. */
export interface Dialect {
  /** The attribute that names an entry for its whole life, as requests spell it. */
  readonly idAttribute: string;
  /** The attribute that holds the source anchor when it is set; undefined when the id is always the anchor. */
  readonly anchorAttribute: string | undefined;
  /** Attributes whose values are bytes; schemas are not asked, and values are not guessed at. */
  readonly binaryAttributes: readonly string[];
  readonly searchControls: readonly RequestControl[];
  /** What is never provisioned. On attributes that every server of this kind knows: the others match nothing at all. */
  readonly leftOut: readonly LeftOutRule[];
  /** The id in canonical form; undefined for a value that is none. */
  printId(value: Value): string | undefined;
  printAnchor(value: Value): string | undefined;
  /** The filter that finds an id; undefined when the text cannot be one. */
  idFilter(id: string): LdapFilter | undefined;
}

/** Of RFC 4523, RFC 2798 and RFC 4519: never text in any directory. */
const COMMON_BINARY = [
  ...["userCertificate", "cACertificate", "userSMIMECertificate", "userPKCS12", "jpegPhoto"],
  ...["photo", "audio", "certificateRevocationList", "authorityRevocationList"],
  ...["crossCertificatePair", "supportedAlgorithms", "userPassword"],
] as const;

/** RFC 4530: entryUUID is text. */
const openLdap: Dialect = {
  idAttribute: "entryUUID",
  anchorAttribute: undefined,
  binaryAttributes: COMMON_BINARY,
  searchControls: [],
  leftOut: [],
  printId: (value) => (typeof value === "string" ? parseUuid(value) : undefined),
  printAnchor: () => undefined,
  idFilter(id) {
    const value = parseUuid(id);
    if (value === undefined) return undefined;
    return { kind: "equality", attribute: "entryUUID", value };
  },
};

/**
 * MS-ADTS section 3.1.1.3.4.1.9, LDAP_SERVER_DOMAIN_SCOPE_OID: without it every search from the root of a domain ends
 * with references to the DNS and configuration partitions, and no read would ever be whole. What is below a domain is
 * another naming context, thus another directory here.
 */
const DOMAIN_SCOPE: RequestControl = { oid: "1.2.840.113556.1.4.1339", critical: false };

/** SAM_TRUST_ACCOUNT, MS-SAMR section 2.2.1.9: the account of another domain, which is a user by its object classes. */
const TRUST_ACCOUNT = "805306370";

const ofClass = (name: string, value: string): LeftOutRule => ({
  name,
  attribute: "objectClass",
  equals: value,
});

/**
 * A computer is a user by its object classes (MS-ADSC), and a managed service account is a computer; an inetOrgPerson is
 * a user and none of both. Of two objects that were made with one name on two servers, the older one is renamed by a line
 * feed and `CNF:` with its GUID, and nobody signs in with it.
 */
const ACTIVE_DIRECTORY_LEFT_OUT: readonly LeftOutRule[] = [
  { name: "deleted object", attribute: "isDeleted", equals: "TRUE" },
  { name: "conflict object", attribute: "name", contains: "\nCNF:" },
  ofClass("computer or managed service account", "computer"),
  ofClass("contact", "contact"),
  ofClass("foreign security principal", "foreignSecurityPrincipal"),
  { name: "critical system object", attribute: "isCriticalSystemObject", equals: "TRUE" },
  { name: "trust account", attribute: "sAMAccountType", equals: TRUST_ACCOUNT },
];

const activeDirectory: Dialect = {
  idAttribute: "objectGUID",
  anchorAttribute: "mS-DS-ConsistencyGuid",
  binaryAttributes: [
    ...COMMON_BINARY,
    ...["objectGUID", "objectSid", "mS-DS-ConsistencyGuid", "thumbnailPhoto", "thumbnailLogo"],
    ...["sIDHistory", "tokenGroups", "tokenGroupsGlobalAndUniversal", "parentGUID", "logonHours"],
    ...["msExchMailboxGuid", "msExchArchiveGUID", "msExchMailboxSecurityDescriptor"],
    ...["nTSecurityDescriptor", "msRTCSIP-UserRoutingGroupId", "securityIdentifier"],
    ...["schemaIDGUID", "attributeSecurityGUID", "invocationId"],
    ...["replPropertyMetaData", "replUpToDateVector"],
    ...["msDS-GenerationId", "msDS-GroupMSAMembership", "dnsRecord", "unicodePwd"],
    ...["mSMQDigests", "mSMQSignCertificates"],
  ],
  searchControls: [DOMAIN_SCOPE],
  leftOut: ACTIVE_DIRECTORY_LEFT_OUT,
  printId: (value) => (typeof value === "string" ? undefined : printGuid(value)),
  printAnchor(value) {
    if (typeof value === "string") return undefined;
    // Administrators may put anything there; Entra shows what is no GUID as base64.
    return printGuid(value) ?? Buffer.from(value).toString("base64");
  },
  idFilter(id) {
    const value = parseGuid(id);
    if (value === undefined) return undefined;
    return { kind: "equality", attribute: "objectGUID", value };
  },
};

export const DIALECTS: Readonly<Record<DirectoryKind, Dialect>> = { openLdap, activeDirectory };
