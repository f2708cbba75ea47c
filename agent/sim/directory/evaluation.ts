import type { StoredEntry } from "./entry.ts";
import { compileExtensible } from "./extensible-match.ts";
import type { Filter } from "./filter.ts";
import {
  anyValue,
  type HeldValue,
  HIDDEN_ATTRIBUTE,
  type ValueTest,
  valuesReader,
} from "./held-values.ts";
import { normalizeValue } from "./matching.ts";
import { withSubclasses } from "./object-class.ts";
import { type AttributeDescription, parseDescription } from "./schema.ts";
import type { DirectoryStore } from "./store.ts";
import { compareNormal, foldText, type Syntax } from "./syntax.ts";

/** X.511: Undefined when the filter asks what the schema cannot answer. */
export type Truth = boolean | undefined;

/** A filter prepared for one search. */
export type Evaluation = (entry: StoredEntry) => Truth;

const UNDEFINED: Evaluation = () => undefined;

/** RFC 4511 section 4.5.1.7. Assertions are prepared once, values when they are met. */
export function compileFilter(filter: Filter, store: DirectoryStore): Evaluation {
  switch (filter.kind) {
    case "and": {
      const parts = filter.filters.map((each) => compileFilter(each, store));
      return (entry) => allTrue(parts, entry);
    }
    case "or": {
      const parts = filter.filters.map((each) => compileFilter(each, store));
      return (entry) => someTrue(parts, entry);
    }
    case "not": {
      const part = compileFilter(filter.filter, store);
      return (entry) => {
        const truth = part(entry);
        return truth === undefined ? undefined : !truth;
      };
    }
    case "extensible":
      return compileExtensible(filter, store) ?? UNDEFINED;
    default: {
      const description = parseDescription(filter.attribute);
      if (description === undefined || description.type.name === HIDDEN_ATTRIBUTE) return UNDEFINED;
      const read = valuesReader(store, description);
      if (filter.kind === "present") return (entry) => read(entry).length > 0;
      const test = compileTest(filter, description);
      return test === undefined ? UNDEFINED : onValues(read, test);
    }
  }
}

function allTrue(parts: readonly Evaluation[], entry: StoredEntry): Truth {
  let truth: Truth = true;
  for (const part of parts) {
    const each = part(entry);
    if (each === false) return false;
    if (each === undefined) truth = undefined;
  }
  return truth;
}

function someTrue(parts: readonly Evaluation[], entry: StoredEntry): Truth {
  let truth: Truth = false;
  for (const part of parts) {
    const each = part(entry);
    if (each === true) return true;
    if (each === undefined) truth = undefined;
  }
  return truth;
}

function onValues(read: (entry: StoredEntry) => HeldValue[], test: ValueTest): Evaluation {
  return (entry) => anyValue(read(entry), test);
}

type AssertionFilter =
  | Extract<Filter, { value: Buffer; attribute: string }>
  | Extract<Filter, { kind: "substrings" }>;

/** Undefined when the assertion makes no sense for the attribute: the filter is Undefined for every entry. */
function compileTest(
  filter: Exclude<AssertionFilter, { kind: "extensible" }>,
  { type }: AttributeDescription,
): ValueTest | undefined {
  if (filter.kind === "substrings")
    return type.substrings ? compileSubstrings(filter, type.syntax) : undefined;
  const wanted = normalizeValue(type.syntax, filter.value);
  if (wanted === undefined) return undefined;
  switch (filter.kind) {
    case "equality":
    case "approx":
      // RFC 4511: a server without an approximate rule uses equality.
      if (type.name === "objectClass") return isOneOf(new Set(withSubclasses(wanted)));
      return (value, syntax) => normalizeValue(syntax, value) === wanted;
    case "greaterOrEqual":
      return type.ordered ? ordering(wanted, (comparison) => comparison >= 0) : undefined;
    case "lessOrEqual":
      return type.ordered ? ordering(wanted, (comparison) => comparison <= 0) : undefined;
  }
}

function isOneOf(names: ReadonlySet<string>): ValueTest {
  return (value) => names.has(String(value).toLowerCase());
}

function ordering(wanted: string, accept: (comparison: number) => boolean): ValueTest {
  return (value, syntax) => {
    const held = normalizeValue(syntax, value);
    return held !== undefined && accept(compareNormal(syntax, held, wanted));
  };
}

function compileSubstrings(
  filter: Extract<Filter, { kind: "substrings" }>,
  syntax: Syntax,
): ValueTest | undefined {
  const parts = [filter.initial, ...filter.any, filter.final].filter((part) => part !== undefined);
  const fold = (part: Buffer): string => {
    const text = part.toString("utf8");
    if (syntax === "telephone") return foldText(text).replace(/[ -]/g, "");
    return syntax === "exact" ? text.normalize("NFKC") : foldText(text);
  };
  if (parts.some((part) => !Buffer.from(part.toString("utf8")).equals(part))) return undefined;
  const initial = filter.initial === undefined ? "" : fold(filter.initial).trimStart();
  const final = filter.final === undefined ? "" : fold(filter.final).trimEnd();
  const any = filter.any.map(fold);
  return (value, heldSyntax) => {
    const held = normalizeValue(heldSyntax, value);
    if (held === undefined || !held.startsWith(initial)) return false;
    let offset = initial.length;
    for (const part of any) {
      const found = held.indexOf(part, offset);
      if (found < 0) return false;
      offset = found + part.length;
    }
    return held.length - offset >= final.length && held.endsWith(final);
  };
}
