import { describe, expect, it } from "vitest";
import { printLdapFilter } from "../../agent/core/ldap-filter.ts";
import { questionFor } from "../../agent/core/scim/ldap-text.ts";

type Operator = Parameters<typeof questionFor>[0];

function ask(operator: Operator, text: string, caseExact = false): string {
  const question = questionFor(operator, text, { caseExact });
  if (question === undefined) return "nothing";
  return printLdapFilter({ ...question, attribute: "a" }).slice("(a".length, -1);
}

const OPERATORS = ["eq", "co", "sw", "ew"] as const;
const askEach = (text: string) => OPERATORS.map((operator) => ask(operator, text));

describe("questionFor", () => {
  it.each([
    ["plain text", "Ada 1", ["=Ada 1", "=*Ada*1*", "=Ada*1*", "=*Ada*1"]],
    [
      "brackets and stars",
      "(*)",
      ["=\\28\\2a\\29", "=*\\28\\2a\\29*", "=\\28\\2a\\29*", "=*\\28\\2a\\29"],
    ],
    ["text with white space around it", " a1 ", ["= a1 ", "=*a1*", "=*a1*", "=*a1*"]],
    ["white space alone", " \t", ["nothing", "nothing", "nothing", "nothing"]],
    ["no text", "", ["nothing", "nothing", "nothing", "nothing"]],
  ])("asks for the words of %s", (_, text, asked) => {
    expect(askEach(text)).toEqual(asked);
  });

  it("misses no accent that a stored value has decomposed, behind the last letter that is asked for", () => {
    expect(askEach("Jose")).toEqual(["=Jose", "=*Jos*", "=Jos*", "=*Jose"]);
    expect(askEach("Jos\u00e9")).toEqual(["=Jos\u00e9", "=*Jos*", "=Jos*", "=*Jos\u00e9"]);
    expect(askEach("Jose\u0301")).toEqual(["=Jose\u0301", "=*Jos*", "=Jos*", "=*Jose\u0301"]);
    expect(ask("sw", "e")).toBe("nothing");
    expect(ask("sw", "\u1100\u1161")).toBe("nothing");
  });

  it("keeps a last character that no accent can join", () => {
    expect(["a5", "a.", "a@", "\u65e5\u672c"].map((text) => ask("sw", text))).toEqual([
      "=a5*",
      "=a.*",
      "=a@*",
      "=\u65e5\u672c*",
    ]);
  });

  it("misses no accent that a stored value has composed, in front of what is asked for", () => {
    expect(ask("co", "\u0301x1")).toBe("=*x1*");
    expect(ask("ew", "\u0301x1")).toBe("=*x1");
    expect(ask("ew", "\u11a81")).toBe("=*1");
    expect(ask("co", "\u0301")).toBe("nothing");
  });

  it("misses no letter that servers fold otherwise, or not at all", () => {
    // Final sigma, sharp s, dotted I, a letter pair of Unicode 4.1, Cherokee, a digraph, Kelvin, long s.
    const letters = [
      "\u03a3",
      "\u03c2",
      "\u00df",
      "\u1e9e",
      "\u0130",
      "\u2c65",
      "\u13a0",
      "\u01c5",
    ];
    for (const letter of [...letters, "\u212a", "\u017f", "i\u0307"]) {
      expect([letter, ask("eq", `5${letter}6`)]).toEqual([letter, "=5*6"]);
    }
    expect(ask("eq", "Stra\u00dfe")).toBe("=Str*e");
    expect(ask("eq", "\u03c3")).toBe("nothing");
  });

  it("asks for letters that all servers fold alike", () => {
    for (const text of [
      "Jos\u00e9",
      "\u041f\u0440\u0418",
      "\u0391\u03b2",
      "\u0531",
      "\u1e00",
      "\u65e5",
      "\uac00",
      "\u05d0",
      "\u{1f600}",
    ]) {
      expect(ask("eq", text)).toBe(`=${text}`);
    }
  });

  it("misses no compatibility form, control or half of a character", () => {
    for (const odd of [
      "\ufb01",
      "\u00b4",
      "\u00b2",
      "\u00ad",
      "\u0000",
      "\ud83d",
      "\ue000",
      "\u0085",
    ]) {
      expect([odd, ask("eq", `5${odd}6`), ask("co", `a${odd}b6`)]).toEqual([odd, "=5*6", "=*b6*"]);
    }
  });

  it("asks case-exact attributes for any text that servers take", () => {
    expect(ask("eq", "Stra\u00dfe \u03c2", true)).toBe("=Stra\u00dfe \u03c2");
    expect(ask("eq", "5\u00ad6", true)).toBe("=5*6");
    expect(ask("sw", "5\u00df6", true)).toBe("=5*6*");
  });
});
