import { parseGeneralizedTime } from "../directory-value/generalized-time.ts";

/** A point in time in UTC with the precision of .NET. */
export interface DateTime {
  /** Milliseconds since 1970, whole. */
  readonly ms: number;
  /** Units of 100 nanoseconds on top of it, 0 to 9999. */
  readonly ticks: number;
}

export const MONTHS = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
] as const;
export const DAYS = [
  ...["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
] as const;

/** What a .NET DateTime holds: the years 1 to 9999. */
const FIRST_MS = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const MINUTE_MS = 60_000;
const TICKS_PER_MS = 10_000;
/** Of a fraction of a second .NET keeps seven digits. */
const FRACTION_DIGITS = 7;

export function isDateTime(value: unknown): value is DateTime {
  return typeof value === "object" && value !== null && "ms" in value && "ticks" in value;
}

/** @returns undefined outside of the years 1 to 9999 */
export function createDateTime(ms: number, ticks = 0): DateTime | undefined {
  return ms >= FIRST_MS && ms <= LAST_MS ? { ms, ticks } : undefined;
}

export interface DateTimeParts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** Of a second, in units of 100 nanoseconds. */
  readonly fraction: number;
  /** Minutes east of UTC. */
  readonly offset: number;
}

/** @returns undefined for a day that no month has, an hour that no day has, and so on */
export function joinDateTime(parts: DateTimeParts): DateTime | undefined {
  const { year, month, day, hour, minute, second, fraction, offset } = parts;
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (year < 1 || hour > 23 || minute > 59 || second > 59) return undefined;
  if (Math.abs(offset) > 14 * 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, Math.floor(fraction / TICKS_PER_MS));
  return createDateTime(date.getTime() - offset * MINUTE_MS, fraction % TICKS_PER_MS);
}

export function daysIn(year: number, month: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month, 0);
  return date.getUTCDate();
}

/** As .NET writes it with the culture en-US: `M/d/yyyy h:mm:ss tt`. */
export function printDateTime({ ms }: DateTime): string {
  const date = new Date(ms);
  const two = (number: number) => String(number).padStart(2, "0");
  const hour = date.getUTCHours();
  const day = `${date.getUTCMonth() + 1}/${date.getUTCDate()}/${String(date.getUTCFullYear()).padStart(4, "0")}`;
  const time = `${hour % 12 || 12}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return `${day} ${time} ${hour < 12 ? "AM" : "PM"}`;
}

const MONTH_NAMES = MONTHS.map((name) => `${name.slice(0, 3)}(?:${name.slice(3)})?`).join("|");
const TIME =
  "(?:[T ]\\s*(?<hour>\\d{1,2}):(?<minute>\\d{2})(?::(?<second>\\d{2})(?:\\.(?<fraction>\\d{1,9}))?)?\\s*(?<half>[AP]M?)?)?";
const ZONE = "\\s*(?<zone>Z|GMT|UTC|[+-]\\d{2}:?\\d{2})?";
const DATES = [
  "(?<year>\\d{4})-(?<month>\\d{1,2})-(?<day>\\d{1,2})",
  "(?<year>\\d{4})/(?<month>\\d{1,2})/(?<day>\\d{1,2})",
  "(?<month>\\d{1,2})[/-](?<day>\\d{1,2})[/-](?<year>\\d{4})",
  `(?:[a-z]{3,9},?\\s+)?(?<day>\\d{1,2})[ -](?<name>${MONTH_NAMES})[ -,]+(?<year>\\d{4})`,
  `(?:[a-z]{3,9},?\\s+)?(?<name>${MONTH_NAMES})\\s+(?<day>\\d{1,2}),?\\s+(?<year>\\d{4})`,
].map((date) => new RegExp(`^\\s*${date}${TIME}${ZONE}\\s*$`, "i"));
const MAX_DATE_CHARACTERS = 64;

/**
 * A date as .NET reads it with the culture en-US: ISO 8601, also with an offset behind a date alone
 * (`2020-03-16-07:00`), month/day/year with 12 or 24 hours, RFC 1123, and names of months. LDAP's generalized time is
 * read too. Without an offset it is UTC.
 * @returns undefined for what is none
 */
export function parseDateTime(text: string): DateTime | undefined {
  if (text.length > MAX_DATE_CHARACTERS) return undefined;
  for (const form of DATES) {
    const groups = form.exec(text)?.groups;
    if (groups !== undefined) return fromGroups(groups);
  }
  const time = parseGeneralizedTime(text.trim());
  return time === undefined ? undefined : createDateTime(Math.floor(time));
}

function fromGroups(groups: Readonly<Record<string, string | undefined>>): DateTime | undefined {
  const number = (name: string) => Number(groups[name] ?? 0);
  const hour = hourOf(number("hour"), groups["half"]);
  if (hour === undefined) return undefined;
  return joinDateTime({
    ...{ year: number("year"), month: monthOf(groups), day: number("day") },
    ...{ hour, minute: number("minute"), second: number("second") },
    fraction: Number(
      (groups["fraction"] ?? "").slice(0, FRACTION_DIGITS).padEnd(FRACTION_DIGITS, "0"),
    ),
    offset: offsetOf(groups["zone"]),
  });
}

function monthOf({ name, month }: Readonly<Record<string, string | undefined>>): number {
  if (name === undefined) return Number(month);
  return (
    1 + MONTHS.findIndex((one) => one.slice(0, 3).toLowerCase() === name.slice(0, 3).toLowerCase())
  );
}

/** @returns undefined for 13 PM and the like */
export function hourOf(hour: number, half: string | undefined): number | undefined {
  if (half === undefined) return hour;
  if (hour < 1 || hour > 12) return undefined;
  return (hour % 12) + (/^p/i.test(half) ? 12 : 0);
}

function offsetOf(zone: string | undefined): number {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(zone ?? "") ?? [];
  if (hours === undefined) return 0;
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}
