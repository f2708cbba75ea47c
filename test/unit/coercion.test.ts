import { describe, expect, it } from "vitest";
import { coerceValue } from "../../agent/core/coercion.ts";

const bytes = Buffer.from([0, 255, 16]);

describe("coerceValue", () => {
  it.each([
    ["ada", "string", "ada"],
    ["", "string", ""],
    ["http://x", "reference", "http://x"],
    ["é", "binary", "w6k="],
    [bytes, "binary", "AP8Q"],
    ["TRUE", "boolean", true],
    ["False", "boolean", false],
    ["42", "integer", 42],
    ["-7", "integer", -7],
    ["+7", "integer", 7],
    ["1.5", "decimal", 1.5],
    ["-2", "decimal", -2],
    ["20260131235958Z", "dateTime", "2026-01-31T23:59:58.000Z"],
    ["20260131235958.0Z", "dateTime", "2026-01-31T23:59:58.000Z"],
    ["20260131235958,1239Z", "dateTime", "2026-01-31T23:59:58.123Z"],
    ["202601312359Z", "dateTime", "2026-01-31T23:59:00.000Z"],
    ["2026013123Z", "dateTime", "2026-01-31T23:00:00.000Z"],
    ["20260131235958+0130", "dateTime", "2026-01-31T22:29:58.000Z"],
    ["20260131235958-05", "dateTime", "2026-02-01T04:59:58.000Z"],
    ["2026-01-31T23:59:58.5+01:00", "dateTime", "2026-01-31T22:59:58.500Z"],
    ["20240229000000Z", "dateTime", "2024-02-29T00:00:00.000Z"],
  ] as const)("reads %s as %s", (value, type, expected) => {
    expect(coerceValue(value, type)).toEqual({ ok: true, value: expected });
  });

  it.each([
    ["yes", "boolean"],
    ["1", "boolean"],
    ["", "boolean"],
    ["1.5", "integer"],
    ["", "integer"],
    ["0x10", "integer"],
    ["12345678901234567", "integer"],
    ["1e5", "decimal"],
    ["Infinity", "decimal"],
    ["1.", "decimal"],
    ["20260131235958", "dateTime"],
    ["20261331235958Z", "dateTime"],
    ["20260230000000Z", "dateTime"],
    ["20260431000000Z", "dateTime"],
    ["20250229000000Z", "dateTime"],
    ["2025-02-29T00:00:00Z", "dateTime"],
    ["20260131255958Z", "dateTime"],
    ["202601312359.5Z", "dateTime"],
    ["2026-01-31", "dateTime"],
    ["31.01.2026", "dateTime"],
    ["x", "complex"],
  ] as const)("says that %s cannot be read as %s", (value, type) => {
    expect(coerceValue(value, type)).toEqual({ ok: false, reason: `cannot be read as ${type}` });
  });

  it.each(["string", "boolean", "integer", "decimal", "dateTime", "reference", "complex"] as const)(
    "does not take bytes for %s",
    (type) => {
      expect(coerceValue(bytes, type)).toEqual({
        ok: false,
        reason: `has bytes where ${type} was expected`,
      });
    },
  );
});
