import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, fingerprintOf } from "../../agent/core/fingerprint.ts";

/** The same value with the members of each object in another order. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, turned(member)] as const);
  return Object.fromEntries(entries.reverse());
}

describe("canonical JSON", () => {
  it("sorts keys, keeps lists and leaves out what is undefined", () => {
    const value = { b: [3, 1, { z: null, y: true }], a: 'ä"\n', A: -0, c: undefined, "": 1.5e300 };
    expect(canonicalJson(value)).toBe(
      '{"":1.5e+300,"A":0,"a":"ä\\"\\n","b":[3,1,{"y":true,"z":null}]}',
    );
  });

  it("is JSON of the same value, whatever the order of keys", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(turned(value))).toBe(text);
      }),
    );
  });

  it.each([[Number.NaN], [Number.POSITIVE_INFINITY], [1n], [undefined], [() => 1], [Symbol("x")]])(
    "refuses case %#, which JSON cannot hold",
    (value) => {
      expect(() => canonicalJson([value])).toThrow(TypeError);
    },
  );
});

describe("a fingerprint", () => {
  it("is the beginning of the SHA-256 of the canonical JSON", () => {
    // printf '{"a":1,"b":[]}' | sha256sum
    expect(fingerprintOf({ b: [], a: 1 })).toBe("c1-f87e4099e9be5e75");
  });
});
