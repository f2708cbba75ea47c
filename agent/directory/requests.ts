import { BerWriter, InvalidAsn1Error } from "ldapts";
import { AgentError } from "../core/error.ts";
import type { LdapFilter } from "../core/ldap-filter.ts";
import type { LdapSearchScope } from "../ports.ts";
import { writeLdapFilter } from "./filter-encoding.ts";

/** Size limit of one request. slapd takes 4 MB from a bound account, Active Directory 10 MB. */
export const MAX_REQUEST_BYTES = 2 << 20;

/** Enough for a base search; BerWriter grows it. */
const BUFFER_BYTES = 2 << 10;

/**
 * BerWriter 8.2 loses a byte when it closes a sequence longer than this in a buffer that is exactly full. Such
 * requests are written once more, into a buffer that cannot get full.
 */
const SAFE_SEQUENCE_BYTES = 0xffff;

/** RFC 4511 section 4.2 ff.: the application tags of the requests used here. */
const BIND = 0x60;
const UNBIND = 0x42;
const SEARCH = 0x63;
const ABANDON = 0x50;
const EXTENDED = 0x77;
const CONTROLS = 0xa0;

const LDAP_VERSION = 3;
const SIMPLE = 0x80;
const SASL = 0xa3;
const OCTET_STRING = 0x04;

const START_TLS_OID = "1.3.6.1.4.1.1466.20037";
const SEARCH_SCOPES: Readonly<Record<LdapSearchScope, number>> = { base: 0, one: 1, sub: 2 };

export interface RequestControl {
  readonly oid: string;
  readonly critical: boolean;
  readonly value?: Buffer;
}

export interface SearchRequest {
  readonly baseDn: string;
  readonly searchScope: LdapSearchScope;
  readonly ldapFilter: LdapFilter;
  readonly attributes: readonly string[];
  /** Entries, and seconds; 0 (the default) leaves them to the server. */
  readonly sizeLimit?: number;
  readonly timeLimitSeconds?: number;
  readonly controls?: readonly RequestControl[];
}

/** A request without its message id, which the connection gives. */
export type RequestEncoder = (messageId: number) => Buffer;

export function simpleBind(dn: string, password: string): RequestEncoder {
  return message(BIND, (writer) => {
    writer.writeInt(LDAP_VERSION);
    writer.writeString(dn);
    writer.writeString(password, SIMPLE);
  });
}

/** RFC 4422 appendix A: the identity is that of the TLS client certificate or of the local process. */
export function externalBind(): RequestEncoder {
  return message(BIND, (writer) => {
    writer.writeInt(LDAP_VERSION);
    writer.writeString("");
    writer.startSequence(SASL);
    writer.writeString("EXTERNAL");
    writer.writeString("");
    writer.endSequence();
  });
}

export function startTls(): RequestEncoder {
  return message(EXTENDED, (writer) => writer.writeString(START_TLS_OID, 0x80));
}

/** RFC 4511 section 4.3; `[APPLICATION 2] NULL`. */
export function unbind(messageId: number): Buffer {
  const writer = new BerWriter({ size: 16 });
  writer.startSequence();
  writer.writeInt(messageId);
  writer.writeByte(UNBIND);
  writer.writeByte(0);
  writer.endSequence();
  return writer.buffer;
}

/** RFC 4511 section 4.11; `[APPLICATION 16] MessageID`. It has no answer. */
export function abandon(abandonedId: number): RequestEncoder {
  return (messageId) => {
    const writer = new BerWriter({ size: 32 });
    writer.startSequence();
    writer.writeInt(messageId);
    writer.writeInt(abandonedId, ABANDON);
    writer.endSequence();
    return writer.buffer;
  };
}

/** @throws AgentError `directory.refused` when the request is above MAX_REQUEST_BYTES, or the filter cannot be sent */
export function search(request: SearchRequest): RequestEncoder {
  return message(
    SEARCH,
    (writer) => {
      writer.writeString(request.baseDn);
      writer.writeEnumeration(SEARCH_SCOPES[request.searchScope]);
      writer.writeEnumeration(0); // neverDerefAliases: an alias would list an entry under two names
      writer.writeInt(request.sizeLimit ?? 0);
      writer.writeInt(request.timeLimitSeconds ?? 0);
      writer.writeBoolean(false);
      writeLdapFilter(writer, request.ldapFilter);
      writer.startSequence();
      for (const attribute of request.attributes) writer.writeString(attribute);
      writer.endSequence();
    },
    request.controls,
  );
}

/** realSearchControlValue of RFC 2696 section 2. */
export function pagedResults(size: number, cookie: Buffer): Buffer {
  const writer = new BerWriter({ size: cookie.length + 32 });
  writer.startSequence();
  writer.writeInt(size);
  writer.writeBuffer(cookie, OCTET_STRING);
  writer.endSequence();
  return writer.buffer;
}

function message(
  tag: number,
  writeContent: (writer: BerWriter) => void,
  controls: readonly RequestControl[] = [],
): RequestEncoder {
  return (messageId) => {
    const encode = (size: number): Buffer => {
      const writer = new BerWriter({ size });
      writer.startSequence();
      writer.writeInt(messageId);
      writer.startSequence(tag);
      writeContent(writer);
      writer.endSequence();
      writeControls(writer, controls);
      writer.endSequence();
      return writer.buffer;
    };
    const buffer = bounded(encode, BUFFER_BYTES);
    return buffer.length <= SAFE_SEQUENCE_BYTES ? buffer : bounded(encode, 2 * MAX_REQUEST_BYTES);
  };
}

function bounded(encode: (size: number) => Buffer, size: number): Buffer {
  try {
    const buffer = encode(size);
    if (buffer.length <= MAX_REQUEST_BYTES) return buffer;
  } catch (error) {
    // BerWriter's own limit of 16 MB
    if (!(error instanceof InvalidAsn1Error)) throw error;
  }
  throw new AgentError("directory.refused", `request is above ${MAX_REQUEST_BYTES} bytes`, {
    hint: "ask for fewer entries at once",
  });
}

function writeControls(writer: BerWriter, controls: readonly RequestControl[]): void {
  if (controls.length === 0) return;
  writer.startSequence(CONTROLS);
  for (const control of controls) {
    writer.startSequence();
    writer.writeString(control.oid);
    writer.writeBoolean(control.critical);
    if (control.value !== undefined) writer.writeBuffer(control.value, OCTET_STRING);
    writer.endSequence();
  }
  writer.endSequence();
}
