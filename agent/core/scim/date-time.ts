const DATE_TIME = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/i;

/**
 * The instant that an xsd:dateTime names (RFC 7643 section 2.3.5), in milliseconds since 1970 with fractions. Seconds
 * or the whole time may be missing; no zone means UTC.
 * @returns undefined when the text is no such time
 */
export function parseDateTime(text: string): number | undefined {
  const [, date, minutes = "00:00", seconds = "00", fraction = "", zone = "Z"] =
    DATE_TIME.exec(text) ?? [];
  if (date === undefined) return undefined;
  const whole = Date.parse(`${date}T${minutes}:${seconds}${zone.toUpperCase()}`);
  // Date.parse cuts after milliseconds, Entra sends seven digits.
  return Number.isNaN(whole) ? undefined : whole + Number(`0${fraction}`) * 1000;
}
