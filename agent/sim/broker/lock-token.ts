// A lock token is a UUID. It travels as the delivery tag in the byte order of a .NET Guid, everywhere else in RFC order.

const UUID_BYTES = 16;
/** Where each byte of a .NET Guid stands in the RFC order; the exchange is its own inverse. */
const GUID_ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;

function reorder(bytes: Buffer): Buffer {
  const reordered = Buffer.alloc(UUID_BYTES);
  for (const [index, from] of GUID_ORDER.entries()) reordered[index] = bytes[from] ?? 0;
  return reordered;
}

/** The 16 bytes of a token in RFC order. */
export function lockTokenBytes(token: string): Buffer {
  return Buffer.from(token.replaceAll("-", ""), "hex");
}

/** The token of 16 bytes in RFC order. Other lengths give a text that is no token. */
export function lockTokenOf(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  const ends = [8, 12, 16, 20, hex.length];
  return ends.map((end, index) => hex.slice(ends[index - 1] ?? 0, end)).join("-");
}

export function deliveryTag(token: string): Buffer {
  return reorder(lockTokenBytes(token));
}

export function lockTokenOfTag(tag: Buffer): string {
  return lockTokenOf(reorder(tag));
}
