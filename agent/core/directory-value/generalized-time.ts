/** 1601-01-01, where the time of Active Directory begins, and the last second that four digits can name. */
const FIRST_SECOND = Date.UTC(1601, 0, 1) / 1000;
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;

const GENERALIZED_TIME =
  /^(\d{4})(\d{2})(\d{2})(\d{2})(?:(\d{2})(\d{2})?)?(?:[.,](\d+))?(Z|[+-]\d{2}(?:\d{2})?)$/;
const XSD_DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Milliseconds since 1970 of a generalized time (RFC 4517 section 3.3.13), or of what already is an xsd:dateTime; what is
 * finer than a millisecond is cut off.
 * @returns undefined when the text is neither, or names no day of the calendar
 */
export function parseGeneralizedTime(text: string): number | undefined {
  const parts = GENERALIZED_TIME.exec(text);
  let iso = text;
  if (parts !== null) {
    const [, year, month, day, hour, minute = "00", second = "00", fraction, zone = "Z"] = parts;
    // A fraction belongs to the smallest unit that is written; only fractions of a second are in use.
    if (fraction !== undefined && parts[6] === undefined) return undefined;
    const millis = fraction === undefined ? "" : `.${fraction.slice(0, 3).padEnd(3, "0")}`;
    const offset = zone === "Z" ? "Z" : `${zone.slice(0, 3)}:${zone.slice(3) || "00"}`;
    iso = `${year}-${month}-${day}T${hour}:${minute}:${second}${millis}${offset}`;
  }
  if (!XSD_DATE_TIME.test(iso) || !isDate(iso.slice(0, 10))) return undefined;
  const time = Date.parse(iso);
  return Number.isNaN(time) ? undefined : time;
}

/** Whether the month has this day: Date.parse goes on into the next month. */
function isDate(date: string): boolean {
  return new Date(`${date}T00:00:00Z`).getUTCDate() === Number(date.slice(8));
}

/**
 * Generalized time in UTC (RFC 4517 section 3.3.13) of a number of seconds since 1970, moved into 1601…9999. With
 * `fraction` as Active Directory writes it: `20110513044234.0Z`.
 */
export function printGeneralizedTime(seconds: number, fraction: boolean): string {
  const clamped = Math.min(Math.max(seconds, FIRST_SECOND), LAST_SECOND);
  const digits = new Date(clamped * 1000).toISOString().slice(0, 19).replace(/\D/g, "");
  return `${digits}${fraction ? ".0" : ""}Z`;
}
