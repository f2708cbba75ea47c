import { expect, it } from "vitest";
import { PreviewSummary } from "../../agent/cli/preview-summary.ts";

it("names the members of scope groups that are outside of the base, a few of many", () => {
  const summary = new PreviewSummary();
  summary.outside = [
    { group: "cn=a", count: 1, examples: ["cn=x,dc=other"] },
    { group: "cn=b", count: 7, examples: ["cn=y,dc=other", "cn=z,dc=other"] },
  ];
  expect(summary.print().split("\n").slice(-2)).toEqual([
    "outside of the base, and never read: 1 member of cn=a: cn=x,dc=other",
    "outside of the base, and never read: 7 members of cn=b: cn=y,dc=other; cn=z,dc=other; …",
  ]);
  expect(new PreviewSummary().print()).not.toContain("outside of the base");
});
