import { describe, expect, it } from "vitest";
import {
  evaluateMatch,
  type MatchingAttempt,
  planMatching,
} from "../../agent/core/provisioning/matching.ts";

const ATTRIBUTES = [
  { source: "mail", target: "emails.value", precedence: 2 },
  { source: "userName", target: "userName", precedence: 1 },
  { source: "number", target: "employeeNumber", precedence: 3 },
];

function attempt(attribute: string, ...candidates: string[]): MatchingAttempt<string> {
  return { query: { attribute, value: "ada" }, candidates };
}

/** `taken` is linked to the entry `bob`, `mine` to `ada` itself. */
function match(...attempts: MatchingAttempt<string>[]) {
  const links: Readonly<Record<string, string>> = { taken: "bob", mine: "ada" };
  return evaluateMatch(attempts, { anchor: "ada", anchorOf: (resource) => links[resource] });
}

describe("the look-ups of an entry", () => {
  it("go by precedence and leave out what the entry has not, or has no single value of", () => {
    const source: Readonly<Record<string, unknown>> = { mail: "a@example.com", userName: "ada" };
    expect(planMatching(ATTRIBUTES, (attribute) => source[attribute])).toEqual([
      { attribute: "userName", value: "ada" },
      { attribute: "emails.value", value: "a@example.com" },
    ]);
    const odd: Readonly<Record<string, unknown>> = { mail: ["a", "b"], userName: "", number: 7 };
    expect(planMatching(ATTRIBUTES, (attribute) => odd[attribute])).toEqual([
      { attribute: "employeeNumber", value: "7" },
    ]);
  });
});

describe("matching", () => {
  it("cannot tell when the entry has no matching attribute", () => {
    expect(match()).toEqual({
      kind: "noKey",
      detail: "the source has none of the matching attributes",
    });
  });

  it("finds none when no look-up found anything", () => {
    expect(match(attempt("userName"), attempt("emails.value"))).toEqual({
      kind: "none",
      detail: "no resource by userName, emails.value",
    });
  });

  it("takes the one that the first successful look-up found", () => {
    expect(match(attempt("userName"), attempt("emails.value", "free"))).toEqual({
      kind: "one",
      resource: "free",
      detail: "one resource by emails.value",
    });
    expect(match(attempt("userName", "first"), attempt("emails.value", "second"))).toMatchObject({
      kind: "one",
      resource: "first",
    });
  });

  it("takes a resource that is linked to this very entry", () => {
    expect(match(attempt("userName", "mine"))).toMatchObject({ kind: "one", resource: "mine" });
  });

  it("refuses several, and does not look further for fewer", () => {
    expect(match(attempt("userName", "one", "two"), attempt("emails.value", "one"))).toEqual({
      kind: "ambiguous",
      candidates: ["one", "two"],
      detail: "2 resources by userName",
    });
  });

  it("refuses a resource that is linked to another entry", () => {
    expect(match(attempt("userName", "taken"))).toEqual({
      kind: "taken",
      resource: "taken",
      by: "bob",
      detail: "the resource by userName is linked to another entry (bob)",
    });
  });
});
