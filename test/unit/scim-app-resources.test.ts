import { afterEach, describe, expect, it } from "vitest";
import type { ScimAppOptions } from "../../agent/sim/scim-app/server.ts";
import {
  type AppUnderTest,
  appUnderTest,
  ENTERPRISE,
  ERROR,
  GROUP,
  type Json,
  patchOf,
  USER,
} from "../support/scim-app.ts";

const BARBARA = {
  schemas: [USER],
  userName: "bjensen",
  externalId: "bjensen",
  name: { formatted: "Ms. Barbara J Jensen III", familyName: "Jensen", givenName: "Barbara" },
};

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

async function app(options: ScimAppOptions = {}): Promise<AppUnderTest> {
  let time = Date.parse("2026-01-01T00:00:00.000Z");
  // A second passes with each look at the clock.
  const now = () => {
    time += 1000;
    return new Date(time);
  };
  const started = await appUnderTest({ now, ...options });
  undo.push(() => started.app.close());
  return started;
}

function error(status: number, detail: string, scimType?: string): Json {
  return {
    schemas: [ERROR],
    status: String(status),
    ...(scimType === undefined ? {} : { scimType }),
    detail,
  };
}

describe("a user of the SCIM app", () => {
  it("is created as RFC 7644 section 3.3 shows it", async () => {
    const { ask, app: server } = await app();
    const reply = await ask("POST /Users", { body: BARBARA });
    const { id, meta } = reply.body as { id: string; meta: { created: string } };
    const location = `${server.url}/Users/${id}`;
    expect(reply.status).toBe(201);
    expect(reply.headers.get("content-type")).toBe("application/scim+json");
    expect(reply.headers.get("location")).toBe(location);
    expect(reply.headers.get("etag")).toBe('W/"1"');
    expect(reply.body).toEqual({
      ...BARBARA,
      id,
      meta: {
        resourceType: "User",
        created: meta.created,
        lastModified: meta.created,
        location,
        version: 'W/"1"',
      },
    });
    expect(await ask(`GET /Users/${id}`)).toMatchObject({ status: 200, body: reply.body });
  });

  it("is located where the client said that the server is", async () => {
    const { app: server, create } = await app();
    const { id } = await create("/Users", BARBARA);
    const asked = await fetch(`http://localhost:${server.port}/Users/${id}`);
    const { meta } = (await asked.json()) as { meta: { location: string } };
    expect(meta.location).toBe(`http://localhost:${server.port}/Users/${id}`);
  });

  it("keeps neither what is read-only nor what no schema knows, and shows no password", async () => {
    const { ask, create } = await app();
    const sent = { id: "mine", meta: { location: "x" }, groups: [{ value: "x" }], shoeSize: 43 };
    const ada = await create("/Users", { ...BARBARA, ...sent, password: "t1meMa$heen" });
    expect(Object.keys(ada).sort()).toEqual(
      ["schemas", "id", "externalId", "userName", "name", "meta"].sort(),
    );
    expect(ada.id).not.toBe("mine");
    const reply = await ask('GET /Users?filter=password%20eq%20"t1meMa$heen"');
    expect(reply.body).toMatchObject({ totalResults: 0 });
  });

  it("is refused when another one has its userName in any letter case", async () => {
    const { ask, create } = await app();
    await create("/Users", BARBARA);
    const carl = await create("/Users", { userName: "carl" });
    const taken = error(409, "another User has this userName", "uniqueness");
    const body = { ...BARBARA, userName: "BJensen" };
    expect(await ask("POST /Users", { body })).toMatchObject({ status: 409, body: taken });
    expect(await ask(`PUT /Users/${carl.id}`, { body })).toMatchObject({
      status: 409,
      body: taken,
    });
    const patch = patchOf({ op: "replace", path: "userName", value: "bJensen" });
    const reply = await ask(`PATCH /Users/${carl.id}`, { body: patch });
    expect(reply).toMatchObject({ status: 409, body: taken });
    expect((await ask("GET /Users")).body).toMatchObject({ totalResults: 2 });
  });

  it("may take a userName that was given up, and its own in other letters", async () => {
    const { ask, create } = await app();
    const ada = await create("/Users", { userName: "ada" });
    const renamed = patchOf({ op: "replace", path: "userName", value: "ADA" });
    expect((await ask(`PATCH /Users/${ada.id}`, { body: renamed })).body).toMatchObject({
      userName: "ADA",
    });
    await ask(`DELETE /Users/${ada.id}`);
    expect(await create("/Users", { userName: "ada" })).toMatchObject({ userName: "ada" });
  });

  it.each([
    ["no JSON", "{", "invalidSyntax"],
    ["nothing", "", "invalidSyntax"],
    ["a list", "[]", "invalidSyntax"],
    ["no schemas", { userName: "ada" }, "invalidValue"],
    ["another schema", { schemas: [GROUP], userName: "ada" }, "invalidValue"],
    ["no userName", { schemas: [USER] }, "invalidValue"],
    ["an empty userName", { schemas: [USER], userName: "" }, "invalidValue"],
    ["a number for a name", { schemas: [USER], userName: 7 }, "invalidValue"],
    ["a text for a boolean", { schemas: [USER], userName: "ada", active: "True" }, "invalidValue"],
    [
      "two primary mails",
      {
        schemas: [USER],
        userName: "ada",
        emails: [
          { value: "a", primary: true },
          { value: "b", primary: true },
        ],
      },
      "invalidValue",
    ],
  ])("is refused when the body is %s", async (_what, body, scimType) => {
    const { ask } = await app();
    expect(await ask("POST /Users", { body })).toMatchObject({ status: 400, body: { scimType } });
    expect((await ask("GET /Users")).body).toMatchObject({ totalResults: 0 });
  });

  it("is replaced by PUT: what is not given is cleared, what is read-only stays", async () => {
    const { ask, create } = await app();
    const before = await create("/Users", { ...BARBARA, title: "Tour Guide" });
    const body = { schemas: [USER], id: "other", userName: "bjensen", nickName: "Babs" };
    const reply = await ask(`PUT /Users/${before.id}`, { body });
    const meta = before["meta"] as Json;
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({
      schemas: [USER],
      id: before.id,
      userName: "bjensen",
      nickName: "Babs",
      meta: { ...meta, lastModified: "2026-01-01T00:00:04.000Z", version: 'W/"2"' },
    });
    expect(reply.headers.get("etag")).toBe('W/"2"');
    const again = await ask(`PUT /Users/${before.id}`, { body });
    expect(again.body).toEqual(reply.body);
  });

  it("is patched, and stays as it was when nothing is different", async () => {
    const { ask, create } = await app();
    const ada = await create("/Users", {
      userName: "ada",
      emails: [{ value: "a@x", type: "work" }],
    });
    const add = { op: "add", path: "emails", value: [{ value: "b@x", type: "home" }] };
    const patched = await ask(`PATCH /Users/${ada.id}`, { body: patchOf(add) });
    expect(patched.status).toBe(200);
    expect(patched.body).toMatchObject({
      emails: [
        { value: "a@x", type: "work" },
        { value: "b@x", type: "home" },
      ],
      meta: { version: 'W/"2"' },
    });
    const again = await ask(`PATCH /Users/${ada.id}`, { body: patchOf(add) });
    expect(again.body).toEqual(patched.body);
    const missing = patchOf({ op: "replace", path: 'emails[type eq "other"].value', value: "x" });
    expect(await ask(`PATCH /Users/${ada.id}`, { body: missing })).toMatchObject({
      status: 400,
      body: { scimType: "noTarget" },
    });
  });

  it("is patched by all operations or by none", async () => {
    const { ask, create } = await app();
    const ada = await create("/Users", { userName: "ada" });
    const body = patchOf(
      { op: "add", path: "title", value: "Countess" },
      { op: "remove", path: "userName" },
    );
    expect(await ask(`PATCH /Users/${ada.id}`, { body })).toMatchObject({
      status: 400,
      body: { scimType: "mutability" },
    });
    expect((await ask(`GET /Users/${ada.id}`)).body).toEqual(ada);
  });

  it("is gone once it is deleted", async () => {
    const { ask, create } = await app();
    const { id } = await create("/Users", BARBARA);
    expect(await ask(`DELETE /Users/${id}`)).toMatchObject({ status: 204, body: undefined });
    for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
      const reply = await ask(
        `${method} /Users/${id}`,
        method === "PUT"
          ? { body: BARBARA }
          : {
              ...(method === "PATCH"
                ? { body: patchOf({ op: "add", path: "title", value: "x" }) }
                : {}),
            },
      );
      expect(reply).toMatchObject({
        status: 404,
        body: error(404, "there is no User with this id"),
      });
    }
  });

  it("is changed only by who knows its version", async () => {
    const { ask, create } = await app();
    const { id } = await create("/Users", BARBARA);
    const body = patchOf({ op: "add", path: "title", value: "x" });
    const stale = await ask(`PATCH /Users/${id}`, { body, headers: { "if-match": 'W/"0"' } });
    expect(stale).toMatchObject({ status: 412, body: { status: "412" } });
    const fresh = await ask(`PATCH /Users/${id}`, { body, headers: { "if-match": 'W/"1"' } });
    expect(fresh).toMatchObject({ status: 200, body: { title: "x" } });
    const gone = await ask(`DELETE /Users/${id}`, { headers: { "if-match": 'W/"1"' } });
    expect(gone.status).toBe(412);
    const known = await ask(`GET /Users/${id}`, { headers: { "if-none-match": 'W/"2"' } });
    expect(known).toMatchObject({ status: 304, body: undefined });
    expect(known.headers.get("etag")).toBe('W/"2"');
  });

  it("is shown with the attributes that are asked for, after writes too", async () => {
    const { ask, create } = await app();
    const { id } = await create("/Users", { ...BARBARA, title: "x" });
    const few = { schemas: [USER], id, userName: "bjensen" };
    expect((await ask(`GET /Users/${id}?attributes=username`)).body).toEqual(few);
    const body = patchOf({ op: "add", path: "title", value: "y" });
    const patched = await ask(`PATCH /Users/${id}?attributes=title`, { body });
    expect(patched.body).toEqual({ schemas: [USER], id, title: "y" });
    const posted = await ask("POST /Users?excludedAttributes=name,meta,externalId", {
      body: { ...BARBARA, userName: "other" },
    });
    expect(Object.keys(posted.body ?? {})).toEqual(["schemas", "id", "userName"]);
    const both = await ask("POST /Users?attributes=id&excludedAttributes=name", {
      body: { ...BARBARA, userName: "third" },
    });
    expect(both).toMatchObject({ status: 400, body: { scimType: "invalidValue" } });
    expect((await ask("GET /Users")).body).toMatchObject({ totalResults: 2 });
  });

  it("names its manager as the manager is now", async () => {
    const { ask, create, app: server } = await app();
    const boss = await create("/Users", { userName: "boss", displayName: "The Boss" });
    const managed = { manager: { value: boss.id, displayName: "Somebody" } };
    const ada = await create("/Users", { userName: "ada", [ENTERPRISE]: managed });
    const $ref = `${server.url}/Users/${boss.id}`;
    expect(ada).toMatchObject({
      schemas: [USER, ENTERPRISE],
      [ENTERPRISE]: { manager: { value: boss.id, $ref, displayName: "The Boss" } },
    });
    const absent = patchOf({
      op: "replace",
      path: `${ENTERPRISE}:manager`,
      value: { value: "not-here", $ref: "../Users/not-here" },
    });
    expect((await ask(`PATCH /Users/${ada.id}`, { body: absent })).body).toMatchObject({
      [ENTERPRISE]: { manager: { value: "not-here", $ref: "../Users/not-here" } },
    });
    const other = patchOf({ op: "replace", path: `${ENTERPRISE}:manager.value`, value: boss.id });
    const back = await ask(`PATCH /Users/${ada.id}`, { body: other });
    expect(back.body?.[ENTERPRISE]).toEqual({
      manager: { value: boss.id, $ref, displayName: "The Boss" },
    });
    const unknown = patchOf({ op: "replace", path: `${ENTERPRISE}:manager.value`, value: "gone" });
    const last = await ask(`PATCH /Users/${ada.id}`, { body: unknown });
    expect(last.body?.[ENTERPRISE]).toEqual({ manager: { value: "gone" } });
  });
});

describe("a group of the SCIM app", () => {
  it("knows what its members are, and its members know it", async () => {
    const { ask, create, app: server } = await app();
    const ada = await create("/Users", { userName: "ada", displayName: "Ada" });
    const inner = await create("/Groups", { displayName: "Inner" });
    const outer = await create("/Groups", {
      displayName: "Outer",
      members: [
        { value: ada.id, type: "Group", $ref: "nowhere", display: "?" },
        { $ref: `../Groups/${inner.id}` },
        { value: ada.id },
      ],
    });
    expect(outer["members"]).toEqual([
      { value: ada.id, $ref: `${server.url}/Users/${ada.id}`, type: "User", display: "Ada" },
      {
        value: inner.id,
        $ref: `${server.url}/Groups/${inner.id}`,
        type: "Group",
        display: "Inner",
      },
    ]);
    const groups = [
      {
        value: outer.id,
        $ref: `${server.url}/Groups/${outer.id}`,
        display: "Outer",
        type: "direct",
      },
    ];
    const member = await ask(`GET /Users/${ada.id}`);
    expect(member.body?.["groups"]).toEqual(groups);
    // The user is another one to whoever kept it.
    expect(member.headers.get("etag")).not.toBe((ada["meta"] as Json)["version"]);
    const renamed = patchOf({ op: "replace", path: "displayName", value: "Outermost" });
    await ask(`PATCH /Groups/${outer.id}`, { body: renamed });
    const later = await ask(`GET /Users/${ada.id}`);
    expect(later.body?.["groups"]).toEqual([{ ...groups[0], display: "Outermost" }]);
    expect(later.headers.get("etag")).not.toBe(member.headers.get("etag"));
  });

  it("loses a member that is deleted", async () => {
    const { ask, create } = await app();
    const ada = await create("/Users", { userName: "ada" });
    const bob = await create("/Users", { userName: "bob" });
    const members = [{ value: ada.id }, { value: bob.id }];
    const group = await create("/Groups", { displayName: "All", members });
    await ask(`DELETE /Users/${ada.id}`);
    const left = await ask(`GET /Groups/${group.id}`);
    expect(left.body).toMatchObject({ members: [{ value: bob.id }] });
    expect(left.headers.get("etag")).not.toBe((group["meta"] as Json)["version"]);
    await ask(`DELETE /Users/${bob.id}`);
    expect((await ask(`GET /Groups/${group.id}`)).body).not.toHaveProperty("members");
  });

  it("leaves its members when it is deleted", async () => {
    const { ask, create } = await app();
    const ada = await create("/Users", { userName: "ada" });
    const group = await create("/Groups", { displayName: "All", members: [{ value: ada.id }] });
    await ask(`DELETE /Groups/${group.id}`);
    expect((await ask(`GET /Users/${ada.id}`)).body).not.toHaveProperty("groups");
    expect((await ask(`GET /Groups/${ada.id}`)).status).toBe(404);
  });

  it("takes no member that is not there", async () => {
    const { ask, create } = await app();
    const group = await create("/Groups", { displayName: "All" });
    const body = patchOf({ op: "add", path: "members", value: [{ value: "nobody" }] });
    const refused = { status: 400, body: { scimType: "invalidValue" } };
    expect(await ask(`PATCH /Groups/${group.id}`, { body })).toMatchObject(refused);
    const posted = { schemas: [GROUP], displayName: "x", members: [{ value: "nobody" }] };
    expect(await ask("POST /Groups", { body: posted })).toMatchObject(refused);
    expect((await ask("GET /Groups")).body).toMatchObject({ totalResults: 1 });
  });

  it("may have the name of another one, unless the profile is entra", async () => {
    const body = { schemas: [GROUP], displayName: "All" };
    const strict = await app();
    await strict.create("/Groups", body);
    expect((await strict.ask("POST /Groups", { body })).status).toBe(201);
    const entra = await app({ profile: "entra" });
    await entra.create("/Groups", body);
    const again = { ...body, displayName: "ALL" };
    expect(await entra.ask("POST /Groups", { body: again })).toMatchObject({
      status: 409,
      body: { scimType: "uniqueness" },
    });
  });

  it("adds and removes members as RFC 7644 section 3.5.2 has it", async () => {
    const { ask, create } = await app();
    const ids: string[] = [];
    for (const userName of ["a", "b", "c"]) ids.push((await create("/Users", { userName })).id);
    const [a = "", b = "", c = ""] = ids;
    const group = await create("/Groups", { displayName: "All" });
    const membersAfter = async (...operations: Json[]) => {
      const reply = await ask(`PATCH /Groups/${group.id}`, { body: patchOf(...operations) });
      const members = (reply.body?.["members"] ?? []) as readonly Json[];
      return members.map(({ value }) => value);
    };
    const values = (...list: string[]) => list.map((value) => ({ value }));
    expect(await membersAfter({ op: "add", path: "members", value: values(a, b) })).toEqual([a, b]);
    expect(await membersAfter({ op: "remove", path: `members[value eq "${a}"]` })).toEqual([b]);
    expect(
      await membersAfter(
        { op: "remove", path: `members[display eq "b"]` },
        { op: "add", path: "members", value: values(a, c) },
      ),
    ).toEqual([a, c]);
    expect(await membersAfter({ op: "replace", path: "members", value: values(b) })).toEqual([b]);
    expect(await membersAfter({ op: "remove", path: "members" })).toEqual([]);
    expect((await ask(`GET /Users/${b}`)).body).not.toHaveProperty("groups");
  });
});
