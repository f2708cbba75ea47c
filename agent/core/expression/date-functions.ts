import { compileDateFormat, type DateFormat } from "./date-format.ts";
import {
  createDateTime,
  type DateTime,
  daysIn,
  isDateTime,
  joinDateTime,
  parseDateTime,
} from "./date-time.ts";
import { EvaluationError, type ExpressionFunction, optional, required } from "./evaluation.ts";
import { type ExpressionValue, numberOf, singleOf, textOf, wholeOf } from "./expression-value.ts";
import type { Expression } from "./syntax.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WEEK_DAYS = 7;
const TICKS_PER_MS = 10_000n;
/** From 1601-01-01, where FILETIME begins, to 1970-01-01. */
const FILE_TIME_EPOCH_MS = 11_644_473_600_000n;

/** By the names of Visual Basic's DateInterval. */
const FIXED_INTERVALS: ReadonlyMap<string, number> = new Map([
  ["d", DAY_MS],
  ["y", DAY_MS],
  ["w", DAY_MS],
  ["ww", WEEK_DAYS * DAY_MS],
  ["h", HOUR_MS],
  ["n", MINUTE_MS],
  ["s", SECOND_MS],
]);
const MONTH_INTERVALS: ReadonlyMap<string, number> = new Map([
  ["m", 1],
  ["q", 3],
  ["yyyy", 12],
]);
const INTERVALS = [...MONTH_INTERVALS.keys(), ...FIXED_INTERVALS.keys()];

const STYLES = [
  ...["None", "AllowLeadingWhite", "AllowTrailingWhite", "AllowInnerWhite", "AllowWhiteSpaces"],
  ...[
    "NoCurrentDateDefault",
    "AdjustToUniversal",
    "AssumeLocal",
    "AssumeUniversal",
    "RoundtripKind",
  ],
];

export const DATE_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: "CDate",
    parameters: [required("expression", "text")],
    gives: "the point in time that a text says, in UTC",
    example: 'CDate("2020-03-16-07:00")',
    evaluate: ([text = null]) => dateOf(text, "CDate"),
  },
  {
    name: "DateAdd",
    parameters: [
      required("interval", "text"),
      required("value", "number"),
      required("dateTime", "dateTime"),
    ],
    gives: "the date moved by so many yyyy, q, m, ww, d, h, n or s",
    example: 'DateAdd("d", 7, CDate([StatusHireDate]))',
    check: checkInterval,
    evaluate: ([interval = null, value = null, dateTime = null]) => {
      const date = dateOf(dateTime, "DateAdd");
      if (date === null) return null;
      const count = wholeOf(value);
      if (count === undefined) throw new EvaluationError("DateAdd needs a number to add");
      const moved = move(date, textOf(interval).toLowerCase(), count);
      if (moved === undefined) throw new EvaluationError("DateAdd leaves the years 1 to 9999");
      return moved;
    },
  },
  {
    name: "DateDiff",
    parameters: [
      required("interval", "text"),
      required("date1", "dateTime"),
      required("date2", "dateTime"),
    ],
    gives: "how far the second date is behind the first, as Visual Basic counts",
    example: 'DateDiff("d", Now(), CDate([StatusHireDate]))',
    check: checkInterval,
    evaluate: ([interval = null, first = null, second = null]) => {
      const [from, to] = [dateOf(first, "DateDiff"), dateOf(second, "DateDiff")];
      return from === null || to === null
        ? null
        : difference(textOf(interval).toLowerCase(), from, to);
    },
  },
  {
    name: "DateFromNum",
    parameters: [required("value", "number")],
    gives: "the point in time that a FILETIME says",
    example: "DateFromNum(129699324000000000)",
    evaluate: ([value = null]) => {
      if (textOf(value) === "") return null;
      const number = numberOf(value);
      if (number === undefined)
        throw new EvaluationError("DateFromNum was given what is no number");
      const ticks = BigInt(typeof number === "bigint" ? number : Math.trunc(number));
      const date = ticks < 0n ? undefined : fromTicks(ticks);
      if (date === undefined) throw new EvaluationError("DateFromNum was given what is no time");
      return date;
    },
  },
  {
    name: "FormatDateTime",
    parameters: [
      ...[required("source", "text"), optional("dateTimeStyles", "text")],
      ...[required("inputFormat", "text"), optional("outputFormat", "text")],
    ],
    gives:
      "a date in another form, by the formats of .NET; dateTimeStyles may be left out altogether",
    example: 'FormatDateTime([hireDate], , "yyyyMMddHHmmss.fZ", "yyyy-MM-dd")',
    check: checkFormats,
    evaluate: formatDateTime,
  },
  {
    name: "Now",
    parameters: [],
    gives: "the time of the evaluation in UTC",
    example: "Now()",
    changes: "time",
    evaluate: (_, { now }) => createDateTime(now) ?? null,
  },
  {
    name: "NumFromDate",
    parameters: [required("value", "dateTime")],
    gives: "the FILETIME of a date, as accountExpires wants it",
    example: 'NumFromDate("2020-12-31 23:59:59-08:00")',
    evaluate: ([value = null]) => {
      const date = dateOf(value, "NumFromDate");
      if (date === null) return null;
      const ticks = (BigInt(date.ms) + FILE_TIME_EPOCH_MS) * TICKS_PER_MS + BigInt(date.ticks);
      if (ticks < 0n) throw new EvaluationError("NumFromDate was given a time before 1601");
      return String(ticks);
    },
  },
];

function dateOf(value: ExpressionValue, name: string): DateTime | null {
  const single = singleOf(value);
  if (single === null || single === "") return null;
  if (isDateTime(single)) return single;
  const date = typeof single === "string" ? parseDateTime(single) : undefined;
  if (date === undefined) throw new EvaluationError(`${name} was given what is no date`);
  return date;
}

function fromTicks(ticks: bigint): DateTime | undefined {
  return createDateTime(
    Number(ticks / TICKS_PER_MS - FILE_TIME_EPOCH_MS),
    Number(ticks % TICKS_PER_MS),
  );
}

function move(date: DateTime, interval: string, count: number): DateTime | undefined {
  const months = MONTH_INTERVALS.get(interval);
  if (months === undefined) {
    const ms = FIXED_INTERVALS.get(interval);
    if (ms === undefined) throw unknownInterval(interval);
    return createDateTime(date.ms + count * ms, date.ticks);
  }
  const start = new Date(date.ms);
  const total = start.getUTCFullYear() * 12 + start.getUTCMonth() + count * months;
  const [year, month] = [Math.floor(total / 12), (total % 12) + 1];
  if (year < 1 || year > 9999) return undefined;
  // The 31st becomes the last day of a shorter month.
  const day = Math.min(start.getUTCDate(), daysIn(year, month));
  const parts = { year, month, day, hour: 0, minute: 0, second: 0, fraction: 0, offset: 0 };
  const midnight = joinDateTime(parts);
  const timeOfDay = ((date.ms % DAY_MS) + DAY_MS) % DAY_MS;
  return midnight && createDateTime(midnight.ms + timeOfDay, date.ticks);
}

/** As Visual Basic's DateAndTime.DateDiff: elapsed time is cut, weeks begin on Sunday, months and years are those of the calendar. */
function difference(interval: string, from: DateTime, to: DateTime): number {
  const [first, second] = [new Date(from.ms), new Date(to.ms)];
  const years = second.getUTCFullYear() - first.getUTCFullYear();
  const elapsed = to.ms - from.ms + (to.ticks - from.ticks) / Number(TICKS_PER_MS);
  switch (interval) {
    case "yyyy":
      return years;
    case "m":
      return years * 12 + second.getUTCMonth() - first.getUTCMonth();
    case "q":
      return years * 4 + Math.floor(second.getUTCMonth() / 3) - Math.floor(first.getUTCMonth() / 3);
    case "ww": {
      const between = elapsed - (second.getUTCDay() - first.getUTCDay()) * DAY_MS;
      return cut(cut(between / DAY_MS) / WEEK_DAYS);
    }
    case "w":
      return cut(cut(elapsed / DAY_MS) / WEEK_DAYS);
    default: {
      const ms = FIXED_INTERVALS.get(interval);
      if (ms === undefined) throw unknownInterval(interval);
      return cut(elapsed / ms);
    }
  }
}

/** Without a negative zero. */
const cut = (number: number) => Math.trunc(number) + 0;

function unknownInterval(interval: string): EvaluationError {
  return new EvaluationError(
    `${JSON.stringify(interval.slice(0, 20))} is no interval, expected one of ${INTERVALS.join(", ")}`,
  );
}

function checkInterval([interval]: readonly Expression[]) {
  if (interval?.kind !== "text" || INTERVALS.includes(interval.value.toLowerCase()))
    return undefined;
  return { argument: 0, problem: unknownInterval(interval.value).message };
}

const FORMATS = new Map<string, ReturnType<typeof compileDateFormat>>();
const MAX_FORMATS = 1_000;

function formatOf(text: string): ReturnType<typeof compileDateFormat> {
  const known = FORMATS.get(text);
  if (known !== undefined) return known;
  const compiled = compileDateFormat(text);
  if (FORMATS.size < MAX_FORMATS) FORMATS.set(text, compiled);
  return compiled;
}

/** The cloud sync reference leaves the styles out without a comma for them. */
function arrange<T>(all: readonly T[]): readonly (T | undefined)[] {
  return all.length === 3 ? [all[0], undefined, all[1], all[2]] : all;
}

function checkFormats(all: readonly Expression[]) {
  if (all.length < 3) {
    const problem = "FormatDateTime needs the format of the source and that of the result";
    return { argument: all.length - 1, problem };
  }
  const shift = all.length === 3 ? 1 : 0;
  for (const [index, argument] of arrange(all).entries()) {
    if (argument?.kind !== "text" || index === 0) continue;
    const problem =
      index === 1 ? stylesProblem(argument.value) : problemIn(formatOf(argument.value));
    if (problem !== undefined) return { argument: index - shift, problem };
  }
  return undefined;
}

function problemIn(format: ReturnType<typeof compileDateFormat>): string | undefined {
  return "problem" in format ? format.problem : undefined;
}

function stylesProblem(text: string): string | undefined {
  const stray = stylesOf(text).find((name) => !STYLES.some((one) => one.toLowerCase() === name));
  return stray === undefined
    ? undefined
    : `${stray.slice(0, 40)} is no DateTimeStyles, expected some of ${STYLES.join(", ")}`;
}

function stylesOf(text: string): readonly string[] {
  return text
    .split(/[,|]/)
    .map((name) =>
      name
        .trim()
        .replace(/^DateTimeStyles\./i, "")
        .toLowerCase(),
    )
    .filter((name) => name !== "");
}

function formatDateTime(
  all: readonly (ExpressionValue | undefined)[],
  { now }: { readonly now: number },
): ExpressionValue {
  const [source = null, styles, input = null, output = null] = arrange(all);
  const single = singleOf(source);
  if (single === null || single === "") return null;
  const [inputFormat, outputFormat] = [usable(textOf(input)), usable(textOf(output))];
  if (isDateTime(single)) return outputFormat.print(single);
  const problem = stylesProblem(textOf(styles ?? null));
  if (problem !== undefined) throw new EvaluationError(problem);
  const given = stylesOf(textOf(styles ?? null));
  const has = (name: string) => given.includes(name) || given.includes("allowwhitespaces");
  // Without styles white space at both ends is allowed; RoundtripKind alone is what stands beside it.
  const isDefault = given.length === 0;
  const date = inputFormat.parse(textOf(single), {
    now: createDateTime(now) ?? { ms: 0, ticks: 0 },
    leadingWhite: isDefault || has("allowleadingwhite"),
    trailingWhite: isDefault || has("allowtrailingwhite"),
    innerWhite: has("allowinnerwhite"),
  });
  if (date === undefined) {
    throw new EvaluationError(
      `FormatDateTime was given a text that is not of the form ${textOf(input)}`,
    );
  }
  return outputFormat.print(date);
}

function usable(text: string): DateFormat {
  const format = formatOf(text);
  if ("problem" in format) throw new EvaluationError(format.problem);
  return format;
}
