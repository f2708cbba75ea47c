import { describe, expect, it } from "vitest";
import { isRepeatable } from "../../agent/bus/repeatable.ts";
import { RetryingRequester } from "../../agent/bus/retrying-requester.ts";
import { AgentError } from "../../agent/core/error.ts";
import type { OutgoingRequest, Reply, ReplyProgress, Requester } from "../../agent/ports.ts";
import { MemoryLog } from "../support/memory-log.ts";

const never = new AbortController().signal;

function reply(status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: new Map(Object.entries(headers)),
    parts: 1,
    documents: async function* () {},
    counts: () => ({ repeated: 0, dropped: 0 }),
    release: async () => {},
  };
}

/** Answers with these, one after the other, and the last one again; the time passes by pauses alone. */
class ScriptedRequester implements Requester {
  readonly asked: OutgoingRequest[] = [];
  readonly released: number[] = [];
  readonly #script: readonly (Reply | Error)[];

  constructor(...script: readonly (Reply | Error)[]) {
    this.#script = script;
  }

  async request(
    request: OutgoingRequest,
    { onProgress }: { readonly onProgress?: (progress: ReplyProgress) => void },
  ): Promise<Reply> {
    const n = this.asked.push(request);
    onProgress?.({ parts: 1, items: 10 * n });
    const next = this.#script[Math.min(n, this.#script.length) - 1];
    if (next === undefined || next instanceof Error) throw next;
    return { ...next, release: async () => void this.released.push(n) };
  }

  async close(): Promise<void> {}
}

function setUp(...script: readonly (Reply | Error)[]) {
  const inner = new ScriptedRequester(...script);
  const pauses: number[] = [];
  let now = 1_000_000;
  const log = new MemoryLog();
  const requester = new RetryingRequester(inner, {
    clock: { now: () => now },
    random: () => 0.5,
    log,
    pause: async (ms, signal) => {
      signal.throwIfAborted();
      pauses.push(ms);
      now += ms;
    },
  });
  return { inner, pauses, requester, log };
}

const READ: OutgoingRequest = {
  method: "POST",
  path: "/.delta",
  stream: true,
  correlationId: "cycle-1",
  timeoutMs: 600_000,
};
const WRITE: OutgoingRequest = { ...READ, path: "/Users", stream: false };

const failure = (code: ConstructorParameters<typeof AgentError>[0]) => new AgentError(code, code);

describe("RetryingRequester", () => {
  it.each(["bus.unreachable", "bus.busy", "reply.timeout"] as const)(
    "asks again after %s, for the same operation with what time is left",
    async (code) => {
      const { inner, pauses, requester } = setUp(failure(code), failure(code), reply(200));
      expect((await requester.request(READ, {}, never)).status).toBe(200);
      expect(pauses).toEqual([375, 750]);
      expect(inner.asked).toEqual([
        READ,
        { ...READ, timeoutMs: 599_625 },
        { ...READ, timeoutMs: 598_875 },
      ]);
    },
  );

  it.each(["bus.denied", "bus.missing", "reply.refused", "usage"] as const)(
    "does not ask again after %s",
    async (code) => {
      const { inner, requester } = setUp(failure(code), reply(200));
      await expect(requester.request(READ, {}, never)).rejects.toMatchObject({ code });
      expect(inner.asked).toHaveLength(1);
    },
  );

  it.each([
    [400, {}, 1],
    [404, { "retry-after": "1" }, 1],
    [429, { "retry-after": "1" }, 1],
    [500, {}, 1],
    [501, {}, 1],
    [500, { "retry-after": "1" }, 2],
    [502, {}, 2],
    [503, {}, 2],
    [504, {}, 2],
  ])("after a %i with %o it asks %i times", async (status, headers, times) => {
    const { inner, requester } = setUp(reply(status, headers), reply(200));
    const last = await requester.request(READ, {}, never);
    expect([last.status, inner.asked.length]).toEqual([times === 1 ? status : 200, times]);
    expect(inner.released).toEqual(times === 1 ? [] : [1]);
  });

  it.each([
    ["30", 30_000],
    [new Date(1_000_000 + 45_000).toUTCString(), 45_000],
    ["0", 375],
    ["soon", 375],
  ])("waits as long as retry-after: %s says", async (after, ms) => {
    const { pauses, requester } = setUp(reply(503, { "retry-after": after }), reply(200));
    await requester.request(READ, {}, never);
    expect(pauses).toEqual([ms]);
  });

  it("lets the pauses grow to half a minute, with chance in them, and no further", async () => {
    const { pauses, requester } = setUp(failure("bus.unreachable"));
    await expect(requester.request(READ, {}, never)).rejects.toMatchObject({
      code: "bus.unreachable",
    });
    expect(pauses.slice(0, 8)).toEqual([375, 750, 1500, 3000, 6000, 12_000, 22_500, 22_500]);
    expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(600_000);
  });

  it("returns the last 503 as it is when the time does not allow another attempt", async () => {
    const { inner, pauses, requester } = setUp(reply(503, { "retry-after": "30" }));
    const last = await requester.request({ ...READ, timeoutMs: 70_000 }, {}, never);
    expect(last.status).toBe(503);
    expect(pauses).toEqual([30_000, 30_000]);
    expect(inner.asked).toHaveLength(3);
    expect(inner.released).toEqual([1, 2]);
  });

  it("sends a write again only with an idempotency key, and the same one", async () => {
    const once = setUp(failure("reply.timeout"), reply(200));
    await expect(once.requester.request(WRITE, {}, never)).rejects.toMatchObject({
      code: "reply.timeout",
    });
    expect(once.inner.asked).toHaveLength(1);
    const keyed = { ...WRITE, headers: { "idempotency-key": "key-1" } };
    const twice = setUp(failure("reply.timeout"), reply(201));
    expect((await twice.requester.request(keyed, {}, never)).status).toBe(201);
    expect(twice.inner.asked.map(({ headers }) => headers?.["idempotency-key"])).toEqual([
      "key-1",
      "key-1",
    ]);
  });

  it("shows in the progress that it starts again", async () => {
    const { requester, log } = setUp(failure("reply.timeout"), reply(200));
    const seen: ReplyProgress[] = [];
    await requester.request(READ, { onProgress: (one) => seen.push(one) }, never);
    expect(seen).toEqual([
      { parts: 1, items: 10, attempt: 1 },
      { parts: 0, items: 0, attempt: 2 },
      { parts: 1, items: 20, attempt: 2 },
    ]);
    expect(log.lines).toEqual([
      {
        level: "warn",
        event: "request.retried",
        fields: { correlationId: "cycle-1", attempt: 1, delayMs: 375, code: "reply.timeout" },
      },
    ]);
  });

  it("stops when the caller does, and passes on what is no failure of the operation", async () => {
    const stop = new AbortController();
    const { inner, requester } = setUp(failure("bus.unreachable"));
    stop.abort(new Error("enough"));
    await expect(requester.request(READ, {}, stop.signal)).rejects.toThrow();
    expect(inner.asked).toHaveLength(1);
    const broken = setUp(new TypeError("a bug"));
    await expect(broken.requester.request(READ, {}, never)).rejects.toThrow("a bug");
    expect(broken.inner.asked).toHaveLength(1);
  });
});

describe("isRepeatable", () => {
  it.each([
    ["GET", "/Users/1", {}, true],
    ["POST", "/.search", {}, true],
    ["POST", "/Users/.search", {}, true],
    ["POST", "/.delta", {}, true],
    ["POST", "/agent/explain", {}, true],
    ["POST", "/Users", {}, false],
    ["POST", "/Users/.delta", {}, false],
    ["PATCH", "/Users/1", {}, false],
    ["DELETE", "/Users/1", { "idempotency-key": "" }, false],
    ["DELETE", "/Users/1", { "idempotency-key": "k" }, true],
  ])("%s %s with %o: %s", (method, path, headers, expected) => {
    expect(isRepeatable({ method, path, headers })).toBe(expected);
  });
});
