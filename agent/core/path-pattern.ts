/** Characters of a path that a log line shows. */
const MAX_LENGTH = 128;

/**
 * A request path for the log: without the id or a query in it, which may hold values of people, and bounded, since anyone with
 * Send may have written it.
 */
export function pathPattern(path: string): string {
  return path
    .replace(/^(\/(?:Users|Groups)\/)(?!\.search$).+/s, "$1{id}")
    .replace(/\?.+/s, "?…")
    .slice(0, MAX_LENGTH);
}
