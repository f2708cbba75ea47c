import { type Entry, textsOf } from "../core/entry.ts";
import type { LeftOut } from "../ports.ts";

function ofClass(objectClass: string, what: string): LeftOut {
  return {
    what,
    ldapFilter: { kind: "equality", attribute: "objectClass", value: objectClass },
    attributes: ["objectClass"],
    isOne: (entry) => hasClass(entry, objectClass),
  };
}

function hasClass(entry: Entry, objectClass: string): boolean {
  const folded = objectClass.toLowerCase();
  return textsOf(entry, "objectClass").some((name) => name.toLowerCase() === folded);
}

/** In the name of an object that lost to another one of the same name (MS-ADTS section 3.1.1.1.6). */
const CONFLICT = "\nCNF:";

/**
 * What Microsoft's own agents do not read either: accounts of machines, which are of the class user too, what the system
 * itself needs, and what replication left behind.
 */
export const ACTIVE_DIRECTORY_LEFT_OUT: readonly LeftOut[] = [
  // Managed service accounts are computers as well.
  ofClass("computer", "an account of a machine or a managed service account"),
  ofClass("foreignSecurityPrincipal", "a foreign security principal"),
  {
    what: "a critical system object",
    ldapFilter: { kind: "equality", attribute: "isCriticalSystemObject", value: "TRUE" },
    attributes: ["isCriticalSystemObject"],
    isOne: (entry) => textsOf(entry, "isCriticalSystemObject")[0]?.toUpperCase() === "TRUE",
  },
  {
    what: "a conflict object of replication",
    ldapFilter: { kind: "substrings", attribute: "cn", any: [CONFLICT] },
    attributes: ["cn"],
    isOne: (entry) => textsOf(entry, "cn").some((cn) => cn.includes(CONFLICT)),
  },
];
