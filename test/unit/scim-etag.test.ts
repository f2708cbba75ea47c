import { describe, expect, it } from "vitest";
import {
  evaluatePreconditions,
  parseEntityTags,
  resourceVersion,
} from "../../agent/core/scim/etag.ts";
import { USER_SCHEMA } from "../../agent/core/scim/urn.ts";

const USER = { schemas: [USER_SCHEMA], id: "1", userName: "ada", name: { a: "1", b: "2" } };

describe("resourceVersion", () => {
  it("is a weak entity tag", () => {
    expect(resourceVersion(USER)).toMatch(/^W\/"[\w-]{22}"$/);
  });

  it("depends on content alone", () => {
    const same = {
      meta: { version: "x", lastModified: "now" },
      name: { b: "2", a: "1" },
      userName: "ada",
      id: "1",
      schemas: [USER_SCHEMA],
    };
    expect(resourceVersion(same)).toBe(resourceVersion(USER));
    for (const other of [
      { ...USER, userName: "Ada" },
      { ...USER, name: { a: "1" } },
      { ...USER, title: "x" },
    ]) {
      expect(resourceVersion(other)).not.toBe(resourceVersion(USER));
    }
  });

  it("stays the same from one release to the next", () => {
    expect(resourceVersion({ id: "1" })).toBe('W/"WBGWf1QNMA0kmrMK5oE1mn"');
  });
});

describe("parseEntityTags", () => {
  it.each([
    ["*", "*"],
    [" * ", "*"],
    ['W/"a"', ["a"]],
    ['"a"', ["a"]],
    ['w/"a" , "b,c",W/"", d', ["a", "b,c", "", "d"]],
    ["W/a,b", ["a", "b"]],
  ])("reads %s", (header, tags) => {
    expect(parseEntityTags(header)).toEqual(tags);
  });

  it.each(["", " ", ",", '"a', 'a"b"', "a b", '"a",,"b"', `"${"x".repeat(8192)}"`])(
    "does not read %j",
    (header) => {
      expect(parseEntityTags(header)).toBeUndefined();
    },
  );
});

describe("evaluatePreconditions", () => {
  const NOW = 'W/"now"';
  const MET = { met: true };
  const changed = { met: false, status: 412, because: "other version" };

  it.each([
    ["PUT", undefined, undefined, NOW, MET],
    ["PUT", '"now"', undefined, NOW, MET],
    ["PUT", 'W/"old", W/"now"', undefined, NOW, MET],
    ["PUT", "*", undefined, NOW, MET],
    ["PUT", 'W/"old"', undefined, NOW, changed],
    ["GET", 'W/"old"', 'W/"now"', NOW, changed],
    ["PUT", "*", undefined, undefined, { met: false, status: 412, because: "no such resource" }],
    ["PUT", '"a', undefined, NOW, { met: false, status: 412, because: "malformed" }],
    ["GET", undefined, 'W/"now"', NOW, { met: false, status: 304, because: "same version" }],
    ["HEAD", undefined, "*", NOW, { met: false, status: 304, because: "same version" }],
    ["GET", undefined, 'W/"old"', NOW, MET],
    ["GET", undefined, '"a', NOW, MET],
    ["PATCH", undefined, '"now"', NOW, { met: false, status: 412, because: "same version" }],
    ["PUT", undefined, '"a', NOW, { met: false, status: 412, because: "malformed" }],
    ["PUT", undefined, "*", undefined, MET],
    ["PUT", '"now"', 'W/"old"', NOW, MET],
  ])("%s if-match %s if-none-match %s at %s", (method, ifMatch, ifNoneMatch, version, verdict) => {
    expect(evaluatePreconditions(version, { method, ifMatch, ifNoneMatch })).toEqual(verdict);
  });
});
