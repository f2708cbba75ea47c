import { describe, expect, it } from "vitest";
import { coerceSimple } from "../../agent/core/scim/attribute-value.ts";
import { canonicalJson, equalJson } from "../../agent/core/scim/canonical-json.ts";
import { changedValue } from "../../agent/core/scim/patch-change.ts";
import { type AttributeType, text } from "../../agent/core/scim/schema.ts";

const attribute = (type: AttributeType) => ({ ...text("x"), type });

describe("coerceSimple", () => {
  it.each<[AttributeType, unknown]>([
    ["string", "x"],
    ["reference", "../Users/1"],
    ["binary", "TUlJ"],
    ["boolean", false],
    ["integer", 5],
    ["decimal", 5.5],
    ["dateTime", "0001-01-01T00:00:00.1234567Z"],
  ])("takes a %s as it is: %j", (type, value) => {
    expect(coerceSimple(attribute(type), value, "rfc7644")).toBe(value);
    expect(coerceSimple(attribute(type), value, "entra")).toBe(value);
  });

  it.each<[AttributeType, unknown]>([
    ["string", 5],
    ["reference", true],
    ["binary", {}],
    ["boolean", "yes"],
    ["boolean", 1],
    ["integer", 5.5],
    ["integer", "5"],
    ["decimal", "5.5"],
    ["dateTime", "yesterday"],
    ["dateTime", 0],
    ["complex", "x"],
  ])("refuses for a %s: %j", (type, value) => {
    for (const profile of ["rfc7644", "entra"] as const) {
      expect(() => coerceSimple(attribute(type), value, profile)).toThrow(
        expect.objectContaining({ status: 400, scimType: "invalidValue" }),
      );
    }
  });
});

it("what is immutable may be set once", () => {
  const definition = text("x", { mutability: "immutable" });
  expect(changedValue(definition, undefined, "a", "add")).toBe("a");
  expect(changedValue(definition, "a", "a", "replace")).toBe("a");
  expect(() => changedValue(definition, "a", "b", "replace")).toThrow(
    expect.objectContaining({ scimType: "mutability" }),
  );
});

describe("canonical JSON", () => {
  it.each([
    [{ b: 1, a: [true, null, "x"] }, '{"a":[true,null,"x"],"b":1}'],
    [{ a: undefined, b: {} }, '{"b":{}}'],
    [undefined, "null"],
    [[], "[]"],
    [[[], {}], "[[],{}]"],
  ])("of %j is %s", (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it.each<[boolean, unknown, unknown]>([
    [true, { a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 }],
    [false, { a: 1 }, { a: 1, b: 2 }],
    [false, { a: 1 }, { b: 1 }],
    [false, { a: undefined }, { b: undefined }],
    [false, [1, 2], [2, 1]],
    [false, [1], [1, 2]],
    [false, [1], { 0: 1 }],
    [false, {}, []],
    [false, {}, null],
    [false, "1", 1],
  ])("equality is %s for %j and %j", (equal, a, b) => {
    expect(equalJson(a, b)).toBe(equal);
  });
});
