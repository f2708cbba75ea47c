import { describe, expect, it } from "vitest";
import { compileComparison, type ValueOperator } from "../../agent/core/scim/comparison.ts";
import { parseDateTime } from "../../agent/core/scim/date-time.ts";
import type { AttributeDefinition, AttributeType } from "../../agent/core/scim/schema.ts";

function define(type: AttributeType): AttributeDefinition {
  return {
    name: "x",
    type,
    multiValued: false,
    required: false,
    caseExact: false,
    mutability: "readWrite",
    returned: "default",
  };
}

const OPERATORS = ["eq", "co", "sw", "ew", "gt", "ge", "lt", "le"] as const;

function holding(type: AttributeType, literal: string | number, value: unknown): ValueOperator[] {
  return OPERATORS.filter((operator) => compileComparison(operator, literal, define(type))(value));
}

describe("compileComparison", () => {
  it.each(["integer", "decimal"] as const)(
    "compares an attribute of type %s as numbers",
    (type) => {
      expect(holding(type, 10, 9)).toEqual(["lt", "le"]);
      expect(holding(type, 10, 10)).toEqual(["eq", "ge", "le"]);
      expect(holding(type, 10, 11)).toEqual(["gt", "ge"]);
      expect(holding(type, "10", 10)).toEqual([]);
      expect(holding(type, 10, "10")).toEqual([]);
    },
  );

  it("finds a complex attribute equal to nothing", () => {
    expect(holding("complex", "a", { value: "a" })).toEqual([]);
  });
});

describe("parseDateTime", () => {
  it.each([
    ["1970-01-01T00:00:00Z", 0],
    ["1970-01-01T00:00:00.0000001z", 0.0001],
    ["1970-01-01t01:00:01.5+01:00", 1500],
    ["1970-01-01T00:00", 0],
    ["1970-01-02", 86_400_000],
    ["0001-01-01T00:00:00Z", -62_135_596_800_000],
  ])("reads %s", (text, time) => {
    expect(parseDateTime(text)).toBeCloseTo(time, 6);
  });

  it("takes a time without zone for UTC, wherever the machine stands", () => {
    const zone = process.env["TZ"];
    process.env["TZ"] = "America/New_York";
    try {
      expect(new Date(0).getHours()).toBe(19);
      expect(parseDateTime("1970-01-01T00:00:00")).toBe(0);
    } finally {
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
    }
  });

  it.each(["", "1970", "5", "1970-01-01 00:00:00Z", "1970-02-30T25:00:00Z", "May 13 2011"])(
    "takes %j for no time",
    (text) => {
      expect(parseDateTime(text)).toBeUndefined();
    },
  );
});
