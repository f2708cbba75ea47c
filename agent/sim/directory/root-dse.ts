import type { StoredAttribute, StoredEntry } from "./entry.ts";
import { OBJECT_CLASSES } from "./object-class.ts";
import { SUBSCHEMA_DN } from "./operational.ts";
import { ATTRIBUTE_TYPES, type AttributeType, knownType } from "./schema.ts";
import { printTime, type Syntax } from "./syntax.ts";

export const PAGED_RESULTS = "1.2.840.113556.1.4.319";
const MANAGE_DSA_IT = "2.16.840.1.113730.3.4.2";
export const WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3";
export const START_TLS = "1.3.6.1.4.1.1466.20037";

export const SUPPORTED_CONTROLS: readonly string[] = [PAGED_RESULTS, MANAGE_DSA_IT];

/** Modify increment (RFC 4525), all operational attributes (RFC 3673), absolute true and false filters (RFC 4526). */
const FEATURES = ["1.3.6.1.1.14", "1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3"];

/** The server's own entry (RFC 4512 section 5.1), with the attributes that only a request by name or `+` shows. */
export function createRootDse(
  baseDn: string,
  { startTls }: { readonly startTls: boolean },
): StoredEntry {
  return createVirtualEntry("", {
    objectClass: ["top", "OpenLDAProotDSE"],
    namingContexts: [baseDn],
    supportedControl: SUPPORTED_CONTROLS,
    supportedExtension: startTls ? [START_TLS, WHO_AM_I] : [WHO_AM_I],
    supportedFeatures: FEATURES,
    supportedLDAPVersion: ["3"],
    vendorName: ["Hybrid Sync Agent embedded directory"],
  });
}

/** What the server knows of attribute types and object classes (RFC 4512 section 4.2). */
export function createSubschema(): StoredEntry {
  return createVirtualEntry(SUBSCHEMA_DN, {
    objectClass: ["top", "subschema"],
    cn: ["Subschema"],
    attributeTypes: ATTRIBUTE_TYPES.map(describeType),
    objectClasses: OBJECT_CLASSES.map(
      ({ oid, name, superior, kind, must }) =>
        `( ${oid} NAME '${name}'${superior === undefined ? "" : ` SUP ${superior}`} ${kind.toUpperCase()}${
          must.length === 0 ? "" : ` MUST ( ${must.join(" $ ")} )`
        } )`,
    ),
  });
}

/** The syntaxes of RFC 4517 section 3.3, without the common prefix; UUID and CSN have OIDs of their own. */
const SYNTAX_OID: Readonly<Record<Syntax, string>> = {
  text: "1.3.6.1.4.1.1466.115.121.1.15",
  exact: "1.3.6.1.4.1.1466.115.121.1.15",
  ia5: "1.3.6.1.4.1.1466.115.121.1.26",
  telephone: "1.3.6.1.4.1.1466.115.121.1.50",
  integer: "1.3.6.1.4.1.1466.115.121.1.27",
  boolean: "1.3.6.1.4.1.1466.115.121.1.7",
  octets: "1.3.6.1.4.1.1466.115.121.1.40",
  time: "1.3.6.1.4.1.1466.115.121.1.24",
  oid: "1.3.6.1.4.1.1466.115.121.1.38",
  dn: "1.3.6.1.4.1.1466.115.121.1.12",
  uuid: "1.3.6.1.1.16.1",
  csn: "1.3.6.1.4.1.4203.666.11.2.1",
};

function describeType(type: AttributeType): string {
  const names = [type.name, ...type.aliases].map((name) => `'${name}'`);
  const spelled = names.length === 1 ? names[0] : `( ${names.join(" ")} )`;
  const superior = type.supertype === undefined ? "" : ` SUP ${type.supertype}`;
  const flags = `${type.singleValued ? " SINGLE-VALUE" : ""}${type.readOnly ? " NO-USER-MODIFICATION" : ""}${
    type.operational ? " USAGE directoryOperation" : ""
  }`;
  return `( ${type.oid} NAME ${spelled}${superior} SYNTAX ${SYNTAX_OID[type.syntax]}${flags} )`;
}

function createVirtualEntry(
  dn: string,
  values: Readonly<Record<string, readonly string[]>>,
): StoredEntry {
  const attributes = Object.entries(values).map(
    ([name, each]): StoredAttribute => ({ type: knownType(name), options: [], values: each }),
  );
  return {
    dn,
    key: dn.toLowerCase(),
    attributes,
    uuid: "",
    csn: "",
    createTimestamp: printTime(0),
    modifyTimestamp: printTime(0),
    creatorsName: "",
    modifiersName: "",
    children: new Set(),
    deleted: false,
  };
}
