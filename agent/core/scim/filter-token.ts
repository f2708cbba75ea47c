import { ScimError } from "./error.ts";

export type FilterToken =
  | { readonly kind: "(" | ")" | "[" | "]"; readonly at: number }
  | { readonly kind: "string"; readonly at: number; readonly value: string }
  /** Paths, operators, numbers, literals without quotes. */
  | { readonly kind: "word"; readonly at: number; readonly text: string };

/** Longest filter or path that is parsed, in bytes of UTF-8. */
const MAX_BYTES = 16 * 1024;

const WORD = /[^\s()[\]"]+/y;
// What may stand inside is left to JSON.parse, which also refuses control characters.
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/sy;

export function invalidFilter(detail: string): ScimError {
  return new ScimError(400, detail, { scimType: "invalidFilter" });
}

/**
 * Splits a filter into tokens; strings are decoded. No white space is needed around brackets and quotes.
 * @throws ScimError 400 invalidFilter
 */
export function tokenizeFilter(text: string): readonly FilterToken[] {
  if (Buffer.byteLength(text) > MAX_BYTES) {
    throw invalidFilter(`the filter is longer than ${MAX_BYTES} bytes`);
  }
  const tokens: FilterToken[] = [];
  for (let at = 0; at < text.length; ) {
    const c = text.charAt(at);
    if (c === " " || c === "\t" || c === "\r" || c === "\n") {
      at++;
    } else if (c === "(" || c === ")" || c === "[" || c === "]") {
      tokens.push({ kind: c, at });
      at++;
    } else if (c === '"') {
      tokens.push({ kind: "string", at, value: decodeString(text, at) });
      at = STRING.lastIndex;
    } else {
      WORD.lastIndex = at;
      const word = WORD.exec(text)?.[0];
      if (word === undefined) throw invalidFilter(`unexpected character at ${at}`);
      tokens.push({ kind: "word", at, text: word });
      at = WORD.lastIndex;
    }
  }
  return tokens;
}

/** Leaves the end of the string in `STRING.lastIndex`. */
function decodeString(text: string, at: number): string {
  STRING.lastIndex = at;
  const quoted = STRING.exec(text)?.[0];
  if (quoted === undefined) throw invalidFilter(`the string at ${at} has no end`);
  try {
    return JSON.parse(quoted);
  } catch (cause) {
    throw new ScimError(400, `the string at ${at} is not a JSON string`, {
      scimType: "invalidFilter",
      cause,
    });
  }
}
