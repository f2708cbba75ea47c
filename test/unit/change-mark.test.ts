import { describe, expect, it } from "vitest";
import { isBehind, markOf, parseChangeMark, startOf } from "../../agent/core/change-mark.ts";

const csn = (time: number, server: string, count = 0) =>
  `2026010112${String(time).padStart(4, "0")}.000000Z#${count.toString(16).padStart(6, "0")}#${server}#000000`;

describe("the mark of a directory", () => {
  it("is the latest change of each server", () => {
    expect(markOf([csn(2, "001"), csn(5, "002"), csn(3, "001"), csn(1, "001")])).toEqual({
      "001": csn(3, "001"),
      "002": csn(5, "002"),
    });
  });

  it("tells changes of one moment apart by their count", () => {
    expect(markOf([csn(1, "000", 9), csn(1, "000", 10)])).toEqual({ "000": csn(1, "000", 10) });
  });

  it("is none without changes, and with what is no change", () => {
    for (const csns of [[], [""], [csn(1, "001"), "yesterday"], [`${csn(1, "001")} `]]) {
      expect(markOf(csns)).toBe(undefined);
    }
  });

  it("is read back from what it was written as, and from nothing else", () => {
    const mark = { "001": csn(3, "001"), "002": csn(5, "002") };
    expect(parseChangeMark(JSON.parse(JSON.stringify(mark)))).toEqual(mark);
    const many = Array.from({ length: 4097 }, (_, n) => n.toString(16).padStart(3, "0"));
    for (const wrong of [
      undefined,
      null,
      "001",
      [],
      {},
      { "001": csn(3, "002") },
      { "001": 3 },
      { __proto__: null, "001": `x${csn(3, "001")}` },
      Object.fromEntries(many.map((server) => [server, csn(1, server)])),
    ]) {
      expect(parseChangeMark(wrong)).toBe(undefined);
    }
  });

  it("starts the next read at the server that is furthest back, since its changes come late", () => {
    expect(startOf({ "001": csn(9, "001"), "002": csn(4, "002") })).toBe(csn(4, "002"));
    expect(startOf({ "001": csn(3, "001"), "002": csn(4, "002") })).toBe(csn(3, "001"));
    expect(startOf({})).toBe("");
  });

  it("is behind when a change of any server is missing", () => {
    const since = { "001": csn(3, "001"), "002": csn(4, "002") };
    expect(isBehind(since, since)).toBe(false);
    expect(isBehind({ ...since, "003": csn(1, "003") }, since)).toBe(false);
    expect(isBehind({ ...since, "001": csn(4, "001") }, since)).toBe(false);
    expect(isBehind({ ...since, "002": csn(3, "002") }, since)).toBe(true);
    expect(isBehind({ "001": csn(3, "001") }, since)).toBe(true);
  });
});
