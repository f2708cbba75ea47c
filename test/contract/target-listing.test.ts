import { describe, expect, it } from "vitest";
import type { Target, TargetReadOutcome } from "../../agent/ports.ts";
import { type Answer, errorReply, listReply } from "../support/scim-endpoint.ts";
import { openTarget, queryOf } from "../support/scim-target.ts";

const signal = AbortSignal.timeout(60_000);

interface Read {
  readonly pages: readonly (readonly string[])[];
  readonly outcome: TargetReadOutcome;
}

async function readAll(target: Target): Promise<Read> {
  const listing = target.all("User", signal);
  const pages: string[][] = [];
  for (;;) {
    const next = await listing.next();
    if (next.done === true) return { pages, outcome: next.value };
    pages.push(next.value.map(({ id }) => id));
  }
}

function people(count: number, from = 1) {
  return Array.from({ length: count }, (_, at) => ({ id: String(from + at) }));
}

/** A target that pages by index over these, changed by what the test says about each page. */
function paging(
  count: number,
  change: (page: { readonly startIndex: number; readonly number: number }) => object = () => ({}),
): Answer {
  let number = 0;
  return ({ target }) => {
    if (!target.includes("startIndex")) return errorReply(404);
    const { startIndex = "1", count: size = "100" } = queryOf(target);
    const page = people(count).slice(Number(startIndex) - 1, Number(startIndex) - 1 + Number(size));
    const known = { totalResults: count, startIndex: Number(startIndex) };
    number++;
    return listReply(page, { ...known, ...change({ startIndex: Number(startIndex), number }) });
  };
}

async function read(answer: Answer, pageSize = 2): Promise<Read & { readonly asked: number }> {
  const { target, endpoint } = await openTarget(answer, { options: { pageSize } });
  const all = await readAll(target);
  const asked = endpoint.requests.filter(({ target: path }) => path.includes("/Users")).length;
  return { ...all, asked };
}

describe("reading all by index", () => {
  it("asks page after page, and for groups without members", async () => {
    const { target, endpoint } = await openTarget(paging(5), { options: { pageSize: 2 } });
    expect(await readAll(target)).toEqual({
      pages: [["1", "2"], ["3", "4"], ["5"]],
      outcome: { whole: true, resources: 5, pages: 3 },
    });
    for await (const _ of target.all("Group", signal)) break;
    expect(endpoint.requests.map((request) => request.target)).toEqual([
      "/scim/ServiceProviderConfig",
      "/scim/Users?startIndex=1&count=2",
      "/scim/Users?startIndex=3&count=2",
      "/scim/Users?startIndex=5&count=2",
      "/scim/Groups?excludedAttributes=members&startIndex=1&count=2",
    ]);
  });

  it("takes an empty target for whole", async () => {
    expect(await read(paging(0))).toEqual({
      pages: [],
      outcome: { whole: true, resources: 0, pages: 1 },
      asked: 1,
    });
  });

  it("reads on until a page is empty when nobody says how many there are", async () => {
    const answer = paging(3, () => ({ totalResults: undefined, itemsPerPage: undefined }));
    expect(await read(answer)).toEqual({
      pages: [["1", "2"], ["3"]],
      outcome: { whole: true, resources: 3, pages: 3 },
      asked: 3,
    });
  });

  it("follows a target that gives smaller pages than were asked for", async () => {
    const answer: Answer = ({ target }) => {
      const start = Number(queryOf(target)["startIndex"] ?? 1);
      return listReply(people(1, start), { totalResults: "3", startIndex: start });
    };
    expect(await read(answer)).toMatchObject({
      pages: [["1"], ["2"], ["3"]],
      outcome: { whole: true, resources: 3 },
    });
  });

  it("asks once more when the count may be that of the page", async () => {
    const asPage = ({ startIndex }: { startIndex: number }) => ({
      totalResults: Math.max(0, Math.min(2, 5 - startIndex + 1)),
    });
    expect(await read(paging(5, asPage))).toMatchObject({ outcome: { because: "changed" } });
    expect(await read(paging(2, asPage))).toEqual({
      pages: [["1", "2"]],
      outcome: { whole: true, resources: 2, pages: 2 },
      asked: 2,
    });
  });

  it("takes a target that always lists everything for whole", async () => {
    const all = () => listReply(people(5), { totalResults: undefined });
    expect(await read(all)).toEqual({
      pages: [["1", "2", "3", "4", "5"]],
      outcome: { whole: true, resources: 5, pages: 2 },
      asked: 2,
    });
    expect(await read(() => listReply(people(5)))).toMatchObject({
      outcome: { whole: true, resources: 5, pages: 1 },
    });
  });

  it.each([5, undefined])(
    "stops at one that lists its first page for ever, of %s",
    async (totalResults) => {
      expect(await read(() => listReply(people(2), { totalResults }))).toEqual({
        pages: [["1", "2"]],
        outcome: {
          whole: false,
          because: "paging ignored",
          detail: "another page has the same resources again",
          resources: 2,
        },
        asked: 2,
      });
    },
  );

  it.each<[string, Answer]>([
    ["ends before its count", paging(3, () => ({ totalResults: 4 }))],
    ["has more than its count", paging(4, () => ({ totalResults: 3 }))],
    ["counts anew on every page", paging(6, ({ number }) => ({ totalResults: 5 + number }))],
    ["has nothing and counts", paging(0, () => ({ totalResults: 3 }))],
  ])("never takes for whole what %s", async (_, answer) => {
    expect((await read(answer)).outcome).toMatchObject({ whole: false, because: "changed" });
  });

  it("gives nobody twice when the target shifts below it", async () => {
    const shifted: Answer = ({ target }) => {
      const start = Number(queryOf(target)["startIndex"] ?? 1);
      return listReply(people(2, Math.max(1, start - 1)).slice(0, 5 - start + 2), {
        totalResults: 4,
      });
    };
    expect((await read(shifted)).pages).toEqual([["1", "2"], ["3"], ["4"]]);
  });

  it.each<[string, Answer, string]>([
    ["an error", () => errorReply(400, "tooMany"), "target.refused"],
    ["no list", () => ({ status: 200, body: "<html>" }), "target.refused"],
    ["a resource without an id", () => listReply([{}]), "target.refused"],
    ["403", () => errorReply(403), "target.denied"],
  ])("fails with %s", async (_, answer, code) => {
    const { target } = await openTarget(answer);
    await expect(readAll(target)).rejects.toMatchObject({ code });
  });
});

describe("reading all by cursor", () => {
  const offers = { status: 200, body: { pagination: { cursor: true, index: true } } };
  const cursorPages =
    (next: (cursor: string) => object | undefined): Answer =>
    ({ target }) => {
      if (target.includes("ServiceProviderConfig")) return offers;
      const cursor = queryOf(target)["cursor"] ?? "none";
      const page = next(cursor);
      return page === undefined ? errorReply(400, "expiredCursor") : { status: 200, body: page };
    };

  it("follows it where the target offers it", async () => {
    const { target, endpoint } = await openTarget(
      cursorPages((cursor) =>
        cursor === "" ? { Resources: people(2), nextCursor: "n+1" } : { Resources: people(1, 3) },
      ),
      { options: { pageSize: 2 } },
    );
    const whole = {
      pages: [["1", "2"], ["3"]],
      outcome: { whole: true, resources: 3, pages: 2 },
    };
    expect(await readAll(target)).toEqual(whole);
    expect(await readAll(target)).toEqual(whole);
    expect(endpoint.requests.map((request) => request.target)).toEqual([
      "/scim/ServiceProviderConfig",
      "/scim/Users?cursor=&count=2",
      "/scim/Users?cursor=n%2B1&count=2",
      "/scim/Users?cursor=&count=2",
      "/scim/Users?cursor=n%2B1&count=2",
    ]);
  });

  it.each<[string, (cursor: string) => object | undefined, string]>([
    [
      "is forgotten",
      (cursor) => (cursor === "" ? { Resources: people(1), nextCursor: "a" } : undefined),
      "cursor expired",
    ],
    [
      "leads in a circle",
      (cursor) => ({ Resources: people(1), nextCursor: cursor === "a" ? "b" : "a" }),
      "cursor repeated",
    ],
  ])("is not whole when the cursor %s", async (_, next, because) => {
    const { outcome } = await read(cursorPages(next));
    expect(outcome).toMatchObject({ whole: false, because, resources: 1 });
  });
});

describe("the target's schemas", () => {
  it("are read with what they leave out filled in", async () => {
    const body = {
      Resources: [
        {
          id: "urn:x:User",
          name: "User",
          attributes: [
            { name: "userName", type: "String", required: true, uniqueness: "server" },
            {
              name: "emails",
              type: "complex",
              multiValued: "true",
              subAttributes: [{ name: "value" }, { name: "deep", type: "complex" }],
            },
            { name: "odd", type: "constructor" },
            { type: "string" },
            "nonsense",
          ],
        },
        { id: "no attributes" },
      ],
    };
    const { target } = await openTarget(() => ({ status: 200, body }));
    const plain = {
      type: "string",
      multiValued: false,
      required: false,
      caseExact: false,
      mutability: "readWrite",
      returned: "default",
    };
    expect(await target.schemas(signal)).toEqual([
      {
        id: "urn:x:User",
        name: "User",
        description: "",
        attributes: [
          { ...plain, name: "userName", required: true },
          {
            ...plain,
            name: "emails",
            type: "complex",
            multiValued: true,
            subAttributes: [{ ...plain, name: "value" }],
          },
        ],
      },
    ]);
  });

  it.each<[string, Answer]>([
    ["404", () => errorReply(404)],
    ["501", () => errorReply(501)],
    ["an empty list", () => listReply([])],
    ["no JSON", () => ({ status: 200, body: "schemas" })],
  ])("are unknown where the answer is %s", async (_, answer) => {
    const { target } = await openTarget(answer);
    expect(await target.schemas(signal)).toBeUndefined();
  });
});
