import { describe, expect, it } from "vitest";
import { AgentError } from "../../agent/core/error.ts";
import { References } from "../../agent/provider/references.ts";
import type { ServedDirectory } from "../../agent/provider/served-directory.ts";
import {
  BASE,
  entry,
  FakeDirectory,
  group,
  person,
  unit,
  uuid,
} from "../support/fake-directory.ts";
import { MemoryLog } from "../support/memory-log.ts";
import {
  answering,
  idsOf,
  readList,
  refusal,
  request,
  search,
  serve,
} from "../support/provider.ts";

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const PEOPLE = `ou=people,${BASE}`;
const LEAVERS = `ou=leavers,${PEOPLE}`;
const GROUPS = `ou=groups,${BASE}`;
const NEVER = new AbortController().signal;

const ada = person(`uid=ada,${PEOPLE}`, uuid(1), { employeeType: "Staff", title: "Head" });
const bob = person(`uid=bob,${PEOPLE}`, uuid(2), { employeeType: "Guest", manager: ada.dn });
const cy = person(`uid=cy,${LEAVERS}`, uuid(3), { employeeType: "Staff" });
const dan = person(`uid=dan,${BASE}`, uuid(4), { employeeType: "Staff" });
const staff = group(`cn=staff,${GROUPS}`, uuid(11), [ada.dn, cy.dn]);
const everyone = group(`cn=everyone,${GROUPS}`, uuid(12), [staff.dn, bob.dn, `uid=gone,${BASE}`]);
const tree = [
  unit(PEOPLE, uuid(21)),
  unit(LEAVERS, uuid(22)),
  unit(GROUPS, uuid(23)),
  ada,
  bob,
  cy,
  dan,
  staff,
  everyone,
];

function agent(served: ServedDirectory | readonly ServedDirectory[], log = new MemoryLog()) {
  return answering(served, { log });
}

describe("scope", () => {
  const scopes = [
    ["units and exclusions", { include: [PEOPLE], exclude: [LEAVERS] }, [1, 2]],
    ["an exclusion alone", { exclude: [LEAVERS] }, [1, 2, 4]],
    ["a deeper inclusion", { include: [PEOPLE, LEAVERS], exclude: [] }, [1, 2, 3]],
    ["direct members", { groups: [{ dn: staff.dn, nested: false }] }, [1, 3]],
    ["direct members of an outer group", { groups: [{ dn: everyone.dn, nested: false }] }, [2]],
    ["nested members", { groups: [{ dn: everyone.dn, nested: true }] }, [1, 2, 3]],
    [
      "units and members",
      { exclude: [LEAVERS], groups: [{ dn: everyone.dn, nested: true }] },
      [1, 2],
    ],
    [
      "units or members",
      { include: [LEAVERS], groups: [{ dn: everyone.dn, nested: false }], combine: "any" },
      [2, 3],
    ],
    [
      "a clause",
      {
        clauses: [
          { resourceType: "User", attribute: "employeeType", operator: "equals", value: "Staff" },
        ],
      },
      [1, 3, 4],
    ],
  ] as const;

  it.each(scopes)(
    "%s: the same people by search, by id and by delta",
    async (_, parts, inScope) => {
      const ask = agent(serve(new FakeDirectory(tree), parts));
      const expected = inScope.map(uuid);
      expect([...idsOf(await readList(await ask(search("/Users"))))].sort()).toEqual(expected);
      const delta = await readList(await ask(request("POST", "/.delta")));
      const users = delta.elements.filter(
        (one) => one.kind === "change" && one.change.resourceType === "User",
      );
      expect([...idsOf({ ...delta, elements: users })].sort()).toEqual(expected);
      for (const one of [ada, bob, cy, dan]) {
        const byId = await ask(request("GET", `/Users/${one.id}`));
        const byName = await ask(search("/Users", { filter: `id eq "${one.id}"` }));
        const isIn = expected.includes(one.id);
        expect(byId).toMatchObject(isIn ? { status: 200, body: { id: one.id } } : { status: 404 });
        expect(idsOf(await readList(byName))).toEqual(isIn ? [one.id] : []);
      }
    },
  );

  it("answers what is out of scope in the very words for what does not exist", async () => {
    const log = new MemoryLog();
    const ask = agent(
      serve(new FakeDirectory(tree), { include: [PEOPLE], exclude: [LEAVERS] }),
      log,
    );
    const outside = await ask(request("GET", `/Users/${cy.id}`));
    expect(outside).toEqual(await ask(request("GET", `/Users/${uuid(99)}`)));
    expect(outside).toEqual(await ask(request("GET", "/Users/no-id-at-all")));
    expect(outside).toEqual(await ask(request("GET", `/Users/${staff.id}`)));
    expect(refusal(outside)).toEqual({ status: 404, detail: "there is no such User in scope" });
    expect(JSON.stringify(log.lines)).not.toContain(cy.id);
  });

  it("reads an id in any letter case", async () => {
    const id = "abcdef00-0000-4000-8000-00000000000a";
    const ask = agent(serve(new FakeDirectory([person(`uid=x,${BASE}`, id)])));
    expect(await ask(request("GET", `/Users/${id.toUpperCase()}`))).toMatchObject({
      status: 200,
      body: { id },
    });
  });

  it("has scope groups in scope wherever they are, once each", async () => {
    const groups = [{ dn: everyone.dn, nested: true }];
    const inUnits = agent(serve(new FakeDirectory(tree), { include: [PEOPLE], groups }));
    expect(idsOf(await readList(await inUnits(search("/Groups"))))).toEqual([everyone.id]);
    expect(await inUnits(request("GET", `/Groups/${everyone.id}`))).toMatchObject({ status: 200 });
    expect(await inUnits(request("GET", `/Groups/${staff.id}`))).toMatchObject({ status: 404 });
    const overlapping = agent(serve(new FakeDirectory(tree), { include: [GROUPS], groups }));
    expect(idsOf(await readList(await overlapping(search("/Groups"))))).toEqual([
      staff.id,
      everyone.id,
    ]);
  });

  it.each([
    ["an included unit", { include: [`ou=renamed,${BASE}`] }],
    ["an excluded unit", { exclude: [`ou=renamed,${BASE}`] }],
    ["a group", { groups: [{ dn: `cn=renamed,${GROUPS}`, nested: false }] }],
  ])("fails as a whole when %s is missing", async (_, parts) => {
    const ask = agent(serve(new FakeDirectory(tree), parts));
    expect(refusal(await ask(request("GET", `/Users/${ada.id}`)))).toMatchObject({
      status: 500,
      detail: expect.stringContaining("scope.missing"),
    });
    for (const asked of [search("/Users"), search(""), request("POST", "/.delta")]) {
      await expect(readList(await ask(asked))).rejects.toMatchObject({ code: "scope.missing" });
    }
  });

  it("follows groups in groups through a cycle and comes to an end", async () => {
    const names = ["a", "b", "c"].map((cn) => `cn=${cn},${GROUPS}`);
    const [a = "", b = "", c = ""] = names;
    const cyclic = [
      group(a, uuid(31), [b, a]),
      group(b, uuid(32), [c]),
      group(c, uuid(33), [a.toUpperCase(), ada.dn]),
    ];
    const directory = new FakeDirectory([...tree, ...cyclic]);
    const ask = agent(serve(directory, { groups: [{ dn: a, nested: true }] }));
    expect(idsOf(await readList(await ask(search("/Users"))))).toEqual([ada.id]);
    expect(idsOf(await readList(await ask(search("/Groups"))))).toEqual([31, 32, 33].map(uuid));
    expect(directory.reads.slice(0, 3)).toEqual([a, b, c]);
  });

  it("refuses to follow groups that are nested without end", async () => {
    const dn = (n: number) => `cn=g${n},${GROUPS}`;
    const chain = Array.from({ length: 70 }, (_, n) => group(dn(n), uuid(100 + n), [dn(n + 1)]));
    const ask = agent(serve(new FakeDirectory(chain), { groups: [{ dn: dn(0), nested: true }] }));
    await expect(readList(await ask(search("/Users")))).rejects.toMatchObject({
      code: "directory.refused",
      message: expect.stringContaining("nested deeper than 64 levels"),
    });
  });

  it("takes uniqueMember for members too", async () => {
    const unique = entry(`cn=u,${GROUPS}`, uuid(31), {
      objectClass: "groupOfUniqueNames",
      uniqueMember: [bob.dn],
    });
    const directory = new FakeDirectory([...tree, unique]);
    const ask = agent(serve(directory, { groups: [{ dn: unique.dn, nested: false }] }));
    expect(idsOf(await readList(await ask(search("/Users"))))).toEqual([bob.id]);
  });
});

describe("a read that is not whole", () => {
  const cuts = ["size limit", "time limit", "referral"] as const;

  it.each(cuts)("fails and never ends, cut by a %s", async (because) => {
    for (const asked of [
      search("/Users"),
      search("/Groups"),
      search(""),
      request("POST", "/.delta"),
    ]) {
      const directory = new FakeDirectory(tree);
      directory.cutAfter(2, because);
      const answer = await agent(serve(directory))(asked);
      await expect(readList(answer)).rejects.toMatchObject({
        code: "directory.incomplete",
        message: `the read of directory openldap was cut by a ${because} after 2 entries`,
        retryable: true,
      });
    }
  });

  it("is no 404 by id", async () => {
    const directory = new FakeDirectory(tree);
    directory.cutAfter(0);
    expect(await agent(serve(directory))(request("GET", `/Users/${ada.id}`))).toMatchObject({
      status: 503,
      headers: { "retry-after": "30" },
    });
  });

  it("of nested groups leaves nobody out of scope", async () => {
    const directory = new FakeDirectory(tree);
    directory.cutAfter(1);
    const ask = agent(serve(directory, { groups: [{ dn: everyone.dn, nested: true }] }));
    await expect(readList(await ask(search("/Users")))).rejects.toMatchObject({
      code: "directory.incomplete",
    });
    expect(directory.queries).toHaveLength(1);
  });

  it("carries what the directory throws", async () => {
    const directory = new FakeDirectory(tree);
    directory.failAfter(2, new AgentError("directory.unreachable", "cut"));
    await expect(
      readList(await agent(serve(directory))(request("POST", "/.delta"))),
    ).rejects.toMatchObject({ code: "directory.unreachable" });
  });
});

describe("references", () => {
  it("are ids, asked for in one batch, and dangling ones are left out", async () => {
    const directory = new FakeDirectory(tree, { batchSize: 10 });
    const list = await readList(await agent(serve(directory))(search("/Groups")));
    const members = list.elements.map((one) => one.kind === "resource" && one.resource["members"]);
    expect(members).toEqual([
      [{ value: ada.id }, { value: cy.id }],
      [{ value: staff.id }, { value: bob.id }],
    ]);
    expect(directory.resolved).toEqual([[ada.dn, cy.dn, bob.dn, `uid=gone,${BASE}`]]);
  });

  it("are asked for once in an answer, found or not", async () => {
    const gone = `uid=gone,${BASE}`;
    const groups = [1, 2, 3, 4].map((n) =>
      group(`cn=g${n},${GROUPS}`, uuid(40 + n), [ada.dn, gone, gone.toUpperCase()]),
    );
    const directory = new FakeDirectory([ada, ...groups], { batchSize: 1 });
    const list = await readList(await agent(serve(directory))(search("/Groups")));
    expect(list.elements).toHaveLength(4);
    expect(directory.resolved).toEqual([[ada.dn, gone.toUpperCase()]]);
  });

  it("point at whatever is there, out of scope too", async () => {
    const ask = agent(serve(new FakeDirectory(tree), { include: [GROUPS] }));
    expect(await ask(request("GET", `/Groups/${staff.id}`))).toMatchObject({
      body: { members: [{ value: ada.id }, { value: cy.id }] },
    });
  });

  it("are learned by listing when there are thousands of them", async () => {
    const people = Array.from({ length: 2500 }, (_, n) =>
      person(`uid=p${n},${PEOPLE}`, uuid(1000 + n)),
    );
    const all = group(`cn=all,${GROUPS}`, uuid(50), [
      ...people.map(({ dn }) => dn),
      `uid=gone,${BASE}`,
    ]);
    const directory = new FakeDirectory([...people, all], { batchSize: 500 });
    const answer = await agent(serve(directory))(request("GET", `/Groups/${all.id}`));
    expect(answer.kind === "document" && answer.body).toMatchObject({
      members: people.map(({ id }) => ({ value: id })),
    });
    expect(directory.resolved).toEqual([[`uid=gone,${BASE}`]]);
  });

  it("are never left out because the listing was cut", async () => {
    const directory = new FakeDirectory(tree);
    directory.cutAfter(1);
    const dns = Array.from({ length: 2500 }, (_, n) => `uid=p${n},${PEOPLE}`);
    const references = new References(directory);
    expect(references.isWorthListing(dns)).toBe(true);
    await expect(references.list(NEVER)).rejects.toMatchObject({
      code: "directory.incomplete",
    });
  });

  it("are known though the index is full, or an id is no UUID", async () => {
    const named = person(`uid=named,${BASE}`, "nsuniqueid-1");
    const directory = new FakeDirectory([...tree, named]);
    const references = new References(directory, { maxIndexed: 1 });
    await references.resolve([ada.dn, bob.dn, named.dn, `uid=gone,${BASE}`], NEVER);
    const known = [ada.dn, bob.dn.toUpperCase(), named.dn, `uid=gone,${BASE}`, cy.dn];
    expect(known.map((dn) => references.idOf(dn))).toEqual([
      ada.id,
      bob.id,
      named.id,
      undefined,
      undefined,
    ]);
    await references.resolve([ada.dn, bob.dn], NEVER);
    expect([ada, bob].map(({ dn }) => references.idOf(dn))).toEqual([ada.id, bob.id]);
    expect(directory.resolved[1]).toEqual([bob.dn]);
  });
});

describe("an entry that cannot be mapped", () => {
  const nameless = entry(`cn=nameless,${PEOPLE}`, uuid(5), {
    objectClass: "inetOrgPerson",
    sn: "N",
  });
  const odd = person(`uid=odd,${PEOPLE}`, uuid(6), { title: Buffer.from([1]) });
  const directory = () => new FakeDirectory([ada, nameless, odd, bob], { batchSize: 2 });

  it("is a problem of its own in a list, and the run goes on", async () => {
    const log = new MemoryLog();
    const list = await readList(await agent(serve(directory()), log)(search("/Users")));
    expect(list.elements.map(({ kind }) => kind)).toEqual([
      "resource",
      "problem",
      "problem",
      "resource",
    ]);
    expect(list.elements[1]).toEqual({
      kind: "problem",
      problem: {
        resourceType: "User",
        id: nameless.id,
        attribute: "userName",
        rule: "userName <- uid",
        reason: "has no value",
      },
    });
    expect(log.lines.filter(({ event }) => event === "entry.problem")).toHaveLength(2);
  });

  it("is present in a delta, so that nobody concludes its absence", async () => {
    const { elements, end } = await readList(
      await agent(serve(directory()))(request("POST", "/.delta")),
    );
    expect(elements[1]).toMatchObject({
      kind: "change",
      change: {
        changeType: "present",
        changedResourceId: nameless.id,
        problem: { id: nameless.id },
      },
    });
    expect(elements[1]).not.toHaveProperty("resource");
    expect(end).toMatchObject({ listing: "full" });
  });

  it("is 422 by id, with attribute, rule and reason", async () => {
    expect(refusal(await agent(serve(directory()))(request("GET", `/Users/${odd.id}`)))).toEqual({
      status: 422,
      detail:
        "the entry cannot be mapped: title has bytes where string was expected (title <- title)",
    });
  });
});

describe("routes", () => {
  const ask = agent(serve(new FakeDirectory(tree)));
  const of = async (method: string, path: string, body?: unknown) =>
    refusal(await ask(request(method, path, { body })));

  it.each([
    ["GET", "/"],
    ["GET", "/Nope"],
    ["GET", "/users"],
    ["GET", "/constructor"],
    ["POST", "/__proto__/.search"],
    ["GET", "/Users/a/b"],
    ["POST", "/Users/.search/x"],
    ["POST", "/.delta/x"],
    ["GET", "/agent"],
    ["GET", "/agent/other"],
    ["GET", "/ServiceProviderConfig/x"],
    ["GET", "//Users"],
    ["GET", "/Users/"],
    ["DELETE", "/Users/"],
    ["POST", "/Bulk/x"],
    ["GET", "/Schemas/a/b"],
    ["GET", "/Schemas/"],
    ["GET", "/Users?filter=x"],
  ])("%s %s is not there", async (method, path) => {
    expect(await of(method, path)).toEqual({ status: 404, detail: "there is no such path" });
  });

  it.each([
    ["GET", "/Users/.search", "this path takes POST"],
    ["DELETE", "/Users/.search", "this path takes POST"],
    ["GET", "/.search", "this path takes POST"],
    ["GET", "/.delta", "this path takes POST"],
    ["POST", "/ServiceProviderConfig", "this path takes GET"],
    ["POST", "/agent/health", "this path takes GET"],
    ["HEAD", "/Users/x", "this path takes GET"],
    ["OPTIONS", "/Users", "this path takes GET"],
    ["constructor", "/Users", "this path takes GET"],
    ["DELETE", "/Schemas", "this path takes GET"],
    ["POST", "/ResourceTypes/User", "this path takes GET"],
    ["GET", "/agent/explain", "this path takes POST"],
    ["GET", "/Bulk", "this path takes nothing while writes are off"],
  ])("%s %s is not allowed, whatever its body", async (method, path, detail) => {
    const answer = await ask(request(method, path, { body: "test" }));
    const allow = /(?:GET|POST)$/.exec(detail)?.[0] ?? "";
    expect(refusal(answer)).toEqual({ status: 405, detail });
    expect(answer).toMatchObject({ headers: { allow } });
  });

  it("has no resource for whoever asks", async () => {
    for (const method of ["GET", "PATCH", "DELETE"]) {
      expect(await of(method, "/Me")).toMatchObject({ status: 501 });
    }
    expect(await of("GET", "/Me/x")).toMatchObject({ status: 404 });
  });

  it.each([
    ["POST", "/Users"],
    ["PUT", `/Users/${ada.id}`],
    ["PATCH", `/Groups/${staff.id}`],
    ["DELETE", `/Users/${ada.id}`],
    ["DELETE", `/Users/${uuid(99)}`],
    ["PATCH", "/Groups"],
    ["POST", "/Bulk"],
  ])("%s %s is a write, and writes are off, whatever its body", async (method, path) => {
    for (const body of [undefined, {}, "test"]) {
      expect(await of(method, path, body)).toEqual({
        status: 403,
        detail:
          "writes are off: this version of the agent only reads the directory; where writes are on, they come through a queue of their own with its own access rule",
      });
    }
  });

  it("lists a whole type by GET, with the attributes that the transport read from a query", async () => {
    const projection = { attributes: ["userName"] };
    const list = await readList(await ask({ ...request("GET", "/Users"), projection }));
    expect(list.elements[0]).toEqual({
      kind: "resource",
      resource: { schemas: [USER], id: ada.id, userName: "ada" },
    });
    expect(idsOf(list)).toEqual([1, 2, 3, 4].map(uuid));
    expect(idsOf(await readList(await ask(request("GET", "/Groups"))))).toEqual([11, 12].map(uuid));
  });

  it.each([
    ["nothing", undefined, "invalidSyntax"],
    ["another schema", { schemas: ["x"] }, "invalidSyntax"],
    ["a filter that is none", { filter: "userName eq" }, "invalidFilter"],
    ["attributes of two kinds", { attributes: ["a"], excludedAttributes: ["b"] }, "invalidValue"],
    ["a page", { startIndex: 2 }, "invalidValue"],
    ["a count", { count: 0 }, "invalidValue"],
    ["a cursor", { cursor: "" }, "invalidValue"],
  ])("a search for %s is a bad request", async (_, body, scimType) => {
    const asked =
      body === undefined || "schemas" in body
        ? request("POST", "/Users/.search", { body })
        : search("/Users", body);
    expect(refusal(await ask(asked))).toMatchObject({ status: 400, scimType });
  });

  it("says how it is, and which directory does not answer", async () => {
    const broken = new FakeDirectory([], { name: "other" });
    broken.failAfter(0, new AgentError("directory.unreachable", "ldap.internal refused"));
    const both = agent([serve(new FakeDirectory(tree)), serve(broken)]);
    const health = {
      agent: { name: "agent-1", version: "1.0.0" },
      configuration: "c1-x",
      uptimeSeconds: 60,
    };
    expect(await ask(request("GET", "/agent/health"))).toEqual({
      kind: "document",
      status: 200,
      body: { ...health, status: "ok", directories: [{ name: "openldap", reachable: true }] },
    });
    expect(await both(request("GET", "/agent/health"))).toEqual({
      kind: "document",
      status: 200,
      body: {
        ...health,
        status: "degraded",
        directories: [
          { name: "openldap", reachable: true },
          { name: "other", reachable: false, problem: "directory.unreachable" },
        ],
      },
    });
  });

  it("chooses among several directories by the header, and never by guess", async () => {
    const first = new FakeDirectory([ada], { name: "first" });
    const second = new FakeDirectory([bob], { name: "second" });
    const both = agent([serve(first), serve(second)]);
    const users = (headers: Readonly<Record<string, string>>) =>
      both({ ...search("/Users"), headers: new Map(Object.entries(headers)) });
    expect(idsOf(await readList(await users({ directory: "second" })))).toEqual([bob.id]);
    expect(idsOf(await readList(await users({ directory: "first" })))).toEqual([ada.id]);
    expect(refusal(await users({ directory: "third" }))).toEqual({
      status: 400,
      scimType: "invalidValue",
      detail: "there is no such directory; this agent serves: first, second",
    });
    expect(refusal(await users({}))).toEqual({
      status: 400,
      scimType: "invalidValue",
      detail: "the directory header is missing; this agent serves: first, second",
    });
    const [asked] = [{ ...search("/Users"), headers: new Map([["directory", "x"]]) }];
    expect(refusal(await ask(asked))).toMatchObject({ status: 400 });
  });

  it("tells the log of a crash and the requester nothing", async () => {
    const directory = new FakeDirectory(tree);
    directory.failAfter(0, new TypeError("ada@example.com"));
    const log = new MemoryLog();
    const answer = await agent(serve(directory), log)(request("GET", `/Users/${ada.id}`));
    expect(refusal(answer)).toEqual({
      status: 500,
      detail: "internal error; the agent's log has the details",
    });
    expect(log.lines.at(-1)).toMatchObject({
      level: "error",
      event: "request.crashed",
      fields: { requestId: "request-1", correlationId: "cycle-1", path: "/Users/{id}" },
    });
  });
});

describe("search", () => {
  it("asks the directory what it can be asked", async () => {
    const directory = new FakeDirectory(tree);
    const list = await readList(
      await agent(serve(directory))(search("/Users", { filter: 'userName eq "ADA"' })),
    );
    expect(idsOf(list)).toEqual([ada.id]);
    expect(directory.filters).toEqual(["(&(objectClass=inetOrgPerson)(uid=ADA))"]);
  });

  it.each([
    ["an unmapped attribute", 'nickName eq "x"', []],
    ["an unmapped attribute that must be absent", "not (nickName pr)", [1, 2, 3, 4]],
    ["a constant", "active eq true", [1, 2, 3, 4]],
    ["a constant that differs", "active eq false", []],
    ["a reference", `manager eq "${ada.id}"`, [2]],
    ["a reference that is not there", "not (manager pr)", [1, 3, 4]],
    ["a mapped attribute and an unmapped one", 'userType eq "Staff" and nickName pr', []],
    ["two mapped attributes", 'userType eq "staff" and title eq "head"', [1]],
    ["meta", 'meta.resourceType eq "User" and userName sw "a"', [1]],
    ["an attribute of no schema", 'shoeSize eq "44"', []],
    ["the anchor", `externalId eq "${bob.id}"`, [2]],
  ] as const)("matches %s on the resource itself", async (_, filter, expected) => {
    const ask = agent(serve(new FakeDirectory(tree)));
    const list = await readList(await ask(search("/Users", { filter })));
    expect([...idsOf(list)].sort()).toEqual(expected.map(uuid));
  });

  it("matches again what a server finds that compares differently", async () => {
    const directory = new FakeDirectory([
      person(`uid=x,${BASE}`, uuid(1), { title: ["Hand", "Head"] }),
      person(`uid=y,${BASE}`, uuid(2), { title: ["Head", "Hand"] }),
    ]);
    const ask = agent(serve(directory));
    const list = await readList(await ask(search("/Users", { filter: 'title eq "Head"' })));
    expect(idsOf(list)).toEqual([uuid(2)]);
  });

  it("does not read member when members are not wanted", async () => {
    for (const body of [
      { excludedAttributes: ["members"] },
      { excludedAttributes: ["urn:ietf:params:scim:schemas:core:2.0:Group:MEMBERS"] },
      { attributes: ["displayName"] },
    ]) {
      const directory = new FakeDirectory(tree);
      const list = await readList(await agent(serve(directory))(search("/Groups", body)));
      expect(directory.asked).not.toContain("member");
      expect(directory.resolved).toEqual([]);
      expect(list.elements.map((one) => one.kind === "resource" && one.resource)).toMatchObject([
        { displayName: "staff" },
        { displayName: "everyone" },
      ]);
      expect(JSON.stringify(list)).not.toContain("members");
    }
  });

  it("reads an attribute of which only a part is not wanted", async () => {
    const named = person(`uid=x,${BASE}`, uuid(1), { cn: "Ada L", givenName: "Ada" });
    const ask = agent(serve(new FakeDirectory([named])));
    const list = await readList(
      await ask(search("/Users", { excludedAttributes: ["name.givenName"] })),
    );
    expect(list.elements).toMatchObject([
      { resource: { name: { formatted: "Ada L", familyName: "x" } } },
    ]);
    expect(JSON.stringify(list)).not.toContain("givenName");
    const part = await readList(await ask(search("/Users", { attributes: ["name.givenName"] })));
    expect(part.elements).toMatchObject([
      { resource: { id: uuid(1), name: { givenName: "Ada" } } },
    ]);
  });

  it("refuses a list of attributes with one that is no path", async () => {
    const ask = agent(serve(new FakeDirectory(tree)));
    for (const body of [{ attributes: ["a b"] }, { excludedAttributes: [""] }]) {
      expect(refusal(await ask(search("/Users", body)))).toMatchObject({ status: 400 });
    }
  });

  it("reads what the filter looks at though it is not wanted in the answer", async () => {
    const ask = agent(serve(new FakeDirectory(tree)));
    const body = { filter: 'title eq "Head"', excludedAttributes: ["title"] };
    const list = await readList(await ask(search("/Users", body)));
    expect(idsOf(list)).toEqual([ada.id]);
    expect(JSON.stringify(list)).not.toContain("Head");
    const members = { filter: `members eq "${bob.id}"`, attributes: ["displayName"] };
    expect((await readList(await ask(search("/Groups", members)))).elements).toEqual([
      {
        kind: "resource",
        resource: {
          schemas: ["urn:ietf:params:scim:schemas:core:2.0:Group"],
          id: everyone.id,
          displayName: "everyone",
        },
      },
    ]);
  });

  it("reads the attributes of clauses whatever is wanted", async () => {
    const clauses = [
      { resourceType: "User", attribute: "employeeType", operator: "equals", value: "Guest" },
    ] as const;
    const ask = agent(serve(new FakeDirectory(tree), { clauses }));
    const list = await readList(await ask(search("/Users", { attributes: ["userName"] })));
    expect(idsOf(list)).toEqual([bob.id]);
    expect(JSON.stringify(list)).not.toContain("Guest");
  });

  it("reads users and groups for the root, and nobody for what cannot be", async () => {
    const directory = new FakeDirectory(tree);
    const ask = agent(serve(directory));
    const all = await readList(await ask(search("")));
    expect(idsOf(all)).toHaveLength(6);
    expect(idsOf(await readList(await ask(search("", { filter: 'id eq "no id"' }))))).toEqual([]);
    const both = await readList(await ask(search("", { filter: 'displayName eq "staff"' })));
    expect(idsOf(both)).toEqual([staff.id]);
  });

  it("keeps values of people out of the log", async () => {
    const log = new MemoryLog();
    const ask = agent(serve(new FakeDirectory(tree)), log);
    await readList(await ask(search("/Users", { filter: 'userName eq "ada"' })));
    expect(log.lines.length).toBeGreaterThan(0);
    expect(JSON.stringify(log.lines)).not.toMatch(/ada|Head|Staff/);
  });

  it("comes in the directory's order and ignores how it should be sorted", async () => {
    const ask = agent(serve(new FakeDirectory(tree)));
    const plain = idsOf(await readList(await ask(search("/Users"))));
    for (const sort of [
      { sortBy: "userName", sortOrder: "descending" },
      { sortBy: "(", sortOrder: 5 },
    ]) {
      expect(idsOf(await readList(await ask(search("/Users", sort))))).toEqual(plain);
    }
  });
});

describe("the log of a search", () => {
  const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
  const planned = async (filter: string | undefined, path = "/Users") => {
    const log = new MemoryLog();
    const body = filter === undefined ? {} : { filter };
    await readList(await agent(serve(new FakeDirectory(tree)), log)(search(path, body)));
    expect(JSON.stringify(log.lines)).not.toMatch(/ada|secret/i);
    return log.lines.filter(({ event }) => event === "search.planned").map(({ fields }) => fields);
  };

  it.each([
    [
      "a mapped attribute",
      'USERNAME eq "ada"',
      { asked: ["userName"], matchedAfter: [], exact: false, ldapFilter: "(uid=?)" },
    ],
    [
      "parts of a text",
      'name.familyName sw "ada secret" and title co "secret"',
      {
        asked: ["name.familyName", "title"],
        matchedAfter: [],
        exact: false,
        ldapFilter: "(&(sn=?*?*)(title=*?*))",
      },
    ],
    [
      "a mapped attribute and one that only the resource has",
      `userType eq "secret" and ${ENTERPRISE}:manager eq "ada"`,
      {
        asked: ["userType"],
        matchedAfter: [`${ENTERPRISE}:manager`],
        exact: false,
        ldapFilter: "(employeeType=?)",
      },
    ],
    [
      "a mapped attribute that does not help",
      'userName eq "ada" or nickName pr',
      { asked: [], matchedAfter: ["nickName", "userName"], exact: false },
    ],
    [
      "an attribute of nobody's schema",
      'adasecret eq "x"',
      { asked: [], matchedAfter: ["(unknown)"], exact: false },
    ],
    ["a constant", "active eq true", { asked: [], matchedAfter: [], exact: true }],
    [
      "an element of a list",
      'emails[type eq "work" and value eq "ada@secret"]',
      { asked: ["emails"], matchedAfter: [], exact: false, ldapFilter: "(mail=?)" },
    ],
    ["an id", `not (id ne "${uuid(9)}")`, { asked: [], matchedAfter: ["id"], exact: false }],
    [
      "an id that is looked up",
      `id eq "${uuid(9)}"`,
      { asked: ["id"], matchedAfter: [], exact: false, ldapFilter: "(entryUUID=?)" },
    ],
    ["nothing", undefined, { asked: [], matchedAfter: [], exact: true }],
  ])("tells what the directory is asked and what is matched after: %s", async (_, filter, said) => {
    expect(await planned(filter)).toEqual([{ resourceType: "User", ...said }]);
  });

  it("has a line for each type that can match", async () => {
    expect(await planned('displayName eq "ada"', "")).toMatchObject([
      { resourceType: "User", ldapFilter: "(displayName=?)" },
      { resourceType: "Group", ldapFilter: "(cn=?)" },
    ]);
  });

  it("is bounded", async () => {
    const filter = Array.from({ length: 700 }, (_, n) => `title eq "${n}"`).join(" or ");
    const [fields] = await planned(filter);
    expect(String(fields?.["ldapFilter"]).length).toBe(512);
    expect(fields).toMatchObject({ asked: ["title"] });
  });
});

describe("delta", () => {
  it("lists everything, users before groups, and ends with a token", async () => {
    const answer = await agent(serve(new FakeDirectory(tree)))(request("POST", "/.delta"));
    const { elements, end } = await readList(answer);
    expect(answer).toMatchObject({
      kind: "list",
      schema: "urn:ietf:params:scim:api:messages:2.0:delta:response",
    });
    expect(elements.map((one) => one.kind === "change" && one.change)).toEqual([
      ...[1, 2, 3, 4].map((n) => ({
        resourceType: "User",
        changeType: "create",
        changedResourceId: uuid(n),
      })),
      ...[11, 12].map((n) => ({
        resourceType: "Group",
        changeType: "create",
        changedResourceId: uuid(n),
      })),
    ]);
    expect(end).toEqual({ listing: "full", nextDeltaToken: expect.stringMatching(/^[\w-]+$/) });
  });

  it.each(["x", "", 5])("refuses to go on from the token %j with 410", async (deltaToken) => {
    const ask = agent(serve(new FakeDirectory(tree)));
    const answer = await ask(request("POST", "/.delta", { body: { deltaToken } }));
    expect(refusal(answer)).toMatchObject({ status: 410 });
  });

  it("refuses its own token where the directory does not say what has changed, whatever the case of its name", async () => {
    const ask = agent(serve(new FakeDirectory(tree)));
    const { end } = await readList(await ask(request("POST", "/.delta", { body: {} })));
    const deltaToken = end["nextDeltaToken"];
    for (const body of [{ deltaToken }, { DELTATOKEN: deltaToken }]) {
      expect(refusal(await ask(request("POST", "/.delta", { body })))).toMatchObject({
        status: 410,
      });
    }
  });

  it("takes a token that is null for none", async () => {
    const ask = agent(serve(new FakeDirectory(tree)));
    const answer = await ask(request("POST", "/.delta", { body: { deltaToken: null } }));
    expect((await readList(answer)).end).toMatchObject({ listing: "full" });
  });

  it.each([[[]], ["x"], [null], [5]])("refuses the body %j", async (body) => {
    const ask = agent(serve(new FakeDirectory(tree)));
    expect(refusal(await ask(request("POST", "/.delta", { body })))).toMatchObject({
      status: 400,
      scimType: "invalidSyntax",
    });
  });
});

describe("an abort", () => {
  const reason = new Error("the lock was lost");

  it("reaches the directory and comes out of the list", async () => {
    for (const asked of [search("/Users"), request("POST", "/.delta")]) {
      const controller = new AbortController();
      const directory = new FakeDirectory(tree, { batchSize: 1 });
      directory.afterBatch = () => controller.abort(reason);
      const answer = await agent(serve(directory))(asked, controller.signal);
      await expect(readList(answer)).rejects.toBe(reason);
    }
  });

  it("is no answer by id", async () => {
    const ask = agent(serve(new FakeDirectory(tree)));
    const signal = AbortSignal.abort(reason);
    await expect(ask(request("GET", `/Users/${ada.id}`), signal)).rejects.toBe(reason);
    await expect(ask(request("GET", "/agent/health"), signal)).rejects.toBe(reason);
  });

  it("lets go of a search whose list is left early", async () => {
    const directory = new FakeDirectory(tree, { batchSize: 1 });
    const answer = await agent(serve(directory))(search("/Users"));
    if (answer.kind !== "list") throw new Error("a list was asked for");
    await answer.elements.next();
    await answer.elements.return({});
    expect(directory.abandoned).toBe(1);
  });
});
