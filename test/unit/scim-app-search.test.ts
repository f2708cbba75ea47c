import { afterEach, describe, expect, it } from "vitest";
import { parseFilter } from "../../agent/core/scim/filter.ts";
import { candidateIds } from "../../agent/sim/scim-app/candidates.ts";
import type { ScimAppOptions } from "../../agent/sim/scim-app/server.ts";
import { ResourceStore } from "../../agent/sim/scim-app/store.ts";
import {
  type AppUnderTest,
  appUnderTest,
  ENTERPRISE,
  found,
  GROUP,
  LIST,
  SEARCH,
  USER,
} from "../support/scim-app.ts";

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

const PEOPLE = [
  {
    userName: "eve",
    title: "Chief",
    externalId: "E1",
    emails: [{ value: "Eve@x.org", type: "work" }],
  },
  { userName: "Adam", active: true, emails: [{ value: "z@x" }, { value: "a@x", primary: true }] },
  { userName: "carl", title: "assistant", [ENTERPRISE]: { department: "B", employeeNumber: "7" } },
  { userName: "Dora", active: false, externalId: "e1", [ENTERPRISE]: { department: "A" } },
  { userName: "bob", displayName: "Eve", name: { familyName: "Builder" } },
];

async function company(
  options: ScimAppOptions = {},
): Promise<
  AppUnderTest & { ids: Record<string, string>; names: (path: string) => Promise<unknown> }
> {
  const started = await appUnderTest(options);
  undo.push(() => started.app.close());
  const ids: Record<string, string> = {};
  for (const person of PEOPLE) {
    const schemas = [USER, ENTERPRISE];
    ids[person.userName] = (await started.create("/Users", { schemas, ...person })).id;
  }
  const members = [{ value: ids["eve"] }, { value: ids["bob"] }];
  ids["all"] = (await started.create("/Groups", { displayName: "All", members })).id;
  ids["none"] = (await started.create("/Groups", { displayName: "None" })).id;
  const names = async (path: string) => {
    const reply = await started.ask(`GET ${path}`);
    return found(reply).map(({ userName, displayName }) => userName ?? displayName);
  };
  return { ...started, ids, names };
}

const filtered = (filter: string) => `/Users?filter=${encodeURIComponent(filter)}`;

describe("a search in the SCIM app", () => {
  it("lists everything in the order of its creation when nothing is asked for", async () => {
    const { ask, names } = await company();
    expect(await names("/Users")).toEqual(["eve", "Adam", "carl", "Dora", "bob"]);
    const { body } = await ask("GET /Groups?attributes=displayName");
    expect(body).toEqual({
      schemas: [LIST],
      totalResults: 2,
      itemsPerPage: 2,
      startIndex: 1,
      Resources: [
        { schemas: [GROUP], id: expect.any(String), displayName: "All" },
        { schemas: [GROUP], id: expect.any(String), displayName: "None" },
      ],
    });
  });

  it("finds by what is indexed just as by what is not", async () => {
    const { names, ids } = await company();
    const eve = ids["eve"] ?? "";
    const all = ids["all"] ?? "";
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ['userName eq "EVE"', ["eve"]],
      [`${USER}:userName eq "eve"`, ["eve"]],
      ['displayName eq "eve"', ["bob"]],
      ['externalId eq "e1"', ["Dora"]],
      ['externalId eq "E1"', ["eve"]],
      ['emails eq "eve@X.org"', ["eve"]],
      ['emails.value eq "eve@x.org"', ["eve"]],
      ['emails.type eq "work"', ["eve"]],
      ['emails[type eq "work"].value eq "eve@x.org"', ["eve"]],
      ['emails[type eq "home"].value eq "eve@x.org"', []],
      ['emails[value eq "eve@x.org"]', ["eve"]],
      ['emails[value eq "eve@x.org" and type eq "work"]', ["eve"]],
      [`id eq "${eve}"`, ["eve"]],
      [`id eq "${eve.toUpperCase()}"`, []],
      [`groups eq "${all}"`, ["eve", "bob"]],
      [`groups.value eq "${all}" and userName eq "bob"`, ["bob"]],
      ['groups.display eq "all"', ["eve", "bob"]],
      ['userName eq "eve" or userName eq "bob"', ["eve", "bob"]],
      ['userName eq "bob" or title pr', ["eve", "carl", "bob"]],
      ['userName eq "bob" and title pr', []],
      ['not (userName eq "bob") and active eq true', ["Adam"]],
      ["active eq false", ["Dora"]],
      ['employeeNumber eq "7"', ["carl"]],
      [`${ENTERPRISE}:department eq "a"`, ["Dora"]],
      ['userName ne "bob" and userName sw "b"', []],
      ['meta.resourceType eq "User" and name.familyName co "uild"', ["bob"]],
      ['shoeSize eq "43"', []],
    ];
    for (const [filter, expected] of cases) {
      expect([filter, await names(filtered(filter))]).toEqual([filter, expected]);
    }
    const holding = `/Groups?filter=${encodeURIComponent(`members.value eq "${eve}"`)}`;
    expect(await names(holding)).toEqual(["All"]);
    expect(await names('/Groups?filter=displayName%20eq%20"none"')).toEqual(["None"]);
  });

  it.each([
    ["filter", "bogus", "invalidFilter"],
    ["filter", 'userName eq "', "invalidFilter"],
    ["filter", "", "invalidFilter"],
    ["filter", 'active gt "x"', "invalidFilter"],
    ["startIndex", "one", "invalidValue"],
    ["count", "1.5", "invalidValue"],
    ["sortBy", "[", "invalidPath"],
    ["sortOrder", "upwards", "invalidValue"],
    ["attributes", "a b", "invalidValue"],
    ["cursor", "bogus", "invalidCursor"],
  ])("is refused when %s is %j", async (name, value, scimType) => {
    const { ask } = await company();
    const reply = await ask(`GET /Users?${name}=${encodeURIComponent(value)}`);
    expect(reply).toMatchObject({ status: 400, body: { status: "400", scimType } });
  });

  it("pages by index", async () => {
    const { ask, names } = await company();
    const page = await ask("GET /Users?startIndex=4&count=3&attributes=userName");
    expect(page.body).toMatchObject({ totalResults: 5, startIndex: 4, itemsPerPage: 2 });
    expect(found(page).map(({ userName }) => userName)).toEqual(["Dora", "bob"]);
    const totals = await ask("GET /Users?count=0");
    expect(totals.body).toEqual({
      schemas: [LIST],
      totalResults: 5,
      itemsPerPage: 0,
      startIndex: 1,
      Resources: [],
    });
    expect(await names("/Users?startIndex=-3&count=1")).toEqual(["eve"]);
    expect(await names("/Users?startIndex=100")).toEqual([]);
    expect((await ask("GET /Users?count=-1")).body).toMatchObject({ itemsPerPage: 0 });
  });

  it("shows no more on one page than the server allows", async () => {
    const { ask } = await company({ maxResults: 2 });
    expect((await ask("GET /Users?count=5")).body).toMatchObject({
      totalResults: 5,
      itemsPerPage: 2,
    });
    expect((await ask("GET /Users")).body).toMatchObject({ itemsPerPage: 2 });
  });

  it.each([
    ["sortBy=userName", ["Adam", "bob", "carl", "Dora", "eve"]],
    ["sortBy=userName&sortOrder=Descending", ["eve", "Dora", "carl", "bob", "Adam"]],
    // What has nothing comes last, and first the other way round.
    ["sortBy=title", ["carl", "eve", "Adam", "Dora", "bob"]],
    ["sortBy=title&sortOrder=descending", ["Adam", "Dora", "bob", "eve", "carl"]],
    // Case exact.
    ["sortBy=externalId&filter=externalId%20pr", ["eve", "Dora"]],
    // The primary one counts.
    ["sortBy=emails&filter=emails%20pr", ["Adam", "eve"]],
    ["sortBy=emails.value&filter=emails%20pr", ["Adam", "eve"]],
    ["sortBy=active&filter=active%20pr", ["Dora", "Adam"]],
    ["sortBy=meta.created&count=2", ["eve", "Adam"]],
    [`sortBy=${ENTERPRISE}:department&count=2`, ["Dora", "carl"]],
    ["sortBy=department&count=2", ["Dora", "carl"]],
    ["sortBy=name&count=1", ["eve"]],
    ["sortBy=password&count=1", ["eve"]],
    [`sortBy=${ENTERPRISE}&count=1`, ["eve"]],
    ["sortBy=shoeSize&count=1", ["eve"]],
  ])("sorts by %s", async (query, expected) => {
    const { names } = await company();
    expect(await names(`/Users?${query}`)).toEqual(expected);
  });

  it("pages by cursor over what was there when it began", async () => {
    const { ask, create, ids } = await company();
    const query = "/Users?sortBy=userName&attributes=userName&count=2";
    const first = await ask(`GET ${query}&cursor=`);
    expect(first.body).toMatchObject({ totalResults: 5, itemsPerPage: 2 });
    expect(first.body).not.toHaveProperty("startIndex");
    await create("/Users", { userName: "aaron" });
    await ask(`DELETE /Users/${ids["carl"]}`);
    const pages = [first];
    for (let page = first; ; ) {
      const cursor = page.body?.["nextCursor"];
      if (typeof cursor !== "string") break;
      expect(cursor).toMatch(/^[A-Za-z0-9._~-]+$/);
      page = await ask(`GET ${query}&cursor=${cursor}`);
      pages.push(page);
    }
    const names = pages.map((page) => found(page).map(({ userName }) => userName));
    expect(names).toEqual([["Adam", "bob"], ["Dora"], ["eve"]]);
  });

  it("takes a cursor for the query alone that it was made for", async () => {
    const { ask } = await company();
    const first = await ask("GET /Users?count=2&cursor=");
    const cursor = first.body?.["nextCursor"];
    const invalid = { status: 400, body: { scimType: "invalidCursor" } };
    expect(await ask(`GET /Groups?count=2&cursor=${cursor}`)).toMatchObject(invalid);
    expect(await ask(`GET /Users?cursor=${cursor}&sortBy=title`)).toMatchObject(invalid);
    expect(await ask(`GET /Users?cursor=${cursor}x`)).toMatchObject(invalid);
    expect((await ask(`GET /Users?count=1&cursor=${cursor}`)).status).toBe(200);
    const both = await ask(`GET /Users?startIndex=1&cursor=${cursor}`);
    expect(both).toMatchObject({ status: 400, body: { scimType: "invalidValue" } });
    const count = await ask("GET /Users?count=x&cursor=");
    expect(count).toMatchObject({ status: 400, body: { scimType: "invalidCount" } });
    const none = await ask("GET /Users?count=0&cursor=");
    expect(none.body).toMatchObject({ totalResults: 5, itemsPerPage: 0 });
    expect(none.body).not.toHaveProperty("nextCursor");
  });

  it("forgets a cursor that nobody used for ten minutes", async () => {
    let time = Date.now();
    const { ask } = await company({ now: () => new Date(time) });
    const first = await ask("GET /Users?count=2&cursor=");
    time += 600_000;
    const next = `GET /Users?count=2&cursor=${first.body?.["nextCursor"]}`;
    expect((await ask(next)).status).toBe(200);
    time += 600_001;
    expect(await ask(next)).toMatchObject({ status: 400, body: { scimType: "expiredCursor" } });
  });

  it("may be posted, in any letter case", async () => {
    const { ask } = await company();
    const body = {
      Schemas: [SEARCH],
      FILTER: "title pr",
      sortby: "userName",
      sortOrder: "descending",
      Count: 1,
      attributes: ["userName"],
    };
    const reply = await ask("POST /Users/.search", { body });
    expect(reply.body).toMatchObject({ totalResults: 2, itemsPerPage: 1 });
    expect(found(reply).map(({ userName }) => userName)).toEqual(["eve"]);
    const number = await ask("POST /Users/.search", { body: { ...body, sortby: 7 } });
    expect(number).toMatchObject({ status: 400, body: { scimType: "invalidValue" } });
    const order = await ask("POST /Users/.search", { body: { ...body, sortOrder: 7 } });
    expect(order).toMatchObject({ status: 400, body: { scimType: "invalidValue" } });
    const wrong = await ask("POST /Users/.search", { body: { filter: "title pr" } });
    expect(wrong).toMatchObject({ status: 400, body: { scimType: "invalidSyntax" } });
  });

  it("goes over all types from the root", async () => {
    const { ask } = await company();
    const filter = 'displayName eq "all" or userName eq "bob"';
    const body = { schemas: [SEARCH], filter, excludedAttributes: ["members"] };
    for (const reply of [
      await ask("POST /.search", { body }),
      await ask(`GET /?excludedAttributes=members&filter=${encodeURIComponent(filter)}`),
    ]) {
      expect(reply.body).toMatchObject({
        totalResults: 2,
        Resources: [{ userName: "bob" }, { displayName: "All" }],
      });
      expect(found(reply)[1]).not.toHaveProperty("members");
    }
  });

  it("looks at no more than it has to", () => {
    const store = new ResourceStore({ uniqueGroupNames: false, now: () => new Date(0) });
    const ids = Array.from({ length: 100 }, (_, n) => {
      const emails = [{ value: `u${n}@x` }];
      return store.create("User", { schemas: [USER], userName: `u${n}`, title: "t", emails }).id;
    });
    const members = ids.slice(0, 3).map((value) => ({ value, type: "User" }));
    const group = store.create("Group", { schemas: [GROUP], displayName: "g", members }).id;
    const looked = (filter: string, type: "User" | "Group" = "User") => {
      const candidates = candidateIds(parseFilter(filter), type, store);
      return candidates === undefined ? "all" : [...candidates];
    };
    expect(looked('userName eq "U7"')).toEqual([ids[7]]);
    expect(looked('title eq "t" and userName eq "u7"')).toEqual([ids[7]]);
    expect(looked('emails[type eq "work"].value eq "u7@X"')).toEqual([ids[7]]);
    expect(looked('userName eq "u7" or id eq "x"')).toEqual([ids[7], "x"]);
    expect(looked(`id eq "x" and manager eq "y"`)).toEqual(["x"]);
    expect(looked(`groups eq "${group}"`)).toEqual(ids.slice(0, 3));
    expect(looked(`groups eq "${group}" and userName eq "u2"`)).toEqual([ids[2]]);
    expect(looked('groups eq "x"')).toEqual([]);
    expect(looked(`members.value eq "${ids[1]}"`, "Group")).toEqual([group]);
    for (const filter of [
      'title eq "t"',
      'userName ne "u7"',
      'userName eq "u7" or title pr',
      'emails.type eq "work"',
      'emails[type eq "work" and value eq "u7@x"]',
      "userName eq true",
      `${ENTERPRISE} eq "x"`,
      "not (userName pr)",
    ]) {
      expect([filter, looked(filter)]).toEqual([filter, "all"]);
    }
  });
});
