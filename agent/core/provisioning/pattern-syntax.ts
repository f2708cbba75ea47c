/** Whether one character (a code point as text) is one of a set. */
export type CharacterTest = (character: string) => boolean;

/** Where a pattern looks without reading: `lastLine` is the end, or before a line feed that ends the text. */
export type PatternPlace = "start" | "end" | "lastLine" | "wordBoundary" | "notWordBoundary";

/** A pattern as a tree. */
export type PatternNode =
  | { readonly kind: "character"; readonly test: CharacterTest }
  | { readonly kind: "place"; readonly place: PatternPlace }
  | { readonly kind: "sequence"; readonly parts: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly options: readonly PatternNode[] }
  | {
      readonly kind: "repeat";
      readonly part: PatternNode;
      readonly min: number;
      /** Infinity for no limit. */
      readonly max: number;
    };

/** Why a pattern is not accepted, and where (characters counted from 0) when one place is to blame. */
export class PatternError extends Error {
  constructor(problem: string, at?: number) {
    super(at === undefined ? problem : `${problem} (character ${at + 1})`);
    this.name = "PatternError";
  }
}

const PLACES: ReadonlyMap<string, PatternPlace> = new Map([
  ["\\A", "start"],
  ["\\z", "end"],
  ["\\Z", "lastLine"],
  ["\\b", "wordBoundary"],
  ["\\B", "notWordBoundary"],
]);

const WORD = /^[\p{L}\p{Mn}\p{Nd}\p{Pc}]$/u;

/** What .NET means by `\w`, `\d` and `\s`. */
export const isWordCharacter: CharacterTest = (character) => WORD.test(character);
const isDigit: CharacterTest = (character) => /^\p{Nd}$/u.test(character);
const isSpace: CharacterTest = (character) => /^\s$/.test(character);

const not =
  (test: CharacterTest): CharacterTest =>
  (character) =>
    !test(character);

const CLASSES: ReadonlyMap<string, CharacterTest> = new Map([
  ["w", isWordCharacter],
  ["W", not(isWordCharacter)],
  ["d", isDigit],
  ["D", not(isDigit)],
  ["s", isSpace],
  ["S", not(isSpace)],
]);

const CONTROLS: ReadonlyMap<string, string> = new Map([
  ["t", "\t"],
  ["n", "\n"],
  ["r", "\r"],
  ["f", "\f"],
  ["v", "\v"],
  ["e", "\u001b"],
]);

const CATEGORIES: ReadonlySet<string> = new Set(
  "L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Cs Co Cn".split(
    " ",
  ),
);

/** More than any token is long. */
const LOOK_AHEAD_CHARACTERS = 80;

const REFUSED_GROUPS: readonly (readonly [RegExp, string])[] = [
  [/^\(\?<?[=!]/, "look-around is not supported"],
  [/^\(\?>/, "atomic groups are not supported"],
  [/^\(\?\(/, "conditions are not supported"],
  [/^\(\?#/, "comments are not supported"],
];

/**
 * Reads the part of .NET's regular expressions that can be matched in time linear in the text: everything but
 * back references, look-around, atomic groups, conditions, comments, class subtraction, and options other than `(?i)` at the
 * start. Groups capture nothing, and a lazy quantifier means the same as a greedy one, since only the verdict counts.
 * @throws PatternError
 */
export function parsePattern(pattern: string): PatternNode {
  return new PatternParser(pattern).parse();
}

class PatternParser {
  readonly #text: string;
  readonly #ignoreCase: boolean;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#ignoreCase = text.startsWith("(?i)");
    if (this.#ignoreCase) this.#at = "(?i)".length;
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#text.length) this.#fail("a ) without (");
    return node;
  }

  #choice(): PatternNode {
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    return options.length === 1 ? (options[0] as PatternNode) : { kind: "choice", options };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#text.length && !/^[|)]/.test(this.#rest())) parts.push(this.#term());
    return { kind: "sequence", parts };
  }

  #term(): PatternNode {
    const part = this.#atom();
    const quantifier = this.#quantifier();
    if (quantifier === undefined) return part;
    if (quantifier.max < quantifier.min) this.#fail("a quantifier from more to less");
    if (this.#quantifier() !== undefined) this.#fail("a quantifier after a quantifier");
    return { kind: "repeat", part, ...quantifier };
  }

  #quantifier(): { readonly min: number; readonly max: number } | undefined {
    const [read, sign, from, comma, to] =
      /^(?:([*+?])|\{(\d{1,9})(,(\d{0,9}))?\})\??/.exec(this.#rest()) ?? [];
    if (read === undefined) return undefined;
    this.#at += read.length;
    if (sign !== undefined) {
      return { min: sign === "+" ? 1 : 0, max: sign === "?" ? 1 : Number.POSITIVE_INFINITY };
    }
    const min = Number(from);
    if (comma === undefined) return { min, max: min };
    return { min, max: to === "" ? Number.POSITIVE_INFINITY : Number(to) };
  }

  #atom(): PatternNode {
    if (this.#rest().startsWith("(")) return this.#group();
    if (this.#take("[")) return this.#character(this.#set());
    if (this.#take(".")) return this.#character((character) => character !== "\n");
    if (this.#take("^")) return { kind: "place", place: "start" };
    if (this.#take("$")) return { kind: "place", place: "lastLine" };
    if (/^[*+?]/.test(this.#rest())) this.#fail("a quantifier after nothing");
    const place = PLACES.get(this.#rest().slice(0, 2));
    if (place !== undefined) {
      this.#at += 2;
      return { kind: "place", place };
    }
    const read = this.#one();
    return this.#character(typeof read === "string" ? (character) => character === read : read);
  }

  #group(): PatternNode {
    const refused = REFUSED_GROUPS.find(([form]) => form.test(this.#rest()));
    if (refused !== undefined) this.#fail(refused[1]);
    const [open] = /^\((?:\?(?::|<\w{1,64}>|'\w{1,64}'))?/.exec(this.#rest()) as RegExpExecArray;
    this.#at += open.length;
    if (this.#rest().startsWith("?")) this.#fail("of options only (?i) at the start is supported");
    const node = this.#choice();
    if (!this.#take(")")) this.#fail("a ( without )");
    return node;
  }

  /** Behind the opening bracket. */
  #set(): CharacterTest {
    const negated = this.#take("^");
    const tests: CharacterTest[] = [];
    // A bracket that comes first stands for itself.
    do {
      if (this.#at >= this.#text.length) this.#fail("a [ without ]");
      if (this.#rest().startsWith("-[")) this.#fail("class subtraction is not supported");
      tests.push(this.#range());
    } while (!this.#take("]"));
    const some: CharacterTest = (character) => tests.some((test) => test(character));
    // Letter case is folded before the negation, or [^a] would take A for not being a.
    const folded = this.#ignoreCase ? foldCase(some) : some;
    return negated ? not(folded) : folded;
  }

  #range(): CharacterTest {
    const first = this.#one();
    if (typeof first !== "string") return first;
    if (!/^-[^\]]/.test(this.#rest()) || this.#rest().startsWith("-[")) {
      return (character) => character === first;
    }
    this.#at += 1;
    const last = this.#one();
    if (typeof last !== "string") this.#fail("a range that ends in a class");
    const [from, to] = [first.codePointAt(0) as number, last.codePointAt(0) as number];
    if (to < from) this.#fail("a range from more to less");
    return (character) => {
      const code = character.codePointAt(0) as number;
      return code >= from && code <= to;
    };
  }

  /** One character, escaped or not, or one of the classes that a backslash names. */
  #one(): string | CharacterTest {
    const [character = ""] = this.#rest();
    this.#at += character.length;
    if (character !== "\\") return character;
    return this.#property() ?? this.#code() ?? this.#escape();
  }

  /** Behind the backslash: `p{L}`, a general category of Unicode. */
  #property(): CharacterTest | undefined {
    if (!/^[pP]/.test(this.#rest())) return undefined;
    const [read, sign, name] = /^([pP])\{([A-Z][a-z]?)\}/.exec(this.#rest()) ?? [];
    if (read === undefined || !CATEGORIES.has(name as string)) {
      this.#fail("of \\p only general categories of Unicode are supported");
    }
    this.#at += read.length;
    const category = new RegExp(`^\\p{${name}}$`, "u");
    const test: CharacterTest = (character) => category.test(character);
    return sign === "p" ? test : not(test);
  }

  /** Behind the backslash: `x41` or `u0041`. */
  #code(): string | undefined {
    const [read] = /^(?:x[\da-fA-F]{2}|u[\da-fA-F]{4})/.exec(this.#rest()) ?? [];
    if (read === undefined) return undefined;
    this.#at += read.length;
    return String.fromCodePoint(Number.parseInt(read.slice(1), 16));
  }

  #escape(): string | CharacterTest {
    const [escaped] = this.#rest();
    if (escaped === undefined) this.#fail("a backslash at the end");
    const known = CLASSES.get(escaped) ?? CONTROLS.get(escaped);
    if (known === undefined && /^[1-9k]$/.test(escaped)) {
      this.#fail("back references are not supported");
    }
    if (known === undefined && /^[\p{L}\p{N}]$/u.test(escaped)) {
      this.#fail(`\\${escaped} is not supported`);
    }
    this.#at += escaped.length;
    return known ?? escaped;
  }

  #character(test: CharacterTest): PatternNode {
    return { kind: "character", test: this.#ignoreCase ? foldCase(test) : test };
  }

  #rest(): string {
    return this.#text.slice(this.#at, this.#at + LOOK_AHEAD_CHARACTERS);
  }

  #take(sign: string): boolean {
    const taken = this.#text.startsWith(sign, this.#at);
    if (taken) this.#at += sign.length;
    return taken;
  }

  #fail(problem: string): never {
    throw new PatternError(problem, this.#at);
  }
}

function foldCase(test: CharacterTest): CharacterTest {
  return (character) =>
    test(character) || test(character.toLowerCase()) || test(character.toUpperCase());
}
