import type { LdapFilter } from "../ldap-filter.ts";
import type { ValueOperator } from "./comparison.ts";

/**
 * Servers do not compare text as SCIM does. SCIM compares code points after `toLowerCase`. A server prepares both sides
 * (RFC 4518): it folds by a table of its own, often that of Unicode 3.2, composes accents (NFKC), evens white space out,
 * and drops or refuses control characters. So that nothing is missed, only those parts of a text are asked for that
 * every such server leaves as they are and folds alike, and a part ends where what follows it in a value cannot change
 * it: a stored `e` and combining acute is one character to the server, which no longer begins with `e`.
 */
export type TextQuestion =
  | { readonly kind: "equality"; readonly value: string }
  | Omit<Extract<LdapFilter, { readonly kind: "substrings" }>, "attribute">;

type TextOperator = Extract<ValueOperator, "eq" | "co" | "sw" | "ew">;

const PRINTABLE_ASCII = /^[!-~]+$/;
const SPACE = /^\s$/u;
const CONTROL = /\p{C}/u;
/** Letters of two cases, each one code point, that every table has: those of Unicode 3.0 without the sigmas. */
const SETTLED_LETTER =
  /^[A-Za-z\u00c0-\u0217\u0386-\u03a1\u03a4-\u03c1\u03c4-\u03ce\u0400-\u04bf\u04c1-\u04ce\u04d0-\u04f5\u0531-\u0556\u0561-\u0586\u1e00-\u1e95\u1ea0-\u1ef9]$/u;
/** `\u0130` in lower case is an i with this, to JavaScript alone. */
const COMBINING_DOT = "\u0307";
/** What may become one character with what stands before it. */
const LEADING_MARKS = /^[\p{M}\u1160-\u11ff\ud7b0-\ud7ff]+/u;
const LAST_CHARACTER = /[^\p{M}\u1160-\u11ff\ud7b0-\ud7ff]?[\p{M}\u1160-\u11ff\ud7b0-\ud7ff]*$/u;
/** What never becomes one character with what follows it. */
const CLOSED = /[\p{Script=Han}\p{Nd}\p{P}]$/u;

/** A part of a text between others: `edge` is where the text begins or ends, `odd` is next to what cannot be asked. */
interface Part {
  readonly text: string;
  readonly before: Neighbour;
  readonly after: Neighbour;
}

type Neighbour = "edge" | "space" | "odd";

/**
 * What to ask about a text so that every value is found that SCIM takes for a match.
 * @returns undefined when nothing can be asked but presence
 */
export function questionFor(
  operator: TextOperator,
  text: string,
  { caseExact }: { readonly caseExact: boolean },
): TextQuestion | undefined {
  const parts = splitText(text);
  const isWhole = parts.every(({ before, after }) => before !== "odd" && after !== "odd");
  // Equal text stays equal however it is prepared.
  if (operator === "eq" && parts.length > 0 && (isWhole || (caseExact && !CONTROL.test(text)))) {
    return { kind: "equality", value: text };
  }
  const anchored = { start: operator === "eq" || operator === "sw", end: endsValue(operator) };
  let initial: string | undefined;
  let final: string | undefined;
  const any: string[] = [];
  for (const part of parts) {
    const isInitial = part.before === "edge" && anchored.start;
    const isFinal = part.after === "edge" && anchored.end;
    const certain = certainText(part, { isInitial, isFinal });
    if (certain === "") continue;
    if (isInitial) initial = certain;
    else if (isFinal) final = certain;
    else any.push(certain);
  }
  if (initial === undefined && final === undefined && any.length === 0) return undefined;
  return {
    kind: "substrings",
    ...(initial === undefined ? {} : { initial }),
    any,
    ...(final === undefined ? {} : { final }),
  };
}

function endsValue(operator: TextOperator): boolean {
  return operator === "eq" || operator === "ew";
}

function certainText(
  { text, after }: Part,
  { isInitial, isFinal }: { readonly isInitial: boolean; readonly isFinal: boolean },
): string {
  const headless = isInitial ? text : text.replace(LEADING_MARKS, "");
  if (isFinal || after === "space" || CLOSED.test(headless)) return headless;
  return headless.replace(LAST_CHARACTER, "");
}

/** The parts of a text that can be asked for, in their order. */
function splitText(text: string): readonly Part[] {
  const parts: Part[] = [];
  let before: Neighbour = "edge";
  let run = "";
  const end = (after: Neighbour): void => {
    if (run !== "") parts.push({ text: run, before, after });
    run = "";
    before = after;
  };
  for (const character of text) {
    if (SPACE.test(character)) end("space");
    else if (isSettled(character)) run += character;
    else end("odd");
  }
  end("edge");
  return parts;
}

/** Whether every server folds the character as `toLowerCase` does, and otherwise leaves it as it is. */
function isSettled(character: string): boolean {
  if (PRINTABLE_ASCII.test(character)) return true;
  if (character === COMBINING_DOT || CONTROL.test(character)) return false;
  if (character.normalize("NFKC") !== character) return false;
  const cases = [character.toLowerCase(), character.toUpperCase()];
  return (
    cases.every((each) => each === character) ||
    [character, ...cases].every((each) => SETTLED_LETTER.test(each))
  );
}

/**
 * Whether equality with this text means to any server what it means to SCIM, of values that are printable ASCII
 * without white space themselves.
 */
export function isSettledText(text: string): boolean {
  return PRINTABLE_ASCII.test(text);
}
