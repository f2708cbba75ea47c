const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Order of the bytes of an objectGUID as text: MS-DTYP section 2.3.4.2 stores the first three groups little-endian. */
const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;

const GUID_BYTES = 16;

/** The text in lower case when it is a UUID (RFC 4122 section 3), else undefined. */
export function parseUuid(text: string): string | undefined {
  const uuid = text.toLowerCase();
  return GUID.test(uuid) ? uuid : undefined;
}

/** The 16 bytes of a UUID in the order of RFC 4122 as text, or undefined when they are not 16. */
export function printUuid(bytes: Uint8Array): string | undefined {
  return bytes.length === GUID_BYTES ? withHyphens(Buffer.from(bytes).toString("hex")) : undefined;
}

/** An objectGUID as text, or undefined when it is not 16 bytes long. */
export function printGuid(bytes: Uint8Array): string | undefined {
  if (bytes.length !== GUID_BYTES) return undefined;
  return withHyphens(Buffer.from(ORDER.map((at) => bytes[at] as number)).toString("hex"));
}

function withHyphens(hex: string): string {
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}

/** The bytes that Active Directory stores for a GUID, or undefined when the text is none. */
export function parseGuid(text: string): Uint8Array | undefined {
  const uuid = parseUuid(text);
  if (uuid === undefined) return undefined;
  const plain = Buffer.from(uuid.replaceAll("-", ""), "hex");
  // The order is its own inverse.
  return Uint8Array.from(ORDER, (at) => plain[at] as number);
}
