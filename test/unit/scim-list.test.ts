import { describe, expect, it } from "vitest";
import { ScimError } from "../../agent/core/scim/error.ts";
import { createListResponse, parseSearchRequest } from "../../agent/core/scim/list.ts";

const SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

function refusalOf(body: unknown): unknown {
  try {
    return parseSearchRequest(body);
  } catch (error) {
    return error instanceof ScimError ? error.toBody() : error;
  }
}

const refusal = (scimType: string, detail: string) => ({
  schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"],
  status: "400",
  scimType,
  detail,
});

describe("parseSearchRequest", () => {
  it("reads every member, in any letter case, and parses the filter", () => {
    const body = {
      Schemas: [1, SEARCH.toUpperCase()],
      FILTER: "title pr",
      attributes: ["userName"],
      ExcludedAttributes: ["members"],
      startIndex: 11,
      COUNT: 10,
      cursor: "",
      sortBy: 5,
      strange: true,
    };
    expect(parseSearchRequest(body)).toEqual({
      filter: { kind: "present", path: { attribute: "title" } },
      attributes: ["userName"],
      excludedAttributes: ["members"],
      startIndex: 11,
      count: 10,
      cursor: "",
    });
  });

  it("takes null for absent", () => {
    const body = { schemas: [SEARCH], filter: null, attributes: null, count: null };
    expect(parseSearchRequest(body)).toEqual({});
  });

  it("moves a start below 1 to 1 and a count below 0 to 0", () => {
    const body = { schemas: [SEARCH], startIndex: -4, count: -1 };
    expect(parseSearchRequest(body)).toEqual({ startIndex: 1, count: 0 });
  });

  it("does not look at the prototype", () => {
    const body = JSON.parse(`{"schemas":["${SEARCH}"],"__proto__":{"count":1}}`);
    expect(parseSearchRequest(body)).toEqual({});
    expect(parseSearchRequest(Object.assign(Object.create({ count: 1 }), body))).toEqual({});
  });

  it.each([undefined, null, "x", 1, []])("refuses %j as a body", (body) => {
    expect(refusalOf(body)).toEqual(refusal("invalidSyntax", "the body is not a JSON object"));
  });

  it.each([{}, { schemas: SEARCH }, { schemas: [] }, { schemas: ["urn:x", 1] }])(
    "refuses the schemas of %j",
    (body) => {
      expect(refusalOf(body)).toEqual(refusal("invalidSyntax", `schemas must hold ${SEARCH}`));
    },
  );

  it.each([
    [{ filter: 1 }, "filter must be a string"],
    [{ cursor: {} }, "cursor must be a string"],
    [{ attributes: "userName" }, "attributes must be an array of strings"],
    [{ excludedAttributes: ["a", 1] }, "excludedAttributes must be an array of strings"],
    [{ startIndex: "1" }, "startIndex must be an integer"],
    [{ count: 1.5 }, "count must be an integer"],
  ])("refuses %j", (members, detail) => {
    expect(refusalOf({ schemas: [SEARCH], ...members })).toEqual(refusal("invalidValue", detail));
  });

  it("refuses a bad filter", () => {
    expect(refusalOf({ schemas: [SEARCH], filter: "x" })).toEqual(
      refusal("invalidFilter", "expected an operator, found the end of the filter"),
    );
  });
});

describe("createListResponse", () => {
  const resource = { schemas: [], id: "1" };

  it("counts the page", () => {
    expect(createListResponse([resource], { totalResults: 5 })).toEqual({
      schemas: ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
      totalResults: 5,
      itemsPerPage: 1,
      Resources: [resource],
    });
    const paged = createListResponse([], { totalResults: 5, startIndex: 6, nextCursor: "c" });
    expect(paged).toMatchObject({ startIndex: 6, nextCursor: "c", itemsPerPage: 0 });
  });
});

describe("ScimError", () => {
  it("writes the status as a string and leaves out what it has not", () => {
    const cause = new Error("why");
    const error = new ScimError(404, "no such resource", { cause });
    expect(error.toBody()).toEqual({
      schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"],
      status: "404",
      detail: "no such resource",
    });
    expect([error.name, error.message, error.cause]).toEqual([
      "ScimError",
      "no such resource",
      cause,
    ]);
  });
});
