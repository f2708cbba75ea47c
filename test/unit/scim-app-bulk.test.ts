import { afterEach, describe, expect, it } from "vitest";
import {
  type AppUnderTest,
  appUnderTest,
  BULK,
  ENTERPRISE,
  ERROR,
  GROUP,
  type Json,
  patchOf,
  USER,
} from "../support/scim-app.ts";

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

interface Result extends Json {
  readonly status: string;
  readonly location?: string;
}

async function app(): Promise<
  AppUnderTest & { bulk: (operations: readonly Json[], more?: Json) => Promise<readonly Result[]> }
> {
  const started = await appUnderTest();
  undo.push(() => started.app.close());
  const bulk = async (operations: readonly Json[], more: Json = {}) => {
    const body = { schemas: [BULK], Operations: operations, ...more };
    const reply = await started.ask("POST /Bulk", { body });
    expect(reply.status).toBe(200);
    expect(reply.body?.["schemas"]).toEqual(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]);
    return reply.body?.["Operations"] as readonly Result[];
  };
  return { ...started, bulk };
}

const person = (bulkId: string, userName = bulkId): Json => ({
  method: "POST",
  path: "/Users",
  bulkId,
  data: { schemas: [USER], userName },
});

const group = (bulkId: string, ...members: readonly string[]): Json => ({
  method: "POST",
  path: "/Groups",
  bulkId,
  data: {
    schemas: [GROUP],
    displayName: bulkId,
    members: members.map((value) => ({ value: `bulkId:${value}` })),
  },
});

const statuses = (results: readonly Result[]) => results.map(({ status }) => status);
const idOf = (result: Result | undefined) => result?.location?.split("/").at(-1) ?? "";

describe("POST /Bulk of the SCIM app", () => {
  it("does all that is asked for, and tells of each what became of it", async () => {
    const { bulk, create, app: server, ask } = await app();
    const ada = await create("/Users", { userName: "ada" });
    const bob = await create("/Users", { userName: "bob" });
    const eve = await create("/Users", { userName: "eve" });
    const results = await bulk([
      person("new"),
      {
        method: "put",
        path: `/Users/${ada.id}`,
        bulkId: "put",
        version: 'W/"1"',
        data: { schemas: [USER], userName: "ada", title: "Countess" },
      },
      {
        method: "PATCH",
        path: `/Users/${bob.id}`,
        data: patchOf({ op: "add", path: "title", value: "x" }),
      },
      { method: "DELETE", path: `/Users/${eve.id}`, version: 'W/"9"' },
      { method: "DELETE", path: `/Users/${eve.id}` },
      { method: "DELETE", path: `/Users/${eve.id}` },
    ]);
    const at = (id: string) => `${server.url}/Users/${id}`;
    const created = idOf(results[0]);
    expect(results).toEqual([
      { method: "POST", bulkId: "new", location: at(created), version: 'W/"4"', status: "201" },
      { method: "PUT", bulkId: "put", location: at(ada.id), version: 'W/"5"', status: "200" },
      { method: "PATCH", location: at(bob.id), version: 'W/"6"', status: "200" },
      {
        method: "DELETE",
        location: at(eve.id),
        status: "412",
        response: {
          schemas: [ERROR],
          status: "412",
          detail: "the precondition failed: other version",
        },
      },
      { method: "DELETE", location: at(eve.id), status: "204" },
      {
        method: "DELETE",
        location: at(eve.id),
        status: "404",
        response: { schemas: [ERROR], status: "404", detail: "there is no User with this id" },
      },
    ]);
    expect((await ask(`GET /Users/${created}`)).body).toMatchObject({ userName: "new" });
  });

  it("resolves references to what is created later, wherever they stand", async () => {
    const { bulk, ask } = await app();
    const results = await bulk([
      group("all", "ada", "bob"),
      {
        method: "PATCH",
        path: "/Groups/bulkId:all",
        data: patchOf({ op: "remove", path: 'members[value eq "bulkId:ada"]' }),
      },
      {
        ...person("ada"),
        data: {
          schemas: [USER, ENTERPRISE],
          userName: "ada",
          // Only text.
          displayName: "bulkId:bob",
          [ENTERPRISE]: { manager: { value: "bulkId:bob", $ref: "../Users/bulkId:bob" } },
        },
      },
      person("bob"),
    ]);
    expect(statuses(results)).toEqual(["201", "200", "201", "201"]);
    const [all, patched, ada, bob] = results;
    expect(patched?.location).toBe(all?.location);
    expect((await ask(`GET /Groups/${idOf(all)}`)).body).toMatchObject({
      members: [{ value: idOf(bob), type: "User" }],
    });
    expect((await ask(`GET /Users/${idOf(ada)}`)).body).toMatchObject({
      displayName: "bulkId:bob",
      [ENTERPRISE]: { manager: { value: idOf(bob), displayName: "bob" } },
    });
  });

  it("resolves a circle of references (RFC 7644 section 3.7.1)", async () => {
    const { bulk, ask } = await app();
    const results = await bulk([group("a", "b"), group("b", "c"), group("c", "a")]);
    expect(statuses(results)).toEqual(["201", "201", "201"]);
    const [a, b, c] = results.map(idOf);
    const memberOf = async (id: string | undefined) => {
      const members = (await ask(`GET /Groups/${id}`)).body?.["members"] as readonly Json[];
      return members.map(({ value, type }) => [value, type]);
    };
    expect(await memberOf(a)).toEqual([[b, "Group"]]);
    expect(await memberOf(b)).toEqual([[c, "Group"]]);
    expect(await memberOf(c)).toEqual([[a, "Group"]]);
  });

  it("takes back what refers in a circle to what could not be created", async () => {
    const { bulk, ask } = await app();
    const broken = {
      ...group("a", "b"),
      data: { schemas: [GROUP], members: [{ value: "bulkId:b" }] },
    };
    const results = await bulk([broken, group("b", "a"), group("c", "b"), person("d")]);
    expect(statuses(results)).toEqual(["400", "409", "409", "201"]);
    expect(results[1]).not.toHaveProperty("location");
    expect((await ask("GET /Groups")).body).toMatchObject({ totalResults: 0 });
    expect((await ask("GET /Users")).body).toMatchObject({ totalResults: 1 });
  });

  it("creates nothing that refers to what failed or to nothing", async () => {
    const { bulk, ask } = await app();
    const twice = [person("a", "same"), person("b", "same"), group("g", "b"), group("h", "nobody")];
    const results = await bulk(twice);
    expect(statuses(results)).toEqual(["201", "409", "409", "400"]);
    expect(results[1]).toEqual({
      method: "POST",
      bulkId: "b",
      status: "409",
      response: {
        schemas: [ERROR],
        status: "409",
        scimType: "uniqueness",
        detail: "another User has this userName",
      },
    });
    expect((await ask("GET /Groups")).body).toMatchObject({ totalResults: 0 });
  });

  it("stops after so many errors", async () => {
    const { bulk, ask } = await app();
    const wrong = { method: "DELETE", path: "/Users/nobody" };
    const one = await bulk([person("a"), wrong, person("b")], { failOnErrors: 1 });
    expect(statuses(one)).toEqual(["201", "404"]);
    const two = await bulk([wrong, person("c"), wrong, person("d")], { failOnErrors: 2 });
    expect(statuses(two)).toEqual(["404", "201", "404"]);
    const never = await bulk([wrong, wrong, person("d")], { failOnErrors: null });
    expect(statuses(never)).toEqual(["404", "404", "201"]);
    expect((await ask("GET /Users")).body).toMatchObject({ totalResults: 3 });
  });

  it("keeps nothing of a circle that it stopped in", async () => {
    const { bulk, ask } = await app();
    const broken = { ...person("x"), data: {} };
    const results = await bulk([group("a", "b", "x"), group("b", "a")], { failOnErrors: 1 });
    expect(statuses(results)).toEqual(["400", "409"]);
    const stopped = await bulk([group("a", "b", "x"), group("b", "a"), broken], {
      failOnErrors: 1,
    });
    expect(statuses(stopped)).toEqual(["409", "400"]);
    expect((await ask("GET /Groups")).body).toMatchObject({ totalResults: 0 });
  });

  it.each([
    ["a method that changes nothing", { method: "GET", path: "/Users" }, "400"],
    ["no method", { path: "/Users" }, "405"],
    ["no path", { method: "POST", bulkId: "x" }, "405"],
    ["a path in between", { method: "POST", path: "/Users/.search", bulkId: "x" }, "400"],
    ["itself", { method: "POST", path: "/Bulk", bulkId: "x" }, "400"],
    ["discovery", { method: "POST", path: "/Schemas", bulkId: "x" }, "405"],
    ["/Me", { method: "POST", path: "/Me", bulkId: "x" }, "501"],
    ["a path that is none", { method: "POST", path: "Users", bulkId: "x" }, "404"],
    [
      "POST without a bulkId",
      { method: "POST", path: "/Users", data: { schemas: [USER], userName: "x" } },
      "400",
    ],
    ["POST without data", { method: "POST", path: "/Users", bulkId: "x" }, "400"],
    ["a bad escape", { method: "DELETE", path: "/Users/%ff" }, "400"],
  ])("answers an operation with %s as an error of its own", async (_what, operation, status) => {
    const { bulk, errors } = await app();
    expect(statuses(await bulk([operation, person("after")]))).toEqual([status, "201"]);
    expect(errors).toEqual([]);
  });

  it("takes the first of two with the same bulkId", async () => {
    const { bulk } = await app();
    expect(statuses(await bulk([person("a"), person("a", "b")]))).toEqual(["201", "400"]);
  });

  it.each([
    ["no object", [], 400, "invalidSyntax"],
    ["another schema", { schemas: [USER], Operations: [] }, 400, "invalidSyntax"],
    ["no operations", { schemas: [BULK] }, 400, "invalidSyntax"],
    ["an operation that is none", { schemas: [BULK], Operations: [7] }, 400, "invalidSyntax"],
    ["failOnErrors 0", { schemas: [BULK], Operations: [], failOnErrors: 0 }, 400, "invalidValue"],
    [
      "too many operations",
      { schemas: [BULK], Operations: Array.from({ length: 1001 }, () => ({})) },
      413,
      undefined,
    ],
    ["too much", { schemas: [BULK], Operations: [], x: "x".repeat(1024 * 1024) }, 413, undefined],
    [
      "too deep",
      {
        schemas: [BULK],
        Operations: [{ data: JSON.parse(`${"[".repeat(40)}${"]".repeat(40)}`) }],
      },
      400,
      "invalidValue",
    ],
  ])("is refused as a whole with %s", async (_what, body, status, scimType) => {
    const { ask } = await app();
    const reply = await ask("POST /Bulk", { body });
    expect([reply.status, reply.body?.["scimType"]]).toEqual([status, scimType]);
  });
});
