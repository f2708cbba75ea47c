/** A value of the AMQP type system (AMQP 1.0 part 1) as far as this broker reads it. Descriptors are dropped. */
export type AmqpValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | Date
  | readonly AmqpValue[]
  | ReadonlyMap<AmqpValue, AmqpValue>;

/** The peer sent bytes that are no AMQP value. */
export class DecodeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "DecodeError";
  }
}

/** Levels of nesting (descriptors, lists, maps) that are followed. */
const MAX_DEPTH = 16;

interface Decoded {
  readonly value: AmqpValue;
  readonly end: number;
}

function byteAt(buffer: Buffer, offset: number): number {
  const byte = buffer[offset];
  if (byte === undefined) throw new DecodeError("the value ends too early");
  return byte;
}

function uint32At(buffer: Buffer, offset: number): number {
  if (offset + 4 > buffer.length) throw new DecodeError("the value ends too early");
  return buffer.readUInt32BE(offset);
}

function bounded(buffer: Buffer, end: number): number {
  if (end > buffer.length) throw new DecodeError("the value ends too early");
  return end;
}

/** Part 1 section 1.2: the high half of a format code says how wide the value is. */
function payloadEnd(buffer: Buffer, code: number, offset: number): number {
  switch (code >> 4) {
    case 0x4:
      return offset;
    case 0x5:
      return bounded(buffer, offset + 1);
    case 0x6:
      return bounded(buffer, offset + 2);
    case 0x7:
      return bounded(buffer, offset + 4);
    case 0x8:
      return bounded(buffer, offset + 8);
    case 0x9:
      return bounded(buffer, offset + 16);
    case 0xa:
    case 0xc:
    case 0xe:
      return bounded(buffer, offset + 1 + byteAt(buffer, offset));
    case 0xb:
    case 0xd:
    case 0xf:
      return bounded(buffer, offset + 4 + uint32At(buffer, offset));
    default:
      throw new DecodeError(`format code 0x${code.toString(16)} is not known`);
  }
}

/** Where the constructor of the value at `offset` is, behind all of its descriptors. */
function constructorAt(buffer: Buffer, offset: number, depth: number): number {
  let at = offset;
  let level = depth;
  while (byteAt(buffer, at) === 0x00) {
    level += 1;
    if (level > MAX_DEPTH) throw new DecodeError("the value is nested too deeply");
    at = valueEnd(buffer, at + 1, level);
  }
  return at;
}

/**
 * The offset behind the value that starts at `offset`.
 * @throws DecodeError
 */
export function valueEnd(buffer: Buffer, offset: number, depth = 0): number {
  const at = constructorAt(buffer, offset, depth);
  return payloadEnd(buffer, byteAt(buffer, at), at + 1);
}

interface Compound {
  readonly count: number;
  /** Where the first item (of an array: the constructor) starts. */
  readonly start: number;
  readonly end: number;
}

function compoundAt(buffer: Buffer, code: number, offset: number): Compound {
  const end = payloadEnd(buffer, code, offset);
  const small = code >> 4 === 0xc || code >> 4 === 0xe;
  const width = small ? 1 : 4;
  const count = small ? byteAt(buffer, offset + 1) : uint32At(buffer, offset + 4);
  const start = offset + 2 * width;
  if (start > end || count > end - start) throw new DecodeError("the count does not fit the size");
  return { count, start, end };
}

function safeInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function decodeItems(buffer: Buffer, compound: Compound, depth: number): AmqpValue[] {
  const items: AmqpValue[] = [];
  let at = compound.start;
  for (let index = 0; index < compound.count; index++) {
    const item = decodeAt(buffer, at, depth + 1);
    items.push(item.value);
    at = item.end;
  }
  return items;
}

function decodeArray(buffer: Buffer, compound: Compound, depth: number): AmqpValue[] {
  const at = constructorAt(buffer, compound.start, depth);
  const code = byteAt(buffer, at);
  const items: AmqpValue[] = [];
  let next = at + 1;
  for (let index = 0; index < compound.count; index++) {
    items.push(decodePayload(buffer, code, next, depth + 1));
    next = payloadEnd(buffer, code, next);
  }
  return items;
}

function decodeMap(items: readonly AmqpValue[]): Map<AmqpValue, AmqpValue> {
  const map = new Map<AmqpValue, AmqpValue>();
  for (let index = 0; index + 1 < items.length; index += 2) {
    map.set(items[index] ?? null, items[index + 1] ?? null);
  }
  return map;
}

function decodePayload(buffer: Buffer, code: number, at: number, depth: number): AmqpValue {
  if (depth > MAX_DEPTH) throw new DecodeError("the value is nested too deeply");
  const end = payloadEnd(buffer, code, at);
  switch (code) {
    case 0x40:
      return null;
    case 0x41:
      return true;
    case 0x42:
      return false;
    case 0x43:
    case 0x44:
      return 0;
    case 0x45:
      return [];
    case 0x50:
    case 0x52:
    case 0x53:
      return buffer.readUInt8(at);
    case 0x51:
    case 0x54:
    case 0x55:
      return buffer.readInt8(at);
    case 0x56:
      return buffer.readUInt8(at) === 1;
    case 0x60:
      return buffer.readUInt16BE(at);
    case 0x61:
      return buffer.readInt16BE(at);
    case 0x70:
    case 0x73:
      return buffer.readUInt32BE(at);
    case 0x71:
      return buffer.readInt32BE(at);
    case 0x72:
      return buffer.readFloatBE(at);
    case 0x80:
      return safeInteger(buffer.readBigUInt64BE(at));
    case 0x81:
      return safeInteger(buffer.readBigInt64BE(at));
    case 0x82:
      return buffer.readDoubleBE(at);
    case 0x83:
      return new Date(Number(buffer.readBigInt64BE(at)));
    case 0xa1:
    case 0xa3:
      return buffer.toString("utf8", at + 1, end);
    case 0xb1:
    case 0xb3:
      return buffer.toString("utf8", at + 4, end);
    case 0xa0:
      return buffer.subarray(at + 1, end);
    case 0xb0:
      return buffer.subarray(at + 4, end);
    case 0xc0:
    case 0xd0:
      return decodeItems(buffer, compoundAt(buffer, code, at), depth);
    case 0xc1:
    case 0xd1:
      return decodeMap(decodeItems(buffer, compoundAt(buffer, code, at), depth));
    case 0xe0:
    case 0xf0:
      return decodeArray(buffer, compoundAt(buffer, code, at), depth);
    default:
      // Decimals and uuids: their bytes.
      return buffer.subarray(at, end);
  }
}

function decodeAt(buffer: Buffer, offset: number, depth: number): Decoded {
  const at = constructorAt(buffer, offset, depth);
  const code = byteAt(buffer, at);
  return {
    value: decodePayload(buffer, code, at + 1, depth),
    end: payloadEnd(buffer, code, at + 1),
  };
}

/**
 * The value that starts at `offset`.
 * @throws DecodeError
 */
export function decodeValue(buffer: Buffer, offset = 0): AmqpValue {
  return decodeAt(buffer, offset, 0).value;
}

/**
 * The items of a list or map, each still encoded, so that they can be written again with their types.
 * @throws DecodeError
 */
export function encodedItems(buffer: Buffer, offset = 0): Buffer[] {
  const at = constructorAt(buffer, offset, 0);
  const code = byteAt(buffer, at);
  if (code === 0x45 || code === 0x40) return [];
  if (code >> 4 !== 0xc && code >> 4 !== 0xd) throw new DecodeError("expected a list or a map");
  const compound = compoundAt(buffer, code, at + 1);
  const items: Buffer[] = [];
  let next = compound.start;
  for (let index = 0; index < compound.count; index++) {
    const end = valueEnd(buffer, next);
    items.push(buffer.subarray(next, end));
    next = end;
  }
  return items;
}

/** Key and value of one entry of a map; the value is still encoded. */
export interface EncodedEntry {
  readonly key: string;
  readonly value: Buffer;
}

/**
 * The entries of a map in their order. Entries whose key is no string or symbol are left out.
 * @throws DecodeError
 */
export function encodedEntries(buffer: Buffer, offset = 0): EncodedEntry[] {
  const items = encodedItems(buffer, offset);
  const entries: EncodedEntry[] = [];
  for (let index = 0; index + 1 < items.length; index += 2) {
    const [key, value] = [items[index], items[index + 1]];
    if (key === undefined || value === undefined) continue;
    const name = decodeValue(key);
    if (typeof name === "string") entries.push({ key: name, value });
  }
  return entries;
}
