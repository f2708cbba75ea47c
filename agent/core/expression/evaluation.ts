import type { ExpressionValue } from "./expression-value.ts";
import type { Expression } from "./syntax.ts";

/** What an evaluation is given. */
export interface EvaluationContext {
  /** The value of a source attribute; null when it has none. */
  readonly read: (attribute: string) => ExpressionValue;
  /** A setting of the job (`%DomainFQDN%`, and `DefaultDomain`); undefined when there is none. */
  readonly variable: (name: string) => string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** A random whole number from 0 to below `bound`. */
  readonly random: (bound: number) => number;
  /** Whether a value is in use already (SelectUniqueValue). */
  readonly isTaken: (value: string) => boolean;
}

/** An evaluation under way. */
export interface Evaluation extends EvaluationContext {
  /** From here on the value must not be logged. */
  readonly redact: () => void;
}

/** Texts longer than this are refused: nested replacements could otherwise grow without end. */
const MAX_TEXT_CHARACTERS = 1_000_000;

/** Why an entry has no value for an expression. */
export class EvaluationError extends Error {
  /** `escrow`: the entry waits, because every value that SelectUniqueValue offers is taken. */
  readonly kind: "error" | "escrow";

  constructor(message: string, kind: "error" | "escrow" = "error") {
    super(message);
    this.name = "EvaluationError";
    this.kind = kind;
  }
}

/** Thrown, without the cost of a stack, by IgnoreFlowIfNullOrEmpty. */
export const IGNORE_FLOW = Object.freeze({ flow: "ignore" });

/** @throws EvaluationError for a text that is too long */
export function boundText(text: string): string {
  boundLength(text.length);
  return text;
}

/** @throws EvaluationError when a text would have too many characters */
export function boundLength(length: number): void {
  if (length <= MAX_TEXT_CHARACTERS) return;
  throw new EvaluationError(`a text would have more than ${MAX_TEXT_CHARACTERS} characters`);
}

/** An argument that is evaluated where it is needed. */
export type Argument = (evaluation: Evaluation) => ExpressionValue;

export interface Parameter {
  readonly name: string;
  readonly type: "any" | "text" | "number" | "boolean" | "dateTime" | "binary" | "list" | "keyword";
  readonly required: boolean;
  /** Words that a `keyword` may be, in the case that they are written in. */
  readonly keywords?: readonly string[];
}

interface FunctionSignature {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** Parameters that repeat behind the others, as a group: `key1, value1, …`. */
  readonly repeats?: readonly Parameter[];
  /** One sentence for a person. */
  readonly gives: string;
  readonly example: string;
  /** Looks at arguments that are literal when the expression is compiled; says what is wrong with one of them. */
  readonly check?: (
    all: readonly Expression[],
  ) => { readonly argument: number; readonly problem: string } | undefined;
  /** Only as the outermost function of an expression. */
  readonly isOutermost?: true;
  /** Why the same values give another result the next time. */
  readonly changes?: "time" | "random";
}

/** A function of the language. */
export type ExpressionFunction = FunctionSignature &
  (
    | {
        /** @param all values in the order of the parameters; undefined for an argument that was left out */
        readonly evaluate: (
          all: readonly (ExpressionValue | undefined)[],
          evaluation: Evaluation,
        ) => ExpressionValue;
      }
    | {
        /** Evaluates only the arguments that it needs. */
        readonly choose: (
          all: readonly (Argument | undefined)[],
          evaluation: Evaluation,
        ) => ExpressionValue;
      }
  );

export const required = (name: string, type: Parameter["type"] = "any"): Parameter => ({
  ...{ name, type, required: true },
});

export const optional = (name: string, type: Parameter["type"] = "any"): Parameter => ({
  ...{ name, type, required: false },
});
