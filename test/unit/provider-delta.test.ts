import { describe, expect, it } from "vitest";
import { compileMapping } from "../../agent/core/compiled-mapping.ts";
import { printFileTime } from "../../agent/core/directory-value/file-time.ts";
import type { Entry } from "../../agent/core/entry.ts";
import type { Flow } from "../../agent/core/mapping.ts";
import type { DirectoryChanges } from "../../agent/ports.ts";
import { createRequestHandler } from "../../agent/provider/request-handler.ts";
import type { ServedDirectory } from "../../agent/provider/served-directory.ts";
import { BASE, FakeDirectory, group, person, unit, uuid } from "../support/fake-directory.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { readList, request, type ScopeParts, serve } from "../support/provider.ts";

type Changes = Extract<DirectoryChanges, { readonly kind: "changes" }>;

const ADA = person(`uid=ada,ou=People,${BASE}`, uuid(1));
const STAFF = group(`cn=staff,ou=Groups,${BASE}`, uuid(2), [ADA.dn]);
const PEOPLE = unit(`ou=People,${BASE}`, uuid(3));
const EMPTY = group(`cn=empty,ou=Groups,${BASE}`, uuid(4), []);

function handler(parts: ScopeParts = {}) {
  const directory = new FakeDirectory([ADA, STAFF, PEOPLE, EMPTY]);
  const agent = { name: "test", version: "1.0.0", configuration: "c1-test" };
  const options = {
    agent,
    served: [serve(directory, parts)],
    clock: { now: () => 0 },
    startedAt: 0,
  };
  const handle = createRequestHandler({ ...options, log: new MemoryLog(), logValues: false });
  return {
    directory,
    ask: (body: unknown) => handle(request("POST", "/.delta", { body }), AbortSignal.timeout(5000)),
  };
}

it("lists only the attributes that were asked for, and reads no others", async () => {
  const { ask, directory } = handler();
  const { elements, end } = await readList(
    await ask({ excludedAttributes: ["members", "emails", "name"] }),
  );
  const staff = elements.find(
    (element) => element.kind === "change" && element.change.changedResourceId === STAFF.id,
  );
  expect(staff).toMatchObject({ resource: { displayName: "staff" } });
  expect(JSON.stringify(staff)).not.toContain("members");
  expect(end).toMatchObject({ listing: "full", nextDeltaToken: expect.any(String) });
  expect(JSON.stringify(directory.queries)).not.toMatch(/"member"|"mail"|"sn"/);
});

it("refuses attributes that are no list, and both lists at once", async () => {
  const { ask } = handler();
  for (const body of [
    { attributes: "userName" },
    { attributes: ["userName"], excludedAttributes: ["title"] },
  ]) {
    const answer = await ask(body)
      .then(async (reply) => (reply.kind === "list" ? readList(reply) : reply))
      .catch((error) => error);
    expect(answer).toMatchObject({ status: 400 });
  }
});

it("calls a scope group that is an organizational unit a mistake, and takes an empty group", async () => {
  const wrong = handler({ groups: [{ dn: PEOPLE.dn, nested: false }] });
  await expect(readList(await wrong.ask({}))).rejects.toMatchObject({ code: "scope.missing" });
  const right = handler({ groups: [{ dn: EMPTY.dn, nested: false }] });
  const { elements } = await readList(await right.ask({}));
  expect(elements).toMatchObject([{ change: { changedResourceId: EMPTY.id } }]);
});

describe("a delta token", () => {
  const csn = (minute: number) =>
    `202601011200${String(minute).padStart(2, "0")}.000000Z#000000#001#000000`;
  const at = (minute: number) => withAttributes(unit(BASE, uuid(9)), { contextCSN: [csn(minute)] });
  const changed = (entry: Entry, minute: number) =>
    withAttributes(entry, { entryCSN: [csn(minute)] });
  const people = (minute: number) => [changed(ADA, 1), changed(STAFF, minute)];

  function serving(entries: readonly Entry[], configuration = "c1-x", parts: ScopeParts = {}) {
    const directory = new FakeDirectory([...entries]);
    const agent = { name: "test", version: "1.0.0", configuration };
    const handle = createRequestHandler({
      agent,
      served: [serve(directory, parts)],
      clock: { now: () => 0 },
      startedAt: 0,
      log: new MemoryLog(),
      logValues: false,
    });
    const ask = (body: unknown) => handle(request("POST", "/.delta", { body }), never);
    return { ask, list: async (body: unknown) => readList(await ask(body)) };
  }

  it("brings what has changed since with its data, and the ids of the rest", async () => {
    const { end } = await serving([at(3), ...people(3)]).list({});
    const { elements } = await serving([at(5), ...people(5)]).list({
      deltaToken: end["nextDeltaToken"],
    });
    expect(elements).toMatchObject([
      {
        change: { changeType: "update", resourceType: "Group", changedResourceId: STAFF.id },
        resource: { displayName: "staff" },
      },
      { change: { changeType: "present", resourceType: "User", changedResourceId: ADA.id } },
    ]);
    expect(elements[1]).not.toHaveProperty("resource");
  });

  it("is not continued by a server that lacks changes which it was given after", async () => {
    const { end } = await serving([at(3), ...people(3)]).list({});
    const deltaToken = end["nextDeltaToken"];
    const behind = serving([at(2), ...people(1)]);
    const busy = { status: 503, body: { detail: expect.stringMatching(/^directory\.busy/) } };
    expect(await behind.ask({ deltaToken })).toMatchObject(busy);
    const silent = serving(people(3));
    expect(await silent.ask({ deltaToken })).toMatchObject(busy);
  });

  it.each<[string, RegExp, () => Promise<unknown>]>([
    [
      "another configuration",
      /have changed since/,
      async () => {
        const { end } = await serving([at(3)], "c1-before").list({});
        return serving([at(3)]).ask({ deltaToken: end["nextDeltaToken"] });
      },
    ],
    [
      "other attributes",
      /have changed since/,
      async () => {
        const { list, ask } = serving([at(3)]);
        const { end } = await list({ attributes: ["userName"] });
        return ask({ deltaToken: end["nextDeltaToken"] });
      },
    ],
    [
      "a directory that does not say what has changed",
      /syncprov/,
      async () => {
        const { list, ask } = serving(people(3));
        const { end } = await list({});
        return ask({ deltaToken: end["nextDeltaToken"] });
      },
    ],
    [
      "another directory",
      /another directory/,
      async () => {
        const { list, ask } = serving([at(3)]);
        const token = JSON.parse(decoded((await list({})).end["nextDeltaToken"]));
        return ask({ deltaToken: encoded({ ...token, directory: "elsewhere" }) });
      },
    ],
    ["no token", /none of this agent's/, () => serving([at(3)]).ask({ deltaToken: "e30" })],
    ["another version", /none of/, () => serving([]).ask({ deltaToken: encoded({ version: 2 }) })],
    [
      "a token without a directory",
      /none of/,
      () => serving([]).ask({ deltaToken: encoded({ version: 1, configuration: "c" }) }),
    ],
    [
      "a token without a configuration",
      /none of/,
      () => serving([]).ask({ deltaToken: encoded({ version: 1, directory: "d" }) }),
    ],
    ["a number", /none of/, () => serving([]).ask({ deltaToken: 7 })],
    ["text that is too long", /none of/, () => serving([]).ask({ deltaToken: "x".repeat(70_000) })],
  ])("is not continued, but answered with 410, after %s", async (_, detail, ask) => {
    expect(await ask()).toMatchObject({
      status: 410,
      body: { detail: expect.stringMatching(detail) },
    });
  });
});

describe("a delta", () => {
  const csn = "20260101120000.000000Z#000000#001#000000";
  const BOSS = group(`cn=boss,ou=Groups,${BASE}`, uuid(5), [ADA.dn]);
  const top = () => withAttributes(unit(BASE, uuid(9)), { contextCSN: [csn] });
  const mark = { strategy: "entryCsn", position: { csn } } as const;
  const nothing = { changed: [], deleted: [], treeChanged: false, complete: true };

  function following(
    entries: readonly Entry[],
    parts: ScopeParts = {},
    flows?: readonly Flow[],
    clock = { ms: 0 },
  ) {
    const directory = new FakeDirectory([top(), ...entries]);
    const log = new MemoryLog();
    const handle = createRequestHandler({
      agent: { name: "test", version: "1.0.0", configuration: "c1-x" },
      served: [mapped(serve(directory, parts), flows)],
      clock: { now: () => clock.ms },
      startedAt: 0,
      log,
      logValues: false,
    });
    let deltaToken: unknown;
    const follow = async (told: Partial<Omit<Changes, "kind" | "mark">> = {}) => {
      directory.nextChanges =
        deltaToken === undefined ? undefined : { kind: "changes", ...nothing, ...told, mark };
      directory.queries.length = 0;
      const body = deltaToken === undefined ? {} : { deltaToken };
      const { elements, end } = await readList(
        await handle(request("POST", "/.delta", { body }), never),
      );
      deltaToken = end["nextDeltaToken"];
      const lines = elements.map((one) => {
        if (one.kind !== "change") throw new Error("no change");
        const { changeType, changedResourceId, resourceType = "?", reason } = one.change;
        return [changeType, reason, resourceType, changedResourceId.slice(-1)]
          .filter(Boolean)
          .join(" ");
      });
      return { listing: end["listing"], lines };
    };
    return { directory, log, follow, token: () => deltaToken, handle };
  }

  it("says nothing and reads nothing when nothing has changed", async () => {
    const { follow, directory } = following([PEOPLE, ADA], { include: [PEOPLE.dn] });
    await follow();
    directory.resolved.length = 0;
    expect(await follow()).toEqual({ listing: "changes", lines: [] });
    expect([directory.queries, directory.resolved]).toEqual([[], []]);
  });

  it("tells who is different, who is out of scope, and who is deleted, each with its reason", async () => {
    const outside = person(`uid=out,ou=Other,${BASE}`, uuid(6));
    const { follow } = following([PEOPLE, ADA, outside], { include: [PEOPLE.dn] });
    await follow();
    const told = { changed: [ADA.id, outside.id, uuid(7)], deleted: [uuid(8)] };
    expect(await follow(told)).toEqual({
      listing: "changes",
      lines: [
        "update User 1",
        "delete outOfScope ? 6",
        "delete outOfScope ? 7",
        "delete deleted ? 8",
      ],
    });
  });

  it.each([
    ["a unit may have taken people along", { treeChanged: true, changed: [PEOPLE.id] }],
    ["the directory does not say what is gone", { complete: false }],
  ])("lists the ids of all that is in scope when %s", async (_, told) => {
    const { follow } = following([PEOPLE, ADA, STAFF]);
    await follow();
    const { listing, lines } = await follow(told);
    expect(listing).toBe("full");
    expect(lines.slice(-2)).toEqual(["present User 1", "present Group 2"]);
  });

  it("lists them when members of a scope group have come or left, of an inner one too", async () => {
    const parts = { groups: [{ dn: BOSS.dn, nested: true }] };
    const bob = person(`uid=bob,ou=People,${BASE}`, uuid(7));
    const { follow, directory } = following([PEOPLE, ADA, bob, BOSS], parts);
    expect((await follow()).lines).toEqual(["create User 1", "create Group 5"]);
    directory.replace(group(BOSS.dn, BOSS.id, [ADA.dn, bob.dn]));
    expect(await follow({ changed: [BOSS.id] })).toEqual({
      listing: "full",
      lines: ["update Group 5", "present User 1", "present User 7"],
    });
  });

  it("looks once more at who was found in no scope group, since the group may learn of a new name later", async () => {
    const parts = { groups: [{ dn: BOSS.dn, nested: false }] };
    const renamed = { ...ADA, dn: `uid=ada2,ou=People,${BASE}` };
    const { follow, directory } = following([PEOPLE, ADA, BOSS], parts);
    await follow();
    directory.replace(renamed);
    expect((await follow({ changed: [ADA.id] })).lines).toEqual(["delete outOfScope ? 1"]);
    directory.replace(group(BOSS.dn, BOSS.id, [renamed.dn]));
    const { lines } = await follow();
    expect(lines).toContain("update User 1");
    expect((await follow()).lines).toEqual([]);
  });

  it("reads an entry once more whose reference points at nothing", async () => {
    const dangling = group(STAFF.dn, STAFF.id, [ADA.dn, `uid=late,ou=People,${BASE}`]);
    const { follow } = following([PEOPLE, ADA, dangling]);
    await follow();
    expect((await follow()).lines).toEqual(["update Group 2"]);
    expect((await follow()).lines).toEqual([]);
  });

  it("finds a scope unit that was renamed by the id in the token, in a process that never saw it", async () => {
    const parts = { include: [PEOPLE.dn] };
    const first = following([PEOPLE, ADA], parts);
    await first.follow();
    const moved = { ...PEOPLE, dn: `ou=Staff,${BASE}` };
    const second = following([moved], parts);
    second.directory.nextChanges = { kind: "changes", ...nothing, changed: [PEOPLE.id], mark };
    const body = { deltaToken: first.token() };
    await expect(
      second.handle(request("POST", "/.delta", { body }), never).then(readList),
    ).rejects.toMatchObject({
      code: "scope.missing",
      message: `not in the directory: ${PEOPLE.dn} is now ${moved.dn} (found by its id ${PEOPLE.id})`,
    });
  });

  it("reads everything again, with its data, where the mapping reads what servers change in silence", async () => {
    const { follow } = following([PEOPLE, ADA, STAFF], {}, [
      { target: "nickName", kind: "direct", attribute: "memberOf" },
    ]);
    await follow();
    expect(await follow({ changed: [STAFF.id] })).toEqual({
      listing: "full",
      lines: ["update Group 2", "update User 1"],
    });
    expect(await follow()).toEqual({ listing: "changes", lines: [] });
  });

  it("tells of an account whose time has come, though nobody has changed it", async () => {
    const expiry = (iso: string) => printFileTime(Date.parse(iso));
    const clock = { ms: Date.parse("2026-06-01T00:00:00Z") };
    const of = (n: number, iso: string) =>
      person(`uid=u${n},ou=People,${BASE}`, uuid(n), {
        userAccountControl: "512",
        accountExpires: iso === "" ? "9223372036854775807" : expiry(iso),
      });
    const people = [of(11, "2026-06-02T00:00:00Z"), of(12, "2026-06-09T00:00:00Z"), of(13, "")];
    const { follow } = following(
      [PEOPLE, ...people],
      {},
      [{ target: "active", kind: "computed", computed: "accountActive" }],
      clock,
    );
    await follow();
    expect(await follow()).toEqual({ listing: "changes", lines: [] });
    clock.ms = Date.parse("2026-06-03T00:00:00Z");
    expect(await follow()).toEqual({ listing: "changes", lines: ["update User b"] });
    expect(await follow()).toEqual({ listing: "changes", lines: [] });
  });

  it("warns of members of a scope group that are outside of the base, by number", async () => {
    const strangers = ["cn=a,dc=other", "CN=S-1-5-21-1,CN=ForeignSecurityPrincipals,DC=Other"];
    const mixed = group(BOSS.dn, BOSS.id, [ADA.dn, ...strangers]);
    const { follow, log } = following([PEOPLE, ADA, mixed], {
      groups: [{ dn: BOSS.dn, nested: false }],
    });
    await follow();
    expect(log.lines.filter(({ event }) => event === "scope.outside")).toMatchObject([
      { level: "warn", fields: { group: BOSS.dn, members: 2 } },
    ]);
  });

  it("goes back to the server that the token is of, and gives it up when that one stays away", async () => {
    const { follow, directory, handle, token } = following([ADA]);
    await follow();
    await follow();
    expect(directory.pins.at(-1)).toBe(directory.url);
    directory.url = "ldap://other.example.com";
    const answer = await handle(
      request("POST", "/.delta", { body: { deltaToken: token() } }),
      never,
    );
    expect(answer).toMatchObject({
      status: 410,
      body: { detail: expect.stringMatching(/the server that it came from does not answer/) },
    });
  });
});

/** With a User mapping of these flows and a userName. */
function mapped(served: ServedDirectory, flows: readonly Flow[] | undefined): ServedDirectory {
  if (flows === undefined) return served;
  const { objectClasses } = served.mappings.User;
  const userName = { target: "userName", kind: "direct", attribute: "uid" } as const;
  const User = { objectClasses, flows: [userName, ...flows] };
  const Group = {
    objectClasses: served.mappings.Group.objectClasses,
    flows: [{ target: "displayName", kind: "direct", attribute: "cn" } as const],
  };
  return { ...served, mappings: compileMapping({ User, Group }) };
}

const never = new AbortController().signal;

const decoded = (token: unknown) => Buffer.from(String(token), "base64url").toString("utf8");
const encoded = (token: object) => Buffer.from(JSON.stringify(token)).toString("base64url");

function withAttributes(entry: Entry, more: Readonly<Record<string, readonly string[]>>): Entry {
  const added = Object.entries(more).map(([name, values]) => [name.toLowerCase(), values] as const);
  return { ...entry, attributes: new Map([...entry.attributes, ...added]) };
}
