import { describe, expect, it } from "vitest";
import type { DirectoryQuery } from "../../agent/ports.ts";
import { previewScope } from "../../agent/provider/preview-scope.ts";
import { BASE, FakeDirectory, group, person, uuid } from "../support/fake-directory.ts";
import { answering, crossQueue, readList, request, search, serve } from "../support/provider.ts";

const MEMBERS = 50_000;
/** What a message on Service Bus Standard holds. */
const PART_BYTES = 256 * 1024;
const GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";

const people = Array.from({ length: MEMBERS }, (_, n) =>
  person(`uid=p${n},ou=people,${BASE}`, uuid(100 + n)),
);
const everyone = group(`cn=everyone,${BASE}`, uuid(1), [
  ...people.map(({ dn }) => dn),
  `uid=gone,${BASE}`,
]);
const small = group(`cn=small,${BASE}`, uuid(2), [people[0]?.dn ?? ""]);
const wanted = {
  schemas: [GROUP],
  id: everyone.id,
  externalId: everyone.id,
  meta: { resourceType: "Group" },
  displayName: "everyone",
  members: people.map(({ id }) => ({ value: id })),
};

describe("a group of 50,000 members", () => {
  const directory = new FakeDirectory([...people, everyone, small], { batchSize: 1000 });
  const ask = answering(serve(directory));

  it("crosses a queue in slices, whole and in order, between its neighbours", async () => {
    const answer = await ask(search("/Groups"));
    const { elements, parts } = await crossQueue(answer, { maxBytes: PART_BYTES });
    expect(elements).toEqual([
      wanted,
      {
        schemas: [GROUP],
        id: small.id,
        externalId: small.id,
        meta: { resourceType: "Group" },
        displayName: "small",
        members: [{ value: uuid(100) }],
      },
    ]);
    expect(parts.length).toBeGreaterThan(8);
    expect(Math.max(...parts)).toBeLessThanOrEqual(PART_BYTES);
  });

  it("is whole in a delta too", async () => {
    const answer = await ask(request("POST", "/.delta", { body: { attributes: ["members"] } }));
    const { elements } = await crossQueue(answer, { maxBytes: PART_BYTES });
    expect(elements).toHaveLength(MEMBERS + 2);
    expect(elements[MEMBERS]).toEqual({
      resourceType: "Group",
      changeType: "create",
      changedResourceId: everyone.id,
      data: { schemas: [GROUP], id: everyone.id, members: wanted.members },
    });
  });

  it("is found by a member, and sent without them when they are not wanted", async () => {
    const last = people.at(-1)?.id ?? "";
    const body = { filter: `members.value eq "${last}"`, excludedAttributes: ["members"] };
    const answer = await ask(search("/Groups", body));
    const { elements, parts } = await crossQueue(answer, { maxBytes: PART_BYTES });
    const { members: _, ...rest } = wanted;
    expect(elements).toEqual([rest]);
    expect(parts).toHaveLength(1);
  });
});

/** A directory with one connection for searches: whoever asks for a second one at the same time waits for ever. */
class NarrowDirectory extends FakeDirectory {
  #isSearching = false;

  override async *search(query: DirectoryQuery, signal: AbortSignal) {
    if (this.#isSearching) throw new Error("a search waits for one that waits for it");
    this.#isSearching = true;
    try {
      return yield* super.search(query, signal);
    } finally {
      this.#isSearching = false;
    }
  }
}

describe("references that are many", () => {
  const many = people.slice(0, 2500);
  const groups = ["a", "b", "c"].map((cn, n) =>
    group(`cn=${cn},${BASE}`, uuid(10 + n), n === 0 ? [] : many.map(({ dn }) => dn)),
  );
  const wide = { groups: [{ dn: groups[1]?.dn ?? "", nested: true }] };

  it.each([
    ["a search", search("/Groups"), {}],
    ["a read by id", request("GET", `/Groups/${uuid(11)}`), {}],
    ["a delta", request("POST", "/.delta"), {}],
    ["a search in nested groups", search(""), wide],
  ])("never take a second search while %s is under way", async (_, asked, scope) => {
    const directory = new NarrowDirectory([...many, ...groups], { batchSize: 1000 });
    const answer = await answering(serve(directory, scope))(asked);
    const found =
      answer.kind === "list" ? (await readList(answer)).elements : [{ resource: answer.body }];
    const members = found.flatMap((one) => {
      const resource = ("resource" in one ? one.resource : undefined) as { members?: unknown[] };
      return resource.members === undefined ? [] : [resource.members.length];
    });
    expect(members.length).toBeGreaterThan(0);
    expect(new Set(members)).toEqual(new Set([2500]));
  });

  it("are listed once for all groups of an answer, which come in order and once each", async () => {
    const directory = new NarrowDirectory([...many, ...groups], { batchSize: 2 });
    const { elements } = await readList(await answering(serve(directory))(search("/Groups")));
    expect(elements.map((one) => one.kind === "resource" && one.resource.id)).toEqual(
      [10, 11, 12].map(uuid),
    );
    expect(directory.resolved).toEqual([]);
    expect(directory.filters).toEqual([
      "(objectClass=groupOfNames)",
      "(objectClass=*)",
      "(objectClass=groupOfNames)",
    ]);
  });

  it("are asked for one by one once something of the list is out", async () => {
    const directory = new NarrowDirectory([...many, ...groups], { batchSize: 1 });
    const { elements } = await readList(await answering(serve(directory))(search("/Groups")));
    expect(elements).toMatchObject([{}, { resource: { members: { length: 2500 } } }, {}]);
    expect(directory.filters).toEqual(["(objectClass=groupOfNames)"]);
    expect(directory.resolved.map(({ length }) => length)).toEqual([2500]);
  });

  it("are known to the preview from what it read", async () => {
    const directory = new NarrowDirectory([...many, ...groups], { batchSize: 1000 });
    const options = { resourceTypes: ["User", "Group"], payload: true, now: 0 } as const;
    const lines = [];
    const signal = new AbortController().signal;
    for await (const batch of previewScope(serve(directory), options, signal)) lines.push(...batch);
    expect(lines.at(-1)?.mapped).toMatchObject({ resource: { members: { length: 2500 } } });
    expect(directory.resolved).toEqual([]);
  });
});
