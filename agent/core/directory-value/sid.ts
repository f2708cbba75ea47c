/** Sub-authorities of a SID at most (MS-DTYP section 2.4.2). */
const MAX_SUB_AUTHORITIES = 15;
const SID = /^S-1-(\d{1,15}|0x[0-9A-Fa-f]{12})((?:-\d{1,10}){0,15})$/i;

/** A security identifier as text (`S-1-5-21-…`), or undefined when the bytes are none (MS-DTYP section 2.4.2.2). */
export function printSid(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || view.getUint8(0) !== 1) return undefined;
  const count = view.getUint8(1);
  if (count > MAX_SUB_AUTHORITIES || bytes.length !== 8 + 4 * count) return undefined;
  const high = view.getUint16(2);
  const low = view.getUint32(4);
  const authority = high === 0 ? String(low) : `0x${hex(high, 4)}${hex(low, 8)}`;
  const subs = Array.from({ length: count }, (_, at) => view.getUint32(8 + 4 * at, true));
  return ["S-1", authority, ...subs].join("-");
}

/** The bytes of a SID, or undefined when the text is none (MS-DTYP section 2.4.2.1). */
export function parseSid(text: string): Uint8Array | undefined {
  const match = SID.exec(text);
  if (match === null) return undefined;
  const [, authorityText = "", rest = ""] = match;
  const authority = BigInt(authorityText);
  const subs = rest === "" ? [] : rest.slice(1).split("-").map(Number);
  if (authority >= 1n << 48n || subs.some((sub) => sub > 0xffff_ffff)) return undefined;
  const bytes = new Uint8Array(8 + 4 * subs.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 1);
  view.setUint8(1, subs.length);
  view.setUint16(2, Number(authority >> 32n));
  view.setUint32(4, Number(authority & 0xffff_ffffn));
  for (const [at, sub] of subs.entries()) view.setUint32(8 + 4 * at, sub, true);
  return bytes;
}

/** The last sub-authority: what tells an account from the others of its domain. */
export function relativeId(sid: string): number | undefined {
  const last = /-(\d{1,10})$/.exec(sid)?.[1];
  return last === undefined ? undefined : Number(last);
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
