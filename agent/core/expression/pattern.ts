import { RE2JS, RE2JSException } from "re2js";
import { isSafePattern } from "redos-detector";
import {
  type TranslatedPattern,
  translatePattern,
  UnsupportedPatternError,
} from "./pattern-translation.ts";

/** Steps of backtracking that a pattern may need for one place of a text. */
const MAX_BACKTRACKS = 200;
/** For the static check of one pattern. */
const CHECK_MS = 2_000;
/** A pattern that looks around takes at worst the square of this. */
const MAX_BACKTRACKED_CHARACTERS = 4_000;
/** States times characters of one search, and characters times matches of all: well below a second. */
const MAX_STEPS = 25_000_000;
/** Attributes of a directory are smaller; a longer text is refused and not cut. */
const MAX_TEXT_CHARACTERS = 200_000;

/** A place where a pattern was found. Positions count UTF-16 units from 0. */
export interface PatternMatch {
  readonly start: number;
  readonly end: number;
  /** Place of a group by its name or its number in .NET's order; undefined when it took no part. */
  group(name: string): { readonly start: number; readonly end: number } | undefined;
}

/** A regular expression of .NET, ready to be used many times. */
export interface Pattern {
  hasGroup(name: string): boolean;
  /**
   * All matches from left to right, none overlapping.
   * @throws UnsupportedPatternError when the text is too long for this pattern
   */
  matches(text: string): readonly PatternMatch[];
}

/**
 * Compiles a pattern so that no text can make it hang: re2js runs in time linear in the text; what only
 * JavaScript's own engine can do (look-around, back-references) is let through when a static check finds at most a
 * bounded number of backtracks, and for short texts. That check can take seconds: whoever gets patterns from entries lets
 * none look around.
 * @throws UnsupportedPatternError
 */
export function compilePattern(
  pattern: string,
  { mayLookAround }: { readonly mayLookAround: boolean },
): Pattern {
  const translated = translatePattern(pattern);
  if (translated.linear === undefined && !mayLookAround) {
    throw new UnsupportedPatternError(
      "looks around or refers back, which only a pattern that is written in the expression may",
    );
  }
  const find =
    translated.linear === undefined ? backtracking(translated) : linear(translated.linear);
  const numbers = numberGroups(translated.groups);
  const indexOf = (name: string) => numbers.get(name);
  return {
    hasGroup: (name) => indexOf(name) !== undefined,
    matches: (text) => {
      if (text.length > MAX_TEXT_CHARACTERS) {
        throw new UnsupportedPatternError(
          `takes texts of at most ${MAX_TEXT_CHARACTERS} characters`,
        );
      }
      return find(text).map((places) => ({
        start: places[0]?.start ?? 0,
        end: places[0]?.end ?? 0,
        group: (name) => {
          const index = indexOf(name);
          return index === undefined ? undefined : places[index];
        },
      }));
    },
  };
}

interface Place {
  readonly start: number;
  readonly end: number;
}

/** Places of the whole match and of each group. */
type Find = (text: string) => readonly (readonly (Place | undefined)[])[];

/** .NET counts the groups without a name first ("Grouping constructs in regular expressions"). */
function numberGroups(groups: readonly (string | undefined)[]): ReadonlyMap<string, number> {
  const numbers = new Map([["0", 0]]);
  let count = 0;
  for (const wantsName of [false, true]) {
    for (const [index, name] of groups.entries()) {
      if ((name !== undefined) !== wantsName) continue;
      count += 1;
      numbers.set(String(count), index + 1);
      if (name !== undefined) numbers.set(name, index + 1);
    }
  }
  return numbers;
}

function linear(source: string): Find {
  const compiled = attempt(() => RE2JS.compile(source));
  const count = compiled.groupCount();
  const longest = Math.floor(MAX_STEPS / compiled.programSize());
  return (text) => {
    if (text.length > longest) {
      throw new UnsupportedPatternError(`takes texts of at most ${longest} characters`);
    }
    const matcher = compiled.matcher(text);
    const found: (Place | undefined)[][] = [];
    while (matcher.find()) {
      // Every match begins a new search, which may look at all that is left.
      if (found.length * text.length > MAX_STEPS) {
        throw new UnsupportedPatternError("finds too many matches in so long a text");
      }
      const places: (Place | undefined)[] = [];
      for (let index = 0; index <= count; index += 1) {
        const start = matcher.start(index);
        places.push(start < 0 ? undefined : { start, end: matcher.end(index) });
      }
      found.push(places);
    }
    return found;
  };
}

function backtracking({ native, flags }: TranslatedPattern): Find {
  const compiled = attempt(() => new RegExp(native, `${flags}dgu`));
  if (!isBounded(native, flags)) {
    throw new UnsupportedPatternError(
      "looks around or refers back and can take exponential time; write it without, or without nested and neighbouring repetitions",
    );
  }
  return (text) => {
    if (text.length > MAX_BACKTRACKED_CHARACTERS) {
      throw new UnsupportedPatternError(
        `looks around or refers back and takes texts of at most ${MAX_BACKTRACKED_CHARACTERS} characters`,
      );
    }
    return [...text.matchAll(compiled)].map(({ indices = [] }) =>
      [...indices].map((place) => place && { start: place[0], end: place[1] }),
    );
  };
}

/** Whether no text makes the pattern backtrack often. */
function isBounded(native: string, flags: string): boolean {
  try {
    return isSafePattern(native, {
      ...{ unicode: true, caseInsensitive: flags.includes("i"), multiLine: flags.includes("m") },
      ...{ maxScore: MAX_BACKTRACKS, timeout: CHECK_MS },
    }).safe;
  } catch (error) {
    // Its parser knows less than the engine: what cannot be checked is not let through.
    if (error instanceof Error) {
      throw new UnsupportedPatternError(`cannot be checked: ${error.message.split("\n")[0]}`);
    }
    throw error;
  }
}

function attempt<T>(compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    if (error instanceof RE2JSException || error instanceof SyntaxError) {
      throw new UnsupportedPatternError(`cannot be read: ${error.message}`);
    }
    throw error;
  }
}
