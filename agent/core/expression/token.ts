import { ExpressionSyntaxError } from "./syntax-error.ts";

type TokenKind =
  | "text"
  | "number"
  | "attribute"
  | "variable"
  | "name"
  | "operator"
  | "("
  | ")"
  | ","
  | "end";

/** A word of the language. `value` is the text without quotation marks, brackets or percent signs. */
export interface Token {
  readonly kind: TokenKind;
  readonly value: string;
  /** Where it begins, in characters from 0. */
  readonly at: number;
}

const SPACE = /[\s\u200b\ufeff]*/y;
const NUMBER = /[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?![\p{L}\p{Nd}_])/uy;
const HEX = /&[hH][\da-fA-F]+(?![\p{L}\p{Nd}_])/uy;
const NAME = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const VARIABLE = /%([\p{L}_][\p{L}\p{Nd}_.-]*)%/uy;
const OPERATOR = /<>|>=|<=|[=<>&]/y;

/** What an operand ends with: behind it an ampersand joins, elsewhere it begins a hexadecimal number. */
const ENDS_OPERAND: ReadonlySet<TokenKind> = new Set([
  ...(["text", "number", "attribute", "variable", "name", ")"] as const),
]);

/**
 * Cuts an expression into tokens; the last one is `end`.
 * @throws ExpressionSyntaxError
 */
export function readTokens(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    at += match(SPACE, text, at)?.[0].length ?? 0;
    if (at >= text.length) break;
    const last = tokens.at(-1);
    const isBehindOperand = last !== undefined && ENDS_OPERAND.has(last.kind);
    const { token, end } = readToken(text, at, isBehindOperand);
    tokens.push(token);
    at = end;
  }
  return [...tokens, { kind: "end", value: "", at: text.length }];
}

interface Read {
  readonly token: Token;
  readonly end: number;
}

function readToken(text: string, at: number, isBehindOperand: boolean): Read {
  const character = text.charAt(at);
  if (character === '"') return readText(text, at);
  if (character === "[") return readAttribute(text, at);
  if (character === "(" || character === ")" || character === ",") {
    return { token: { kind: character, value: character, at }, end: at + 1 };
  }
  const read = (kind: TokenKind, found: RegExpExecArray): Read => ({
    token: { kind, value: found[1] ?? found[0], at },
    end: at + found[0].length,
  });
  const number = isBehindOperand ? undefined : (match(NUMBER, text, at) ?? match(HEX, text, at));
  if (number !== undefined) return read("number", number);
  const variable = match(VARIABLE, text, at);
  if (variable !== undefined) return read("variable", variable);
  const name = match(NAME, text, at);
  if (name !== undefined) return read("name", name);
  const operator = match(OPERATOR, text, at);
  if (operator !== undefined) return read("operator", operator);
  throw new ExpressionSyntaxError(`found ${describeStray(text, at)}`, { text, at });
}

/** `\"` and `\\` are escapes; a backslash before anything else stands for itself (Entra's own mappings say `"\,"`). */
function readText(text: string, at: number): Read {
  let value = "";
  let end = at + 1;
  for (;;) {
    const character = text.charAt(end);
    if (character === "") {
      throw new ExpressionSyntaxError('found the end of the expression in a text, expected "', {
        text,
        at,
      });
    }
    if (character === '"') break;
    const next = text.charAt(end + 1);
    const isEscape = character === "\\" && (next === '"' || next === "\\");
    value += isEscape ? next : character;
    end += isEscape ? 2 : 1;
  }
  return { token: { kind: "text", value, at }, end: end + 1 };
}

/** A name may hold brackets itself when it is a SCIM path: `[emails[type eq "work"].value]`. */
function readAttribute(text: string, at: number): Read {
  let depth = 0;
  let isQuoted = false;
  for (let end = at; end < text.length; end += 1) {
    const character = text.charAt(end);
    if (character === '"' && depth > 1) isQuoted = !isQuoted;
    if (isQuoted) continue;
    if (character === "[") depth += 1;
    if (character === "]") depth -= 1;
    if (depth > 0) continue;
    const value = text.slice(at + 1, end).trim();
    if (value === "") {
      throw new ExpressionSyntaxError("found [], expected the name of an attribute in it", {
        text,
        at,
      });
    }
    return { token: { kind: "attribute", value, at }, end: end + 1 };
  }
  throw new ExpressionSyntaxError("found [ without ], expected the name of an attribute and ]", {
    text,
    at,
  });
}

function describeStray(text: string, at: number): string {
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
  if (/[“”„«»‘’']/.test(character))
    return `${character}, expected text in straight quotation marks: "…"`;
  if (character === "%") return "%, expected a variable such as %DomainFQDN%";
  return `${JSON.stringify(character)}, expected an operand, an operator, a comma or a parenthesis`;
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
