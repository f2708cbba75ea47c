import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseExpressionCases } from "../../agent/cli/expression-cases.ts";
import { compileExpression } from "../../agent/core/expression/compile-expression.ts";
import type { EvaluationContext } from "../../agent/core/expression/evaluation.ts";
import type { ExpressionValue } from "../../agent/core/expression/expression-value.ts";
import { EXPRESSION_FUNCTIONS } from "../../agent/core/expression/functions.ts";
import { parseExpression } from "../../agent/core/expression/parse-expression.ts";
import {
  COMPARISON_OPERATORS,
  type Expression,
  printExpression,
} from "../../agent/core/expression/syntax.ts";
import { ExpressionSyntaxError } from "../../agent/core/expression/syntax-error.ts";
import { times } from "../support/run-length.ts";

const DOCUMENTED = parseExpressionCases(
  readFileSync(new URL("../golden/expressions.json", import.meta.url), "utf8"),
  "expressions.json",
).map(({ expression }) => expression);

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/);
const attributeName = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .map((text) => text.replace(/[[\]]/g, "").trim())
  .filter((text) => text !== "");

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ kind: fc.constant("text" as const), value: fc.string({ unit: "grapheme" }) }),
    fc.record({ kind: fc.constant("attribute" as const), name: attributeName }),
    fc.record({ kind: fc.constant("variable" as const), name }),
    fc.record({ kind: fc.constant("keyword" as const), name }),
    fc.record({
      kind: fc.constant("number" as const),
      literal: fc.constantFrom("0", "-1", "42", "1.50", "&HF7", "123456789012345678901234567890"),
    }),
    fc.record({
      ...{ kind: fc.constant("call" as const), name },
      arguments: fc
        .array(fc.oneof(fc.constant({ kind: "blank" } as const), tie("expression")), {
          maxLength: 4,
        })
        .filter((all) => !(all.length === 1 && all[0]?.kind === "blank")),
    }),
    fc.record({
      kind: fc.constant("compare" as const),
      operator: fc.constantFrom(...COMPARISON_OPERATORS),
      ...{ left: tie("expression"), right: tie("expression") },
    }),
    fc.record({
      ...{
        kind: fc.constant("concatenate" as const),
        left: tie("expression"),
        right: tie("expression"),
      },
    }),
  ),
}));

const single = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom(
    "",
    "1",
    "-3",
    "2021-08-24",
    "True",
    "d",
    "yyyy-MM-dd",
    "(a+)+$",
    "[",
    "UTF8",
    "AQEAAA==",
  ),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.uint8Array({ maxLength: 30 }),
  fc.record({ ms: fc.integer(), ticks: fc.nat(9999) }),
  fc.record({ value: fc.string(), primary: fc.boolean() }),
);
const value: fc.Arbitrary<ExpressionValue> = fc.oneof(
  fc.constant(null),
  single,
  fc.array(single, { minLength: 1, maxLength: 4 }),
);

function contextOf(values: readonly ExpressionValue[]): EvaluationContext {
  return {
    read: (attribute) =>
      values[Number(attribute.replace(/\D/g, "")) % Math.max(1, values.length)] ?? null,
    variable: (variable) => (variable.length % 2 === 0 ? variable : undefined),
    now: Date.UTC(2026, 0, 15),
    random: (bound) => Math.floor(bound / 3),
    isTaken: (text) => text.length % 2 === 0,
  };
}

/** Evaluates if it can be compiled, and lets nothing out but the language's own error. */
function attempt(text: string, values: readonly ExpressionValue[]): void {
  try {
    const { kind } = compileExpression(text).evaluate(contextOf(values));
    expect(["value", "ignore", "error", "escrow"]).toContain(kind);
  } catch (error) {
    if (!(error instanceof ExpressionSyntaxError)) throw error;
  }
}

describe("an expression", () => {
  it("is the same after it was printed and parsed", () => {
    fc.assert(
      fc.property(expression, (tree) => {
        expect(parseExpression(printExpression(tree)).expression).toEqual(tree);
      }),
      { numRuns: times({ short: 500, long: 20_000 }) },
    );
  });

  it("of the documentation is the same after it was printed and parsed", () => {
    for (const text of DOCUMENTED) {
      const { expression: tree } = parseExpression(text);
      expect(parseExpression(printExpression(tree)).expression).toEqual(tree);
    }
  });

  it("that was mutated gives a value or the language's own error", () => {
    const mutated = fc
      .tuple(
        fc.constantFrom(...DOCUMENTED),
        fc.array(fc.tuple(fc.nat(), fc.nat(6), fc.constantFrom(...'()[]",\\%&=<>+*?{}|^$.a1 ')), {
          ...{ minLength: 1, maxLength: 5 },
        }),
      )
      .map(([text, changes]) =>
        changes.reduce((one, [place, count, sign]) => {
          const at = place % (one.length + 1);
          return one.slice(0, at) + sign + one.slice(at + count);
        }, text),
      );
    fc.assert(
      fc.property(mutated, fc.array(value, { maxLength: 4 }), (text, values) =>
        attempt(text, values),
      ),
      { numRuns: times({ short: 2_000, long: 100_000 }) },
    );
  });

  it("of any characters gives a value or the language's own error", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => attempt(text, ["a"])),
      { numRuns: times({ short: 500, long: 20_000 }) },
    );
  });
});

describe("a function", () => {
  it.each(EXPRESSION_FUNCTIONS.map((one) => [one.name, one] as const))(
    "%s is total over all values",
    (called, { parameters, repeats = [] }) => {
      const least = parameters.filter(({ required }) => required).length;
      const most = parameters.length + repeats.length * 2;
      const call = fc
        .array(fc.boolean(), { minLength: Math.max(least, 0), maxLength: most })
        .map((given) => {
          const all = given.map((isGiven, index) =>
            isGiven || parameters[index]?.required === true ? `[a${index}]` : "",
          );
          return `${called}(${all.join(", ")})`;
        });
      fc.assert(
        fc.property(call, fc.array(value, { minLength: 1, maxLength: 8 }), (text, values) =>
          attempt(text, values),
        ),
        { numRuns: times({ short: 200, long: 5_000 }) },
      );
    },
  );
});

describe("a pattern that explodes elsewhere", () => {
  it("ends on a long text", () => {
    const text = `${"a".repeat(100_000)}b`;
    const { evaluate } = compileExpression('Replace([x], , "(a+)+$", , "z", , )');
    expect(evaluate(contextOf([text]))).toEqual({ kind: "value", value: text, redacted: false });
  });

  it("is given up when it finds something in every place of a long text", () => {
    const { evaluate } = compileExpression('Replace([x], , "a*b|a", , "z", , )');
    expect(evaluate(contextOf(["a".repeat(4_000)]))).toMatchObject({ value: "z".repeat(4_000) });
    expect(evaluate(contextOf(["a".repeat(40_000)]))).toEqual({
      kind: "error",
      message: "the pattern finds too many matches in so long a text",
    });
  });

  it("is given up when it has many states and the text is long", () => {
    const { evaluate } = compileExpression('Replace([x], , "(a{0,900}b)+c", , "z", , )');
    expect(evaluate(contextOf(["ab".repeat(90_000)]))).toMatchObject({ kind: "error" });
    expect(evaluate(contextOf(["ababc"]))).toMatchObject({ value: "z" });
  });

  it("is refused when it looks around", () => {
    expect(() => compileExpression('Replace([x], , "(?=(a+)+$)", , "z", , )')).toThrow(
      "can take exponential time",
    );
  });

  it("is refused as an outcome when an attribute brings it", () => {
    const { evaluate } = compileExpression('Replace("aaa", , [x], , "z", , )');
    expect(evaluate(contextOf(["(?=(a+)+$)"]))).toMatchObject({ kind: "error" });
  });
});
