import { afterEach, describe, expect, it } from "vitest";
import {
  type AppUnderTest,
  appUnderTest,
  BULK,
  ENTERPRISE,
  ERROR,
  found,
  GROUP,
  type Json,
  LIST,
  patchOf,
  SEARCH,
  USER,
} from "../support/scim-app.ts";

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

async function app(): Promise<AppUnderTest> {
  const started = await appUnderTest();
  undo.push(() => started.app.close());
  return started;
}

/** RFC 7643 section 8.3, which has all of sections 8.1 and 8.2 too. */
const FULL = {
  schemas: [USER, ENTERPRISE],
  externalId: "701984",
  userName: "bjensen@example.com",
  name: {
    formatted: "Ms. Barbara J Jensen, III",
    familyName: "Jensen",
    givenName: "Barbara",
    middleName: "Jane",
    honorificPrefix: "Ms.",
    honorificSuffix: "III",
  },
  displayName: "Babs Jensen",
  nickName: "Babs",
  profileUrl: "https://login.example.com/bjensen",
  emails: [
    { value: "bjensen@example.com", type: "work", primary: true },
    { value: "babs@jensen.org", type: "home" },
  ],
  addresses: [
    {
      streetAddress: "100 Universal City Plaza",
      locality: "Hollywood",
      region: "CA",
      postalCode: "91608",
      country: "USA",
      formatted: "100 Universal City Plaza\nHollywood, CA 91608 USA",
      type: "work",
      primary: true,
    },
    {
      streetAddress: "456 Hollywood Blvd",
      locality: "Hollywood",
      region: "CA",
      postalCode: "91608",
      country: "USA",
      formatted: "456 Hollywood Blvd\nHollywood, CA 91608 USA",
      type: "home",
    },
  ],
  phoneNumbers: [
    { value: "555-555-5555", type: "work" },
    { value: "555-555-4444", type: "mobile" },
  ],
  ims: [{ value: "someaimhandle", type: "aim" }],
  photos: [
    { value: "https://photos.example.com/profilephoto/72930000000Ccne/F", type: "photo" },
    { value: "https://photos.example.com/profilephoto/72930000000Ccne/T", type: "thumbnail" },
  ],
  userType: "Employee",
  title: "Tour Guide",
  preferredLanguage: "en-US",
  locale: "en-US",
  timezone: "America/Los_Angeles",
  active: true,
  x509Certificates: [{ value: "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVMx" }],
  [ENTERPRISE]: {
    employeeNumber: "701984",
    costCenter: "4130",
    organization: "Universal Studios",
    division: "Theme Park",
    department: "Tour Operations",
    manager: {
      value: "26118915-6090-4610-87e4-49d8ca9f808d",
      $ref: "../Users/26118915-6090-4610-87e4-49d8ca9f808d",
    },
  },
};

describe("the resources of RFC 7643 section 8", () => {
  it("come back as they were sent: a user with everything that there is", async () => {
    const { ask } = await app();
    const readOnly = {
      id: "2819c223-7f76-453a-919d-413861904646",
      groups: [{ value: "e9e30dba-f08f-4109-8486-d5c6a331660a", display: "Tour Guides" }],
      meta: { resourceType: "User", version: 'W/"3694e05e9dff591"' },
    };
    const reply = await ask("POST /Users", {
      body: { ...FULL, ...readOnly, password: "t1meMa$heen" },
    });
    const { id, meta, ...rest } = reply.body as Json;
    expect(reply.status).toBe(201);
    expect(rest).toEqual(FULL);
    expect(id).not.toBe(readOnly.id);
    expect(meta).not.toMatchObject(readOnly.meta);
  });

  it("come back as they were sent: a minimal user and a group", async () => {
    const { create, app: server } = await app();
    const minimal = await create("/Users", { userName: "bjensen@example.com" });
    expect(Object.keys(minimal)).toEqual(["schemas", "id", "userName", "meta"]);
    const mandy = await create("/Users", { userName: "mandy", displayName: "Mandy Pepperidge" });
    const group = await create("/Groups", {
      displayName: "Tour Guides",
      members: [{ value: mandy.id, $ref: `../Users/${mandy.id}`, display: "Mandy Pepperidge" }],
    });
    expect(group).toMatchObject({
      schemas: [GROUP],
      displayName: "Tour Guides",
      members: [
        {
          value: mandy.id,
          $ref: `${server.url}/Users/${mandy.id}`,
          display: "Mandy Pepperidge",
          type: "User",
        },
      ],
      meta: { resourceType: "Group", location: `${server.url}/Groups/${group.id}` },
    });
  });
});

describe("the examples of RFC 7644", () => {
  it("section 3.4.2: a list with some attributes", async () => {
    const { ask, create } = await app();
    const babs = await create("/Users", { userName: "bjensen", title: "x" });
    const john = await create("/Users", { userName: "jsmith" });
    expect((await ask("GET /Users?attributes=userName")).body).toEqual({
      schemas: [LIST],
      totalResults: 2,
      itemsPerPage: 2,
      startIndex: 1,
      Resources: [
        { schemas: [USER], id: babs.id, userName: "bjensen" },
        { schemas: [USER], id: john.id, userName: "jsmith" },
      ],
    });
  });

  it("section 3.4.2.2: the filters", async () => {
    const { ask, create } = await app();
    await create("/Users", {
      ...FULL,
      userName: "bjensen",
      name: { familyName: "O'Malley" },
      ims: [{ type: "xmpp", value: "b@foo.com" }],
    });
    await create("/Users", {
      userName: "Jim",
      title: "x",
      userType: "Intern",
      emails: [{ value: "j" }],
    });
    const filters: readonly (readonly [string, readonly string[]])[] = [
      ['userName Eq "john"', []],
      ['userName eq "bjensen"', ["bjensen"]],
      [`name.familyName co "O'Malley"`, ["bjensen"]],
      ['userName sw "J"', ["Jim"]],
      [`${USER}:userName sw "J"`, ["Jim"]],
      ["title pr", ["bjensen", "Jim"]],
      ['meta.lastModified gt "2011-05-13T04:42:34Z"', ["bjensen", "Jim"]],
      ['meta.lastModified lt "2011-05-13T04:42:34Z"', []],
      ['title pr and userType eq "Employee"', ["bjensen"]],
      ['title pr or userType eq "Intern"', ["bjensen", "Jim"]],
      [`schemas eq "${ENTERPRISE}"`, ["bjensen"]],
      [
        'userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")',
        ["bjensen"],
      ],
      [
        'userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")',
        ["Jim"],
      ],
      ['userType eq "Employee" and (emails.type eq "work")', ["bjensen"]],
      [
        'userType eq "Employee" and emails[type eq "work" and value co "@example.com"]',
        ["bjensen"],
      ],
      [
        'emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]',
        ["bjensen"],
      ],
    ];
    for (const [filter, expected] of filters) {
      const reply = await ask(`GET /Users?filter=${encodeURIComponent(filter)}`);
      expect([filter, found(reply).map(({ userName }) => userName)]).toEqual([filter, expected]);
    }
  });

  it("section 3.4.3: a search that is posted", async () => {
    const { ask, create } = await app();
    await create("/Users", { userName: "jsmith", displayName: "Smith, James" });
    await create("/Groups", { displayName: "Smith Family" });
    await create("/Users", { userName: "other", displayName: "Other" });
    const body = {
      schemas: [SEARCH],
      attributes: ["displayName", "userName"],
      filter: 'displayName sw "smith"',
      startIndex: 1,
      count: 10,
    };
    expect((await ask("POST /.search", { body })).body).toEqual({
      schemas: [LIST],
      totalResults: 2,
      itemsPerPage: 2,
      startIndex: 1,
      Resources: [
        {
          schemas: [USER],
          id: expect.any(String),
          userName: "jsmith",
          displayName: "Smith, James",
        },
        { schemas: [GROUP], id: expect.any(String), displayName: "Smith Family" },
      ],
    });
  });

  it("section 3.5.1: PUT", async () => {
    const { ask, create } = await app();
    const { id, meta } = await create("/Users", { userName: "bjensen", title: "x" });
    const { version } = meta as { version: string };
    const body = {
      schemas: [USER],
      id,
      userName: "bjensen",
      externalId: "bjensen",
      name: {
        formatted: "Ms. Barbara J Jensen III",
        familyName: "Jensen",
        givenName: "Barbara",
        middleName: "Jane",
      },
      roles: [],
      emails: [{ value: "bjensen@example.com" }, { value: "babs@jensen.org" }],
    };
    const reply = await ask(`PUT /Users/${id}`, { body, headers: { "if-match": version } });
    const { roles: _roles, ...kept } = body;
    expect(reply).toMatchObject({ status: 200, body: kept });
    expect(reply.body).not.toHaveProperty("title");
  });

  it("section 3.5.2: PATCH of a user", async () => {
    const { ask, create } = await app();
    const { id } = await create("/Users", FULL);
    const patched = async (...operations: Json[]) => {
      const reply = await ask(`PATCH /Users/${id}`, { body: patchOf(...operations) });
      expect(reply.status).toBe(200);
      return reply.body;
    };
    const added = { emails: [{ value: "babs@jensen.com", type: "other" }], nickname: "Barb" };
    expect(await patched({ op: "add", value: added })).toMatchObject({
      nickName: "Barb",
      emails: [...FULL.emails, ...added.emails],
    });
    const address = {
      type: "work",
      streetAddress: "911 Universal City Plaza",
      locality: "Hollywood",
      region: "CA",
      postalCode: "91608",
      country: "US",
      formatted: "911 Universal City Plaza\nHollywood, CA 91608 US",
      primary: true,
    };
    const path = 'addresses[type eq "work"]';
    expect(await patched({ op: "replace", path, value: address })).toMatchObject({
      addresses: [address, FULL.addresses[1]],
    });
    const street = { op: "replace", path: `${path}.streetAddress`, value: "1010 Broadway Ave" };
    expect(await patched(street)).toMatchObject({
      addresses: [{ ...address, streetAddress: "1010 Broadway Ave" }, FULL.addresses[1]],
    });
    const gone = { op: "remove", path: 'emails[type eq "work" and value ew "example.com"]' };
    expect((await patched(gone))?.["emails"]).toEqual([FULL.emails[1], ...added.emails]);
    const replaced = {
      emails: [
        { value: "bjensen@example.com", type: "work", primary: true },
        { value: "babs@jensen.org", type: "home" },
      ],
      nickname: "Babs",
    };
    expect(await patched({ op: "replace", value: replaced })).toMatchObject({
      emails: replaced.emails,
      nickName: "Babs",
    });
    const manager = { op: "remove", path: `${ENTERPRISE}:manager` };
    expect((await patched(manager))?.[ENTERPRISE]).not.toHaveProperty("manager");
  });

  it("section 3.6: DELETE, and the answer to who asks for what is gone", async () => {
    const { ask, create } = await app();
    const { id } = await create("/Users", FULL);
    expect((await ask(`DELETE /Users/${id}`)).status).toBe(204);
    expect(await ask(`GET /Users/${id}`)).toMatchObject({
      status: 404,
      body: { schemas: [ERROR], detail: "there is no User with this id", status: "404" },
    });
  });

  it("section 3.7: bulk, with references and circles", async () => {
    const { ask, create } = await app();
    const bob = await create("/Users", { userName: "bob" });
    const dave = await create("/Users", { userName: "dave", nickName: "x" });
    const gone = await create("/Users", { userName: "gone" });
    const version = (resource: Json) => (resource["meta"] as Json)["version"];
    const post = (path: string, bulkId: string, data: Json) => ({
      method: "POST",
      path,
      bulkId,
      data,
    });
    const guides = {
      schemas: [GROUP],
      displayName: "Tour Guides",
      members: [{ type: "User", value: "bulkId:qwerty" }],
    };
    const circle = (displayName: string, value: string) => ({
      schemas: [GROUP],
      displayName,
      members: [{ type: "Group", value }],
    });
    const reply = await ask("POST /Bulk", {
      body: {
        schemas: [BULK],
        failOnErrors: 1,
        Operations: [
          post("/Users", "qwerty", { schemas: [USER], userName: "Alice" }),
          post("/Groups", "ytrewq", guides),
          post("/Groups", "a", circle("Group A", "bulkId:b")),
          post("/Groups", "b", circle("Group B", "bulkId:a")),
          {
            method: "PUT",
            path: `/Users/${bob.id}`,
            version: version(bob),
            data: { schemas: [USER], userName: "Bob" },
          },
          {
            method: "PATCH",
            path: `/Users/${dave.id}`,
            version: version(dave),
            data: patchOf(
              { op: "remove", path: "nickName" },
              { op: "add", path: "userName", value: "Dave" },
            ),
          },
          { method: "DELETE", path: `/Users/${gone.id}`, version: version(gone) },
        ],
      },
    });
    const results = reply.body?.["Operations"] as readonly Json[];
    expect(results.map(({ status }) => status)).toEqual([
      ...["201", "201", "201", "201"],
      ...["200", "200", "204"],
    ]);
    const groups = found(await ask("GET /Groups?attributes=members.display,displayName"));
    const said = groups.map(({ displayName, members }) => [displayName, members]);
    expect(said).toEqual(
      expect.arrayContaining([
        ["Tour Guides", [{ display: "Alice" }]],
        ["Group A", [{ display: "Group B" }]],
        ["Group B", [{ display: "Group A" }]],
      ]),
    );
  });

  it("section 3.9: one attribute of a user", async () => {
    const { ask, create } = await app();
    const { id } = await create("/Users", FULL);
    expect((await ask(`GET /Users/${id}?attributes=userName`)).body).toEqual({
      schemas: [USER, ENTERPRISE],
      id,
      userName: "bjensen@example.com",
    });
  });

  it("section 3.12: what is read-only is not changed", async () => {
    const { ask, create } = await app();
    const { id } = await create("/Users", FULL);
    const body = patchOf({ op: "replace", path: "id", value: "x" });
    expect(await ask(`PATCH /Users/${id}`, { body })).toMatchObject({
      status: 400,
      body: { schemas: [ERROR], scimType: "mutability", status: "400" },
    });
  });

  it("section 3.14: versions", async () => {
    const { ask, create } = await app();
    const { id, meta } = await create("/Users", FULL);
    const { version } = meta as { version: string };
    const known = await ask(`GET /Users/${id}?attributes=displayName`, {
      headers: { "if-none-match": version },
    });
    expect(known.status).toBe(304);
    const other = await ask(`GET /Users/${id}?attributes=displayName`, {
      headers: { "if-none-match": 'W/"e180ee84f0671b1"' },
    });
    expect([other.status, other.headers.get("etag")]).toEqual([200, version]);
  });
});
