import type { Value } from "../entry.ts";

/**
 * The bytes of a value. The directory hands out as text what is UTF-8 and not known to be bytes; nothing is lost by
 * that, so that a GUID which happens to be UTF-8 comes back as it was.
 */
export function octetsOf(value: Value): Uint8Array {
  return typeof value === "string" ? Buffer.from(value, "utf8") : value;
}

/** RFC 4648 section 4, as SCIM writes binary (RFC 7643 section 2.3.6). */
export function printBase64(value: Value): string {
  return Buffer.from(octetsOf(value)).toString("base64");
}
