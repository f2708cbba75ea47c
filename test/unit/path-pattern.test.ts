import { expect, it } from "vitest";
import { pathPattern } from "../../agent/core/path-pattern.ts";

it.each([
  ["/Users/47867525-2083-5463-9b2e-6ec471466e8f", "/Users/{id}"],
  ["/Groups/a\nb", "/Groups/{id}"],
  ["/Users/.search", "/Users/.search"],
  ["/.delta", "/.delta"],
  ['/Users?filter=userName eq "ada"', "/Users?…"],
  ["/Users/1?a", "/Users/{id}"],
  [`/${"x".repeat(500)}`, `/${"x".repeat(127)}`],
])("shows %j as %j", (path, shown) => {
  expect(pathPattern(path)).toBe(shown);
});
