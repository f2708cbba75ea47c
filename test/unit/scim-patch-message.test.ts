import { describe, expect, it } from "vitest";
import { parsePatch } from "../../agent/core/scim/patch-operation.ts";
import { PATCH_OP_MESSAGE } from "../../agent/core/scim/urn.ts";

const schemas = [PATCH_OP_MESSAGE];

/** Arrays within arrays around nothing. */
function nested(levels: number): unknown {
  let value: unknown = "x";
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

describe("parsePatch", () => {
  it("reads names and operations in any letter case", () => {
    const body = {
      SCHEMAS: [PATCH_OP_MESSAGE.toUpperCase()],
      operations: [
        { OP: "ADD", Path: "title", VALUE: "x" },
        { op: "Replace", path: null, value: null },
        { op: "remove", path: "title" },
      ],
    };
    expect(parsePatch(body)).toEqual([
      { op: "add", path: "title", value: "x" },
      { op: "replace", value: null },
      { op: "remove", path: "title" },
    ]);
  });

  it("takes a value that is nested sixteen deep, and 1,000 operations", () => {
    const Operations = Array.from({ length: 1000 }, () => ({ op: "add", value: nested(16) }));
    expect(parsePatch({ schemas, Operations })).toHaveLength(1000);
  });

  const add = { op: "add", path: "title", value: "x" };

  it.each([
    ["a text", "text", "invalidSyntax"],
    ["a list", [add], "invalidSyntax"],
    ["nothing", null, "invalidSyntax"],
    ["no schemas", { Operations: [add] }, "invalidSyntax"],
    ["schemas that are no list", { schemas: PATCH_OP_MESSAGE, Operations: [add] }, "invalidSyntax"],
    ["other schemas", { schemas: [5, "urn:x"], Operations: [add] }, "invalidSyntax"],
    ["no operations", { schemas }, "invalidSyntax"],
    ["operations that are no list", { schemas, Operations: add }, "invalidSyntax"],
    ["an empty list", { schemas, Operations: [] }, "invalidSyntax"],
    ["an operation that is no object", { schemas, Operations: [null] }, "invalidSyntax"],
    ["no op", { schemas, Operations: [{ path: "title" }] }, "invalidSyntax"],
    ["another op", { schemas, Operations: [{ ...add, op: "move" }] }, "invalidSyntax"],
    ["an op that is no text", { schemas, Operations: [{ ...add, op: 1 }] }, "invalidSyntax"],
    ["a path that is no text", { schemas, Operations: [{ ...add, path: 1 }] }, "invalidPath"],
    ["add without value", { schemas, Operations: [{ op: "add", path: "a" }] }, "invalidValue"],
    ["replace without value", { schemas, Operations: [{ op: "replace" }] }, "invalidValue"],
    [
      "a value that is nested deeper",
      { schemas, Operations: [{ ...add, value: nested(100_000) }] },
      "invalidValue",
    ],
  ])("refuses %s", (_name, body, scimType) => {
    expect(() => parsePatch(body)).toThrow(expect.objectContaining({ status: 400, scimType }));
  });

  it("refuses more operations with 413", () => {
    const Operations = Array.from({ length: 1001 }, () => add);
    expect(() => parsePatch({ schemas, Operations })).toThrow(
      expect.objectContaining({ status: 413, scimType: undefined }),
    );
  });
});
