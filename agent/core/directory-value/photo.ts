/** First bytes of the formats that Active Directory and its tools write into thumbnailPhoto and jpegPhoto. */
const FORMATS = [
  { type: "image/jpeg", magic: [0xff, 0xd8, 0xff] },
  { type: "image/png", magic: [0x89, 0x50, 0x4e, 0x47] },
  { type: "image/gif", magic: [0x47, 0x49, 0x46, 0x38] },
  { type: "image/bmp", magic: [0x42, 0x4d] },
] as const;

/** A picture as a URL that holds it (RFC 2397); undefined when the bytes are no picture of a known format. */
export function printPhoto(bytes: Uint8Array): string | undefined {
  const format = FORMATS.find(({ magic }) => magic.every((byte, at) => bytes[at] === byte));
  return format && `data:${format.type};base64,${Buffer.from(bytes).toString("base64")}`;
}
