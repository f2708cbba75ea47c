const REVISION = 1;
/** MS-DTYP section 2.4.2.2. */
const MAX_SUB_AUTHORITIES = 15;
const HEADER_BYTES = 8;
const SUB_AUTHORITY_BYTES = 4;
/** From here on MS-DTYP section 2.4.2.1 writes the authority in hexadecimal digits. */
const HEX_AUTHORITY = 2 ** 32;

const SID = /^S-1-(0|[1-9]\d{0,9}|0x[0-9a-f]{12})((?:-(?:0|[1-9]\d{0,9})){1,15})$/i;

/**
 * A security identifier as text (`S-1-5-21-…`, MS-DTYP section 2.4.2.1).
 * @returns undefined when the bytes are none: of another revision or length, or without a sub-authority
 */
export function printSid(bytes: Uint8Array): string | undefined {
  const [revision, count = 0] = bytes;
  if (revision !== REVISION || count < 1 || count > MAX_SUB_AUTHORITIES) return undefined;
  if (bytes.length !== HEADER_BYTES + count * SUB_AUTHORITY_BYTES) return undefined;
  const buffer = Buffer.from(bytes);
  // The authority is big-endian, what follows it is not.
  const authority = buffer.readUIntBE(2, 6);
  const parts = Array.from({ length: count }, (_, at) =>
    buffer.readUInt32LE(HEADER_BYTES + at * SUB_AUTHORITY_BYTES),
  );
  const first = authority < HEX_AUTHORITY ? authority : `0x${buffer.toString("hex", 2, 8)}`;
  return `S-1-${first}-${parts.join("-")}`;
}

/** The bytes of a security identifier, as objectSid holds them; undefined when the text is none. */
export function parseSid(text: string): Uint8Array | undefined {
  const [, authority, rest] = SID.exec(text) ?? [];
  if (authority === undefined || rest === undefined) return undefined;
  const isHex = /^0x/i.test(authority);
  const first = Number(authority);
  const parts = rest.slice(1).split("-").map(Number);
  if (isHex ? first < HEX_AUTHORITY : first >= HEX_AUTHORITY) return undefined;
  if (parts.some((part) => part >= 2 ** 32)) return undefined;
  const bytes = Buffer.alloc(HEADER_BYTES + parts.length * SUB_AUTHORITY_BYTES);
  bytes.writeUInt8(REVISION, 0);
  bytes.writeUInt8(parts.length, 1);
  bytes.writeUIntBE(first, 2, 6);
  for (const [at, part] of parts.entries()) {
    bytes.writeUInt32LE(part, HEADER_BYTES + at * SUB_AUTHORITY_BYTES);
  }
  return Uint8Array.from(bytes);
}
