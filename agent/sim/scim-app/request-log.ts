import { isObject, memberReader } from "../../core/scim/resource.ts";

/** One request and what became of it. Values that clients send are left out. */
export interface RequestEntry {
  readonly time: Date;
  readonly method: string;
  /** As it came, without its query. */
  readonly path: string;
  /** Undefined when the connection was cut instead of an answer. */
  readonly status: number | undefined;
  readonly ms: number;
  /** What it asked for, or what was wrong with it. */
  readonly summary: string;
  /** The client's `x-request-id`. */
  readonly requestId: string | undefined;
}

/** Characters of a summary and of a path. */
const MAX_TEXT = 160;
/** Operations of a PATCH that are named. */
const MAX_NAMED = 5;
const UUID = /([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
/** What stands behind an operator, but `type eq "work"` tells a reader something and is nobody's secret. */
const QUOTED = /(\btype\s+eq\s+)?"(?:[^"\\]|\\.)*"?/gi;
const UNQUOTED = /\b(eq|ne|co|sw|ew|gt|ge|lt|le)\s+(?!["…]|true\b|false\b|null\b)[^\s\])]+/gi;

/** Controls, and what changes the direction or breaks the line. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

const readOperations = memberReader("Operations");
const readOp = memberReader("op");
const readPath = memberReader("path");
const readValue = memberReader("value");
const readFilter = memberReader("filter");

/** `12:00:01 PATCH /Users/2819c223… 200 3 ms  replace active` */
export function formatRequest(entry: RequestEntry): string {
  const { time, method, path, status, ms, summary, requestId } = entry;
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()];
  const words = [
    clock.map((part) => String(part).padStart(2, "0")).join(":"),
    method.padEnd(6),
    printable(path).replace(UUID, "$1…"),
    status === undefined ? "cut" : String(status),
    `${Math.round(ms)} ms`,
  ];
  const notes = [summary, ...(requestId === undefined ? [] : [`[${requestId}]`])];
  const note = notes.filter((each) => each !== "").join(" ");
  return `${words.join(" ")}${note === "" ? "" : `  ${note}`}`;
}

/** What a request asks for, in a few words. */
export function summarize(
  method: string,
  query: ReadonlyMap<string, string>,
  body: unknown,
): string {
  const filter = query.get("filter") ?? (isObject(body) ? readFilter(body) : undefined);
  const operations = isObject(body) ? readOperations(body) : undefined;
  const words: string[] = [];
  if (typeof filter === "string") words.push(maskValues(filter));
  if (Array.isArray(operations)) {
    words.push(method === "PATCH" ? patchWords(operations) : `${operations.length} operations`);
  }
  return printable(words.join(" "));
}

/** The text without the values in it. */
function maskValues(filter: string): string {
  return filter
    .slice(0, 4 * MAX_TEXT)
    .replace(QUOTED, (quoted, type: string | undefined) => (type === undefined ? '"…"' : quoted))
    .replace(UNQUOTED, "$1 …");
}

function patchWords(operations: readonly unknown[]): string {
  const words = operations.slice(0, MAX_NAMED).map((operation) => {
    if (!isObject(operation)) return "?";
    const path = readPath(operation);
    const op = readOp(operation);
    const value = readValue(operation);
    const names = isObject(value) ? Object.keys(value).map(maskValues).join(" ") : "";
    const target = typeof path === "string" ? maskValues(path) : names;
    return `${typeof op === "string" ? op.toLowerCase() : "?"} ${target}`.trim();
  });
  const more = operations.length - words.length;
  return [...words, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

/** On one line of a terminal, whatever a client sends. */
function printable(text: string): string {
  const clean = text.replace(UNPRINTABLE, "?");
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT)}…` : clean;
}
