import { expect, it } from "vitest";
import { jsonLine } from "../../agent/service/json-line.ts";

it("is JSON on one line, whatever a terminal or a reader of lines takes for more than a character", () => {
  const text = "a\u0085b\u2028c\u2029d\u009be\u007ff\u202eg\u2066h\n";
  const line = jsonLine({ text });
  expect(line).toBe(String.raw`{"text":"a\u0085b\u2028c\u2029d\u009be\u007ff\u202eg\u2066h\n"}`);
  expect(JSON.parse(line ?? "")).toEqual({ text });
});

it("leaves the letters of all languages", () => {
  expect(jsonLine("Øystein 李 Ψ 👩‍🚀")).toBe('"Øystein 李 Ψ 👩‍🚀"');
  expect(jsonLine(undefined)).toBe(undefined);
});
