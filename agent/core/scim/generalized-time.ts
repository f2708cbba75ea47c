/** 1601-01-01, where the time of Active Directory begins, and the last second that four digits can name. */
const FIRST_SECOND = Date.UTC(1601, 0, 1) / 1000;
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;

/**
 * Generalized time in UTC (RFC 4517 section 3.3.13) of a number of seconds since 1970, moved into 1601…9999. With
 * `fraction` as Active Directory writes it: `20110513044234.0Z`.
 */
export function printGeneralizedTime(seconds: number, fraction: boolean): string {
  const clamped = Math.min(Math.max(seconds, FIRST_SECOND), LAST_SECOND);
  const digits = new Date(clamped * 1000).toISOString().slice(0, 19).replace(/\D/g, "");
  return `${digits}${fraction ? ".0" : ""}Z`;
}
