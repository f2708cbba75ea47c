import { printGeneralizedTime } from "../directory-value/generalized-time.ts";
import { compileComparison, literalText, toBoolean, type ValueOperator } from "./comparison.ts";
import { parseDateTime } from "./date-time.ts";
import type { CompareFilter, FilterLiteral, PresentFilter } from "./filter.ts";
import {
  ask,
  EVERYTHING,
  intersect,
  type LdapTranslation,
  loosen,
  NOTHING,
  negate,
  UNKNOWN,
} from "./ldap-algebra.ts";
import type { LdapSource } from "./ldap-source.ts";
import { isSettledText, questionFor } from "./ldap-text.ts";
import { isPresent } from "./resource.ts";
import type { AttributeDefinition } from "./schema.ts";

type Literal = Exclude<FilterLiteral, null>;
type Source<K extends LdapSource["kind"]> = Extract<LdapSource, { readonly kind: K }>;

/**
 * What to ask of one source, for a test of a single value.
 * @param definition - of that value
 * @throws ScimError 400 invalidFilter, as `compileComparison`
 */
export function translateTest(
  filter: CompareFilter | PresentFilter,
  source: LdapSource,
  definition: AttributeDefinition | undefined,
): LdapTranslation {
  if (filter.kind === "present") return translatePresence(source);
  const { operator, value } = filter;
  if (value === null) {
    const present = translatePresence(source);
    if (operator === "ne") return present;
    return operator === "eq" ? negate(present) : UNKNOWN;
  }
  if (operator === "ne") return negate(translateComparison("eq", value, source, definition));
  return translateComparison(operator, value, source, definition);
}

/** Entries that have any value from this source. */
export function translatePresence(source: LdapSource): LdapTranslation {
  switch (source.kind) {
    case "attribute":
      return ask({ kind: "present", attribute: source.attribute }, source.exact);
    case "time":
      return ask({ kind: "present", attribute: source.attribute });
    case "constant":
      return isPresent(source.value) ? EVERYTHING : NOTHING;
    case "lookup":
      return source.attribute === undefined
        ? UNKNOWN
        : ask({ kind: "present", attribute: source.attribute });
    case "boolean":
    case "computed":
      return UNKNOWN;
  }
}

function translateComparison(
  operator: ValueOperator,
  literal: Literal,
  source: LdapSource,
  definition: AttributeDefinition | undefined,
): LdapTranslation {
  switch (source.kind) {
    case "attribute":
      return compareAttribute(operator, literal, source, definition);
    case "time":
      return definition?.type === "dateTime"
        ? compareTime(operator, literal, source)
        : loosen(translatePresence(source));
    case "constant": {
      const test = compileComparison(operator, literal, definition);
      return test(source.value) ? EVERYTHING : NOTHING;
    }
    case "boolean":
      return compareBoolean(operator, literal, source, definition);
    case "lookup": {
      const text = literalText(literal);
      if (operator !== "eq" || text === undefined) return loosen(translatePresence(source));
      const found = source.filterFor(text);
      return found === undefined ? NOTHING : ask(found);
    }
    case "computed":
      return UNKNOWN;
  }
}

function compareAttribute(
  operator: ValueOperator,
  literal: Literal,
  source: Source<"attribute">,
  definition: AttributeDefinition | undefined,
): LdapTranslation {
  // Whatever the comparison, an absent attribute fails it. Order is left at that: servers collate differently.
  const present = loosen(translatePresence(source));
  const text = literalText(literal);
  if (text === undefined || !isText(definition) || source.matching === "none") return present;
  const caseExact = definition?.caseExact === true;
  if (source.matching === "caseExact" && !caseExact) return present;
  if (operator === "gt" || operator === "ge" || operator === "lt" || operator === "le")
    return present;
  const question = questionFor(operator, text, { caseExact });
  if (question === undefined) return present;
  const { attribute } = source;
  if (question.kind === "substrings")
    return source.substrings ? ask({ ...question, attribute }) : present;
  const sameRule = caseExact === (source.matching === "caseExact");
  return ask({ ...question, attribute }, source.exact === true && sameRule && isSettledText(text));
}

function isText(definition: AttributeDefinition | undefined): boolean {
  const type = definition?.type;
  return type === undefined || type === "string" || type === "reference";
}

function compareTime(
  operator: ValueOperator,
  literal: Literal,
  source: Source<"time">,
): LdapTranslation {
  const present = translatePresence(source);
  if (operator === "co" || operator === "sw" || operator === "ew") return present;
  const time = typeof literal === "string" ? parseDateTime(literal) : undefined;
  if (time === undefined) return operator === "eq" ? NOTHING : present;
  const { attribute, fraction } = source;
  const bound = (seconds: number) => printGeneralizedTime(seconds, fraction);
  const from = {
    kind: "greaterOrEqual",
    attribute,
    value: bound(Math.floor(time / 1000)),
  } as const;
  const to = { kind: "lessOrEqual", attribute, value: bound(Math.ceil(time / 1000)) } as const;
  switch (operator) {
    case "eq":
      return intersect([ask(from), ask(to)]);
    case "gt":
    case "ge":
      return ask(from);
    case "lt":
    case "le":
      return ask(to);
  }
}

function compareBoolean(
  operator: ValueOperator,
  literal: Literal,
  source: Source<"boolean">,
  definition: AttributeDefinition | undefined,
): LdapTranslation {
  if (operator !== "eq" || definition?.type !== "boolean") return UNKNOWN;
  const wanted = toBoolean(literal);
  if (wanted === undefined) return NOTHING;
  return ask(wanted ? source.whenTrue : source.whenFalse);
}
