import type { BerReader } from "ldapts";

/** Bytes that are not the BER of an LDAP message. The connection that sent them is of no further use. */
export class LdapProtocolError extends Error {
  override readonly name = "LdapProtocolError";
}

/**
 * Steps into a constructed element; ldapts checks neither that one came nor that it ends within its parent.
 * @returns the offset behind its content
 * @throws LdapProtocolError
 */
export function enter(reader: BerReader, tag: number, parentEnd: number): number {
  if (reader.readSequence(tag) === null) throw new LdapProtocolError("element missing");
  const end = reader.offset + reader.length;
  // Four length octets overflow to a negative number.
  if (reader.length < 0 || end > parentEnd) throw new LdapProtocolError("element too long");
  return end;
}

/** Steps over a primitive element and leaves its content's length in `reader.length`; returns where it starts. */
export function skip(reader: BerReader, tag: number, parentEnd: number): number {
  const end = enter(reader, tag, parentEnd);
  const start = reader.offset;
  reader.offset = end;
  return start;
}

export function readText(reader: BerReader, tag: number, parentEnd: number): string {
  const start = skip(reader, tag, parentEnd);
  return reader.buffer.toString("utf8", start, reader.offset);
}

/** A copy: a view would keep the whole chunk of the socket in memory. */
export function readBytes(reader: BerReader, tag: number, parentEnd: number): Buffer {
  const start = skip(reader, tag, parentEnd);
  return Buffer.from(reader.buffer.subarray(start, reader.offset));
}

export function readInteger(reader: BerReader, tag: number, parentEnd: number): number {
  const value = reader.readTag(tag);
  if (value === null || reader.offset > parentEnd) throw new LdapProtocolError("integer missing");
  return value;
}

/** Whether another element with this tag comes before the end. */
export function follows(reader: BerReader, tag: number, end: number): boolean {
  return reader.offset < end && reader.peek() === tag;
}
