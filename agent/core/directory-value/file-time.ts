/** Milliseconds between 1601 and 1970. */
const EPOCH_MS = 11_644_473_600_000n;
/** 100 nanoseconds. */
const UNITS_PER_MS = 10_000n;
/** Both mean "never" in `accountExpires`, `pwdLastSet` and their like (MS-ADA1 section 2.2). */
const NEVER: ReadonlySet<string> = new Set(["0", "9223372036854775807"]);

/** A time that may be none. Milliseconds since 1970 (UTC). */
export type FileTime = { readonly kind: "time"; readonly ms: number } | { readonly kind: "never" };

/**
 * FILETIME as Active Directory writes it: a decimal number of 100 nanoseconds since 1601 (UTC) (MS-DTYP section 2.3.3).
 * Negative numbers are durations and no times.
 * @returns undefined for what is none
 */
export function parseFileTime(text: string): FileTime | undefined {
  if (!/^\d{1,19}$/.test(text)) return undefined;
  if (NEVER.has(text)) return { kind: "never" };
  const ms = BigInt(text) / UNITS_PER_MS - EPOCH_MS;
  return { kind: "time", ms: Number(ms) };
}

/** The number for a time, for filters. */
export function printFileTime(ms: number): string {
  return String((BigInt(Math.trunc(ms)) + EPOCH_MS) * UNITS_PER_MS);
}
