import {
  boundText,
  EvaluationError,
  type ExpressionFunction,
  optional,
  required,
} from "./evaluation.ts";
import {
  type ComplexValue,
  type ExpressionValue,
  listOf,
  type SingleValue,
  textOf,
  wholeOf,
} from "./expression-value.ts";

const attribute = required("attribute", "list");
const assignments = required("appRoleAssignments", "list");

export const LIST_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: "AppRoleAssignments",
    parameters: [assignments],
    gives: "the names of the roles that are assigned",
    example: "AppRoleAssignments([appRoleAssignments])",
    evaluate: ([roles = null]) => orNull(listOf(roles).map(roleName)),
  },
  {
    name: "AppRoleAssignmentsComplex",
    parameters: [assignments],
    gives: "the roles as complex values; a change adds roles to the target and removes none",
    example: "AppRoleAssignmentsComplex([appRoleAssignments])",
    evaluate: ([roles = null]) => orNull(listOf(roles).map(toRole)),
  },
  {
    name: "AssertiveAppRoleAssignmentsComplex",
    parameters: [assignments],
    gives: "the roles as complex values; a change replaces the roles of the target",
    example: "AssertiveAppRoleAssignmentsComplex([appRoleAssignments])",
    evaluate: ([roles = null]) => orNull(listOf(roles).map(toRole)),
  },
  {
    name: "Contains",
    parameters: [attribute, required("text", "text")],
    gives: "which value has the text in it, counted from 1; 0 when none has",
    example: 'Contains([proxyAddresses], "SMTP:")',
    evaluate: ([values = null, text = null]) => {
      const wanted = textOf(text);
      return listOf(values).findIndex((one) => textOf(one).includes(wanted)) + 1;
    },
  },
  {
    name: "Count",
    parameters: [attribute],
    gives: "the number of values",
    example: "Count([proxyAddresses])",
    evaluate: ([values = null]) => listOf(values).length,
  },
  {
    name: "Item",
    parameters: [attribute, required("index", "number")],
    gives: "one value of several, counted from 1",
    example: "Item([proxyAddresses], 1)",
    evaluate: ([values = null, index = null]) => {
      const list = listOf(values);
      const found = list[(wholeOf(index) ?? 0) - 1];
      if (found !== undefined) return found;
      throw new EvaluationError(
        `Item was asked for number ${textOf(index).slice(0, 20)} of ${list.length} values`,
      );
    },
  },
  {
    name: "Join",
    parameters: [required("separator", "text")],
    repeats: [optional("source")],
    gives: "the values of all sources with the separator between them; empty ones are passed over",
    example: 'Join(", ", [surname], [givenName])',
    evaluate: ([separator = null, ...sources]) => {
      const texts = sources.flatMap((one) => listOf(one ?? null).map(textOf));
      return joinTexts(
        texts.filter((text) => text !== ""),
        textOf(separator),
      );
    },
  },
  {
    name: "RemoveDuplicates",
    parameters: [attribute],
    gives: "each value once",
    example: "RemoveDuplicates([proxyAddresses])",
    evaluate: ([values = null]) => {
      const unique = new Map(listOf(values).map((one) => [textOf(one), one]));
      return orNull([...unique.values()]);
    },
  },
  {
    name: "SingleAppRoleAssignment",
    parameters: [assignments],
    gives: "the name of one role that is assigned",
    example: "SingleAppRoleAssignment([appRoleAssignments])",
    evaluate: ([roles = null]) => {
      const [first] = listOf(roles);
      return first === undefined ? null : roleName(first);
    },
  },
  {
    name: "Split",
    parameters: [required("source"), required("delimiter", "text")],
    gives: "the parts of a text as several values",
    example: 'Split([extensionAttribute5], ",")',
    evaluate: ([source = null, delimiter = null]) => {
      const separator = textOf(delimiter);
      const parts = listOf(source).flatMap((one) =>
        separator === "" ? [textOf(one)] : textOf(one).split(separator),
      );
      return orNull(parts);
    },
  },
];

function orNull(values: readonly SingleValue[]): ExpressionValue {
  return values.length === 0 ? null : values;
}

function joinTexts(texts: readonly string[], separator: string): string {
  let joined = "";
  for (const [index, text] of texts.entries()) {
    joined = boundText(index === 0 ? text : joined + separator + text);
  }
  return joined;
}

function roleName(role: SingleValue): string {
  if (!isComplex(role)) return textOf(role);
  return textOf(role["displayName"] ?? role["value"] ?? null);
}

/** Entra marks no role as primary. */
function toRole(role: SingleValue): ComplexValue {
  if (!isComplex(role)) {
    return { value: textOf(role), displayName: textOf(role), primary: false };
  }
  return { ...role, primary: false };
}

function isComplex(value: SingleValue): value is ComplexValue {
  return typeof value === "object" && !(value instanceof Uint8Array) && !("ms" in value);
}
