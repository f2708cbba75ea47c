import { describe, expect, it } from "vitest";
import {
  compileScoping,
  type ScopingClause,
  type ScopingFilter,
} from "../../agent/core/provisioning/scoping.ts";
import { SCOPING_OPERATORS } from "../../agent/core/provisioning/scoping-operator.ts";

function evaluate(filters: readonly ScopingFilter[], source: Readonly<Record<string, unknown>>) {
  const result = compileScoping(filters);
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.scoping((attribute) => source[attribute]);
}

function verdictOf(clause: Omit<ScopingClause, "attribute">, x: unknown): readonly unknown[] {
  const filters = [{ name: "f", clauses: [{ attribute: "x", ...clause }] }];
  const [verdict] = evaluate(filters, { x }).filters[0]?.clauses ?? [];
  return [verdict?.holds, verdict?.detail];
}

describe("a scoping clause", () => {
  it.each<[string, string | undefined, unknown, boolean, string]>([
    ["EQUALS", "Sales", "Sales", true, "it is equal"],
    ["EQUALS", "Sales", "sales", false, "it differs"],
    ["EQUALS", "7", 7, true, "it is equal"],
    ["NOT EQUALS", "Sales", "sales", true, "it differs"],
    ["NOT EQUALS", "Sales", "Sales", false, "it is equal"],
    ["IS TRUE", undefined, true, true, "it is true"],
    ["IS TRUE", undefined, "True", true, "it is true"],
    ["IS TRUE", undefined, false, false, "it is not true"],
    ["IS TRUE", undefined, 1, false, "it is not true"],
    ["IS FALSE", undefined, false, true, "it is false"],
    ["IS FALSE", undefined, "False", true, "it is false"],
    ["IS FALSE", undefined, "no", false, "it is not false"],
    ["IS NULL", undefined, undefined, true, "it is empty"],
    ["IS NULL", undefined, "", true, "it is empty"],
    ["IS NULL", undefined, [], true, "it is empty"],
    ["IS NULL", undefined, "x", false, "it has a value"],
    ["IS NOT NULL", undefined, "x", true, "it has a value"],
    ["IS NOT NULL", undefined, false, true, "it has a value"],
    ["IS NOT NULL", undefined, null, false, "it is empty"],
    ["REGEX MATCH", "^S", "Sales", true, "it matches"],
    ["REGEX MATCH", "^S", "sales", false, "it does not match"],
    ["NOT REGEX MATCH", "^S", "sales", true, "it does not match"],
    ["NOT REGEX MATCH", "^S", "Sales", false, "it matches"],
    ["GREATER_THAN", "10", "11", true, "it is large enough"],
    ["GREATER_THAN", "10", 10, false, "it is too small"],
    ["GREATER_THAN", "-1", "+0", true, "it is large enough"],
    ["GREATER_THAN", "9007199254740992", "9007199254740993", true, "it is large enough"],
    ["GREATER_THAN_OR_EQUALS", "+10", 10, true, "it is large enough"],
    ["GREATER_THAN_OR_EQUALS", "10", "9", false, "it is too small"],
    ["GREATER_THAN_OR_EQUALS", "10", "10.5", false, "it is no integer"],
    ["INCLUDES", "ale", "Sales", true, "it contains it"],
    ["INCLUDES", "ALE", "Sales", false, "it does not contain it"],
    ["ENDS_WITH", "les", "Sales", true, "it ends so"],
    ["ENDS_WITH", "Sal", "Sales", false, "it ends otherwise"],
    ["&", "Sales,Marketing", "Sales", true, "it is in it"],
    ["&", "Sales,Marketing", "Support", false, "it is not in it"],
    ["!&", "Sales,Marketing", "Support", true, "it is not in it"],
    ["!&", "Sales,Marketing", "Sales", false, "it is in it"],
    ["EQUALS", "x", { value: "x" }, false, "it is a complex value"],
    ["EQUALS", "x", [["x"]], false, "it is a complex value"],
  ])("%s %s of %j is %s", (operator, value, x, holds, detail) => {
    expect(verdictOf({ operator, value }, x)).toEqual([holds, detail]);
  });

  it("fails for a null or empty attribute, its negations too, unless it asks for null", () => {
    const value = (operator: string) =>
      /^(IS|.*NULL)/.test(operator) ? undefined : operator.startsWith("GREATER") ? "1" : "x";
    const holding = SCOPING_OPERATORS.filter((operator) =>
      [undefined, null, "", []].some((x) => verdictOf({ operator, value: value(operator) }, x)[0]),
    );
    expect(holding).toEqual(["IS NULL"]);
  });

  it("looks at all values of a multi-valued attribute, or at any one", () => {
    const values = ["Sales", "Support"];
    const verdicts = (["all", "any", undefined] as const).flatMap((multivalued) =>
      ["EQUALS", "NOT EQUALS"].map(
        (operator) => verdictOf({ operator, value: "Sales", multivalued }, values)[0],
      ),
    );
    expect(verdicts).toEqual([false, false, true, true, false, false]);
    expect(verdictOf({ operator: "INCLUDES", value: "S" }, values)).toEqual([
      true,
      "it contains it",
    ]);
  });

  it("takes operators as the portal, as Graph and as people write them", () => {
    const spellings = [
      "equals",
      "Not Equals",
      "NotEquals",
      "NOT_EQUALS",
      "Greater_Than",
      "ENDS WITH",
    ];
    const problems = spellings.map((operator) =>
      compileScoping([{ name: "f", clauses: [{ attribute: "x", operator, value: "1" }] }]),
    );
    expect(problems.filter((result) => "problems" in result)).toEqual([]);
  });
});

describe("scoping filters", () => {
  const sales = { attribute: "department", operator: "EQUALS", value: "Sales" };
  const active = { attribute: "active", operator: "IS TRUE" };
  const filters = [
    { name: "sales", clauses: [sales, active] },
    { name: "staff", clauses: [{ attribute: "employeeNumber", operator: "IS NOT NULL" }] },
  ];

  it("let everybody in when there are none", () => {
    expect(evaluate([], {})).toEqual({ inScope: true, detail: "no scoping filter", filters: [] });
  });

  it("let in whoever satisfies all clauses of one of them, and show every clause", () => {
    expect(evaluate(filters, { department: "Sales", active: true })).toEqual({
      inScope: true,
      detail: "filter sales",
      filters: [
        {
          name: "sales",
          holds: true,
          clauses: [
            { rule: 'department EQUALS "Sales"', holds: true, detail: "it is equal" },
            { rule: "active IS TRUE", holds: true, detail: "it is true" },
          ],
        },
        {
          name: "staff",
          holds: false,
          clauses: [{ rule: "employeeNumber IS NOT NULL", holds: false, detail: "it is empty" }],
        },
      ],
    });
    expect(evaluate(filters, { employeeNumber: "7" }).detail).toBe("filter staff");
  });

  it("say of each filter which clauses failed, without the entry's values", () => {
    expect(evaluate(filters, { department: "Sales", active: "no" })).toMatchObject({
      inScope: false,
      detail:
        "filter sales: active IS TRUE: it is not true; filter staff: employeeNumber IS NOT NULL: it is empty",
    });
    expect(JSON.stringify(evaluate(filters, { department: "secret" }))).not.toContain("secret");
  });

  it("are refused with everything that is wrong, by path", () => {
    const clause = (operator: string, value?: string) => ({ attribute: "x", operator, value });
    const result = compileScoping([
      { name: "empty", clauses: [] },
      {
        name: "wrong",
        clauses: [
          clause("IS_MEMBER_OF", "x"),
          clause("PRESENT"),
          clause("VALID CERT MATCH", "x"),
          clause("!&L", "x"),
          clause("LIKE", "x"),
          clause("EQUALS"),
          clause("EQUALS", ""),
          clause("IS NULL", "x"),
          clause("GREATER_THAN", "many"),
          clause("REGEX MATCH", "(a"),
          clause("EQUALS", "fine"),
        ],
      },
    ]);
    expect(result).toEqual({
      problems: [
        {
          path: [0, "clauses"],
          problem: "a filter without clauses would let everybody in; leave the filter out",
        },
        ...[
          [
            "operator",
            "the operator IS_MEMBER_OF is not supported: groups are no attribute of an entry: scope by group in the agent's configuration (scope.groups)",
          ],
          ["operator", "the operator PRESENT is not supported: IS NOT NULL says the same"],
          [
            "operator",
            "the operator VALID CERT MATCH is not supported: what it compares is not documented",
          ],
          ["operator", "the operator !&L is not supported: what it compares is not documented"],
          ["operator", `no such operator: LIKE (there are ${SCOPING_OPERATORS.join(", ")})`],
          ["value", "EQUALS needs a value"],
          ["value", "EQUALS needs a value"],
          ["value", "IS NULL takes no value"],
          ["value", "the value must be an integer"],
          ["value", "not a pattern: a ( without ) (character 3)"],
        ].map(([at, problem], index) => ({ path: [1, "clauses", index, at], problem })),
      ],
    });
  });

  it("do not take a mistake of the caller for a wrong pattern", () => {
    const clause = { attribute: "x", operator: "REGEX MATCH", value: 5 as unknown as string };
    expect(() => compileScoping([{ name: "f", clauses: [clause] }])).toThrow(TypeError);
  });
});
