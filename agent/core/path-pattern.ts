/** Characters of a path that a log line shows. */
const MAX_LENGTH = 128;

/** A request path for the log: without the id in it, and bounded, since anyone with Send may have written it. */
export function pathPattern(path: string): string {
  return path.replace(/^(\/(?:Users|Groups)\/)(?!\.search$).+/s, "$1{id}").slice(0, MAX_LENGTH);
}
