import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { csvLine, printable, printTable } from "../../agent/cli/table.ts";

describe("printable", () => {
  it.each([
    ["\u001b[2J\u001b]0;title\u0007", "\\x1b[2J\\x1b]0;title\\x07"],
    ["a\nb\r\tc\u0000", "a\\x0ab\\x0d\\x09c\\x00"],
    ["\u007f\u009b31m", "\\x7f\\x9b31m"],
    ["ada\u202egnp.exe", "ada\\x202egnp.exe"],
    ["a\u2028b\u2029c", "a\\x2028b\\x2029c"],
    ["Zoë 李 محمد 👩‍🚀", "Zoë 李 محمد 👩‍🚀"],
  ])("takes from %j what a terminal would obey", (text, expected) => {
    expect(printable(text)).toBe(expected);
  });
});

describe("printTable", () => {
  it("aligns columns without lines around them", () => {
    const table = printTable(
      ["who", "why"],
      [
        ["ada", "below ou=people"],
        ["bo", ""],
      ],
    );
    expect(table.split("\n").map((line) => line.trimEnd())).toEqual([
      "who  why",
      "ada  below ou=people",
      "bo",
    ]);
  });

  it("keeps one line for each row whatever the values", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: "binary" }), fc.string())), (rows) => {
        const table = printTable(["a", "b"], rows);
        expect(table.split("\n")).toHaveLength(rows.length + 1);
      }),
      { numRuns: 50 },
    );
  });
});

/** A reader of one CSV record by RFC 4180, written for this test. */
function readCsv(line: string): readonly string[] {
  const cells: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/gy;
  for (;;) {
    const found = pattern.exec(line);
    if (found === null) throw new Error(`no CSV: ${line}`);
    cells.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? "");
    if (found[3] === "") return cells;
  }
}

describe("csvLine", () => {
  it.each([
    [["a", "b"], "a,b"],
    [["a,b", 'say "hi"', "x\ny", "x\ry"], '"a,b","say ""hi""","x\ny","x\ry"'],
    [["", ""], ","],
    [["=1+1", "+1", "-1", "@x"], "'=1+1,'+1,'-1,'@x"],
    [["\t=1", "\r=1", "\n=1"], '\'\t=1,"\'\r=1","\'\n=1"'],
    [['=HYPERLINK("x","y")'], '"\'=HYPERLINK(""x"",""y"")"'],
    [["＝1", "＋1", "－1", "＠x"], "'＝1,'＋1,'－1,'＠x"],
    [["a=1", " b"], "a=1, b"],
  ])("writes %j", (cells, line) => {
    expect(csvLine(cells)).toBe(line);
  });

  it("can be read back, the apostrophe aside, and never begins a formula", () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), (cells) => {
        const read = readCsv(csvLine(cells));
        expect(read).toHaveLength(cells.length);
        for (const [index, cell] of cells.entries()) {
          expect([cell, `'${cell}`]).toContain(read[index]);
          expect(read[index]).not.toMatch(/^[=+\-@\t\r\n]/);
        }
      }),
    );
  });
});
