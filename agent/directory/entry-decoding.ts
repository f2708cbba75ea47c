import { isUtf8 } from "node:buffer";
import type { BerReader } from "ldapts";
import type { Value } from "../core/entry.ts";
import type { AttributeNames } from "./attribute-names.ts";
import { enter, LdapProtocolError, readText, skip } from "./ber-reading.ts";

/** An attribute of which the server sent a piece that is not the last. */
export interface OpenRange {
  readonly name: string;
  /** Index of the first value that was not sent. */
  readonly next: number;
}

/** An entry as it came: not named by an id yet, and perhaps with attributes that go on. */
export interface RawEntry {
  readonly dn: string;
  readonly attributes: Map<string, Value[]>;
  readonly openRanges: readonly OpenRange[];
}

const SEQUENCE = 0x30;
const SET = 0x31;
const OCTET_STRING = 0x04;
const NO_RANGES: readonly OpenRange[] = [];
const REPLACEMENT = "\ufffd";

/**
 * SearchResultEntry (RFC 4511 section 4.5.2) at the reader's offset, up to `end`.
 * @throws LdapProtocolError, also for a range that does not start at `from`: 0, or where the piece before ended
 */
export function decodeEntry(
  reader: BerReader,
  end: number,
  names: AttributeNames,
  from = 0,
): RawEntry {
  const dn = readText(reader, OCTET_STRING, end);
  const listEnd = enter(reader, SEQUENCE, end);
  const attributes = new Map<string, Value[]>();
  let openRanges: OpenRange[] | undefined;
  while (reader.offset < listEnd) {
    const attributeEnd = enter(reader, SEQUENCE, listEnd);
    const nameStart = skip(reader, OCTET_STRING, attributeEnd);
    const { name, binary, range } = names.lookup(reader.buffer, nameStart, reader.offset);
    const values = decodeValues(reader, attributeEnd, binary);
    if (range === undefined) {
      if (from > 0 && values.length > 0) throw new LdapProtocolError("values without their range");
    } else {
      checkRange(range, values.length, from);
      if (range.high !== undefined) {
        openRanges ??= [];
        openRanges.push({ name, next: range.low + values.length });
      }
    }
    if (values.length === 0) continue;
    const before = attributes.get(name);
    if (before === undefined) attributes.set(name, values);
    else for (const value of values) before.push(value);
  }
  return { dn, attributes, openRanges: openRanges ?? NO_RANGES };
}

function decodeValues(reader: BerReader, attributeEnd: number, binary: boolean): Value[] {
  const end = enter(reader, SET, attributeEnd);
  const values: Value[] = [];
  while (reader.offset < end) {
    const start = skip(reader, OCTET_STRING, end);
    values.push(decodeValue(reader.buffer, start, reader.offset, binary));
  }
  return values;
}

/** Text that is not UTF-8 is delivered as bytes: replaced characters would be taken for the real value. */
function decodeValue(buffer: Buffer, start: number, end: number, binary: boolean): Value {
  if (!binary) {
    const text = buffer.toString("utf8", start, end);
    if (!text.includes(REPLACEMENT) || isUtf8(buffer.subarray(start, end))) return text;
  }
  return Buffer.from(buffer.subarray(start, end));
}

function checkRange(
  range: { readonly low: number; readonly high: number | undefined },
  count: number,
  from: number,
): void {
  if (range.low !== from) throw new LdapProtocolError(`range starts at ${range.low}, not ${from}`);
  if (range.high === undefined) return;
  // A piece with fewer values than it names would leave a hole that nobody sees.
  if (count === 0 || count !== range.high - range.low + 1) {
    throw new LdapProtocolError("range with another number of values");
  }
}
