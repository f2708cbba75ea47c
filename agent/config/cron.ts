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

/**
 * Whether the text is a cron expression: minute, hour, day of month, month, day of week, with seconds in front when
 * there are six fields. Each is `*`, numbers, ranges and lists, with `/step`; months and days may be English names.
 * Nicknames and the `L`, `W`, `#` of some schedulers are left out, so that every scheduler reads it alike.
 */
export function isCron(text: string): boolean {
  const parts = text.split(" ");
  if (parts.length === FIELDS.length + 1) return parts.every((part, at) => isField(part, at - 1));
  return parts.length === FIELDS.length && parts.every(isField);
}

function isField(text: string, at: number): boolean {
  const field = FIELDS[at] ?? SECOND;
  return text.split(",").every((term) => isTerm(term, field));
}

function isTerm(term: string, field: Field): boolean {
  const [range = "", step, ...more] = term.split("/");
  if (more.length > 0) return false;
  // A step of a single value means different things to different schedulers.
  const stepped = range === "*" || range.includes("-");
  if (step !== undefined && !(stepped && /^[1-9]\d?$/.test(step))) return false;
  if (range === "*") return true;
  const ends = range.split("-").map((end) => numberOf(end, field));
  const [from, to = from, ...rest] = ends;
  if (from === undefined || to === undefined || ends.includes(undefined)) return false;
  return rest.length === 0 && from <= to;
}

function numberOf(text: string, field: Field): number | undefined {
  const name = field.names?.indexOf(text.toLowerCase()) ?? -1;
  if (name >= 0) return name + field.min;
  if (!/^\d{1,2}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= field.min && value <= field.max ? value : undefined;
}
