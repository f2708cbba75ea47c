/** What a pattern of .NET needs of the engine that runs it. */
export interface TranslatedPattern {
  /** For re2js; undefined when the pattern looks around or refers back. */
  readonly linear: string | undefined;
  /** For JavaScript with the flag `u`. */
  readonly native: string;
  /** Flags for JavaScript besides `u`. */
  readonly flags: string;
  /** Names of the groups in the order of their parentheses; undefined for a group without one. */
  readonly groups: readonly (string | undefined)[];
}

const WORD = "\\p{L}\\p{Mn}\\p{Nd}\\p{Pc}";
const SPACE = "\\t\\n\\v\\f\\r\\x85\\p{Z}";
const CONTROLS = "tnrfv";
const MAX_PATTERN_CHARACTERS = 1_000;

interface Classes {
  readonly inside: string;
  readonly outside: string;
}

const CLASSES: ReadonlyMap<string, Classes> = new Map([
  ["d", { inside: "\\p{Nd}", outside: "\\p{Nd}" }],
  ["D", { inside: "\\P{Nd}", outside: "\\P{Nd}" }],
  ["w", { inside: WORD, outside: `[${WORD}]` }],
  // A class within a class cannot be negated: of the letters beyond ASCII it then knows nothing.
  ["W", { inside: "\\W", outside: `[^${WORD}]` }],
  ["s", { inside: SPACE, outside: `[${SPACE}]` }],
  ["S", { inside: "\\S", outside: `[^${SPACE}]` }],
]);

/** Why a pattern cannot be used. */
export class UnsupportedPatternError extends Error {}

/**
 * Translates a regular expression of .NET for the two engines. `\d`, `\w` and `\s` mean what they mean in Unicode, the period
 * leaves out the line feed alone. Refused: atomic groups, conditions, balancing groups, class subtraction, `\G`, and options
 * other than i, s and m at the beginning. `\b` is about ASCII, and `$` is the very end.
 * @throws UnsupportedPatternError
 */
export function translatePattern(pattern: string): TranslatedPattern {
  if (pattern.length > MAX_PATTERN_CHARACTERS) {
    throw new UnsupportedPatternError(`is longer than ${MAX_PATTERN_CHARACTERS} characters`);
  }
  return new PatternTranslator(pattern).translate();
}

class PatternTranslator {
  readonly #text: string;
  readonly #groups: (string | undefined)[] = [];
  #at = 0;
  #linear = "";
  #native = "";
  #flags = "";
  #isLinear = true;
  #refersByNumber = false;

  constructor(text: string) {
    this.#text = text;
  }

  translate(): TranslatedPattern {
    this.#options();
    while (this.#at < this.#text.length) this.#next();
    // .NET counts groups with names behind those without, JavaScript counts them as they come.
    if (this.#refersByNumber && this.#groups.some((name) => name !== undefined)) {
      this.#refuse("refers to a group by its number and has groups with names; write \\k<name>");
    }
    const prefix = this.#flags === "" ? "" : `(?${this.#flags})`;
    return {
      linear: this.#isLinear ? prefix + this.#linear : undefined,
      native: this.#native,
      flags: this.#flags,
      groups: this.#groups,
    };
  }

  #options(): void {
    const [read, flags = ""] = /^\(\?([a-z]+)\)/.exec(this.#text) ?? [];
    if (read === undefined) return;
    if (!/^[ism]+$/.test(flags)) this.#refuse(`has the option ${flags}; i, s and m are supported`);
    this.#flags = [...new Set(flags)].join("");
    this.#at = read.length;
  }

  #next(): undefined {
    const character = this.#text.charAt(this.#at);
    if (character === "(") return this.#group();
    if (character === "[") return this.#class();
    if (character === "\\") return this.#escape(false);
    this.#at += 1;
    if (character === ".") return this.#put(this.#flags.includes("s") ? "[\\s\\S]" : "[^\\n]");
    if (character === "{" && !/^\d+(?:,\d*)?\}/.test(this.#text.slice(this.#at)))
      return this.#put("\\{");
    if (character === "{") {
      const end = this.#text.indexOf("}", this.#at) + 1;
      this.#put(this.#text.slice(this.#at - 1, end));
      this.#at = end;
      return undefined;
    }
    return this.#put(character === "}" || character === "]" ? `\\${character}` : character);
  }

  #group(): undefined {
    const rest = this.#text.slice(this.#at);
    const [comment] = /^\(\?#[^)]*\)/.exec(rest) ?? [];
    if (comment !== undefined) {
      this.#at += comment.length;
      return undefined;
    }
    const [named, name] = /^\(\?(?:<([A-Za-z_]\w*)>|'[A-Za-z_]\w*')/.exec(rest) ?? [];
    if (named !== undefined) {
      const known = name ?? named.slice(3, -1);
      if (this.#groups.includes(known)) this.#refuse(`has two groups ${known}`);
      this.#groups.push(known);
      this.#at += named.length;
      return this.#put(`(?<${known}>`);
    }
    const [around] = /^\(\?<?[=!]/.exec(rest) ?? [];
    if (around !== undefined) {
      this.#isLinear = false;
      this.#at += around.length;
      return this.#put(around);
    }
    if (rest.startsWith("(?:")) {
      this.#at += 3;
      return this.#put("(?:");
    }
    if (rest.startsWith("(?>")) this.#refuse("has an atomic group, which is not supported");
    if (rest.startsWith("(?")) this.#refuse(`has ${rest.slice(0, 4)}…, which is not supported`);
    this.#groups.push(undefined);
    this.#at += 1;
    return this.#put("(");
  }

  #class(): undefined {
    const [open] = /^\[\^?\]?/.exec(this.#text.slice(this.#at)) as RegExpExecArray;
    this.#at += open.length;
    // A bracket that comes first stands for itself.
    this.#put(open.endsWith("]") ? `${open.slice(0, -1)}\\]` : open);
    for (;;) {
      const character = this.#text.charAt(this.#at);
      if (character === "") this.#refuse("has [ without ]");
      if (this.#text.startsWith("-[", this.#at)) {
        this.#refuse("has a class subtraction, which is not supported");
      }
      if (character === "\\") {
        this.#escape(true);
        continue;
      }
      this.#at += 1;
      this.#put(character === "[" ? "\\[" : character);
      if (character === "]") return undefined;
    }
  }

  #escape(isInClass: boolean): undefined {
    const rest = this.#text.slice(this.#at + 1);
    const [escaped = ""] = rest;
    if (escaped === "") this.#refuse("ends in a backslash");
    const classes = CLASSES.get(escaped);
    const [code] = /^(?:x[\da-fA-F]{2}|u[\da-fA-F]{4})/.exec(rest) ?? [];
    const [property] = /^[pP]\{[A-Z][a-z]?\}/.exec(rest) ?? [];
    const [back] = /^(?:[1-9]|k(?:<\w+>|'\w+'))/.exec(rest) ?? [];
    this.#at += 1 + (code ?? property ?? back ?? escaped).length;
    if (classes !== undefined) return this.#put(isInClass ? classes.inside : classes.outside);
    if (code !== undefined) {
      const hex = code.slice(1);
      return this.#put(`\\x{${hex}}`, `\\u{${hex}}`);
    }
    if (property !== undefined) return this.#put(`\\${property}`);
    if (CONTROLS.includes(escaped)) return this.#put(`\\${escaped}`);
    if (escaped === "e" || escaped === "a") {
      const hex = escaped === "e" ? "1b" : "07";
      return this.#put(`\\x${hex}`);
    }
    if (isInClass && escaped === "b") return this.#put("\\x08");
    if (!isInClass && /[bB]/.test(escaped)) return this.#put(`\\${escaped}`);
    if (!isInClass && escaped === "A") return this.#put("\\A", "(?<![\\s\\S])");
    if (!isInClass && /[zZ]/.test(escaped)) return this.#put("\\z", "(?![\\s\\S])");
    if (!isInClass && back !== undefined) return this.#backReference(back);
    if (/[A-Za-z0-9_]/.test(escaped)) this.#refuse(`has \\${escaped}, which is not supported`);
    const isSyntax = /[\^$\\.*+?()[\]{}|/-]/.test(escaped);
    if (!isSyntax) return this.#put(escaped);
    return this.#put(`\\${escaped}`, escaped === "-" && !isInClass ? "-" : `\\${escaped}`);
  }

  #backReference(back: string): undefined {
    this.#isLinear = false;
    if (back.startsWith("k")) return this.#put(`\\k<${back.slice(2, -1)}>`);
    this.#refersByNumber = true;
    return this.#put(`(?:\\${back})`);
  }

  #put(linear: string, native = linear): undefined {
    this.#linear += linear;
    this.#native += native;
  }

  #refuse(problem: string): never {
    throw new UnsupportedPatternError(problem);
  }
}
