import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseExpressionCases, runExpressionCase } from "../../agent/cli/expression-cases.ts";
import { compileExpression } from "../../agent/core/expression/compile-expression.ts";
import { EXPRESSION_FUNCTIONS } from "../../agent/core/expression/functions.ts";

// Documented expressions of Entra with what they give; the file says where each is from.
const FILE = new URL("../golden/expressions.json", import.meta.url);
const CASES = parseExpressionCases(readFileSync(FILE, "utf8"), "expressions.json");
const CONTEXT = { now: Date.UTC(2026, 0, 1), random: (bound: number) => Math.floor(bound / 2) };

describe("documented expressions", () => {
  it("are all there", () => expect(CASES.length).toBe(123));

  it.each(CASES.map((one, index) => [`${index + 1} ${one.name}`, one] as const))("%s", (_, one) => {
    expect(runExpressionCase(one, CONTEXT)).toEqual({ passed: true });
  });

  it("fail when another value is expected", () => {
    for (const one of CASES) {
      const wrong = {
        ...one,
        match: "value" as const,
        expected: "\u0000no such value",
        literal: "",
      };
      expect(runExpressionCase(wrong, CONTEXT).passed).toBe(false);
    }
  });
});

describe("the example of a function", () => {
  it.each(EXPRESSION_FUNCTIONS.map(({ name, example }) => [name, example]))(
    "%s can be compiled and is about it",
    (name, example) => {
      const { expression } = compileExpression(example);
      expect(JSON.stringify(expression)).toContain(`"name":"${name}"`);
    },
  );
});
