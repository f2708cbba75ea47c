interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const SECOND: Field = { min: 0, max: 59 };

const FIELDS: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  {
    min: 1,
    max: 12,
    names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  },
  { min: 0, max: 7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

/** What the option table and the messages call it. */
export const CRON_FORM =
  'a cron expression of five or six fields, in quotes, such as "*/5 * * * *"';

/** Longest length of each month. */
const DAYS: readonly number[] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Whether the text is a cron expression: minute, hour, day of month, month, day of week, with seconds in front when
 * there are six fields. Each is `*`, numbers, ranges and lists, with `/step`; months and days may be English names.
 * Nicknames and the `L`, `W`, `#` of some schedulers are left out, so that every scheduler reads it alike. A day that
 * never comes (30 February) makes it none.
 */
export function isCron(text: string): boolean {
  const parts = text.split(" ");
  const fields = parts.length === FIELDS.length + 1 ? [SECOND, ...FIELDS] : FIELDS;
  if (parts.length !== fields.length) return false;
  const values = parts.map((part, at) => parseField(part, fields[at] ?? SECOND));
  if (values.includes(undefined)) return false;
  const [days = [], months = []] = values.slice(-3);
  return months.some((month) => days.some((day) => day <= (DAYS[month - 1] ?? 0)));
}

/** The values that a field stands for; undefined when it is none. */
function parseField(text: string, field: Field): readonly number[] | undefined {
  const terms = text.split(",").map((term) => parseTerm(term, field));
  return terms.every((term) => term !== undefined) ? terms.flat() : undefined;
}

function parseTerm(term: string, field: Field): readonly number[] | undefined {
  const [range = "", step, ...more] = term.split("/");
  if (more.length > 0) return undefined;
  // A step of a single value means different things to different schedulers.
  const stepped = range === "*" || range.includes("-");
  if (step !== undefined && !(stepped && /^[1-9]\d?$/.test(step))) return undefined;
  const ends = range === "*" ? [field.min, field.max] : endsOf(range, field);
  const [from, to = from, ...rest] = ends ?? [];
  if (from === undefined || to === undefined || from > to || rest.length > 0) return undefined;
  const values: number[] = [];
  for (let value = from; value <= to; value += Number(step ?? 1)) values.push(value);
  return values;
}

function endsOf(range: string, field: Field): readonly number[] | undefined {
  const ends = range.split("-").map((end) => numberOf(end, field));
  return ends.every((end) => end !== undefined) ? ends : undefined;
}

function numberOf(text: string, field: Field): number | undefined {
  const name = field.names?.indexOf(text.toLowerCase()) ?? -1;
  if (name >= 0) return name + field.min;
  if (!/^\d{1,2}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= field.min && value <= field.max ? value : undefined;
}
