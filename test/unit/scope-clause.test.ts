import { describe, expect, it } from "vitest";
import type { Value } from "../../agent/core/entry.ts";
import { type Clause, TEXT_OPERATORS, UNARY_OPERATORS } from "../../agent/core/scope.ts";
import { clauseHolds, clauseProblem, printClause } from "../../agent/core/scope-clause.ts";
import { BASE, entry, uuid } from "../support/fake-directory.ts";

function clause(operator: Clause["operator"], value?: string | readonly string[]): Clause {
  const compared = typeof value === "string" ? { value } : { values: value };
  return { resourceType: "User", attribute: "a", operator, ...compared } as Clause;
}

function holds(one: Clause, value?: Value | readonly Value[]): boolean {
  return clauseHolds(one, entry(BASE, uuid(1), value === undefined ? {} : { a: value }));
}

describe("a clause", () => {
  it.each<
    [Clause["operator"], string | readonly string[] | undefined, Value | readonly Value[], boolean]
  >([
    ["equals", "Sales", "Sales", true],
    ["equals", "Sales", "sales", false],
    ["notEquals", "Sales", "sales", true],
    ["in", ["a", "b"], "b", true],
    ["present", undefined, new Uint8Array([0]), true],
    ["present", undefined, "", false],
    ["absent", undefined, "", true],
    ["absent", undefined, "x", false],
    ["isTrue", undefined, "TRUE", true],
    ["isTrue", undefined, "1", false],
    ["isFalse", undefined, "false", true],
    ["matches", "^S.*s$", "Sales", true],
    ["matches", "al", "Sales", true],
    ["matches", "AL", "Sales", false],
    ["notMatches", "al", "Sales", false],
    ["notMatches", "x", "Sales", true],
    ["greaterThan", "9", "10", true],
    ["greaterThan", "10", "10", false],
    ["greaterThan", "9", "ten", false],
    ["greaterThanOrEquals", "10", "10", true],
    ["greaterThanOrEquals", "9223372036854775807", "9223372036854775806", false],
    ["includes", "ale", "Sales", true],
    ["endsWith", "es", "Sales", true],
    ["endsWith", "Es", "Sales", false],
    ["within", "Sales and Marketing", "Sales", true],
    ["notWithin", "Sales and Marketing", "Sales", false],
    ["hasBits", "2", "514", true],
    ["hasBits", "3", "514", false],
    ["hasBits", "2", "-2147483646", true],
    ["lacksBits", "2", "512", true],
    ["lacksBits", "2", "514", false],
    ["lacksBits", "2", "x", false],
  ])("%s %j says of %j: %s", (operator, value, held, expected) => {
    expect(holds(clause(operator, value), held)).toBe(expected);
  });

  it("takes any value of several", () => {
    expect(holds(clause("includes", "b"), ["a", "b"])).toBe(true);
    expect(holds(clause("matches", "^c$"), ["a", "b"])).toBe(false);
  });

  it("fails on an attribute that is not there, whatever the operator, but for absent", () => {
    const unary = UNARY_OPERATORS.map((operator) => clause(operator));
    const binary = TEXT_OPERATORS.map((operator) => clause(operator, "1"));
    const others = [clause("equals", "1"), clause("notEquals", "1"), clause("in", ["1"])];
    const holding = [...unary, ...binary, ...others].filter((one) => holds(one));
    expect(holding.map(({ operator }) => operator)).toEqual(["absent"]);
  });

  it.each([
    ["matches", "(", /not a pattern/],
    ["notMatches", "(a)\\1", /not a pattern/],
    ["greaterThan", "ten", /must be an integer/],
    ["hasBits", "0", /no number of bits/],
    ["lacksBits", "x", /no number of bits/],
  ] as const)("%s %j is refused at load", (operator, value, problem) => {
    expect(clauseProblem(clause(operator, value))).toMatch(problem);
  });

  it("reads as a sentence", () => {
    expect([
      printClause(clause("in", ["x", "y"])),
      printClause(clause("hasBits", "2")),
      printClause(clause("absent")),
      printClause(clause("matches", '"')),
    ]).toEqual(['a is one of "x", "y"', 'a has the bits "2"', "a is absent", 'a matches "\\""']);
    expect(clauseProblem(clause("equals", "x"))).toBeUndefined();
  });
});
