import {
  type AttributePath,
  parseAttributePath,
  parseSubAttribute,
  printAttributePath,
} from "./attribute-path.ts";
import { type FilterToken, invalidFilter, tokenizeFilter } from "./filter-token.ts";

export type CompareOperator = "eq" | "ne" | "co" | "sw" | "ew" | "gt" | "ge" | "lt" | "le";
export type FilterLiteral = string | number | boolean | null;

export interface CompareFilter {
  readonly kind: "compare";
  readonly path: AttributePath;
  readonly operator: CompareOperator;
  readonly value: FilterLiteral;
}

export interface PresentFilter {
  readonly kind: "present";
  readonly path: AttributePath;
}

/** Binds one element of a multi-valued attribute; the paths of `filter` are its sub-attributes. */
export interface ValuePathFilter {
  readonly kind: "valuePath";
  readonly path: AttributePath;
  readonly filter: ScimFilter;
  /** What follows the bracket in `emails[type eq "work"].value eq "x"`: a test of the elements that match. */
  readonly test?: CompareFilter | PresentFilter;
}

/** A filter of RFC 7644 section 3.4.2.2. `and` and `or` have at least two parts. */
export type ScimFilter =
  | { readonly kind: "and" | "or"; readonly filters: readonly ScimFilter[] }
  | { readonly kind: "not"; readonly filter: ScimFilter }
  | CompareFilter
  | PresentFilter
  | ValuePathFilter;

/** How deep parentheses, brackets and `not` may be nested. */
const MAX_DEPTH = 64;

const OPERATORS: ReadonlySet<string> = new Set<CompareOperator>([
  "eq",
  "ne",
  "co",
  "sw",
  "ew",
  "gt",
  "ge",
  "lt",
  "le",
]);
const LOGICAL_WORDS: ReadonlySet<string> = new Set(["and", "or", "not"]);
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
// Entra leaves out the quotes around strings. What looks like another notation's quote or structure stays an error.
const UNQUOTED = /^[^'`{},\\][^`{},\\]*$/;
const LITERALS: ReadonlyMap<string, FilterLiteral> = new Map<string, FilterLiteral>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/**
 * Parses a filter. Besides the grammar of RFC 7644 section 3.4.2.2 it takes what Entra sends: strings without quotes,
 * `True`, `not` without parentheses, a comparison after a value filter.
 * @throws ScimError 400 invalidFilter: no filter, longer than 16 KiB, or nested deeper than 64
 */
export function parseFilter(text: string): ScimFilter {
  const parser = new FilterParser(tokenizeFilter(text));
  const filter = parser.parseOr(0);
  parser.expectEnd();
  return filter;
}

/** Parses the value filter of a path, from after its `[` to the `]`; returns what follows it. */
export function parseValueFilter(tokens: readonly FilterToken[]): {
  filter: ScimFilter;
  rest: readonly FilterToken[];
} {
  const parser = new FilterParser(tokens);
  const filter = parser.parseElementFilter(0);
  return { filter, rest: parser.rest() };
}

/** The filter as text, in the strict grammar. `parseFilter` gives back an equal filter. */
export function printFilter(filter: ScimFilter): string {
  switch (filter.kind) {
    case "and":
      return filter.filters.map((part) => printPart(part, "and")).join(" and ");
    case "or":
      return filter.filters.map((part) => printPart(part, "or")).join(" or ");
    case "not":
      return `not (${printFilter(filter.filter)})`;
    case "compare":
      return `${printAttributePath(filter.path)} ${filter.operator} ${JSON.stringify(filter.value)}`;
    case "present":
      return `${printAttributePath(filter.path)} pr`;
    case "valuePath": {
      const test = filter.test === undefined ? "" : `.${printFilter(filter.test)}`;
      return `${printAttributePath(filter.path)}[${printFilter(filter.filter)}]${test}`;
    }
  }
}

function printPart(part: ScimFilter, within: "and" | "or"): string {
  const text = printFilter(part);
  return part.kind === "or" || part.kind === within ? `(${text})` : text;
}

class FilterParser {
  readonly #tokens: readonly FilterToken[];
  #next = 0;
  #inElement = false;

  constructor(tokens: readonly FilterToken[]) {
    this.#tokens = tokens;
  }

  parseOr(depth: number): ScimFilter {
    return this.#parseChain("or", () => this.#parseChain("and", () => this.#parseUnary(depth)));
  }

  parseElementFilter(depth: number): ScimFilter {
    if (this.#inElement) throw invalidFilter("a value filter inside a value filter");
    this.#inElement = true;
    const filter = this.parseOr(depth);
    this.#inElement = false;
    this.#expect("]");
    return filter;
  }

  rest(): readonly FilterToken[] {
    return this.#tokens.slice(this.#next);
  }

  expectEnd(): void {
    const token = this.#tokens[this.#next];
    if (token !== undefined) throw invalidFilter(`unexpected ${describe(token)}`);
  }

  #parseChain(word: "and" | "or", parsePart: () => ScimFilter): ScimFilter {
    const first = parsePart();
    if (!this.#takeWord(word)) return first;
    const filters = [first, parsePart()];
    while (this.#takeWord(word)) filters.push(parsePart());
    return { kind: word, filters };
  }

  #parseUnary(depth: number): ScimFilter {
    if (depth > MAX_DEPTH) throw invalidFilter(`the filter is nested deeper than ${MAX_DEPTH}`);
    if (this.#takeWord("not")) return { kind: "not", filter: this.#parseUnary(depth + 1) };
    if (this.#take("(")) {
      const filter = this.parseOr(depth + 1);
      this.#expect(")");
      return filter;
    }
    return this.#parseAttribute(depth);
  }

  #parseAttribute(depth: number): ScimFilter {
    const token = this.#tokens[this.#next++];
    const path =
      token?.kind === "word" && !LOGICAL_WORDS.has(token.text.toLowerCase())
        ? parseAttributePath(token.text)
        : undefined;
    if (path === undefined) {
      throw invalidFilter(`expected an attribute path, found ${describe(token)}`);
    }
    if (!this.#take("[")) return this.#parseTest(path);
    const filter = this.parseElementFilter(depth + 1);
    const subAttribute = this.#takeSubAttribute();
    if (subAttribute === undefined) return { kind: "valuePath", path, filter };
    return { kind: "valuePath", path, filter, test: this.#parseTest({ attribute: subAttribute }) };
  }

  /** `.name` right behind a `]`. */
  #takeSubAttribute(): string | undefined {
    const bracket = this.#tokens[this.#next - 1];
    const token = this.#tokens[this.#next];
    if (token?.kind !== "word" || token.at - 1 !== bracket?.at) return undefined;
    const subAttribute = parseSubAttribute(token.text);
    if (subAttribute !== undefined) this.#next++;
    return subAttribute;
  }

  #parseTest(path: AttributePath): CompareFilter | PresentFilter {
    const token = this.#tokens[this.#next++];
    const operator = token?.kind === "word" ? token.text.toLowerCase() : undefined;
    if (operator === "pr") return { kind: "present", path };
    if (!isCompareOperator(operator)) {
      throw invalidFilter(`expected an operator, found ${describe(token)}`);
    }
    return { kind: "compare", path, operator, value: this.#parseLiteral() };
  }

  #parseLiteral(): FilterLiteral {
    const token = this.#tokens[this.#next++];
    if (token?.kind === "string") return token.value;
    if (token?.kind !== "word") {
      throw invalidFilter(`expected a value, found ${describe(token)}`);
    }
    const { text } = token;
    const word = text.toLowerCase();
    const literal = LITERALS.get(word);
    if (literal !== undefined) return literal;
    if (NUMBER.test(text)) return parseNumber(text);
    if (LOGICAL_WORDS.has(word) || !UNQUOTED.test(text)) {
      throw invalidFilter(`expected a value, found ${describe(token)}`);
    }
    return text;
  }

  #take(kind: "(" | "["): boolean {
    if (this.#tokens[this.#next]?.kind !== kind) return false;
    this.#next++;
    return true;
  }

  #takeWord(word: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== "word" || token.text.toLowerCase() !== word) return false;
    this.#next++;
    return true;
  }

  #expect(kind: ")" | "]"): void {
    const token = this.#tokens[this.#next++];
    if (token?.kind !== kind) throw invalidFilter(`expected ${kind}, found ${describe(token)}`);
  }
}

function isCompareOperator(word: string | undefined): word is CompareOperator {
  return word !== undefined && OPERATORS.has(word);
}

function parseNumber(text: string): number {
  const number = Number(text);
  if (!Number.isFinite(number)) throw invalidFilter("a number is too large");
  return number;
}

/** Positions only: what stands there may be a value of a person. */
function describe(token: FilterToken | undefined): string {
  if (token === undefined) return "the end of the filter";
  return token.kind === "word" || token.kind === "string"
    ? `a ${token.kind} at ${token.at}`
    : `${token.kind} at ${token.at}`;
}
