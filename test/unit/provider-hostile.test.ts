import { describe, expect, it } from "vitest";
import type { ScimRequest } from "../../agent/core/exchange.ts";
import { BASE, FakeDirectory, group, person, uuid } from "../support/fake-directory.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { answering, readList, request, search, serve } from "../support/provider.ts";

const ada = person(`uid=ada,${BASE}`, uuid(1), { title: "Head" });
const staff = group(`cn=staff,${BASE}`, uuid(11), [ada.dn]);
const LONG = "x".repeat(1_000_000);
const DEEP = JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`) as unknown;
const DEEP_OBJECT = JSON.parse(`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`) as unknown;

const PATHS = ["/Users/.search", "/.search", "/.delta", "/agent/explain"] as const;

/** Values that a body, or a member of one, should never have. */
const VALUES: readonly (readonly [name: string, value: unknown])[] = [
  ["a number", 5],
  ["a number that is none", Number.NaN],
  ["a boolean", true],
  ["a long text", LONG],
  ["a text of null characters", "\u0000".repeat(50)],
  ["half a surrogate", "\ud800"],
  ["marks that turn the direction of writing", "\u202eada\u2066"],
  ["an array", [1, {}, null, []]],
  ["a deep array", DEEP],
  ["a deep object", DEEP_OBJECT],
  ["the prototype's names", JSON.parse('{"__proto__":{"x":1},"constructor":{"prototype":{}}}')],
  ["a hundred thousand members", Object.fromEntries(Array.from({ length: 1e5 }, (_, n) => [n, n]))],
  ["a hundred thousand names", Array.from({ length: 1e5 }, (_, n) => `a${n}`)],
];

const MEMBERS = [
  ...["filter", "attributes", "excludedAttributes", "startIndex", "count", "cursor", "sortBy"],
  ...["schemas", "deltaToken", "id", "dn", "resourceType", "__proto__", "constructor", "toString"],
];

function agent() {
  const log = new MemoryLog();
  const ask = answering(serve(new FakeDirectory([ada, staff])), { log });
  /** The status of the whole answer; a list that was read to its end is 200. */
  const statusOf = async (asked: ScimRequest): Promise<number> => {
    const answer = await ask(asked);
    if (answer.kind === "document") {
      if (answer.status >= 400) {
        expect(answer.body).toMatchObject({
          schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"],
          status: String(answer.status),
          detail: expect.any(String),
        });
        expect(JSON.stringify(answer.body).length).toBeLessThan(1000);
      }
      return answer.status;
    }
    await readList(answer);
    return 200;
  };
  return { log, statusOf };
}

function expectNoCrash({ lines }: MemoryLog): void {
  expect(lines.filter(({ level }) => level === "error")).toEqual([]);
  expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
}

describe("a body", () => {
  it.each(VALUES)("that is %s gets a 4xx", async (_, body) => {
    const { log, statusOf } = agent();
    for (const path of PATHS) {
      const status = await statusOf(request("POST", path, { body }));
      // Members that nobody knows are ignored, and a delta needs none.
      const isFine = path === "/.delta" && typeof body === "object" && !Array.isArray(body);
      expect([path, status]).toEqual([path, isFine ? 200 : 400]);
    }
    expectNoCrash(log);
  });

  it.each(VALUES)("with members that are %s gets an answer", async (_, value) => {
    const { log, statusOf } = agent();
    for (const path of PATHS) {
      for (const name of MEMBERS) {
        const body = Object.defineProperty({ ...(search("/Users").body as object) }, name, {
          value,
          enumerable: true,
        });
        const status = await statusOf(request("POST", path, { body }));
        expect([200, 400, 404, 410]).toContain(status);
      }
    }
    expectNoCrash(log);
  });
});

describe("a filter", () => {
  it.each([
    ["without end", `userName eq "${LONG}"`],
    ["of parentheses", "(".repeat(16_000)],
    ["of not", "not ".repeat(4000)],
    ["of brackets", "emails[".repeat(2000)],
    ["with raw control characters", 'userName eq "a\u0000b"'],
    ["with a broken escape", 'userName eq "\\u00"'],
    ["with a number without end", `title eq ${"9".repeat(400)}`],
    ["with nothing", ""],
    ["of spaces", " ".repeat(10_000)],
  ])("%s is refused", async (_, filter) => {
    const { log, statusOf } = agent();
    expect(await statusOf(search("/Users", { filter }))).toBe(400);
    expectNoCrash(log);
  });

  it.each([
    ["half a surrogate", 'userName eq "\\ud800"'],
    ["an escaped null", 'userName eq "\\u0000"'],
    ["what LDAP filters are made of", 'userName eq "*)(objectClass=*"'],
    ["the prototype", 'constructor eq "x" or __proto__ pr or toString.valueOf pr'],
    ["a thousand conditions", Array.from({ length: 1000 }, () => "a pr").join(" or ")],
  ])("with %s finds nobody", async (_, filter) => {
    const { log, statusOf } = agent();
    const ask = answering(serve(new FakeDirectory([ada, staff])));
    expect([200, 400]).toContain(await statusOf(search("/Users", { filter })));
    const answer = await ask(search("/Users", { filter }));
    if (answer.kind === "list") expect((await readList(answer)).elements).toEqual([]);
    expectNoCrash(log);
  });
});

describe("a path", () => {
  const ids = [
    ...["__proto__", "constructor", "..", ".", "*", "%00", "\u0000", "\ud800", "\u202e", "\n", " "],
    ...["(uid=*)", "uid=ada", `${uuid(1)}\u0000`, ` ${uuid(1)}`, `${uuid(1)}.`, "ſ".repeat(36)],
    ...[`{${uuid(99)}}`, "0".repeat(36), "-".repeat(36), "😀".repeat(36), LONG],
  ];

  it.each(["/Users", "/Groups", "/Schemas", "/ResourceTypes"])(
    "to something odd below %s is not found",
    async (endpoint) => {
      const { log, statusOf } = agent();
      for (const id of ids) {
        expect([id, await statusOf(request("GET", `${endpoint}/${id}`))]).toEqual([id, 404]);
      }
      expectNoCrash(log);
    },
  );

  it("that is odd itself is not found", async () => {
    const { log, statusOf } = agent();
    const paths = [
      "",
      "Users.",
      "/__proto__",
      "/constructor/name",
      "/toString",
      `/${LONG}`,
      "/\ud800",
    ];
    for (const path of [...paths, "/".repeat(100_000), "/Users\u0000", "/agent/__proto__"]) {
      for (const method of ["GET", "POST", "DELETE"]) {
        expect([path, await statusOf(request(method, path, { body: {} }))]).toEqual([path, 404]);
      }
    }
    for (const { fields } of log.lines) expect(String(fields["path"]).length).toBeLessThan(200);
    expectNoCrash(log);
  });
});

describe("a header", () => {
  it.each(["__proto__", LONG, "", "\u0000"])(
    "that names no directory is refused: %j",
    async (name) => {
      const { log, statusOf } = agent();
      const headers = { directory: name };
      const asked = { ...search("/Users"), headers: new Map(Object.entries(headers)) };
      expect(await statusOf(asked)).toBe(400);
      expectNoCrash(log);
    },
  );

  it.each([LONG, "W/".repeat(2000), '"'.repeat(5000), ",".repeat(5000), "\u0000"])(
    "of a version that is none is no reason to crash",
    async (tag) => {
      const { log, statusOf } = agent();
      for (const name of ["if-match", "if-none-match"]) {
        const headers = { [name]: tag };
        const status = await statusOf(request("GET", `/Users/${ada.id}`, { headers }));
        expect([name, status]).toEqual([name, name === "if-match" ? 412 : 200]);
      }
      expectNoCrash(log);
    },
  );
});

it.each(["__proto__", "constructor", "hasOwnProperty", "GET ", "get", "", LONG])(
  "a method that is none is not allowed: %j",
  async (method) => {
    const { log, statusOf } = agent();
    for (const path of ["/Users", `/Users/${ada.id}`, "/.search", "/Schemas", "/Bulk"]) {
      expect(await statusOf(request(method, path))).toBe(405);
    }
    expectNoCrash(log);
  },
);
