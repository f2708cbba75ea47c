import { afterEach, describe, expect, it } from "vitest";
import type { ScimAppProfile } from "../../agent/sim/scim-app/server.ts";
import {
  type AppUnderTest,
  appUnderTest,
  ENTERPRISE,
  found,
  GROUP,
  type Json,
  LIST,
  patchOf,
  USER,
} from "../support/scim-app.ts";

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

async function app(profile: ScimAppProfile = "entra"): Promise<AppUnderTest> {
  const started = await appUnderTest({ profile });
  undo.push(() => started.app.close());
  return started;
}

const filtered = (path: string, filter: string, more = "") =>
  `GET ${path}?filter=${encodeURIComponent(filter)}${more}`;

// The requests of "Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID".
describe("the SCIM app in the profile entra", () => {
  it("lets a connection be tested with a user that is not there", async () => {
    const { ask } = await app();
    const guid = "5a1b2c3d-0000-4000-8000-000000000000";
    const reply = await ask(filtered("/Users", `userName eq "${guid}"`));
    expect(reply).toMatchObject({
      status: 200,
      body: { schemas: [LIST], totalResults: 0, Resources: [] },
    });
  });

  it("takes a user as Entra creates one", async () => {
    const { ask, create } = await app();
    const boss = await create("/Users", { userName: "boss" });
    const body = {
      schemas: [USER, ENTERPRISE],
      externalId: "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
      userName: "Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1",
      active: true,
      addresses: null,
      displayName: "lennay",
      department: "bob",
      manager: boss.id,
      emails: [{ Primary: true, type: "work", value: "x@y.org" }],
      meta: { resourceType: "User" },
      name: { formatted: "givenName familyName", familyName: "familyName", givenName: null },
      roles: [],
      "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User": { CustomAttribute: 1 },
    };
    const { status, body: created } = await ask("POST /Users", { body });
    expect(status).toBe(201);
    expect(created).toMatchObject({
      schemas: [USER, ENTERPRISE],
      active: true,
      emails: [{ primary: true, type: "work", value: "x@y.org" }],
      name: { formatted: "givenName familyName", familyName: "familyName" },
      [ENTERPRISE]: { department: "bob", manager: { value: boss.id } },
    });
    expect(JSON.stringify(created)).not.toContain("null");
    const check = `id eq "${created?.["id"]}" and manager eq "${boss.id}"`;
    const checked = await ask(filtered("/Users", check, "&attributes=id"));
    expect(found(checked)).toEqual([{ schemas: [USER, ENTERPRISE], id: created?.["id"] }]);
    const unquoted = await ask(filtered("/Users", `externalId eq ${body.externalId}`));
    expect(unquoted.body).toMatchObject({ totalResults: 1 });
  });

  it("changes a user with either style of its PATCH", async () => {
    const { ask, create } = await app();
    const { id } = await create("/Users", { userName: "ada", active: true });
    const classic = await ask(`PATCH /Users/${id}`, {
      body: patchOf(
        { op: "Replace", path: "active", value: "False" },
        { op: "Add", path: 'emails[type eq "work"].value', value: "a@x.org" },
        { op: "Replace", path: "name.familyName", value: "Byron" },
        { op: "Add", path: `${ENTERPRISE}:department`, value: "Engines" },
        { op: "Add", path: "employeeNumber", value: "7" },
      ),
    });
    expect(classic).toMatchObject({
      status: 200,
      body: {
        active: false,
        emails: [{ type: "work", value: "a@x.org" }],
        name: { familyName: "Byron" },
        [ENTERPRISE]: { department: "Engines", employeeNumber: "7" },
      },
    });
    const modern = await ask(`PATCH /Users/${id}`, {
      body: patchOf({
        op: "replace",
        value: {
          active: true,
          "name.familyName": "Lovelace",
          [`${ENTERPRISE}:department`]: "Notes",
          'emails[type eq "work"].value': "b@x.org",
        },
      }),
    });
    expect(modern.body).toMatchObject({
      active: true,
      emails: [{ type: "work", value: "b@x.org" }],
      name: { familyName: "Lovelace" },
      [ENTERPRISE]: { department: "Notes", employeeNumber: "7" },
    });
    const cleared = await ask(`PATCH /Users/${id}`, {
      body: patchOf({ op: "Replace", path: "name.familyName", value: "" }),
    });
    expect(cleared.body).not.toHaveProperty("name");
  });

  it("sets and clears a manager in each of the shapes that Entra sends", async () => {
    const { ask, create } = await app();
    const boss = await create("/Users", { userName: "boss" });
    const { id } = await create("/Users", { userName: "ada" });
    const path = `${ENTERPRISE}:manager`;
    for (const set of [
      { path, value: boss.id },
      { path, value: { value: boss.id } },
      { path: "manager", value: [{ $ref: `../Users/${boss.id}`, value: boss.id }] },
      { path: `${ENTERPRISE}.manager`, value: boss.id },
    ]) {
      const body = patchOf({ op: "Add", ...set });
      expect((await ask(`PATCH /Users/${id}`, { body })).body).toMatchObject({
        [ENTERPRISE]: { manager: { value: boss.id, displayName: "boss" } },
      });
      const clear = patchOf({ op: "Replace", path, value: { value: "" } });
      expect((await ask(`PATCH /Users/${id}`, { body: clear })).body).not.toHaveProperty(
        ENTERPRISE,
      );
    }
  });

  it("answers a group's life as Entra wants it", async () => {
    const { ask, create } = await app();
    const ada = await create("/Users", { userName: "ada" });
    const bob = await create("/Users", { userName: "bob" });
    const foreign = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    const created = await ask("POST /Groups", {
      body: { schemas: [GROUP, foreign], externalId: "x", displayName: "All", members: [] },
    });
    expect(created).toMatchObject({ status: 201, body: { schemas: [GROUP], displayName: "All" } });
    const { id } = created.body as { id: string };
    const patched = async (...operations: Json[]) => {
      const reply = await ask(`PATCH /Groups/${id}`, { body: patchOf(...operations) });
      expect(reply).toMatchObject({ status: 204, body: undefined });
      const { body } = await ask(`GET /Groups/${id}`);
      return ((body?.["members"] ?? []) as Json[]).map(({ value }) => value);
    };
    const values = (...ids: string[]) => ids.map((value) => ({ $ref: null, value }));
    const both = values(ada.id, bob.id);
    const add = { op: "Add", path: "members", value: both };
    expect(await patched(add)).toEqual([ada.id, bob.id]);
    // A list of values: to the letter of the RFC all of them would go.
    const one = { op: "Remove", path: "members", value: values(ada.id) };
    expect(await patched(one)).toEqual([bob.id]);
    expect(await patched({ op: "remove", path: `members[value eq "${bob.id}"]` })).toEqual([]);
    const named = await ask(`PATCH /Groups/${id}?attributes=displayName`, {
      body: patchOf({ op: "Replace", path: "displayName", value: "Everybody" }),
    });
    expect(named).toMatchObject({ status: 200, body: { displayName: "Everybody" } });
    await patched(add);
    const match = filtered("/Groups", 'displayName eq "everybody"', "&excludedAttributes=members");
    expect(found(await ask(match))[0]).not.toHaveProperty("members");
    const read = await ask(`GET /Groups/${id}?excludedAttributes=members`);
    expect(read.body).not.toHaveProperty("members");
  });

  it("keeps a disabled user where it can be found and restored", async () => {
    const { ask, create } = await app();
    const { id } = await create("/Users", { userName: "ada", active: true });
    const set = (value: string) => patchOf({ op: "Replace", path: "active", value });
    await ask(`PATCH /Users/${id}`, { body: set("False") });
    const reply = await ask(filtered("/Users", 'userName eq "ada"'));
    expect(found(reply)).toMatchObject([{ id, active: false }]);
    const restored = await ask(`PATCH /Users/${id}`, { body: set("True") });
    expect(restored.body).toMatchObject({ id, active: true });
  });

  it("takes what the profile rfc refuses", async () => {
    const strict = await app("rfc");
    const entra = await app("entra");
    const replies = async ({ ask, create }: AppUnderTest) => {
      const { id } = await create("/Users", { userName: "ada" });
      const patch = async (operation: Json) =>
        (await ask(`PATCH /Users/${id}`, { body: patchOf(operation) })).status;
      return [
        (await ask("POST /Users", { body: { userName: "bob" } })).status,
        await patch({ op: "Replace", path: "active", value: "False" }),
        await patch({ op: "Replace", path: 'emails[type eq "work"].value', value: "x" }),
        await patch({ op: "replace", value: { "name.givenName": "x" } }),
        await patch({ op: "Add", path: "department", value: "x" }),
        await patch({ op: "Add", path: `${ENTERPRISE}:manager`, value: "x" }),
      ];
    };
    expect(await replies(strict)).toEqual([400, 400, 400, 400, 400, 400]);
    expect(await replies(entra)).toEqual([201, 200, 200, 200, 200, 200]);
  });
});
