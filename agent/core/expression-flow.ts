import { coerceValue } from "./coercion.ts";
import { LANGUAGE_TAGGED } from "./directory-value/attribute-description.ts";
import { type Entry, valuesOf } from "./entry.ts";
import { type CompiledExpression, compileExpression } from "./expression/compile-expression.ts";
import { isDateTime, parseDateTime } from "./expression/date-time.ts";
import {
  type ExpressionValue,
  listOf,
  type SingleValue,
  textOf,
} from "./expression/expression-value.ts";
import { ExpressionSyntaxError } from "./expression/syntax-error.ts";
import type { FlowTarget } from "./flow-target.ts";
import type { Flow } from "./mapping.ts";
import type { AttributeType } from "./scim/schema.ts";

/** What an expression makes of an entry: values in the type of the target, or why it cannot say. */
export type FlowValues =
  | { readonly ok: true; readonly values: readonly (string | number | boolean)[] }
  | { readonly ok: false; readonly reason: string };

/**
 * Compiles the expression of a flow, if it has one, and checks it against what the agent can give it.
 * @returns undefined for a flow of another kind
 */
export function compileFlowExpression(
  flow: Flow,
  target: FlowTarget,
): CompiledExpression | { readonly problem: string } | undefined {
  if (flow.kind !== "expression") return undefined;
  if (target.isReference) {
    return { problem: `${flow.target} is a reference and cannot be an expression` };
  }
  try {
    const compiled = compileExpression(flow.expression);
    const problem = misuseOf(compiled);
    return problem === undefined ? compiled : { problem };
  } catch (error) {
    if (error instanceof ExpressionSyntaxError) {
      // The list of problems is indented itself.
      return { problem: error.message.replaceAll("\n", "\n    ") };
    }
    throw error;
  }
}

function misuseOf({ attributes, variables, changes, selectsUnique }: CompiledExpression) {
  const stray = attributes.find((name) => !LANGUAGE_TAGGED.test(name));
  if (stray !== undefined) return `[${stray}] is no name of an LDAP attribute`;
  if (variables.length > 0)
    return `%${variables[0]}% is a setting of a job, which an agent has not`;
  if (selectsUnique) return "SelectUniqueValue is for who writes into a directory";
  if (changes.has("random")) {
    return "Guid and RandomString give another value at every read, and the target would never rest";
  }
  return undefined;
}

/**
 * Evaluates the expression of a flow for an entry. Empty text counts as no value, and so does what
 * IgnoreFlowIfNullOrEmpty holds back.
 * @param now milliseconds since 1970
 */
export function evaluateFlow(
  compiled: CompiledExpression,
  {
    entry,
    type,
    now,
  }: { readonly entry: Entry; readonly type: AttributeType; readonly now: number },
): FlowValues {
  const outcome = compiled.evaluate({
    read: (attribute) => readValue(entry, attribute),
    variable: () => undefined,
    now,
    random: () => 0,
    isTaken: () => false,
  });
  if (outcome.kind === "ignore") return { ok: true, values: [] };
  if (outcome.kind !== "value") return { ok: false, reason: outcome.message };
  const values: (string | number | boolean)[] = [];
  for (const one of listOf(outcome.value)) {
    if (one === "") continue;
    const coerced = coerceResult(one, type);
    if (!coerced.ok) return coerced;
    values.push(coerced.value);
  }
  return { ok: true, values };
}

function readValue(entry: Entry, attribute: string): ExpressionValue {
  const values = valuesOf(entry, attribute);
  return values.length > 1 ? values : (values[0] ?? null);
}

function coerceResult(value: SingleValue, type: AttributeType) {
  if (type === "boolean" && typeof value === "boolean") return { ok: true, value } as const;
  if (type === "dateTime") {
    const time = isDateTime(value) ? value : parseDateTime(textOf(value));
    if (time !== undefined) return { ok: true, value: new Date(time.ms).toISOString() } as const;
  }
  return coerceValue(
    value instanceof Uint8Array && type === "binary" ? value : textOf(value),
    type,
  );
}
