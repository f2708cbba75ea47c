import { boundLength } from "./evaluation.ts";
import type { Pattern, PatternMatch } from "./pattern.ts";

/**
 * Replaces every match, with the substitutions of .NET: `$1`, `${name}`, `$$`, `$&` and `$0` (the match), `` $` `` and
 * `$'` (what is before and behind it), `$_` (the whole text). What names no group stands for itself.
 */
export function replaceMatches(text: string, pattern: Pattern, replacement: string): string {
  return rebuild(text, pattern.matches(text), (match) => ({
    ...match,
    by: expand(replacement, { text, pattern, match }),
  }));
}

/** Replaces what a group of every match holds, and leaves the rest of the match. */
export function replaceGroup(
  text: string,
  pattern: Pattern,
  { group, by }: { readonly group: string; readonly by: string },
): string {
  return rebuild(text, pattern.matches(text), (match) => {
    const place = match.group(group);
    return place === undefined ? undefined : { ...place, by };
  });
}

function rebuild(
  text: string,
  matches: readonly PatternMatch[],
  change: (
    match: PatternMatch,
  ) => { readonly start: number; readonly end: number; readonly by: string } | undefined,
): string {
  let rebuilt = "";
  let from = 0;
  for (const match of matches) {
    const changed = change(match);
    if (changed === undefined) continue;
    rebuilt += text.slice(from, changed.start) + changed.by;
    boundLength(rebuilt.length);
    from = changed.end;
  }
  return rebuilt + text.slice(from);
}

const SUBSTITUTION = /\$(?:\{(\w+)\}|(\d{1,3})|([$&`'_]))/g;

function expand(
  replacement: string,
  {
    text,
    pattern,
    match,
  }: { readonly text: string; readonly pattern: Pattern; readonly match: PatternMatch },
): string {
  // Each piece is bounded by the text, and their number by the replacement.
  return replacement.replace(
    SUBSTITUTION,
    (whole: string, name?: string, number?: string, sign?: string) => {
      const group = name ?? number;
      if (group !== undefined) {
        if (!pattern.hasGroup(group)) return whole;
        const place = match.group(group);
        return place === undefined ? "" : text.slice(place.start, place.end);
      }
      switch (sign) {
        case "$":
          return "$";
        case "&":
          return text.slice(match.start, match.end);
        case "`":
          return text.slice(0, match.start);
        case "'":
          return text.slice(match.end);
        default:
          return text;
      }
    },
  );
}
