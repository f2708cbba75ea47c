import { parseUuid, printGuid } from "./directory-value/guid.ts";
import { parseSid, printSid } from "./directory-value/sid.ts";

/** A DN with what Active Directory puts in front of it on request. */
export interface ExtendedDn {
  /** objectGUID as text; undefined when it was not sent. */
  readonly guid: string | undefined;
  /** objectSid as text; undefined for an entry that has none. */
  readonly sid: string | undefined;
  /** Empty when the form ends before it, as in `<GUID=…>`, which names an entry by its id alone. */
  readonly dn: string;
}

const PREFIX = /^<(GUID|SID)=([0-9A-Za-z-]{1,200})>(?:;|$)/i;

/**
 * `<GUID=…>;<SID=…>;CN=…`, the form of LDAP_SERVER_EXTENDED_DN_OID (MS-ADTS section 3.1.1.3.4.1.5), its values in
 * hexadecimal digits or as text.
 * @returns undefined for text that does not begin so; a plain DN is none of this form
 */
export function parseExtendedDn(text: string): ExtendedDn | undefined {
  const found = new Map<string, string>();
  let dn = text;
  for (let match = PREFIX.exec(dn); match !== null; match = PREFIX.exec(dn)) {
    const [prefix, kind = "", value = ""] = match;
    const name = kind.toUpperCase();
    const read = name === "GUID" ? readGuid(value) : readSid(value);
    if (read === undefined || found.has(name)) return undefined;
    found.set(name, read);
    dn = dn.slice(prefix.length);
  }
  if (found.size === 0) return undefined;
  return { guid: found.get("GUID"), sid: found.get("SID"), dn };
}

function readGuid(value: string): string | undefined {
  return parseUuid(value) ?? printGuid(bytesOf(value));
}

function readSid(value: string): string | undefined {
  return printSid(parseSid(value) ?? bytesOf(value));
}

/** Empty when the text is no hexadecimal digits, which is neither a GUID nor a SID. */
function bytesOf(hex: string): Uint8Array {
  return /^(?:[0-9a-f]{2})+$/i.test(hex) ? Buffer.from(hex, "hex") : new Uint8Array();
}
