// Encoders of the AMQP types that the broker writes (AMQP 1.0 part 1 section 1.6).

export const NULL: Buffer = Buffer.from([0x40]);
const TRUE = Buffer.from([0x41]);
const FALSE = Buffer.from([0x42]);

export function encodeBoolean(value: boolean): Buffer {
  return value ? TRUE : FALSE;
}

export function encodeUbyte(value: number): Buffer {
  return Buffer.from([0x50, value & 0xff]);
}

export function encodeUint(value: number): Buffer {
  if (value === 0) return Buffer.from([0x43]);
  if (value < 256) return Buffer.from([0x52, value]);
  const buffer = Buffer.allocUnsafe(5);
  buffer[0] = 0x70;
  buffer.writeUInt32BE(value, 1);
  return buffer;
}

export function encodeInt(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(5);
  buffer[0] = 0x71;
  buffer.writeInt32BE(value, 1);
  return buffer;
}

function encodeEightBytes(code: number, value: number): Buffer {
  const buffer = Buffer.allocUnsafe(9);
  buffer[0] = code;
  buffer.writeInt32BE(Math.floor(value / 0x1_0000_0000), 1);
  buffer.writeUInt32BE(value - Math.floor(value / 0x1_0000_0000) * 0x1_0000_0000, 5);
  return buffer;
}

export function encodeLong(value: number): Buffer {
  return encodeEightBytes(0x81, value);
}

/** @param value milliseconds since 1970 (UTC) */
export function encodeTimestamp(value: number): Buffer {
  return encodeEightBytes(0x83, value);
}

/** @param bytes the 16 bytes in RFC 9562 order */
export function encodeUuid(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x98]), bytes]);
}

function encodeVariable(code: number, content: Buffer): Buffer {
  if (content.length < 256) {
    return Buffer.concat([Buffer.from([code, content.length]), content]);
  }
  const head = Buffer.allocUnsafe(5);
  head[0] = code + 0x10;
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}

export function encodeBinary(value: Buffer): Buffer {
  return encodeVariable(0xa0, value);
}

export function encodeString(value: string): Buffer {
  return encodeVariable(0xa1, Buffer.from(value, "utf8"));
}

export function encodeSymbol(value: string): Buffer {
  return encodeVariable(0xa3, Buffer.from(value, "ascii"));
}

function encodeCompound(code: number, count: number, items: readonly Buffer[]): Buffer {
  const content = items.reduce((sum, item) => sum + item.length, 0);
  if (count < 256 && content + 1 < 256) {
    return Buffer.concat([Buffer.from([code, content + 1, count]), ...items]);
  }
  const head = Buffer.allocUnsafe(9);
  head[0] = code + 0x10;
  head.writeUInt32BE(content + 4, 1);
  head.writeUInt32BE(count, 5);
  return Buffer.concat([head, ...items]);
}

export function encodeList(items: readonly Buffer[]): Buffer {
  return encodeCompound(0xc0, items.length, items);
}

/** @param items keys and values in turn, each encoded */
export function encodeMap(items: readonly Buffer[]): Buffer {
  return encodeCompound(0xc1, items.length, items);
}

/** @param items values of fixed width, each with its own constructor, which is dropped */
export function encodeArray(code: number, items: readonly Buffer[]): Buffer {
  const payloads = items.map((item) => item.subarray(1));
  return encodeCompound(0xe0, items.length, [Buffer.from([code]), ...payloads]);
}

/** An array of strings, each with a length of four bytes, since all items of an array share one constructor. */
export function encodeStringArray(values: readonly string[]): Buffer {
  const items = values.map((value) => {
    const text = Buffer.from(value, "utf8");
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(text.length);
    return Buffer.concat([length, text]);
  });
  return encodeCompound(0xe0, items.length, [Buffer.from([0xb1]), ...items]);
}

/** A described value with a numeric descriptor below 256, as every section of a message has. */
export function encodeDescribed(descriptor: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x00, 0x53, descriptor]), value]);
}
