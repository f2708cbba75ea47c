const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Order of the bytes of an objectGUID as text: MS-DTYP section 2.3.4.2 stores the first three groups little-endian. */
const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;

const GUID_BYTES = 16;

/** The text in lower case when it is a UUID (RFC 4122 section 3), else undefined. */
export function parseUuid(text: string): string | undefined {
  const uuid = text.toLowerCase();
  return GUID.test(uuid) ? uuid : undefined;
}

/** An objectGUID as text, or undefined when it is not 16 bytes long. */
export function printGuid(bytes: Uint8Array): string | undefined {
  if (bytes.length !== GUID_BYTES) return undefined;
  return groupsOf(Buffer.from(ORDER.map((at) => bytes[at] as number)));
}

/** The bytes that Active Directory stores for a GUID, or undefined when the text is none. */
export function parseGuid(text: string): Uint8Array | undefined {
  const plain = parseUuidBytes(text);
  // The order is its own inverse.
  return plain && Uint8Array.from(ORDER, (at) => plain[at] as number);
}

/** 16 bytes in network order (RFC 4122 section 4.1.2, the syncUUID of RFC 4533) as text, else undefined. */
export function printUuid(bytes: Uint8Array): string | undefined {
  return bytes.length === GUID_BYTES ? groupsOf(Buffer.from(bytes)) : undefined;
}

/** The bytes of a UUID in network order, or undefined when the text is none. */
export function parseUuidBytes(text: string): Uint8Array | undefined {
  const uuid = parseUuid(text);
  if (uuid === undefined) return undefined;
  return Uint8Array.from(Buffer.from(uuid.replaceAll("-", ""), "hex"));
}

function groupsOf(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
