import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePattern } from "../../agent/core/provisioning/pattern.ts";
import { PatternError } from "../../agent/core/provisioning/pattern-syntax.ts";

function found(pattern: string, texts: readonly string[]): readonly string[] {
  const finds = compilePattern(pattern);
  return texts.filter(finds);
}

function problemOf(pattern: string): string | undefined {
  try {
    compilePattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

describe("a pattern", () => {
  // pattern, what it finds, what it does not
  it.each<[string, readonly string[], readonly string[]]>([
    ["Sales", ["Sales", "Presales Sales", "xSalesx"], ["sales", "Sale", ""]],
    ["", ["", "anything"], []],
    ["^Sales$", ["Sales", "Sales\n"], ["Sales x", "Sales\n\n", "xSales"]],
    ["\\ASales\\z", ["Sales"], ["Sales\n", " Sales"]],
    ["Sales\\Z", ["Sales", "Sales\n"], ["Sales\n\n"]],
    [
      "(?:^|\\W)Sales|Marketing|Operations(?:$|\\W)",
      ["Sales", "US Sales", "Marketing", "Operations"],
      ["xSales", "Operationsx"],
    ],
    ["([1-9][0-9])", ["10", "99", "100", "x42"], ["5", "01", ""]],
    ["a.c", ["abc", "a😀c"], ["a\nc", "ac"]],
    ["ab*c", ["ac", "abbbc"], ["abd"]],
    ["ab+c", ["abc", "abbc"], ["ac"]],
    ["^ab?c$", ["ac", "abc"], ["abbc"]],
    ["^a{2}$", ["aa"], ["a", "aaa"]],
    ["^a{2,}$", ["aa", "aaaa"], ["a"]],
    ["^a{1,3}?$", ["a", "aaa"], ["", "aaaa"]],
    ["^a{,3}$", ["a{,3}"], ["aa"]],
    ["a{x", ["a{x"], ["ax"]],
    ["^(?:|a)+$", ["", "aaa"], ["b"]],
    ["^(a*)*$", ["", "aaa"], ["ab"]],
    ["^(?:a{0}b)$", ["b"], ["ab"]],
    ["^[abc]$", ["a", "c"], ["d", "ab"]],
    ["^[^abc]$", ["d", "A"], ["a"]],
    ["^[a-c-]$", ["b", "-"], ["d"]],
    ["^[]a]$", ["]", "a"], ["b"]],
    ["^[^]a]$", ["b"], ["]", "a"]],
    ["^[\\w.-]+@example\\.com$", ["a.b-c@example.com", "ä@example.com"], ["a b@example.com"]],
    ["^[\\d\\s]+$", ["1 2", "٣"], ["a"]],
    ["^[a-\\x63\\]]$", ["c", "]"], ["d"]],
    ["^\\d\\D\\s\\S\\w\\W$", ["1a bc!"], ["11 bc!", "1a bcc"]],
    ["^\\p{Lu}\\P{Lu}$", ["Ää", "A1"], ["AA", "aa"]],
    ["^\\x41\\u00e4\\t\\n\\r\\f\\v\\e$", ["Aä\t\n\r\f\v\u001b"], ["Aa"]],
    ["^\\.\\*\\\\\\/\\-$", [".*\\/-"], ["a"]],
    ["\\bSales\\b", ["Sales", "the Sales team", "Sales."], ["Presales", "Salesx", "xSales"]],
    ["a\\Bb", ["ab"], ["a b"]],
    ["(?i)sales [a-z]", ["SALES Q", "sales q"], ["sales 1"]],
    ["(?i)^[^a]$", ["b", "B"], ["a", "A"]],
    ["^(?<year>\\d{4})-(?'month'\\d\\d)$", ["2026-08"], ["26-08"]],
    ["}", ["}"], ["{"]],
    ["^😀{2}$", ["😀😀"], ["😀"]],
  ])("%s finds what it means", (pattern, matching, other) => {
    expect(found(pattern, [...matching, ...other])).toEqual(matching);
  });

  it.each<[string, string]>([
    ["a(b", "a ( without ) (character 4)"],
    ["ab)", "a ) without ( (character 3)"],
    ["[ab", "a [ without ] (character 4)"],
    ["*a", "a quantifier after nothing (character 1)"],
    ["a|+b", "a quantifier after nothing (character 3)"],
    ["a**", "a quantifier after a quantifier (character 4)"],
    ["a{3,2}", "a quantifier from more to less (character 7)"],
    ["[b-a]", "a range from more to less (character 5)"],
    ["[a-\\d]", "a range that ends in a class (character 6)"],
    ["[a-z-[aeiou]]", "class subtraction is not supported (character 5)"],
    ["[a-[b]]", "class subtraction is not supported (character 3)"],
    ["a\\", "a backslash at the end (character 3)"],
    ["(a)\\1", "back references are not supported (character 5)"],
    ["(?<x>a)\\k<x>", "back references are not supported (character 9)"],
    ["\\G", "\\G is not supported (character 2)"],
    ["\\p{IsGreek}", "of \\p only general categories of Unicode are supported (character 2)"],
    ["\\p{Xx}", "of \\p only general categories of Unicode are supported (character 2)"],
    ["a(?=b)", "look-around is not supported (character 2)"],
    ["a(?!b)", "look-around is not supported (character 2)"],
    ["(?<=a)b", "look-around is not supported (character 1)"],
    ["(?<!a)b", "look-around is not supported (character 1)"],
    ["(?>a)", "atomic groups are not supported (character 1)"],
    ["(?(a)b)", "conditions are not supported (character 1)"],
    ["(?#a)", "comments are not supported (character 1)"],
    ["a(?i)b", "of options only (?i) at the start is supported (character 3)"],
    ["a".repeat(1_001), "longer than 1000 characters"],
    ["(a{100}){100}", "more than 2000 states"],
    ["((){1000}){1000}", "more than 2000 states"],
    ["a{999999999}", "more than 2000 states"],
    ["a{0,999999999}", "more than 2000 states"],
  ])("%s is refused with the place", (pattern, message) => {
    expect(problemOf(pattern)).toBe(message);
  });

  // Each of these takes a backtracking engine longer than anybody waits.
  it.each(["^(a+)+$", "^(a|aa)+$", "^(a*)*b$", "(a?){30}a{30}$", "^(\\w+\\s?)*$", "(.*.*.*.*x)+y"])(
    "%s is decided in steps that grow with the text alone",
    (pattern) => {
      const finds = compilePattern(pattern);
      expect(finds(`${"a".repeat(2_000)}!`)).toBe(false);
    },
  );

  it("agrees with JavaScript's engine wherever both mean the same", () => {
    const atom = fc.constantFrom("a", "b", "[ab]", "[^a]", ".", "\\d", "\\b", "^", "(?:)");
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { maxDepth: 3 },
        atom,
        fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => `${a}${b}`),
        fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => `(?:${a}|${b})`),
        fc
          .tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "{2}", "{1,2}", "{2,}", "*?"))
          .map(([part, quantifier]) => `(${part})${quantifier}`),
      ),
    }));
    const text = fc.stringMatching(/^[ab1 ]{0,8}$/);
    fc.assert(
      fc.property(pattern, text, (source, subject) => {
        expect([source, compilePattern(source)(subject)]).toEqual([
          source,
          new RegExp(source, "u").test(subject),
        ]);
      }),
      { seed: 4, numRuns: 2_000 },
    );
  });
});
