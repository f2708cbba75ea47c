import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ScimError } from "../../agent/core/scim/error.ts";
import { parseFilter, printFilter, type ScimFilter } from "../../agent/core/scim/filter.ts";
import { compileFilter } from "../../agent/core/scim/filter-match.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA } from "../../agent/core/scim/urn.ts";

interface Golden {
  readonly users: readonly ScimResource[];
  readonly cases: readonly {
    readonly filter: string;
    readonly expected: readonly string[] | "error";
  }[];
}

const golden: Golden = JSON.parse(
  readFileSync(new URL("../golden/scim-filters.json", import.meta.url), "utf8"),
);

function refusalOf(text: string): unknown {
  try {
    return parseFilter(text);
  } catch (error) {
    return error instanceof ScimError ? [error.status, error.scimType, error.detail] : error;
  }
}

const compare = (attribute: string, value: string | number | boolean | null) => ({
  kind: "compare",
  path: { attribute },
  operator: "eq",
  value,
});

describe("the golden filters", () => {
  it("are there", () => {
    expect(golden.cases.length).toBeGreaterThanOrEqual(67);
  });

  it.each(golden.cases)("$filter", ({ filter, expected }) => {
    if (expected === "error") {
      expect(refusalOf(filter)).toEqual([400, "invalidFilter", expect.any(String)]);
      return;
    }
    const matches = compileFilter(parseFilter(filter), "User");
    expect(golden.users.filter(matches).map(({ id }) => id)).toEqual(expected);
  });
});

describe("parseFilter", () => {
  it("binds `not` before `and` before `or`, and keeps what parentheses group", () => {
    const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => compare(name, 1));
    expect(parseFilter("a eq 1 or b eq 1 and not (c eq 1) or d eq 1")).toEqual({
      kind: "or",
      filters: [a, { kind: "and", filters: [b, { kind: "not", filter: c }] }, d],
    });
    expect(parseFilter("(a eq 1 or b eq 1) and (c eq 1 and d eq 1)")).toEqual({
      kind: "and",
      filters: [
        { kind: "or", filters: [a, b] },
        { kind: "and", filters: [c, d] },
      ],
    });
  });

  it("splits a path at the last colon", () => {
    expect(parseFilter(`${ENTERPRISE_USER_SCHEMA}:manager.$ref pr`)).toEqual({
      kind: "present",
      path: { schema: ENTERPRISE_USER_SCHEMA, attribute: "manager", subAttribute: "$ref" },
    });
  });

  it("needs no space around brackets and quotes", () => {
    expect(parseFilter('not(a eq"x"or b eq"y")')).toEqual({
      kind: "not",
      filter: { kind: "or", filters: [compare("a", "x"), compare("b", "y")] },
    });
    expect(parseFilter("a\teq\r\n1")).toEqual(compare("a", 1));
  });

  it.each<[string, string | number | boolean | null]>([
    ['"a \\"b\\" \\\\ \\u00fc ) ] and"', 'a "b" \\ ü ) ] and'],
    ["-1.5e+2", -150],
    ["0", 0],
    ["True", true],
    ["FALSE", false],
    ["null", null],
    ["Null", null],
    ["jyoung", "jyoung"],
    ["j.o'malley@example.com", "j.o'malley@example.com"],
    ["007", "007"],
    ["3b2c9a10-77aa-4a4e-9e57-d3f7c5d6f0ab", "3b2c9a10-77aa-4a4e-9e57-d3f7c5d6f0ab"],
    ["2011-05-13T04:42:34Z", "2011-05-13T04:42:34Z"],
  ])("reads the literal %s", (text, value) => {
    expect(parseFilter(`a eq ${text}`)).toEqual(compare("a", value));
  });

  it("takes Entra's `not` without parentheses and comparison after a value filter", () => {
    expect(parseFilter("not a eq 1 and b eq 1")).toEqual({
      kind: "and",
      filters: [{ kind: "not", filter: compare("a", 1) }, compare("b", 1)],
    });
    const valuePath = {
      kind: "valuePath",
      path: { attribute: "emails" },
      filter: compare("type", "work"),
    };
    expect(parseFilter('emails[type eq "work"].value eq "x"')).toEqual({
      ...valuePath,
      test: compare("value", "x"),
    });
    expect(parseFilter('emails[type eq "work"].value pr')).toEqual({
      ...valuePath,
      test: { kind: "present", path: { attribute: "value" } },
    });
    expect(parseFilter('emails[type eq "work"]')).toEqual(valuePath);
  });

  it.each<[string, string]>([
    ["", "expected an attribute path, found the end of the filter"],
    ["userName eq", "expected a value, found the end of the filter"],
    ["userName is 1", "expected an operator, found a word at 9"],
    ['userName "x"', "expected an operator, found a string at 9"],
    ['"x" eq 1', "expected an attribute path, found a string at 0"],
    ["1a eq 1", "expected an attribute path, found a word at 0"],
    ["a.b.c eq 1", "expected an attribute path, found a word at 0"],
    ["__proto__ eq 1", "expected an attribute path, found a word at 0"],
    ["urn:a eq 1", "expected an attribute path, found a word at 0"],
    [":a eq 1", "expected an attribute path, found a word at 0"],
    ["or eq 1", "expected an attribute path, found a word at 0"],
    ["a eq and", "expected a value, found a word at 5"],
    ["a eq 'x'", "expected a value, found a word at 5"],
    ["a eq {x}", "expected a value, found a word at 5"],
    ["a eq (1)", "expected a value, found ( at 5"],
    ["a eq 1e999", "a number is too large"],
    ["(a eq 1", "expected ), found the end of the filter"],
    ["a[b eq 1", "expected ], found the end of the filter"],
    ["a[b eq 1)", "expected ], found ) at 8"],
    ["a[b[c eq 1]]", "a value filter inside a value filter"],
    ["a[b eq 1] .c eq 1", "unexpected a word at 10"],
    ["a[b eq 1]c eq 1", "unexpected a word at 9"],
    ["a[b eq 1].c", "expected an operator, found the end of the filter"],
    ["a eq 1 b", "unexpected a word at 7"],
    ["a eq 1)", "unexpected ) at 6"],
    ['a eq "x', "the string at 5 has no end"],
    ['a eq "\\x"', "the string at 5 is not a JSON string"],
    ['a eq "\u0001"', "the string at 5 is not a JSON string"],
    ["a\u00a0eq 1", "unexpected character at 1"],
  ])("refuses %j", (text, detail) => {
    expect(refusalOf(text)).toEqual([400, "invalidFilter", detail]);
  });

  it("refuses what is longer than 16 KiB or nested deeper than 64, and nothing shorter", () => {
    const long = (bytes: number) => `a eq "${"ü".repeat((bytes - 8) / 2)}" `;
    expect(parseFilter(long(16_384))).toMatchObject({ kind: "compare" });
    expect(refusalOf(long(16_386))).toEqual([
      400,
      "invalidFilter",
      "the filter is longer than 16384 bytes",
    ]);
    const deep = (depth: number) => `${"(".repeat(depth)}a pr${")".repeat(depth)}`;
    const tooDeep = [400, "invalidFilter", "the filter is nested deeper than 64"];
    expect(parseFilter(deep(64))).toEqual({ kind: "present", path: { attribute: "a" } });
    expect(refusalOf(deep(65))).toEqual(tooDeep);
    expect(refusalOf(`${"not ".repeat(65)}a pr`)).toEqual(tooDeep);
    expect(refusalOf(`${"(".repeat(64)}a[b pr]${")".repeat(64)}`)).toEqual(tooDeep);
  });
});

const name = fc
  .stringMatching(/^[A-Za-z$][A-Za-z0-9$_-]{0,6}$/)
  .filter((text) => !["and", "or", "not"].includes(text.toLowerCase()));
const path = fc.record(
  {
    schema: fc.constantFrom(ENTERPRISE_USER_SCHEMA, "urn:x:y", "http://example.com/2.0/X"),
    attribute: name,
    subAttribute: name,
  },
  { requiredKeys: ["attribute"] },
);
const literal = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const operator = fc.constantFrom("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le");
const testOf = (paths: fc.Arbitrary<object>) =>
  fc.oneof(
    fc.record({ kind: fc.constant("compare"), path: paths, operator, value: literal }),
    fc.record({ kind: fc.constant("present"), path: paths }),
  );

function filterOf(attribute: fc.Arbitrary<unknown>): fc.Arbitrary<ScimFilter> {
  const { filter } = fc.letrec((tie) => ({
    filter: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      attribute,
      fc.record({
        kind: fc.constantFrom("and", "or"),
        filters: fc.array(tie("filter"), { minLength: 2, maxLength: 3 }),
      }),
      fc.record({ kind: fc.constant("not"), filter: tie("filter") }),
    ),
  }));
  return filter as fc.Arbitrary<ScimFilter>;
}

describe("printFilter", () => {
  it("prints what parseFilter reads back as the same filter", () => {
    const valuePath = fc.record(
      {
        kind: fc.constant("valuePath"),
        path,
        filter: filterOf(testOf(path)),
        test: testOf(fc.record({ attribute: name })),
      },
      { requiredKeys: ["kind", "path", "filter"] },
    );
    const filters = filterOf(fc.oneof(testOf(path), valuePath));
    fc.assert(
      fc.property(filters, (filter) => {
        expect(parseFilter(printFilter(filter))).toEqual(filter);
      }),
      { numRuns: 1000, seed: 7644 },
    );
  });

  it("prints the strict grammar", () => {
    expect(printFilter(parseFilter('NOT a EQ x AND emails[type eq work].value CO "y"'))).toBe(
      'not (a eq "x") and emails[type eq "work"].value co "y"',
    );
  });
});
