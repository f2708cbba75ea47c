import { describe, expect, it } from "vitest";
import { AnswerMemory } from "../../agent/bus/answer-memory.ts";
import type { Answer, RequestHandler } from "../../agent/core/exchange.ts";
import { request } from "../support/provider.ts";

const { signal } = new AbortController();

function write(key: string | undefined, body: unknown = { userName: "ada" }) {
  const headers = key === undefined ? {} : { "idempotency-key": key };
  return request("POST", "/Users", { body, headers });
}

/** Counts its calls, and says the count in its answer. */
function counting(status = 201) {
  const calls = { count: 0 };
  const handler: RequestHandler = async () => {
    calls.count++;
    return { kind: "document", status, body: { call: calls.count } };
  };
  return { calls, handler };
}

function create(options: { keepMs?: number; maxAnswers?: number; maxBytes?: number } = {}) {
  const clock = { now: 0 };
  const memory = new AnswerMemory({ keepMs: 1_000, now: () => clock.now, ...options });
  return { clock, memory };
}

async function statusOf(answer: Promise<Answer>): Promise<number | undefined> {
  const settled = await answer;
  return settled.kind === "document" ? settled.status : undefined;
}

describe("the memory of answers", () => {
  it("answers the same key and content from what it kept, until that is too old", async () => {
    const { memory, clock } = create();
    const { handler, calls } = counting();
    const remembered = memory.remember(handler);
    const first = await remembered(write("k"), signal);
    clock.now = 999;
    expect(await remembered(write("k"), signal)).toEqual(first);
    expect({ calls: calls.count, size: memory.size }).toEqual({ calls: 1, size: 1 });
    clock.now = 1_000;
    expect(await remembered(write("k"), signal)).toEqual({
      kind: "document",
      status: 201,
      body: { call: 2 },
    });
  });

  it("leaves requests without a key alone, and those with another one", async () => {
    const { memory } = create();
    const { handler, calls } = counting();
    const remembered = memory.remember(handler);
    for (const key of [undefined, undefined, "a", "b"]) await remembered(write(key), signal);
    expect(calls.count).toBe(4);
  });

  it.each([
    ["another body", write("k", { userName: "grace" })],
    [
      "another method",
      request("PUT", "/Users", {
        body: { userName: "ada" },
        headers: { "idempotency-key": "k" },
      }),
    ],
    [
      "another precondition",
      request("POST", "/Users", {
        body: { userName: "ada" },
        headers: { "idempotency-key": "k", "if-match": 'W/"1"' },
      }),
    ],
  ])("refuses the same key with %s", async (_, other) => {
    const { memory } = create();
    const { handler, calls } = counting();
    const remembered = memory.remember(handler);
    await remembered(write("k"), signal);
    expect(await statusOf(remembered(other, signal))).toBe(422);
    expect(calls.count).toBe(1);
  });

  it("refuses keys that are no keys", async () => {
    const { handler, calls } = counting();
    const remembered = create().memory.remember(handler);
    for (const key of ["", "k".repeat(129)]) {
      expect(await statusOf(remembered(write(key), signal))).toBe(400);
    }
    expect(calls.count).toBe(0);
  });

  it("lets one work while others with its key wait, and gives all the same answer", async () => {
    const { memory } = create();
    let finish = (_: Answer) => {};
    let calls = 0;
    const remembered = memory.remember(() => {
      calls++;
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    const answers = [1, 2, 3].map(() => remembered(write("k"), signal));
    const answer: Answer = { kind: "document", status: 201, body: {} };
    finish(answer);
    expect(await Promise.all(answers)).toEqual([answer, answer, answer]);
    expect(calls).toBe(1);
  });

  it("lets another one work when the first is aborted, or fails", async () => {
    const { memory } = create();
    const fails = [true, false];
    const remembered = memory.remember(async () => {
      await Promise.resolve();
      if (fails.shift()) throw new Error("aborted");
      return { kind: "document", status: 201, body: {} };
    });
    const [first, second] = [remembered(write("k"), signal), remembered(write("k"), signal)];
    await expect(first).rejects.toThrow("aborted");
    expect(await statusOf(second)).toBe(201);
  });

  it("does not let a waiting one wait longer than its own signal", async () => {
    const { memory } = create();
    const remembered = memory.remember(() => new Promise(() => {}));
    void remembered(write("k"), signal);
    const stop = new AbortController();
    const waiting = remembered(write("k"), stop.signal);
    stop.abort(new Error("lock lost"));
    await expect(waiting).rejects.toThrow("lock lost");
  });

  it("does not keep what a retry may mend", async () => {
    const { memory } = create();
    const { handler, calls } = counting(503);
    const remembered = memory.remember(handler);
    await remembered(write("k"), signal);
    await remembered(write("k"), signal);
    expect({ calls: calls.count, size: memory.size, bytes: memory.bytes }).toEqual({
      calls: 2,
      size: 0,
      bytes: 0,
    });
  });

  it("keeps no more answers and no more bytes than it may, the newest of them", async () => {
    const few = create({ maxAnswers: 3 });
    const light = create({ maxBytes: 4_000 });
    for (const { memory } of [few, light]) {
      const { handler } = counting();
      const remembered = memory.remember(handler);
      for (let key = 0; key < 50; key++) await remembered(write(`k${key}`), signal);
    }
    expect(few.memory.size).toBe(3);
    expect(light.memory.bytes).toBeLessThanOrEqual(4_000);
    expect(light.memory.size).toBeGreaterThan(2);
    const { handler, calls } = counting();
    await few.memory.remember(handler)(write("k49"), signal);
    await few.memory.remember(handler)(write("k0"), signal);
    expect(calls.count).toBe(1);
  });

  it("keeps no answer that is too large", async () => {
    const { memory } = create();
    const body = { text: "x".repeat(300_000) };
    const remembered = memory.remember(async () => ({ kind: "document", status: 200, body }));
    await remembered(write("k"), signal);
    expect({ size: memory.size, bytes: memory.bytes }).toEqual({ size: 0, bytes: 0 });
  });
});
