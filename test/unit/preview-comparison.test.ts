import { describe, expect, it } from "vitest";
import {
  type KeptVerdict,
  PreviewComparison,
  verdictKey,
} from "../../agent/core/preview-comparison.ts";

const inside = { resourceType: "User", id: "1", inScope: true, reason: "unit", fingerprint: "f" };
const outside = { resourceType: "User", id: "1", inScope: false, reason: "clause" };
const NONE = { came: 0, left: 0, content: 0, reason: 0, same: 0, appeared: 0, vanished: 0 };

/** What comes of one entry that was so before and is so after. */
function compare(before: object | undefined, after: object | undefined) {
  const earlier = before as KeptVerdict | undefined;
  const later = after as KeptVerdict | undefined;
  const comparison = new PreviewComparison(
    new Map(earlier === undefined ? [] : [[verdictKey(earlier), earlier]]),
  );
  const one = later === undefined ? undefined : comparison.compare(later);
  const listed = [...(one === undefined ? [] : [one]), ...comparison.missing()];
  expect([...comparison.missing()]).toEqual([]);
  expect(comparison.differences).toBe(listed.length);
  return { listed, counts: comparison.counts.User };
}

describe("two previews", () => {
  it.each([
    ["came", outside, inside],
    ["came", undefined, inside],
    ["left", inside, outside],
    ["left", inside, undefined],
    ["content", inside, { ...inside, fingerprint: "g" }],
    ["content", inside, { ...inside, fingerprint: "g", reason: "group" }],
    ["reason", inside, { ...inside, reason: "group" }],
    ["reason", outside, { ...outside, reason: "base" }],
  ])("differ by an entry that %s", (change, before, after) => {
    const difference = { change, resourceType: "User", id: "1", before, after };
    expect(compare(before, after)).toEqual({
      listed: [difference],
      counts: { ...NONE, [change]: 1 },
    });
  });

  it.each([
    ["same", inside, inside],
    ["same", outside, outside],
    ["appeared", undefined, outside],
    ["vanished", outside, undefined],
  ])("do not differ by an entry that counts as %s", (counted, before, after) => {
    expect(compare(before, after)).toEqual({ listed: [], counts: { ...NONE, [counted]: 1 } });
  });

  it("tell the two types of one entry apart", () => {
    const asGroup = { ...inside, resourceType: "Group" } as KeptVerdict;
    const comparison = new PreviewComparison(new Map([[verdictKey(asGroup), asGroup]]));
    expect(comparison.compare(inside as KeptVerdict)?.change).toBe("came");
    expect(comparison.compare(asGroup)).toBeUndefined();
    expect(comparison.counts).toEqual({
      User: { ...NONE, came: 1 },
      Group: { ...NONE, same: 1 },
    });
  });
});
