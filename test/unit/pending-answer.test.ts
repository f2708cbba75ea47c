import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { MemoryPartStage, type PartStage } from "../../agent/bus/part-stage.ts";
import { PendingAnswer } from "../../agent/bus/pending-answer.ts";
import { digestOf, type PartHeader } from "../../agent/core/answer-assembly.ts";
import type { ReplyProgress } from "../../agent/ports.ts";

interface Sent {
  readonly header: PartHeader;
  readonly body: Buffer;
}

/** An answer of these documents. */
function answer(name: string, documents: readonly object[], status = 200): readonly Sent[] {
  const bodies = documents.map((document) => Buffer.from(JSON.stringify(document)));
  const digest = digestOf(
    bodies.map((body) => ({ sha256: createHash("sha256").update(body).digest() })),
  );
  const items = documents.reduce(
    (sum, document) =>
      sum + ("Resources" in document ? (document.Resources as unknown[]).length : 0),
    0,
  );
  return bodies.map((body, part) => ({
    body,
    header: {
      answer: name,
      part,
      status: part === bodies.length - 1 ? status : 200,
      ...(part === bodies.length - 1 ? { end: { parts: bodies.length, items, digest } } : {}),
    },
  }));
}

async function accept(pending: PendingAnswer, sent: readonly Sent[], gzip = false) {
  const kinds: string[] = [];
  for (const { header, body } of sent) {
    const headers = new Map([["part", String(header.part)]]);
    const verdict = await pending.accept(header, { part: { body, gzip }, headers });
    kinds.push(verdict.kind);
  }
  return kinds;
}

async function documentsOf(pending: PendingAnswer) {
  const documents: unknown[] = [];
  for await (const document of (await pending.whole).documents()) documents.push(document);
  return documents;
}

const DOCUMENTS = [{ Resources: [1, 2] }, { Resources: [3] }, { Resources: [], listing: "full" }];

describe("PendingAnswer", () => {
  it("gives the documents in order, whatever order they came in, and more than once", async () => {
    const pending = new PendingAnswer({ stage: new MemoryPartStage() });
    const kinds = await accept(pending, answer("a", DOCUMENTS).toReversed());
    expect(kinds).toEqual(["staged", "staged", "whole"]);
    expect(await documentsOf(pending)).toEqual(DOCUMENTS);
    expect(await documentsOf(pending)).toEqual(DOCUMENTS);
  });

  it("takes status and headers of the last part, whichever part made it whole", async () => {
    const pending = new PendingAnswer({ stage: new MemoryPartStage() });
    await accept(pending, answer("a", DOCUMENTS, 503).toReversed());
    const reply = await pending.whole;
    expect([reply.status, reply.parts, reply.headers]).toEqual([503, 3, new Map([["part", "2"]])]);
  });

  it("never mixes two answers, and drops the loser's parts", async () => {
    const stage = new MemoryPartStage();
    const pending = new PendingAnswer({ stage });
    const dead = answer("dead", DOCUMENTS);
    const other = [{ Resources: [9] }, { Resources: [8], listing: "full" }];
    const [d0, d1, d2] = dead;
    const [o0, o1] = answer("other", other);
    if (!d0 || !d1 || !d2 || !o0 || !o1) throw new Error("parts were made");
    expect(await accept(pending, [d0, o1, d1, d0, o0, d2, o0])).toEqual([
      "staged",
      "staged",
      "staged",
      "repeated",
      "whole",
      "late",
      "repeated",
    ]);
    expect(await documentsOf(pending)).toEqual(other);
    const reply = await pending.whole;
    expect(reply.counts()).toEqual({ repeated: 2, dropped: 1 });
    expect(await stage.read({ answer: "dead", part: 0 })).toBeUndefined();
    expect(await stage.read({ answer: "dead", part: 2 })).toBeUndefined();
    await reply.release();
    expect(await stage.read({ answer: "other", part: 0 })).toBeUndefined();
    await expect(documentsOf(pending)).rejects.toThrow("part 0 of a whole answer is gone");
  });

  it("tells of its progress, each part once", async () => {
    const progress: ReplyProgress[] = [];
    const onProgress = (each: ReplyProgress) => progress.push(each);
    const pending = new PendingAnswer({ stage: new MemoryPartStage(), onProgress });
    const [first, ...rest] = answer("a", DOCUMENTS);
    if (first === undefined) throw new Error("a part was made");
    await accept(pending, [first, first, ...rest]);
    expect(progress).toEqual([
      { parts: 1, items: 2 },
      { parts: 2, items: 3 },
      { parts: 3, items: 3 },
    ]);
  });

  it("stages a part before it says so", async () => {
    const stage: PartStage = {
      stage: () => Promise.reject(new Error("disk full")),
      read: async () => undefined,
      clear: async () => undefined,
    };
    const pending = new PendingAnswer({ stage });
    const parts = answer("a", [{ Resources: [] }]);
    await expect(accept(pending, parts)).rejects.toThrow("disk full");
  });

  it("checks the digest of the bytes as they were sent, compressed", async () => {
    const packed = gzipSync(JSON.stringify({ Resources: [1] }));
    const sha256 = createHash("sha256").update(packed).digest();
    const header = {
      answer: "a",
      part: 0,
      status: 200,
      end: { parts: 1, items: 1, digest: digestOf([{ sha256 }]) },
    };
    const pending = new PendingAnswer({ stage: new MemoryPartStage() });
    expect(await accept(pending, [{ header, body: packed }], true)).toEqual(["whole"]);
    expect(await documentsOf(pending)).toEqual([{ Resources: [1] }]);
  });

  it.each([
    ["no JSON", Buffer.from("{"), false],
    ["no object", Buffer.from("[]"), false],
    ["no gzip", Buffer.from("{}"), true],
    ["a bomb", gzipSync(Buffer.alloc(17 * 1024 * 1024, 32)), true],
  ])("refuses a body that is %s and forgets it", async (_, body, gzip) => {
    const pending = new PendingAnswer({ stage: new MemoryPartStage() });
    const [good] = answer("a", [{ Resources: [1] }]);
    if (good === undefined) throw new Error("a part was made");
    await expect(accept(pending, [{ ...good, body }], gzip)).rejects.toThrow();
    expect(await accept(pending, [good])).toEqual(["whole"]);
  });

  it("ends the waiting with what made it fail", async () => {
    const pending = new PendingAnswer({ stage: new MemoryPartStage() });
    pending.fail(new Error("too large"));
    await expect(pending.whole).rejects.toThrow("too large");
  });

  it("is whole once for parts that come at the same time", async () => {
    const pending = new PendingAnswer({ stage: new MemoryPartStage() });
    const all = [...answer("a", DOCUMENTS), ...answer("b", DOCUMENTS), ...answer("a", DOCUMENTS)];
    const kinds = await Promise.all(
      all.map(({ header, body }) =>
        pending.accept(header, { part: { body, gzip: false }, headers: new Map() }),
      ),
    );
    expect(kinds.filter(({ kind }) => kind === "whole")).toHaveLength(1);
    expect(await documentsOf(pending)).toEqual(DOCUMENTS);
  });
});

describe("MemoryPartStage", () => {
  const large = Buffer.alloc(200 * 1024 * 1024);
  const part = { body: large, gzip: false };

  it("refuses to keep more than 512 MiB, and has room again when parts were forgotten", async () => {
    const stage = new MemoryPartStage();
    await stage.stage({ answer: "a", part: 0 }, part);
    await stage.stage({ answer: "b", part: 0 }, part);
    await expect(stage.stage({ answer: "a", part: 1 }, part)).rejects.toMatchObject({
      code: "reply.refused",
    });
    await stage.clear({ except: "a" });
    expect(await stage.read({ answer: "a", part: 0 })).toBe(part);
    expect(await stage.read({ answer: "b", part: 0 })).toBeUndefined();
    await stage.stage({ answer: "a", part: 1 }, part);
    await stage.clear();
    expect(await stage.read({ answer: "a", part: 0 })).toBeUndefined();
  });

  it("counts a part that comes again once", async () => {
    const stage = new MemoryPartStage();
    for (let time = 0; time < 5; time++) await stage.stage({ answer: "a", part: 0 }, part);
    expect(await stage.read({ answer: "a", part: 0 })).toBe(part);
    await stage.clear();
    await stage.stage({ answer: "a", part: 0 }, part);
    await stage.stage({ answer: "a", part: 1 }, part);
  });
});
