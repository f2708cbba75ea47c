import {
  EvaluationError,
  type ExpressionFunction,
  IGNORE_FLOW,
  optional,
  required,
} from "./evaluation.ts";
import { isNullOrEmpty, isTrue, narrow, numberOf, singleOf, textOf } from "./expression-value.ts";

/** Bits of a number that BitAnd takes. */
const INTEGER_BITS = 64;

const value = required("value");

export const LOGIC_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: "BitAnd",
    parameters: [required("value1", "number"), required("value2", "number")],
    gives: "the bits that both numbers have",
    example: "BitAnd(&HF, &HF7)",
    evaluate: (all) => {
      const [first = 0n, second = 0n] = all.map((one) => {
        if (one === undefined || isNullOrEmpty(one)) return 0n;
        const number = numberOf(one);
        if (number === undefined || !Number.isInteger(Number(number))) {
          throw new EvaluationError("BitAnd was given what is no whole number");
        }
        return BigInt.asIntN(INTEGER_BITS, BigInt(number));
      });
      return narrow(first & second);
    },
  },
  {
    name: "CBool",
    parameters: [required("expression")],
    gives: "whether a comparison holds, a text is True, or a number is not 0",
    example: "CBool([attribute1] = [attribute2])",
    evaluate: ([one = null]) => isTrue(one),
  },
  {
    name: "Coalesce",
    parameters: [required("source1")],
    repeats: [optional("source")],
    gives: "the first that is not null; empty text is a value",
    example: "Coalesce([mail], [userPrincipalName])",
    choose: (all, evaluation) => {
      for (const one of all) {
        const chosen = one?.(evaluation) ?? null;
        if (chosen !== null) return chosen;
      }
      return null;
    },
  },
  {
    name: "Error",
    parameters: [required("message", "text")],
    gives: "no value: the entry fails with the message",
    example: 'IIF(IsPresent([mail]), [mail], Error("mail is required"))',
    evaluate: ([message = null]) => {
      throw new EvaluationError(textOf(message));
    },
  },
  {
    name: "IgnoreFlowIfNullOrEmpty",
    parameters: [required("expression")],
    gives: "the value; without one the target is neither written nor cleared",
    example: "IgnoreFlowIfNullOrEmpty([department])",
    evaluate: ([one = null]) => {
      if (isNullOrEmpty(one)) throw IGNORE_FLOW;
      return one;
    },
  },
  {
    name: "IIF",
    parameters: [
      required("condition", "boolean"),
      optional("valueIfTrue"),
      optional("valueIfFalse"),
    ],
    gives: "one of two values; the other one is not evaluated",
    example: 'IIF([country] = "USA", [country], [department])',
    choose: ([condition, whenTrue, whenFalse], evaluation) => {
      const chosen = isTrue(condition?.(evaluation) ?? null) ? whenTrue : whenFalse;
      return chosen?.(evaluation) ?? null;
    },
  },
  {
    name: "IsNull",
    parameters: [value],
    gives: "whether there is no value; empty text is one",
    example: "IsNull([displayName])",
    evaluate: ([one = null]) => one === null,
  },
  {
    name: "IsNullOrEmpty",
    parameters: [value],
    gives: "whether there is no value or empty text",
    example: "IsNullOrEmpty([displayName])",
    evaluate: ([one = null]) => isNullOrEmpty(one),
  },
  {
    name: "IsPresent",
    parameters: [value],
    gives: "whether there is a value that is not empty text",
    example: "IsPresent([displayName])",
    evaluate: ([one = null]) => !isNullOrEmpty(one),
  },
  {
    name: "IsString",
    parameters: [value],
    gives: "whether the value is text",
    example: "IsString([displayName])",
    evaluate: ([one = null]) => typeof singleOf(one) === "string",
  },
  {
    name: "Not",
    parameters: [required("source")],
    gives: "False for True, and True for everything else",
    example: "Not([accountEnabled])",
    evaluate: ([one = null]) => (textOf(one).toLowerCase() === "true" ? "False" : "True"),
  },
  {
    name: "SelectUniqueValue",
    parameters: [required("rule1"), required("rule2")],
    repeats: [optional("rule")],
    gives: "the first value that nobody has; with none left the entry waits in escrow",
    example: 'SelectUniqueValue([mailNickname], Append([mailNickname], "1"))',
    isOutermost: true,
    choose: (all, evaluation) => {
      for (const one of all) {
        const offered = one?.(evaluation) ?? null;
        if (isNullOrEmpty(offered)) continue;
        if (!evaluation.isTaken(textOf(offered))) return offered;
      }
      throw new EvaluationError("every value that SelectUniqueValue offers is taken", "escrow");
    },
  },
  {
    name: "Switch",
    parameters: [required("source"), optional("defaultValue")],
    repeats: [required("key"), optional("value")],
    gives:
      "the value behind the key that the source equals, letter case included, or else the default",
    example: 'Switch([IsSoftDeleted], , "False", "True", "True", "False")',
    choose: ([source, fallback, ...pairs], evaluation) => {
      const text = textOf(source?.(evaluation) ?? null);
      for (let at = 0; at < pairs.length; at += 2) {
        const key = pairs[at]?.(evaluation) ?? null;
        if (textOf(key) === text) return pairs[at + 1]?.(evaluation) ?? null;
      }
      return fallback?.(evaluation) ?? null;
    },
  },
];
