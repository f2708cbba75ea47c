const FILE_TIME = /^\d{1,19}$/;
/** The largest LargeInteger. With 0 it is the other way to write "never". */
const NEVER_TICKS = 0x7fff_ffff_ffff_ffffn;
/** A tick has 100 nanoseconds. */
const TICKS_PER_MS = 10_000n;
/** From 1601-01-01, where FILETIME begins, to 1970-01-01. */
const EPOCH_MS = 11_644_473_600_000;

/**
 * A FILETIME as Active Directory writes it, a count of ticks since 1601 in decimal digits (MS-DTYP section 2.3.3), in
 * whole milliseconds since 1970, rounded down. 0 and 9223372036854775807 are both `never` (MS-ADA1 on accountExpires):
 * never expires, never locked out, never set.
 * @returns undefined when the text is none; a negative one is a duration and no time
 */
export function parseFileTime(text: string): number | "never" | undefined {
  if (!FILE_TIME.test(text)) return undefined;
  const ticks = BigInt(text);
  if (ticks > NEVER_TICKS) return undefined;
  if (ticks === 0n || ticks === NEVER_TICKS) return "never";
  return Number(ticks / TICKS_PER_MS) - EPOCH_MS;
}

/** The number for a time in milliseconds since 1970, for filters. */
export function printFileTime(ms: number): string {
  return String((BigInt(Math.trunc(ms)) + BigInt(EPOCH_MS)) * TICKS_PER_MS);
}
