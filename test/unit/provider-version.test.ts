import { describe, expect, it } from "vitest";
import type { ProjectionOptions } from "../../agent/core/scim/projection.ts";
import { BASE, FakeDirectory, group, person, uuid } from "../support/fake-directory.ts";
import { answering, refusal, request, serve } from "../support/provider.ts";

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";
const VERSION = /^W\/"[\w-]{16,}"$/;

const bob = person(`uid=bob,${BASE}`, uuid(2));
const ada = (title: string) => person(`uid=ada,${BASE}`, uuid(1), { title, manager: bob.dn });
const staff = group(`cn=staff,${BASE}`, uuid(11), [bob.dn]);

function reading(title = "Head", members: readonly string[] = [bob.dn]) {
  const entries = [ada(title), bob, group(staff.dn, staff.id, members)];
  const directory = new FakeDirectory(entries);
  const ask = answering(serve(directory));
  const read = async (
    path: string,
    projection: ProjectionOptions = {},
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const answer = await ask({ ...request("GET", path, { headers }), projection });
    if (answer.kind === "list") throw new Error("a list");
    const { body, headers: { etag = undefined } = {}, status } = answer;
    const { meta } = (body ?? {}) as { meta?: { version?: string } };
    return { status, body, etag, version: meta?.version };
  };
  return { directory, ask, read };
}

const ADA = `/Users/${uuid(1)}`;
const STAFF = `/Groups/${staff.id}`;

describe("the version of a resource that is read by its id", () => {
  it("is a weak tag, the same in the header and in meta, as long as nothing changes", async () => {
    const first = await reading().read(ADA);
    expect(first.etag).toMatch(VERSION);
    expect(first.version).toBe(first.etag);
    expect((await reading().read(ADA)).etag).toBe(first.etag);
    expect((await reading("Hand").read(ADA)).etag).not.toBe(first.etag);
    const elsewhere = await reading().read(`/Users/${bob.id}`);
    expect(elsewhere.etag).not.toBe(first.etag);
  });

  it("changes with the members of a group", async () => {
    const before = await reading().read(STAFF);
    const after = await reading("Head", [bob.dn, ada("Head").dn]).read(STAFF);
    expect(after.etag).not.toBe(before.etag);
  });

  it("is of what is sent where attributes are left out, and then not in meta", async () => {
    const { directory, read } = reading();
    const part = await read(STAFF, { excludedAttributes: ["members"] });
    expect(part.body).toEqual({
      schemas: [GROUP],
      id: staff.id,
      externalId: staff.id,
      meta: { resourceType: "Group" },
      displayName: "staff",
    });
    expect(part.etag).toMatch(VERSION);
    expect([...directory.asked]).not.toContain("member");
    expect(directory.resolved).toEqual([]);
    const other = reading("Head", [ada("Head").dn]);
    const same = await other.read(STAFF, { excludedAttributes: ["members"] });
    expect(same.etag).toBe(part.etag);
    expect((await read(STAFF)).etag).not.toBe(part.etag);
  });

  it.each([[["meta"]], [["META.version", "userName"]], [[`${USER}:meta.version`]]])(
    "is of the whole resource when %j is asked for",
    async (attributes) => {
      const whole = await reading().read(ADA);
      const part = await reading().read(ADA, { attributes });
      expect(part).toMatchObject({ etag: whole.etag, version: whole.etag });
      expect(JSON.stringify(part.body)).not.toContain("Head");
      expect((await reading("Hand").read(ADA, { attributes })).etag).not.toBe(whole.etag);
    },
  );

  it("is left out of meta when it is not wanted", async () => {
    const { read } = reading();
    for (const projection of [
      { excludedAttributes: ["meta.version"] },
      { attributes: ["meta.resourceType"] },
    ]) {
      const { body } = await read(ADA, projection);
      expect(body).toMatchObject({ meta: { resourceType: "User" } });
      expect(JSON.stringify(body)).not.toContain("version");
    }
  });
});

describe("if-none-match", () => {
  it("gives 304 without a body when it names the version, weak or strong, in a list or as any", async () => {
    const { read } = reading();
    const { etag = "" } = await read(ADA);
    for (const tag of [etag, etag.replace("W/", ""), `"x", ${etag}`, "*"]) {
      expect(await read(ADA, {}, { "if-none-match": tag })).toEqual({
        status: 304,
        body: undefined,
        etag,
        version: undefined,
      });
    }
  });

  it.each(['W/"x"', '"', "", "x".repeat(20_000)])("gives all of it for %j", async (tag) => {
    const { read } = reading();
    expect(await read(ADA, {}, { "if-none-match": tag })).toMatchObject({ status: 200 });
  });

  it("is no way to learn of what is out of scope", async () => {
    const ask = answering(
      serve(new FakeDirectory([ada("Head"), bob]), { groups: [], exclude: [bob.dn] }),
    );
    const headers = { "if-none-match": "*" };
    expect(await ask(request("GET", `/Users/${bob.id}`, { headers }))).toMatchObject({
      status: 404,
    });
    expect(await ask(request("GET", ADA, { headers }))).toMatchObject({ status: 304 });
  });

  it("goes by the version of what is sent", async () => {
    const { read } = reading();
    const projection = { attributes: ["title"] };
    const { etag = "" } = await read(ADA, projection);
    const changed = reading("Hand");
    expect(await read(ADA, projection, { "if-none-match": etag })).toMatchObject({ status: 304 });
    expect(await read(ADA, {}, { "if-none-match": etag })).toMatchObject({ status: 200 });
    expect(await changed.read(ADA, projection, { "if-none-match": etag })).toMatchObject({
      status: 200,
    });
  });
});

it("refuses to read another version than if-match names", async () => {
  const { ask, read } = reading();
  const { etag = "" } = await read(ADA);
  expect(await read(ADA, {}, { "if-match": etag })).toMatchObject({ status: 200 });
  const answer = await ask(request("GET", ADA, { headers: { "if-match": 'W/"x"' } }));
  expect(refusal(answer)).toEqual({ status: 412, detail: "the resource has another version" });
  expect(answer).toMatchObject({ headers: { etag } });
});

describe("attributes of a read by id", () => {
  it.each([
    [{ attributes: ["userName"] }, { schemas: [USER], id: uuid(1), userName: "ada" }],
    [
      { attributes: ["NAME.familyname", `${USER}:title`] },
      { schemas: [USER], id: uuid(1), name: { familyName: "ada" }, title: "Head" },
    ],
    [{ attributes: ["nothing"] }, { schemas: [USER], id: uuid(1) }],
  ])("%j are all that comes, with id and schemas", async (projection, body) => {
    expect(await reading().read(ADA, projection)).toMatchObject({ status: 200, body });
    const { body: sent } = await reading().read(ADA, projection);
    expect(sent).toEqual(body);
  });

  it("are all that is read", async () => {
    const { directory, read } = reading();
    await read(ADA, { attributes: ["title"] });
    expect([...directory.asked].sort()).toEqual(["title", "uid"]);
    expect(directory.resolved).toEqual([]);
  });

  it.each([
    [{ attributes: ["a"], excludedAttributes: ["b"] }],
    [{ attributes: ["a b"] }],
    [{ excludedAttributes: [""] }],
    [{ attributes: Array.from({ length: 513 }, () => "title") }],
  ])("are refused before the directory is asked: %j", async (projection) => {
    const { directory, ask } = reading();
    const answer = await ask({ ...request("GET", ADA), projection });
    expect(refusal(answer)).toMatchObject({ status: 400, scimType: "invalidValue" });
    expect(directory.queries).toEqual([]);
  });
});
