import { describe, expect, it } from "vitest";
import type { Entry } from "../../agent/core/entry.ts";
import { createRequestHandler } from "../../agent/provider/request-handler.ts";
import { BASE, FakeDirectory, group, person, unit, uuid } from "../support/fake-directory.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { readList, request, type ScopeParts, serve } from "../support/provider.ts";

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

const never = new AbortController().signal;

const decoded = (token: unknown) => Buffer.from(String(token), "base64url").toString("utf8");
const encoded = (token: object) => Buffer.from(JSON.stringify(token)).toString("base64url");

function withAttributes(entry: Entry, more: Readonly<Record<string, readonly string[]>>): Entry {
  const added = Object.entries(more).map(([name, values]) => [name.toLowerCase(), values] as const);
  return { ...entry, attributes: new Map([...entry.attributes, ...added]) };
}
