import type { BerReader } from "ldapts";
import { enter, LdapProtocolError, readBytes, readText } from "../ber-reading.ts";
import { readControls } from "../responses.ts";

/** An entry of a search for changes, as it came: nothing of it is completed or left out. */
export interface ChangedEntry {
  readonly dn: string;
  /**
   * By name in lower case, without options and ranges. An attribute without values is one that was removed (MS-ADTS
   * section 3.1.1.3.4.1.3); of several pieces of one attribute all values are there.
   */
  readonly attributes: ReadonlyMap<string, readonly Buffer[]>;
  /** By OID. */
  readonly controls: ReadonlyMap<string, Buffer>;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const OCTET_STRING = 0x04;

/** Values kept of one attribute: changes are told apart by ids and flags, and a group may have a million members. */
const MAX_VALUES = 32;

/** @throws LdapProtocolError */
export function decodeChangedEntry(
  reader: BerReader,
  end: number,
  messageEnd: number,
): ChangedEntry {
  const dn = readText(reader, OCTET_STRING, end);
  const listEnd = enter(reader, SEQUENCE, end);
  const attributes = new Map<string, Buffer[]>();
  while (reader.offset < listEnd) {
    const attributeEnd = enter(reader, SEQUENCE, listEnd);
    const [name = ""] = readText(reader, OCTET_STRING, attributeEnd).toLowerCase().split(";");
    const values = attributes.get(name) ?? [];
    const valuesEnd = enter(reader, SET, attributeEnd);
    while (reader.offset < valuesEnd && values.length < MAX_VALUES) {
      values.push(readBytes(reader, OCTET_STRING, valuesEnd));
    }
    reader.offset = valuesEnd;
    attributes.set(name, values);
  }
  if (reader.offset !== listEnd) throw new LdapProtocolError("attributes beyond their list");
  reader.offset = end;
  return { dn, attributes, controls: readControls(reader, messageEnd) };
}

/** The first value as text, or undefined. */
export function textIn(entry: ChangedEntry, attribute: string): string | undefined {
  return entry.attributes.get(attribute.toLowerCase())?.[0]?.toString("utf8");
}
