import { type BerReader, InvalidAsn1Error } from "ldapts";
import {
  enter,
  follows,
  LdapProtocolError,
  readBytes,
  readInteger,
  readText,
  skip,
} from "./ber-reading.ts";
import type { LdapResult } from "./result-code.ts";

/** RFC 4511 section 4.2 ff.: the application tags of responses. */
export const RESPONSE = {
  bind: 0x61,
  entry: 0x64,
  searchDone: 0x65,
  reference: 0x73,
  extended: 0x78,
  intermediate: 0x79,
} as const;

/** RFC 4511 section 4.4.1 */
export const NOTICE_OF_DISCONNECTION_OID = "1.3.6.1.4.1.1466.20036";

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BOOLEAN = 0x01;
const ENUMERATED = 0x0a;
const OCTET_STRING = 0x04;
const REFERRALS = 0xa3;
const CONTROLS = 0xa0;
const RESPONSE_NAME = 0x8a;

/** Referral addresses and controls kept of one message; the rest is read and dropped. */
const MAX_REFERRALS = 100;
const MAX_CONTROLS = 100;

/** The envelope of a message; the reader stands at the start of the operation's content. */
export interface Envelope {
  readonly messageId: number;
  readonly tag: number;
  /** Where the operation's content ends; controls follow up to `messageEnd`. */
  readonly end: number;
  readonly messageEnd: number;
}

export function readEnvelope(reader: BerReader, messageEnd: number): Envelope {
  enter(reader, SEQUENCE, messageEnd);
  const messageId = readInteger(reader, INTEGER, messageEnd);
  const tag = reader.peek();
  if (tag === null) throw new LdapProtocolError("operation missing");
  const end = enter(reader, tag, messageEnd);
  return { messageId, tag, end, messageEnd };
}

/** LDAPResult and the response controls behind it; what a bind or an extended response adds is stepped over. */
export function readResult(reader: BerReader, { end, messageEnd }: Envelope): LdapResult {
  const code = readInteger(reader, ENUMERATED, end);
  const matchedDn = readText(reader, OCTET_STRING, end);
  const diagnostic = readText(reader, OCTET_STRING, end);
  const referrals = follows(reader, REFERRALS, end)
    ? readUris(reader, enter(reader, REFERRALS, end))
    : [];
  reader.offset = end;
  return { code, matchedDn, diagnostic, referrals, controls: readControls(reader, messageEnd) };
}

/** The addresses of a referral or a search reference, up to `end`. */
export function readUris(reader: BerReader, end: number): readonly string[] {
  const uris: string[] = [];
  while (reader.offset < end) {
    const uri = readText(reader, OCTET_STRING, end);
    if (uris.length < MAX_REFERRALS) uris.push(uri);
  }
  return uris;
}

/** The OID of an extended response (RFC 4511 section 4.12), behind its result. */
export function readResponseName(reader: BerReader, { end }: Envelope): string | undefined {
  while (reader.offset < end) {
    const tag = reader.peek();
    if (tag === RESPONSE_NAME) return readText(reader, RESPONSE_NAME, end);
    if (tag === null) break;
    skip(reader, tag, end);
  }
  return undefined;
}

/** Controls behind an operation, up to the end of its message. */
export function readControls(reader: BerReader, messageEnd: number): ReadonlyMap<string, Buffer> {
  const controls = new Map<string, Buffer>();
  if (!follows(reader, CONTROLS, messageEnd)) return controls;
  const end = enter(reader, CONTROLS, messageEnd);
  while (reader.offset < end) {
    const controlEnd = enter(reader, SEQUENCE, end);
    const oid = readText(reader, OCTET_STRING, controlEnd);
    if (follows(reader, BOOLEAN, controlEnd)) skip(reader, BOOLEAN, controlEnd);
    const value = follows(reader, OCTET_STRING, controlEnd)
      ? readBytes(reader, OCTET_STRING, controlEnd)
      : Buffer.alloc(0);
    if (controls.size < MAX_CONTROLS) controls.set(oid, value);
    reader.offset = controlEnd;
  }
  return controls;
}

/** Whether an error says that the bytes were wrong, rather than that this program is. */
export function isProtocolError(error: unknown): boolean {
  if (error instanceof LdapProtocolError || error instanceof InvalidAsn1Error) return true;
  // BerReader runs past the end of a buffer on an integer without content.
  return error instanceof RangeError && "code" in error && error.code === "ERR_OUT_OF_RANGE";
}
