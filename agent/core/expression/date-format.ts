import {
  DAYS,
  type DateTime,
  daysIn,
  hourOf,
  isDateTime,
  joinDateTime,
  MONTHS,
} from "./date-time.ts";

// Custom and standard date formats of .NET with the culture en-US. A format is cut into elements once: each element is a
// run of one letter (`yyyy`), or literal text.

type Element =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "field"; readonly letter: string; readonly length: number };

const STANDARD: ReadonlyMap<string, string> = new Map([
  ["d", "M/d/yyyy"],
  ["D", "dddd, MMMM d, yyyy"],
  ["f", "dddd, MMMM d, yyyy h:mm tt"],
  ["F", "dddd, MMMM d, yyyy h:mm:ss tt"],
  ["g", "M/d/yyyy h:mm tt"],
  ["G", "M/d/yyyy h:mm:ss tt"],
  ["m", "MMMM d"],
  ["M", "MMMM d"],
  ["o", "yyyy-MM-ddTHH:mm:ss.fffffffK"],
  ["O", "yyyy-MM-ddTHH:mm:ss.fffffffK"],
  ["r", "ddd, dd MMM yyyy HH:mm:ss 'GMT'"],
  ["R", "ddd, dd MMM yyyy HH:mm:ss 'GMT'"],
  ["s", "yyyy-MM-ddTHH:mm:ss"],
  ["t", "h:mm tt"],
  ["T", "h:mm:ss tt"],
  ["u", "yyyy-MM-dd HH:mm:ss'Z'"],
  ["U", "dddd, MMMM d, yyyy h:mm:ss tt"],
  ["y", "MMMM yyyy"],
  ["Y", "MMMM yyyy"],
]);

const LETTERS = "dfFghHKmMstyz";
const MAX_FORMAT_CHARACTERS = 256;
const MAX_FRACTION_DIGITS = 7;
/** The years that two digits mean, as of .NET 8: 1950 to 2049. */
const TWO_DIGIT_PIVOT = 49;

/** A date format of .NET, ready to be used many times. */
export interface DateFormat {
  print(time: DateTime): string;
  /**
   * Reads text that has exactly this form (`DateTime.ParseExact`), as UTC where it says no offset.
   * @returns undefined when it does not
   */
  parse(text: string, options: ParseOptions): DateTime | undefined;
}

export interface ParseOptions {
  /** What a text without a date or a year means. */
  readonly now: DateTime;
  readonly leadingWhite: boolean;
  readonly trailingWhite: boolean;
  readonly innerWhite: boolean;
}

/** @returns the format, or what is wrong with it */
export function compileDateFormat(format: string): DateFormat | { readonly problem: string } {
  if (format === "") return { problem: "the date format is empty" };
  if (format.length > MAX_FORMAT_CHARACTERS) {
    return { problem: `the date format is longer than ${MAX_FORMAT_CHARACTERS} characters` };
  }
  if (format.length === 1 && !STANDARD.has(format)) {
    return {
      problem: `${format} is no standard date format of .NET; write %${format} for the field alone`,
    };
  }
  const elements = readElements(STANDARD.get(format) ?? format);
  if ("problem" in elements) return elements;
  return {
    print: (time) => elements.all.map((element) => printElement(element, time)).join(""),
    parse: (text, options) => new FormatReader(elements.all, text, options).read(),
  };
}

function readElements(
  format: string,
): { readonly all: readonly Element[] } | { readonly problem: string } {
  const all: Element[] = [];
  let at = 0;
  while (at < format.length) {
    const character = format.charAt(at);
    if (character === "'" || character === '"') {
      const end = format.indexOf(character, at + 1);
      if (end < 0) return { problem: `the date format has ${character} without its second one` };
      all.push({ kind: "literal", text: format.slice(at + 1, end) });
      at = end + 1;
    } else if (character === "\\") {
      const next = format.charAt(at + 1);
      if (next === "") return { problem: "the date format ends in a backslash" };
      all.push({ kind: "literal", text: next });
      at += 2;
    } else if (character === "%") {
      if (!LETTERS.includes(format.charAt(at + 1)) || at + 1 === format.length) {
        return { problem: "the date format has % without a field behind it" };
      }
      at += 1;
    } else if (LETTERS.includes(character)) {
      let end = at;
      while (format.charAt(end) === character) end += 1;
      if (/[fF]/.test(character) && end - at > MAX_FRACTION_DIGITS) {
        return { problem: `a second has ${MAX_FRACTION_DIGITS} digits at most, not ${end - at}` };
      }
      all.push({ kind: "field", letter: character, length: end - at });
      at = end;
    } else {
      all.push({ kind: "literal", text: character });
      at += 1;
    }
  }
  return { all };
}

function printElement(element: Element, { ms, ticks }: DateTime): string {
  if (element.kind === "literal") return element.text;
  const { letter, length } = element;
  const date = new Date(ms);
  const padded = (number: number) => String(number).padStart(Math.min(length, 2), "0");
  switch (letter) {
    case "d":
      if (length <= 2) return padded(date.getUTCDate());
      return nameOf(DAYS[date.getUTCDay()] ?? "", length);
    case "M":
      if (length <= 2) return padded(date.getUTCMonth() + 1);
      return nameOf(MONTHS[date.getUTCMonth()] ?? "", length);
    case "y": {
      const year = date.getUTCFullYear();
      return length <= 2 ? padded(year % 100) : String(year).padStart(length, "0");
    }
    case "h":
      return padded(date.getUTCHours() % 12 || 12);
    case "H":
      return padded(date.getUTCHours());
    case "m":
      return padded(date.getUTCMinutes());
    case "s":
      return padded(date.getUTCSeconds());
    case "t": {
      const half = date.getUTCHours() < 12 ? "AM" : "PM";
      return length === 1 ? half.charAt(0) : half;
    }
    case "f":
    case "F": {
      const digits = String(date.getUTCMilliseconds() * 10_000 + ticks).padStart(
        MAX_FRACTION_DIGITS,
        "0",
      );
      const shown = digits.slice(0, length);
      return letter === "f" ? shown : shown.replace(/0+$/, "");
    }
    case "g":
      return "A.D.";
    case "K":
      return "Z";
    default:
      return length === 1 ? "+0" : length === 2 ? "+00" : "+00:00";
  }
}

const nameOf = (name: string, length: number) => (length === 3 ? name.slice(0, 3) : name);

/** What was read, by the letter of the field; `fraction` in units of 100 nanoseconds. */
interface ReadFields {
  year?: number;
  month?: number;
  day?: number;
  hour?: number;
  minute?: number;
  second?: number;
  fraction?: number;
  half?: string;
  offset?: number;
  weekday?: number;
  takesHalf?: boolean;
}

class FormatReader {
  readonly #elements: readonly Element[];
  readonly #text: string;
  readonly #options: ParseOptions;
  readonly #fields: ReadFields = {};
  #at = 0;

  constructor(elements: readonly Element[], text: string, options: ParseOptions) {
    this.#elements = elements;
    this.#text = text;
    this.#options = options;
  }

  read(): DateTime | undefined {
    if (this.#options.leadingWhite) this.#skipWhite();
    for (const [index, element] of this.#elements.entries()) {
      if (this.#options.innerWhite && index > 0) this.#skipWhite();
      if (!this.#element(element, this.#elements[index + 1])) return undefined;
    }
    if (this.#options.trailingWhite) this.#skipWhite();
    return this.#at === this.#text.length ? this.#join() : undefined;
  }

  #element(element: Element, next: Element | undefined): boolean {
    if (element.kind === "field") return this.#field(element);
    const isThere = this.#text.startsWith(element.text, this.#at);
    if (isThere) this.#at += element.text.length;
    // A fraction of F may be missing, and its period with it.
    const isOptional = element.text === "." && next?.kind === "field" && next.letter === "F";
    return isThere || isOptional;
  }

  #field({ letter, length }: { readonly letter: string; readonly length: number }): boolean {
    const digits = length === 1 ? "\\d{1,2}" : "\\d{2}";
    switch (letter) {
      case "d":
        return length > 2 ? this.#name("weekday", DAYS, length) : this.#number("day", digits);
      case "M":
        if (length <= 2) return this.#number("month", digits);
        return this.#name("month", MONTHS, length) && this.#shift("month");
      case "y":
        if (length <= 2) return this.#number("year", digits) && this.#widenYear();
        return this.#number("year", `\\d{${length}}`);
      case "h":
        this.#fields.takesHalf = true;
        return this.#number("hour", digits);
      case "H":
        return this.#number("hour", digits);
      case "m":
        return this.#number("minute", digits);
      case "s":
        return this.#number("second", digits);
      case "f":
        return this.#fraction(`\\d{${length}}`);
      case "F":
        return this.#fraction(`\\d{0,${length}}`);
      case "t":
        return this.#half(length);
      case "g":
        return this.#take("A\\.?D\\.?") !== undefined;
      case "K":
        return this.#offset("Z|[+-]\\d{2}:\\d{2}|");
      default:
        return this.#offset(length >= 3 ? "Z|[+-]\\d{1,2}:?\\d{2}" : `[+-]${digits}`);
    }
  }

  #take(pattern: string): string | undefined {
    const form = new RegExp(pattern, "iy");
    form.lastIndex = this.#at;
    const found = form.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #number(name: "year" | "month" | "day" | "hour" | "minute" | "second", pattern: string): boolean {
    const found = this.#take(pattern);
    if (found === undefined) return false;
    this.#fields[name] = Number(found);
    return true;
  }

  #name(name: "weekday" | "month", names: readonly string[], length: number): boolean {
    const rest = this.#text.slice(this.#at).toLowerCase();
    const index = names.findIndex((one) => rest.startsWith(nameOf(one, length).toLowerCase()));
    if (index < 0) return false;
    this.#at += nameOf(names[index] ?? "", length).length;
    this.#fields[name] = index;
    return true;
  }

  #shift(name: "month"): boolean {
    this.#fields[name] = (this.#fields[name] ?? 0) + 1;
    return true;
  }

  #widenYear(): boolean {
    const year = this.#fields.year ?? 0;
    this.#fields.year = year + (year <= TWO_DIGIT_PIVOT ? 2000 : 1900);
    return true;
  }

  #fraction(pattern: string): boolean {
    const found = this.#take(pattern);
    if (found === undefined) return false;
    this.#fields.fraction = Number(found.padEnd(MAX_FRACTION_DIGITS, "0"));
    return true;
  }

  #half(length: number): boolean {
    const found = this.#take(length === 1 ? "[AP]" : "[AP]M");
    if (found === undefined) return false;
    this.#fields.half = found;
    return true;
  }

  #offset(pattern: string): boolean {
    const found = this.#take(pattern);
    if (found === undefined) return false;
    const [, sign, hours, minutes = "0"] = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(found) ?? [];
    const size = Number(hours ?? 0) * 60 + Number(minutes);
    this.#fields.offset = sign === "-" ? -size : size;
    return true;
  }

  #skipWhite(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at += 1;
  }

  #join(): DateTime | undefined {
    const { year, month, day, hour = 0, half, takesHalf } = this.#fields;
    const today = new Date(this.#options.now.ms);
    const isTimeAlone = year === undefined && month === undefined && day === undefined;
    const known = {
      year: year ?? today.getUTCFullYear(),
      month: month ?? (isTimeAlone ? today.getUTCMonth() + 1 : 1),
      day: day ?? (isTimeAlone ? today.getUTCDate() : 1),
    };
    const whole = hourOf(hour, half);
    if (whole === undefined || (takesHalf === true && hour > 12)) return undefined;
    if (known.month > 12 || known.day > daysIn(known.year, known.month)) return undefined;
    const { minute = 0, second = 0, fraction = 0, offset = 0, weekday } = this.#fields;
    const time = joinDateTime({ ...known, hour: whole, minute, second, fraction, offset });
    if (!isDateTime(time) || weekday === undefined) return time;
    return new Date(time.ms + offset * 60_000).getUTCDay() === weekday ? time : undefined;
  }
}
