import {
  boundLength,
  EvaluationError,
  type ExpressionFunction,
  optional,
  required,
} from "./evaluation.ts";
import { type ExpressionValue, isNullOrEmpty, textOf } from "./expression-value.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import { UnsupportedPatternError } from "./pattern-translation.ts";
import { replaceGroup, replaceMatches } from "./replacement.ts";
import type { Expression } from "./syntax.ts";
import { mapTexts } from "./text-functions.ts";

const PARAMETERS = [
  required("source"),
  ...[optional("oldValue", "text"), optional("regexPattern", "text")],
  ...[optional("regexGroupName", "text"), optional("replacementValue", "text")],
  ...[optional("replacementAttributeName", "text"), optional("template", "text")],
];

type Compiled = Pattern | { readonly problem: string };

/** Patterns that expressions are written with, checked when these are compiled. */
const WRITTEN = new Map<string, Compiled>();
/** Patterns that came from attributes; the static check would take too long for each of them. */
const FOUND = new Map<string, Compiled>();
const MAX_PATTERNS = 1_000;

/** Entra's Replace: which of its modes it is, the arguments that are given decide. */
export const REPLACE_FUNCTION: ExpressionFunction = {
  name: "Replace",
  parameters: PARAMETERS,
  gives:
    "the source with oldValue or what a pattern finds replaced by a value, a group of it replaced, the source put into a template, or a group of another attribute where the source is empty",
  example: 'Replace([mail], "@contoso.com", , , "", , )',
  check: (all) => {
    const [, oldValue, pattern, , value, attribute, template] = all.map((one) =>
      one.kind === "blank" ? undefined : one,
    );
    const isComplete =
      oldValue === undefined
        ? pattern !== undefined && (value ?? attribute) !== undefined
        : (value ?? template) !== undefined;
    if (!isComplete) {
      const problem =
        "Replace needs oldValue with replacementValue or template, or regexPattern with replacementValue or replacementAttributeName";
      return { argument: 0, problem };
    }
    const problem = pattern === undefined ? undefined : patternProblem(pattern, all[3]);
    return problem === undefined ? undefined : { argument: 2, problem };
  },
  evaluate: ([source = null, oldValue, pattern, group, value, attribute, template]) => {
    if (oldValue !== undefined) {
      const old = textOf(oldValue);
      if (template !== undefined && value === undefined) {
        return mapTexts(source, (text) => replaceText(textOf(template), old, text));
      }
      return mapTexts(source, (text) => replaceText(text, old, textOf(value ?? null)));
    }
    const compiled = patternOf(textOf(pattern ?? null));
    if ("problem" in compiled) throw new EvaluationError(compiled.problem);
    return within(() => replacePattern(source, compiled, { group, value, attribute }));
  },
};

function replacePattern(
  source: ExpressionValue,
  pattern: Pattern,
  given: {
    readonly group: ExpressionValue | undefined;
    readonly value: ExpressionValue | undefined;
    readonly attribute: ExpressionValue | undefined;
  },
): ExpressionValue {
  const group = given.group === undefined ? undefined : textOf(given.group);
  if (group !== undefined && !pattern.hasGroup(group)) {
    throw new EvaluationError(`the pattern has no group ${group.slice(0, 64)}`);
  }
  const { value, attribute } = given;
  if (value === undefined && attribute !== undefined) {
    return isNullOrEmpty(source) ? extract(attribute, pattern, group ?? "0") : source;
  }
  const by = textOf(value ?? null);
  return mapTexts(source, (text) =>
    group === undefined
      ? replaceMatches(text, pattern, by)
      : replaceGroup(text, pattern, { group, by }),
  );
}

/** A group of the first match; null when nothing is found. */
function extract(attribute: ExpressionValue, pattern: Pattern, group: string): ExpressionValue {
  const text = textOf(attribute);
  const place = pattern.matches(text)[0]?.group(group);
  return place === undefined ? null : text.slice(place.start, place.end);
}

function replaceText(text: string, old: string, by: string): string {
  if (old === "") return text;
  const parts = text.split(old);
  const length = text.length + (parts.length - 1) * (by.length - old.length);
  // Before the text is made, since JavaScript could not hold the longest ones.
  boundLength(length);
  return parts.join(by);
}

function patternProblem(pattern: Expression, group: Expression | undefined): string | undefined {
  if (pattern.kind !== "text") return undefined;
  const compiled = WRITTEN.get(pattern.value) ?? compile(pattern.value, { isWritten: true });
  WRITTEN.set(pattern.value, compiled);
  if ("problem" in compiled) return compiled.problem;
  if (group?.kind !== "text" || compiled.hasGroup(group.value)) return undefined;
  return `the pattern has no group ${group.value.slice(0, 64)}`;
}

function patternOf(text: string): Compiled {
  const known = WRITTEN.get(text) ?? FOUND.get(text);
  if (known !== undefined) return known;
  const compiled = compile(text, { isWritten: false });
  if (FOUND.size < MAX_PATTERNS) FOUND.set(text, compiled);
  return compiled;
}

function compile(text: string, { isWritten }: { readonly isWritten: boolean }): Compiled {
  try {
    return compilePattern(text, { mayLookAround: isWritten });
  } catch (error) {
    if (error instanceof UnsupportedPatternError) {
      return { problem: `the pattern ${JSON.stringify(text.slice(0, 80))} ${error.message}` };
    }
    throw error;
  }
}

function within<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof UnsupportedPatternError) {
      throw new EvaluationError(`the pattern ${error.message}`);
    }
    throw error;
  }
}
