import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PartUnreadableError, sha256Of } from "../../agent/bus/part-body.ts";
import {
  MemoryPartStage,
  type PartKey,
  type PartStage,
  type StagedPart,
} from "../../agent/bus/part-stage.ts";
import { PendingAnswer } from "../../agent/bus/pending-answer.ts";
import { AnswerAssembly, digestOf, type PartHeader } from "../../agent/core/answer-assembly.ts";
import type { Reply } from "../../agent/ports.ts";
import { times } from "../support/run-length.ts";

interface Sent {
  readonly header: PartHeader;
  readonly part: StagedPart;
}

/** The parts of an answer; `name` and the part's number are in each document. */
function answerOf(name: string, counts: readonly number[], gzip: boolean): readonly Sent[] {
  const bodies = counts.map((items, part) => {
    const json = JSON.stringify({
      name,
      part,
      Resources: Array.from({ length: items }, () => name),
    });
    return gzip ? gzipSync(json) : Buffer.from(json);
  });
  const end = {
    parts: bodies.length,
    items: counts.reduce((sum, items) => sum + items, 0),
    digest: digestOf(bodies.map((body) => ({ sha256: sha256Of(body) }))),
  };
  return bodies.map((body, part) => ({
    part: { body, gzip },
    header: { answer: name, part, status: 200, ...(part === bodies.length - 1 ? { end } : {}) },
  }));
}

/** A store that takes its time, each time another one. */
class SlowStage implements PartStage {
  readonly #inner = new MemoryPartStage();
  readonly #turns: () => number;

  constructor(turns: () => number) {
    this.#turns = turns;
  }

  async #wait(): Promise<void> {
    for (let turn = this.#turns(); turn > 0; turn--) await new Promise(setImmediate);
  }

  async stage(key: PartKey, part: StagedPart): Promise<void> {
    await this.#wait();
    await this.#inner.stage(key, part);
    await this.#wait();
  }

  async read(key: PartKey): Promise<StagedPart | undefined> {
    return this.#inner.read(key);
  }

  async clear(selection?: Parameters<PartStage["clear"]>[0]): Promise<void> {
    await this.#wait();
    await this.#inner.clear(selection);
  }
}

async function documentsOf(reply: Reply): Promise<readonly Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  for await (const document of reply.documents()) all.push(document);
  return all;
}

/** What happened to one of several answers to a request. */
const fate = fc.constantFrom("whole", "cut", "spoiled", "conflicting");
const answers = fc.array(
  fc.record({
    counts: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 6 }),
    gzip: fc.boolean(),
    fate,
  }),
  { minLength: 0, maxLength: 5 },
);
const scenario = fc.record({
  /** At least this one is whole. */
  sure: fc.record({
    counts: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 6 }),
    gzip: fc.boolean(),
  }),
  answers,
  repeats: fc.infiniteStream(fc.nat({ max: 2 })),
  order: fc.infiniteStream(fc.nat()),
  turns: fc.infiniteStream(fc.nat({ max: 3 })),
  together: fc.boolean(),
});

function sentOf(name: string, one: { counts: readonly number[]; gzip: boolean; fate: string }) {
  const parts = answerOf(name, one.counts, one.gzip);
  const [first] = parts;
  if (first === undefined) return [];
  const other = { body: Buffer.from(`{"name":"${name}","forged":true}`), gzip: false };
  switch (one.fate) {
    case "cut":
      return parts.slice(0, -1);
    case "spoiled":
      return [{ ...first, part: other }, ...parts.slice(1)];
    case "conflicting":
      return [...parts, { ...first, part: other }];
    default:
      return parts;
  }
}

describe("PendingAnswer, as properties", () => {
  it("gives exactly one reply with the right content, whatever comes of several answers in whatever order and how often", async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ sure, answers, repeats, order, turns, together }) => {
        const all = [{ ...sure, fate: "whole" }, ...answers];
        const named = all.map((one, n) => ({ ...one, name: `answer-${n}` }));
        const sent = named
          .flatMap((one) => sentOf(one.name, one))
          .flatMap((one) => Array.from({ length: 1 + (repeats.next().value ?? 0) }, () => one))
          .map((one) => ({ one, at: order.next().value ?? 0 }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
        const stage = new SlowStage(() => turns.next().value ?? 0);
        const pending = new PendingAnswer({ stage });
        const accept = ({ header, part }: Sent) =>
          pending.accept(header, { part, headers: new Map([["by", header.answer]]) });
        const verdicts: { readonly kind: string }[] = [];
        if (together) verdicts.push(...(await Promise.all(sent.map(accept))));
        else for (const one of sent) verdicts.push(await accept(one));
        expect(verdicts.filter(({ kind }) => kind === "whole")).toHaveLength(1);
        const reply = await pending.whole;
        const winner = named.find(({ name }) => name === reply.headers.get("by"));
        expect(["whole", "conflicting"]).toContain(winner?.fate);
        expect(await documentsOf(reply)).toEqual(
          winner?.counts.map((items, part) => ({
            name: winner.name,
            part,
            Resources: Array.from({ length: items }, () => winner.name),
          })),
        );
        const seen = new Set(sent.map(({ header }) => header.answer));
        expect(reply.counts().dropped).toBe(seen.size - 1);
        await reply.release();
      }),
      { numRuns: times({ short: 200, long: 5_000 }) },
    );
  });
});

describe("PendingAnswer, when staging goes wrong", () => {
  it("takes a part again that could not be staged", async () => {
    let failures = 1;
    const inner = new MemoryPartStage();
    const stage: PartStage = {
      stage: async (key, part) => {
        if (failures-- > 0) throw new Error("the store is locked");
        await inner.stage(key, part);
      },
      read: (key) => inner.read(key),
      clear: (selection) => inner.clear(selection),
    };
    const pending = new PendingAnswer({ stage });
    const [one] = answerOf("a", [2], false);
    if (one === undefined) throw new Error("a part was made");
    const accept = () => pending.accept(one.header, { part: one.part, headers: new Map() });
    await expect(accept()).rejects.toThrow("the store is locked");
    expect(await accept()).toEqual({ kind: "whole" });
    expect((await pending.whole).counts()).toEqual({ repeated: 0, dropped: 0 });
  });

  it("keeps nothing that comes after it was given up", async () => {
    const stage = new MemoryPartStage();
    const pending = new PendingAnswer({ stage });
    const [first, last] = answerOf("a", [1, 1], false);
    if (first === undefined || last === undefined) throw new Error("two parts were made");
    const accept = ({ header, part }: Sent) => pending.accept(header, { part, headers: new Map() });
    const coming = accept(first);
    const givenUp = pending.giveUp();
    await Promise.all([coming, givenUp]);
    expect(await accept(last)).toEqual({ kind: "late" });
    expect(await stage.read({ answer: "a", part: 0 })).toBeUndefined();
    expect(await stage.read({ answer: "a", part: 1 })).toBeUndefined();
  });

  it("says what was damaged without quoting it", async () => {
    const pending = new PendingAnswer({ stage: new MemoryPartStage() });
    const [one] = answerOf("a", [1], false);
    if (one === undefined) throw new Error("a part was made");
    const part = { body: Buffer.from('{"name": Ada}'), gzip: false };
    const refused = pending.accept(one.header, { part, headers: new Map() });
    await expect(refused).rejects.toThrow(PartUnreadableError);
    await expect(refused).rejects.toThrow("it is not one JSON object");
  });
});

describe("AnswerAssembly, with bounds", () => {
  const body = { sha256: Buffer.alloc(32), items: 0 };
  const start = (answer: string): PartHeader => ({ answer, part: 0, status: 200 });

  it("counts every answer that is not used, far beyond those that it keeps apart, each once", () => {
    const early = new AnswerAssembly({ maxAnswers: 4 });
    for (let n = 0; n < 500; n++) early.accept(start(`early-${n % 250}`), body);
    // Four of them may still become whole.
    expect(early.dropped).toBe(246);
    const whole = new AnswerAssembly({ maxAnswers: 4 });
    for (let n = 0; n < 3; n++) whole.accept(start(`early-${n}`), body);
    const end = { parts: 1, items: 0, digest: digestOf([body]) };
    expect(whole.accept({ ...start("winner"), end }, body)).toEqual({ kind: "whole" });
    for (let n = 0; n < 600; n++) whole.accept(start(`late-${n % 300}`), body);
    expect(whole.dropped).toBe(303);
    for (let n = 0; n < 5_000; n++) whole.accept(start(`flood-${n}`), body);
    expect(whole.dropped).toBe(1024);
  });

  it("gives up an answer of more parts than it can be", () => {
    const assembly = new AnswerAssembly({ maxAnswers: 4, maxParts: 10 });
    expect(assembly.accept({ ...start("a"), part: 9 }, body)).toEqual({ kind: "staged" });
    expect(assembly.isWanted({ ...start("a"), part: 9 })).toBe(false);
    expect(assembly.isWanted({ ...start("a"), part: 8 })).toBe(true);
    expect(assembly.accept({ ...start("a"), part: 10 }, body)).toEqual({
      kind: "broken",
      reason: "it has more than 10 parts",
    });
    expect(assembly.isWanted({ ...start("a"), part: 1 })).toBe(false);
    expect(assembly.contradiction).toBe("it has more than 10 parts");
  });

  it("has room for another answer when one was given up", () => {
    const assembly = new AnswerAssembly({ maxAnswers: 1 });
    assembly.accept(start("a"), body);
    assembly.accept(start("a"), { ...body, sha256: Buffer.alloc(32, 1) });
    const end = { parts: 1, items: 0, digest: digestOf([body]) };
    expect(assembly.accept({ ...start("b"), end }, body)).toEqual({ kind: "whole" });
    expect(assembly.dropped).toBe(1);
  });
});
