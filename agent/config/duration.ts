const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** What the option table and the messages call it. */
export const DURATION_FORM = "a duration such as 500ms, 30s, 10m or 1h";

export const DURATION_PATTERN = /^(\d{1,9})(ms|s|m|h)$/;

/**
 * Milliseconds of a duration such as `30s`.
 * @returns undefined when the text is none
 */
export function parseDuration(text: string): number | undefined {
  const found = DURATION_PATTERN.exec(text);
  const unit = UNITS[found?.[2] ?? ""];
  if (found === null || unit === undefined) return undefined;
  return Number(found[1]) * unit;
}

/** The duration in the largest unit that it is a whole number of. */
export function printDuration(ms: number): string {
  if (ms === 0) return "0s";
  for (const unit of ["h", "m", "s"]) {
    const size = UNITS[unit] ?? 1;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}
