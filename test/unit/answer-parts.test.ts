import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AnswerAssembly,
  digestOf,
  type PartBody,
  type PartHeader,
} from "../../agent/core/answer-assembly.ts";
import type { AnswerElement, EntryProblem, ListEnd } from "../../agent/core/exchange.ts";
import {
  elementsOf,
  MIN_PART_BYTES,
  PartCutter,
  type PartDocument,
} from "../../agent/core/part-document.ts";
import { replyElements } from "../../agent/core/reply-elements.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { isSlice, SLICE_SCHEMA, SliceJoiner, splitResource } from "../../agent/core/slice.ts";
import { uuid } from "../support/fake-directory.ts";

const GROUP_URN = "urn:ietf:params:scim:schemas:core:2.0:Group";
const LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

type Document = Readonly<Record<string, unknown>>;

function cut(
  elements: readonly AnswerElement[],
  { maxBytes = MIN_PART_BYTES, end = {} }: { maxBytes?: number; end?: ListEnd } = {},
): readonly PartDocument[] {
  const cutter = new PartCutter({ schema: LIST, maxBytes });
  return [...elements.flatMap((element) => cutter.add(element)), ...cutter.end(end)];
}

async function join(documents: readonly PartDocument[]): Promise<readonly unknown[]> {
  async function* parsed() {
    for (const { json } of documents) yield JSON.parse(json) as Document;
  }
  const all: unknown[] = [];
  for await (const one of replyElements(parsed())) all.push(one);
  return all;
}

function group(n: number, members: number): ScimResource {
  return {
    schemas: [GROUP_URN],
    id: uuid(n),
    displayName: `Group ${n}`,
    members: Array.from({ length: members }, (_, m) => ({ value: uuid(m) })),
  };
}

const text = (maxLength: number) => fc.string({ unit: "grapheme", maxLength });
const attributeName = fc.constantFrom("emails", "members", "roles", "photos", "__proto__", "a");
const resource: fc.Arbitrary<ScimResource> = fc
  .record({
    id: fc.uuid(),
    displayName: text(300),
    lists: fc.dictionary(
      attributeName,
      fc.array(fc.record({ value: text(200) }), { maxLength: 120 }),
      { maxKeys: 2 },
    ),
  })
  .map(({ id, displayName, lists }) => {
    const made: Record<string, unknown> = { schemas: [GROUP_URN], id, displayName };
    for (const [name, value] of Object.entries(lists)) {
      Object.defineProperty(made, name, { value, enumerable: true, configurable: true });
    }
    return made as unknown as ScimResource;
  });
const problem: fc.Arbitrary<EntryProblem> = fc.record({
  resourceType: fc.constantFrom("User" as const, "Group" as const),
  id: fc.uuid(),
  attribute: text(60),
  rule: text(500),
  reason: text(60),
});
const element: fc.Arbitrary<AnswerElement> = fc.oneof(
  { weight: 4, arbitrary: resource.map((one) => ({ kind: "resource", resource: one }) as const) },
  {
    weight: 3,
    arbitrary: resource.map(
      (one) =>
        ({
          kind: "change",
          change: { resourceType: "Group", changeType: "create", changedResourceId: one.id },
          resource: one,
        }) as const,
    ),
  },
  { weight: 1, arbitrary: problem.map((one) => ({ kind: "problem", problem: one }) as const) },
  {
    weight: 1,
    arbitrary: fc.uuid().map(
      (id) =>
        ({
          kind: "change",
          change: { resourceType: "User", changeType: "delete", changedResourceId: id },
        }) as const,
    ),
  },
);
const elementList = fc.array(element, { maxLength: 25 });

describe("PartCutter, as properties", () => {
  it("never makes a document larger than it may be, nor one that is no list", () => {
    fc.assert(
      fc.property(
        elementList,
        fc.integer({ min: MIN_PART_BYTES, max: 20_000 }),
        (elements, maxBytes) => {
          const end = { listing: "full", nextDeltaToken: "x".repeat(2000) };
          const documents = cut(elements, { maxBytes, end });
          for (const [index, { json, items }] of documents.entries()) {
            expect(Buffer.byteLength(json)).toBeLessThanOrEqual(maxBytes);
            const parsed = JSON.parse(json) as Document;
            expect(elementsOf(parsed)).toHaveLength(items);
            expect(parsed["schemas"]).toEqual([LIST]);
            expect(parsed["itemsPerPage"]).toBe(items);
            const isLast = index === documents.length - 1;
            expect("totalResults" in parsed).toBe(isLast);
            expect(parsed["nextDeltaToken"]).toBe(isLast ? end.nextDeltaToken : undefined);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("gives every element back in its order, slices joined", async () => {
    await fc.assert(
      fc.asyncProperty(elementList, async (elements) => {
        const documents = cut(elements);
        const problems = documents.flatMap(
          ({ json }) => (JSON.parse(json) as { problems?: EntryProblem[] }).problems ?? [],
        );
        const tooLarge = new Map(
          problems.filter(({ reason }) => reason === "too large").map((one) => [one.id, one]),
        );
        const joined = await join(documents);
        const expected = elements.flatMap((one): readonly object[] => {
          if (one.kind === "resource") return tooLarge.has(one.resource.id) ? [] : [one.resource];
          if (one.kind === "problem") return [];
          return one.resource === undefined
            ? [one.change]
            : [{ ...one.change, data: one.resource }];
        });
        const whole = joined.filter((one) => !(one as Document)["problem"]);
        expect(whole).toEqual(expected.filter((one) => !isReplaced(one, joined)));
        expect(problems.length - tooLarge.size).toBe(
          elements.filter(({ kind }) => kind === "problem").length,
        );
      }),
      { numRuns: 60 },
    );
  });
});

/** Whether a change came without its resource, since that was too large. */
function isReplaced(one: object, joined: readonly unknown[]): boolean {
  const id = (one as Document)["changedResourceId"];
  return joined.some((other) => {
    const { changedResourceId, problem: because } = other as Document;
    return because !== undefined && changedResourceId === id;
  });
}

describe("PartCutter", () => {
  it("makes one document of an empty list", () => {
    expect(cut([], { end: { listing: "full" } })).toEqual([
      {
        items: 0,
        json: `{"schemas":["${LIST}"],"listing":"full","totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`,
      },
    ]);
  });

  it("sends a large group without its members, and these in slices", async () => {
    const staff = group(1, 1000);
    const documents = cut([
      { kind: "resource", resource: group(0, 2) },
      { kind: "resource", resource: staff },
      { kind: "resource", resource: group(2, 2) },
    ]);
    expect(documents.length).toBeGreaterThan(5);
    const elements = documents.flatMap(({ json }) => elementsOf(JSON.parse(json)));
    expect(elements[1]).toEqual({
      schemas: [GROUP_URN],
      id: uuid(1),
      displayName: "Group 1",
    });
    expect(elements[2]).toMatchObject({
      schemas: [SLICE_SCHEMA],
      id: uuid(1),
      attribute: "members",
      from: 0,
      of: 1000,
    });
    expect(await join(documents)).toEqual([group(0, 2), staff, group(2, 2)]);
  });

  it("counts results, not the slices of one", () => {
    const resources = [group(0, 2), group(1, 1000), group(2, 2)];
    const documents = cut(resources.map((one) => ({ kind: "resource", resource: one })));
    const starts = documents.map(({ json }) => (JSON.parse(json) as Document)["startIndex"]);
    expect(JSON.parse(documents.at(-1)?.json ?? "")).toMatchObject({ totalResults: 3 });
    expect([starts[0], starts[1], starts.at(-1)]).toEqual([1, 3, 3]);
  });

  it("does the same within a change", async () => {
    const change = {
      resourceType: "Group",
      changeType: "create",
      changedResourceId: uuid(1),
    } as const;
    const documents = cut([{ kind: "change", change, resource: group(1, 1000) }]);
    expect(documents.length).toBeGreaterThan(5);
    expect(await join(documents)).toEqual([{ ...change, data: group(1, 1000) }]);
  });

  it("makes a problem of a resource that is too large even so", () => {
    const huge = {
      schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
      id: uuid(1),
      displayName: "é".repeat(MIN_PART_BYTES),
    };
    const problem = {
      resourceType: "User",
      id: uuid(1),
      attribute: "",
      rule: "a resource fits into one part of an answer, its largest attribute aside",
      reason: "too large",
    };
    const [plain] = cut([{ kind: "resource", resource: huge }]);
    expect(JSON.parse(plain?.json ?? "")).toMatchObject({
      problems: [problem],
      totalResults: 0,
      Resources: [],
    });
    const change = {
      resourceType: "User",
      changeType: "create",
      changedResourceId: uuid(1),
    } as const;
    const [changed] = cut([{ kind: "change", change, resource: huge }]);
    expect(elementsOf(JSON.parse(changed?.json ?? ""))).toEqual([
      { ...change, changeType: "present", problem },
    ]);
    const unnamed = { ...huge, schemas: [] };
    const [of] = cut([
      { kind: "change", change: { ...change, resourceType: "Group" }, resource: unnamed },
    ]);
    expect(elementsOf(JSON.parse(of?.json ?? ""))).toMatchObject([
      { changeType: "present", problem: { resourceType: "Group" } },
    ]);
    const [group_] = cut([{ kind: "resource", resource: { ...huge, schemas: [GROUP_URN] } }]);
    expect(JSON.parse(group_?.json ?? "")).toMatchObject({ problems: [{ resourceType: "Group" }] });
    const [untyped] = cut([{ kind: "resource", resource: unnamed }]);
    expect(JSON.parse(untyped?.json ?? "")).toMatchObject({ problems: [{ resourceType: "User" }] });
  });

  it("says of a change that is too large by itself no more than that the resource is there", () => {
    const huge = {
      resourceType: "Group",
      id: uuid(1),
      attribute: "members",
      rule: "x".repeat(MIN_PART_BYTES),
      reason: "odd",
    } as const;
    const change = {
      resourceType: "Group",
      changeType: "present",
      changedResourceId: uuid(1),
      problem: huge,
    } as const;
    const [document] = cut([{ kind: "change", change }]);
    expect(elementsOf(JSON.parse(document?.json ?? ""))).toMatchObject([
      { changeType: "present", problem: { resourceType: "Group", reason: "too large" } },
    ]);
  });

  it("puts the end into a document of its own when it does not fit beside what is waiting", () => {
    const cutter = new PartCutter({ schema: LIST, maxBytes: MIN_PART_BYTES });
    const filler = { ...group(1, 0), displayName: "x".repeat(7000) };
    expect(cutter.add({ kind: "resource", resource: filler })).toEqual([]);
    const documents = cutter.end({ nextDeltaToken: "t".repeat(1000) });
    expect(documents.map(({ items }) => items)).toEqual([1, 0]);
    expect(JSON.parse(documents[1]?.json ?? "")).toMatchObject({ totalResults: 1, startIndex: 2 });
  });

  it("refuses parts that are too small for an ordinary user", () => {
    expect(() => new PartCutter({ schema: LIST, maxBytes: MIN_PART_BYTES - 1 })).toThrow(
      RangeError,
    );
  });

  it("finds no elements in what is no list", () => {
    expect([elementsOf({}), elementsOf({ Resources: "x" })]).toEqual([[], []]);
  });
});

describe("slices", () => {
  it("join to what was split, whatever the values", () => {
    fc.assert(
      fc.property(resource, fc.integer({ min: 1500, max: 6000 }), (one, maxBytes) => {
        const split = splitResource(one, maxBytes);
        if (split === undefined) return;
        for (const part of [split.remainder, ...split.slices]) {
          expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThanOrEqual(maxBytes);
        }
        const joiner = new SliceJoiner();
        const sent = JSON.parse(JSON.stringify([split.remainder, ...split.slices])) as unknown[];
        const joined = [...sent.flatMap((part) => joiner.add(part)), ...joiner.end()];
        expect(joined).toEqual([one]);
        expect(Object.getPrototypeOf(joined[0])).toBe(Object.prototype);
      }),
    );
  });

  it("are not made of a resource that has no list, or more than one large one", () => {
    const big = Array.from({ length: 300 }, (_, n) => ({ value: uuid(n) }));
    expect(splitResource({ schemas: ["x"], id: "1", displayName: "y" }, 4000)).toBeUndefined();
    expect(splitResource({ schemas: ["x"], id: "1", a: big, b: big }, 4000)).toBeUndefined();
    const one = [{ value: "x".repeat(5000) }];
    expect(splitResource({ schemas: ["x"], id: "1", a: one }, 4000)).toBeUndefined();
  });

  const slice = (from: number, values: readonly unknown[], rest: object = {}) => ({
    schemas: [SLICE_SCHEMA],
    id: "1",
    attribute: "members",
    from,
    of: 3,
    values,
    ...rest,
  });
  const held = () => ({ id: "1", displayName: "x" });

  it.each([
    ["missing at the end", [held(), slice(0, [1, 2])]],
    ["missing before the next resource", [held(), slice(0, [1, 2]), { id: "2" }]],
    ["missing at the start", [held(), slice(1, [2, 3])]],
    ["in the wrong order", [held(), slice(0, [1]), slice(2, [3]), slice(1, [2])]],
    ["sent twice", [held(), slice(0, [1, 2]), slice(0, [1, 2])]],
    ["more than there should be", [held(), slice(0, [1, 2]), slice(2, [3, 4])]],
    ["of another attribute", [held(), slice(0, [1, 2]), slice(2, [3], { attribute: "x" })]],
    ["of another resource", [{ id: "2" }, slice(0, [1, 2, 3])]],
    ["without a resource", [slice(0, [1, 2, 3])]],
    ["without a resource and without an id", [slice(0, [1, 2, 3], { id: undefined })]],
    ["after something that is no resource", [42, slice(0, [1, 2, 3])]],
    ["without values", [held(), slice(0, [], { values: undefined })]],
    ["of another total", [held(), slice(0, [1, 2]), slice(2, [3], { of: 4 })]],
  ] as const)("are refused when they are %s", (_, parts) => {
    const joiner = new SliceJoiner();
    expect(() => {
      for (const part of parts) joiner.add(part);
      joiner.end();
    }).toThrow(RangeError);
  });

  it("let what is no resource through as it is", () => {
    const joiner = new SliceJoiner();
    const odd = [1, "x", null, [], { data: null }, { data: 5 }];
    expect([...odd.flatMap((one) => joiner.add(one)), ...joiner.end()]).toEqual(odd);
    expect([
      isSlice(null),
      isSlice({}),
      isSlice({ schemas: "x" }),
      isSlice({ schemas: [] }),
    ]).toEqual([false, false, false, false]);
  });
});

interface Sent {
  readonly header: PartHeader;
  readonly body: PartBody;
}

const bodyOf = (content: string, items: number): PartBody => ({
  sha256: createHash("sha256").update(content).digest(),
  items,
});

/** The parts of one answering with bodies that differ. */
function partsOf(answer: string, counts: readonly number[]): readonly Sent[] {
  const bodies = counts.map((items, part) => bodyOf(`${answer}:${part}`, items));
  return bodies.map((body, part) => ({
    body,
    header: {
      answer,
      part,
      status: 200,
      ...(part === counts.length - 1
        ? {
            end: {
              parts: counts.length,
              items: counts.reduce((sum, items) => sum + items, 0),
              digest: digestOf(bodies),
            },
          }
        : {}),
    },
  }));
}

const counts = fc.array(fc.nat(5), { minLength: 1, maxLength: 6 });

/** Several answers, some of them unfinished, with repetitions, in any order. */
const delivery = fc
  .array(fc.record({ counts, lose: fc.array(fc.nat(5), { maxLength: 2 }) }), {
    minLength: 1,
    maxLength: 4,
  })
  .chain((answers) => {
    const parts = answers.flatMap(({ counts: of, lose }, n) =>
      partsOf(`answer-${n}`, of).filter(({ header }) => !lose.includes(header.part)),
    );
    return fc.tuple(
      fc.constant(answers.map(({ counts: of }) => of)),
      fc
        .array(fc.nat(Math.max(parts.length - 1, 0)), { maxLength: parts.length })
        .chain((again) => {
          const sent = [...parts, ...again.flatMap((index) => parts[index] ?? [])];
          return fc.shuffledSubarray(sent, { minLength: sent.length, maxLength: sent.length });
        }),
    );
  });

describe("AnswerAssembly, as properties", () => {
  it("finds the first answer that is complete, once, and never another one", () => {
    fc.assert(
      fc.property(delivery, ([answers, sent]) => {
        const assembly = new AnswerAssembly({ maxAnswers: 8 });
        const seen = new Map<string, Set<number>>();
        let winner: string | undefined;
        let repeated = 0;
        for (const { header, body } of sent) {
          const parts = seen.get(header.answer) ?? new Set();
          seen.set(header.answer, parts);
          const isNew = !parts.has(header.part);
          const wasOver = winner !== undefined;
          if (isNew) parts.add(header.part);
          const of = answers[Number(header.answer.slice(7))]?.length;
          const verdict = assembly.accept(header, body);
          if (!wasOver && isNew && parts.size === of) {
            winner = header.answer;
            expect(verdict).toEqual({ kind: "whole" });
          } else if (!wasOver) {
            expect(verdict).toEqual({ kind: isNew ? "staged" : "repeated" });
          } else expect(["late", "repeated"]).toContain(verdict.kind);
          if (verdict.kind === "repeated") repeated++;
        }
        expect(assembly.winner).toBe(winner);
        expect(assembly.repeated).toBe(repeated);
        expect(assembly.dropped).toBe(winner === undefined ? 0 : seen.size - 1);
      }),
      { numRuns: 300 },
    );
  });

  it("never calls an answer whole that is not what its last part says", () => {
    const lie = fc.constantFrom<(end: NonNullable<PartHeader["end"]>) => object>(
      (end) => ({ ...end, items: end.items + 1 }),
      (end) => ({ ...end, digest: end.digest.replace(/^./, (c) => (c === "0" ? "1" : "0")) }),
      (end) => ({ ...end, digest: `${end.digest} ` }),
      (end) => ({ ...end, parts: end.parts + 1 }),
      (end) => ({ ...end, parts: end.parts - 1 }),
      (end) => ({ ...end, parts: 0 }),
    );
    fc.assert(
      fc.property(counts, lie, fc.infiniteStream(fc.nat()), (of, change, order) => {
        const sent = partsOf("a", of).map(({ header, body }) => ({
          body,
          header:
            header.end === undefined
              ? header
              : ({ ...header, end: change(header.end) } as PartHeader),
        }));
        const shuffled = sent
          .map((one) => ({ one, at: order.next().value ?? 0 }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
        const assembly = new AnswerAssembly({ maxAnswers: 8 });
        const verdicts = [...shuffled, ...shuffled].map(({ header, body }) =>
          assembly.accept(header, body),
        );
        expect(verdicts.map(({ kind }) => kind)).not.toContain("whole");
        expect(assembly.winner).toBeUndefined();
      }),
    );
  });

  it("depends on every byte and on the order of the parts for its digest", () => {
    const [a, b] = [bodyOf("a", 0), bodyOf("b", 0)];
    expect(new Set([digestOf([a, b]), digestOf([b, a]), digestOf([a]), digestOf([])]).size).toBe(4);
    const hash = createHash("sha256").update(a.sha256).update(b.sha256).digest("hex");
    expect(digestOf([a, b])).toBe(hash);
  });
});

describe("AnswerAssembly", () => {
  const accept = (assembly: AnswerAssembly, sent: readonly Sent[]) =>
    sent.map(({ header, body }) => assembly.accept(header, body));

  it("gives an answer up that contradicts itself, and takes the next one", () => {
    const assembly = new AnswerAssembly({ maxAnswers: 8 });
    const [first, second] = partsOf("a", [1, 1]);
    if (first === undefined || second === undefined) throw new Error("two parts were made");
    const other = { header: first.header, body: bodyOf("other", 1) };
    const broken = { kind: "broken", reason: "two different parts have one number" };
    expect(accept(assembly, [first, other, second])).toEqual([{ kind: "staged" }, broken, broken]);
    expect(accept(assembly, partsOf("b", [2])).at(-1)).toEqual({ kind: "whole" });
    expect([assembly.winner, assembly.dropped]).toEqual(["b", 1]);
  });

  it.each([
    ["a part after its last one", 2, "it has parts after its last one"],
    ["a second last part", 1, "it has two last parts"],
  ])("gives up an answer with %s", (_, part, reason) => {
    const [first, last] = partsOf("a", [1, 1, 1].slice(0, 2));
    if (first === undefined || last === undefined) throw new Error("two parts were made");
    const isEnd = part === 1;
    const extra: Sent = {
      header: {
        answer: "a",
        part: isEnd ? 2 : part,
        status: 200,
        ...(isEnd ? { end: { parts: 3, items: 3, digest: "" } } : {}),
      },
      body: bodyOf("extra", 1),
    };
    const assembly = new AnswerAssembly({ maxAnswers: 8 });
    expect(accept(assembly, [last, extra, first]).map((verdict) => verdict)).toEqual([
      { kind: "staged" },
      { kind: "broken", reason },
      { kind: "broken", reason },
    ]);
    const early = new AnswerAssembly({ maxAnswers: 8 });
    expect(accept(early, [extra, last, first]).at(-1)).toMatchObject({ kind: "broken" });
  });

  it("keeps so many answers apart and no more", () => {
    const assembly = new AnswerAssembly({ maxAnswers: 2 });
    const starts = ["a", "b", "c"].flatMap((answer) => partsOf(answer, [1, 1]).slice(0, 1));
    expect(accept(assembly, starts)).toEqual([
      { kind: "staged" },
      { kind: "staged" },
      { kind: "broken", reason: "too many answers to one request" },
    ]);
    expect(accept(assembly, partsOf("b", [1, 1]))).toEqual([
      { kind: "repeated" },
      { kind: "whole" },
    ]);
    expect(accept(assembly, [...partsOf("d", [1]), ...partsOf("e", [1])])).toEqual([
      { kind: "late" },
      { kind: "late" },
    ]);
  });

  it("calls another body of a part of the winner late, and does not change its mind", () => {
    const assembly = new AnswerAssembly({ maxAnswers: 8 });
    accept(assembly, partsOf("a", [1]));
    const [again] = partsOf("a", [1]);
    if (again === undefined) throw new Error("a part was made");
    expect(assembly.accept(again.header, bodyOf("other", 1))).toEqual({ kind: "late" });
    expect(assembly.winner).toBe("a");
  });
});
