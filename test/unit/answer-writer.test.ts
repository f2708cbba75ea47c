import { gunzipSync } from "node:zlib";
import type { ServiceBusMessage } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { AnswerWriter, type AnswerWriterOptions } from "../../agent/bus/answer-writer.ts";
import { parsePartHeader } from "../../agent/bus/part-message.ts";
import { MemoryPartStage } from "../../agent/bus/part-stage.ts";
import { PendingAnswer } from "../../agent/bus/pending-answer.ts";
import type { RequestEnvelope } from "../../agent/bus/request-envelope.ts";
import { AgentError } from "../../agent/core/error.ts";
import type { Answer, AnswerElement, ListEnd } from "../../agent/core/exchange.ts";
import { replyElements } from "../../agent/core/reply-elements.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { uuid } from "../support/fake-directory.ts";

const NEVER = new AbortController().signal;
const LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const MAX_BODY_BYTES = 8192;
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A queue that accepts when the test says so. */
class FakeQueue {
  readonly accepted: ServiceBusMessage[] = [];
  readonly sent: ServiceBusMessage[] = [];
  mostInFlight = 0;
  /** Runs for each message; it is accepted when this resolves. */
  accept: (index: number) => Promise<void> = async () => undefined;
  #inFlight = 0;

  readonly send = async (message: ServiceBusMessage): Promise<void> => {
    const index = this.sent.push(message) - 1;
    this.#inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight);
    try {
      await this.accept(index);
      this.accepted.push(message);
    } finally {
      this.#inFlight--;
    }
  };

  get headers() {
    return this.sent.map((message) => parsePartHeader(message));
  }

  get documents(): readonly Record<string, unknown>[] {
    return this.sent.map(({ body, applicationProperties }) => {
      const isGzip = applicationProperties?.["content-encoding"] === "gzip";
      return JSON.parse((isGzip ? gunzipSync(body) : body).toString("utf8"));
    });
  }
}

function writer(queue: FakeQueue, envelope: Partial<RequestEnvelope> = {}) {
  const options: AnswerWriterOptions = {
    envelope: {
      request: {
        method: "POST",
        path: "/Users/.search",
        headers: new Map(),
        body: undefined,
        requestId: "request-1",
        correlationId: "cycle-1",
      },
      replyTo: { queue: "replies", sessionId: "session-1" },
      expiresAt: 1_000_000,
      acceptsGzip: false,
      stream: true,
      ...envelope,
    },
    send: queue.send,
    maxBodyBytes: MAX_BODY_BYTES,
    agent: "agent-1/1.0.0",
    configuration: "c1-x",
    now: () => 400_000,
  };
  return new AnswerWriter(options);
}

function user(n: number): ScimResource {
  return {
    schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
    id: uuid(n),
    displayName: `Person ${n} ${"x".repeat(900)}`,
  };
}

const users = (count: number) => Array.from({ length: count }, (_, n) => user(n));

/** A list of these, in batches of four. */
function list(
  resources: readonly ScimResource[],
  { failure, end = {} }: { readonly failure?: unknown; readonly end?: ListEnd } = {},
): Answer & { kind: "list"; readonly state: { read: number; isLeft: boolean } } {
  const state = { read: 0, isLeft: false };
  async function* elements(): AsyncGenerator<readonly AnswerElement[], ListEnd> {
    try {
      for (let at = 0; at < resources.length; at += 4) {
        const batch = resources.slice(at, at + 4);
        state.read += batch.length;
        yield batch.map((resource) => ({ kind: "resource", resource }) as const);
      }
      if (failure !== undefined) throw failure;
      return end;
    } finally {
      state.isLeft = true;
    }
  }
  return { kind: "list", schema: LIST, elements: elements(), state };
}

/** What a requester makes of what was sent, in whatever order. */
async function receive(messages: readonly ServiceBusMessage[]) {
  const pending = new PendingAnswer({ stage: new MemoryPartStage() });
  const kinds: string[] = [];
  for (const message of messages) {
    const header = parsePartHeader(message);
    if (header === undefined) throw new Error("no part");
    const gzip = message.applicationProperties?.["content-encoding"] === "gzip";
    const verdict = await pending.accept(header, {
      part: { body: message.body, gzip },
      headers: new Map(),
    });
    kinds.push(verdict.kind);
  }
  if (!kinds.includes("whole")) return undefined;
  const reply = await pending.whole;
  const elements: unknown[] = [];
  for await (const element of replyElements(reply.documents())) elements.push(element);
  return { status: reply.status, elements };
}

describe("AnswerWriter", () => {
  it("sends a document as one part that is the last", async () => {
    const queue = new FakeQueue();
    const answer = {
      kind: "document",
      status: 404,
      body: { a: 1 },
      headers: { "x-y": "z" },
    } as const;
    const summary = await writer(queue).write(answer, NEVER);
    expect(summary).toEqual({
      answer: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: 404,
      parts: 1,
      items: 0,
      bytes: 7,
    });
    expect(queue.sent).toEqual([
      {
        messageId: `request-1:${summary.answer}:0`,
        correlationId: "request-1",
        subject: "404",
        contentType: "application/scim+json",
        timeToLive: 600_000,
        sessionId: "session-1",
        body: Buffer.from('{"a":1}'),
        applicationProperties: {
          "http:response": "1.1",
          answer: summary.answer,
          part: 0,
          last: true,
          parts: 1,
          items: 0,
          digest: expect.stringMatching(/^[0-9a-f]{64}$/),
          agent: "agent-1/1.0.0",
          configuration: "c1-x",
          "x-y": "z",
        },
      },
    ]);
  });

  it("sends a list in parts that make a whole answer in any order", async () => {
    const queue = new FakeQueue();
    const summary = await writer(queue).write(list(users(30), { end: { listing: "full" } }), NEVER);
    expect(queue.sent.length).toBeGreaterThan(3);
    expect(summary).toMatchObject({ status: 200, parts: queue.sent.length, items: 30 });
    expect(queue.headers.map((header) => [header?.part, header?.end !== undefined])).toEqual(
      queue.sent.map((_, part) => [part, part === queue.sent.length - 1]),
    );
    expect(queue.documents.map((document) => document["listing"])).toEqual([
      ...queue.sent.slice(1).map(() => undefined),
      "full",
    ]);
    for (const order of [queue.sent, queue.sent.toReversed(), [...queue.sent, ...queue.sent]]) {
      expect(await receive(order)).toEqual({ status: 200, elements: users(30) });
    }
    for (let lost = 0; lost < queue.sent.length; lost++) {
      expect(await receive(queue.sent.toSpliced(lost, 1))).toBeUndefined();
    }
  });

  it("gives every answering an answer id of its own", async () => {
    const queue = new FakeQueue();
    await writer(queue).write(list(users(1)), NEVER);
    await writer(queue).write(list(users(1)), NEVER);
    expect(new Set(queue.headers.map((header) => header?.answer)).size).toBe(2);
  });

  it("has eight parts on their way at most, and reads no further while they are", async () => {
    const queue = new FakeQueue();
    const open: (() => void)[] = [];
    queue.accept = () => new Promise((resolve) => open.push(resolve));
    const answer = list(users(200));
    let isOver = false;
    const written = writer(queue)
      .write(answer, NEVER)
      .finally(() => {
        isOver = true;
      });
    for (let n = 0; n < 20; n++) await settle();
    expect(queue.sent).toHaveLength(8);
    const readSoFar = answer.state.read;
    expect(readSoFar).toBeLessThan(100);
    for (let n = 0; n < 20; n++) await settle();
    expect(answer.state.read).toBe(readSoFar);
    while (!isOver) {
      open.shift()?.();
      await settle();
    }
    expect((await written).items).toBe(200);
    expect(queue.mostInFlight).toBe(8);
  });

  it("sends the last part only when all others were accepted, in whatever order they were", async () => {
    const queue = new FakeQueue();
    const open: (() => void)[] = [];
    queue.accept = () => new Promise((resolve) => open.push(resolve));
    const written = writer(queue).write(list(users(30)), NEVER);
    for (let n = 0; n < 20; n++) await settle();
    const others = queue.sent.length;
    while (open.length > 0) {
      expect(queue.sent).toHaveLength(others);
      expect(queue.headers.every((header) => header?.end === undefined)).toBe(true);
      open.pop()?.();
      if (open.length > 0) for (let n = 0; n < 5; n++) await settle();
    }
    for (let n = 0; n < 20; n++) await settle();
    expect(queue.sent).toHaveLength(others + 1);
    expect(queue.headers.at(-1)?.end).toMatchObject({ parts: others + 1, items: 30 });
    open.pop()?.();
    expect((await written).parts).toBe(others + 1);
  });

  it("ends a list that fails with a 503 part, retry-after and nothing of the list's end", async () => {
    const queue = new FakeQueue();
    const failure = new AgentError("directory.unreachable", "ldap.internal was cut");
    const answer = list(users(30), { failure, end: { nextDeltaToken: "t" } });
    const summary = await writer(queue).write(answer, NEVER);
    expect(summary).toMatchObject({ status: 503, failure, parts: queue.sent.length });
    expect(queue.sent.length).toBeGreaterThan(2);
    expect(queue.headers.slice(0, -1).every((header) => header?.end === undefined)).toBe(true);
    expect(queue.sent.at(-1)).toMatchObject({
      subject: "503",
      applicationProperties: { last: true, "retry-after": "30" },
    });
    expect(queue.documents.at(-1)).toEqual({
      schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"],
      status: "503",
      detail: "directory.unreachable: the directory did not answer",
    });
    expect(JSON.stringify(queue.documents)).not.toMatch(/nextDeltaToken|totalResults/);
    expect(await receive(queue.sent)).toMatchObject({ status: 503 });
  });

  it("ends a list that crashes with a 500 part that says nothing of why", async () => {
    const queue = new FakeQueue();
    const failure = new TypeError("ada@example.com");
    const summary = await writer(queue).write(list([], { failure }), NEVER);
    expect(summary).toMatchObject({ status: 500, failure, parts: 1 });
    expect(JSON.stringify(queue.documents)).not.toContain("ada");
  });

  it("answers tooMany in one part when a stream was not asked for", async () => {
    const queue = new FakeQueue();
    const answer = list(users(200));
    const summary = await writer(queue, { stream: false }).write(answer, NEVER);
    expect(summary).toMatchObject({ status: 400, parts: 1, items: 0 });
    expect(queue.documents).toMatchObject([{ status: "400", scimType: "tooMany" }]);
    expect(answer.state.isLeft).toBe(true);
    expect(answer.state.read).toBeLessThan(50);
  });

  it("counts the end into what has to fit without a stream", async () => {
    const queue = new FakeQueue();
    const end = { nextDeltaToken: "t".repeat(2000) };
    await writer(queue, { stream: false }).write(list(users(6), { end }), NEVER);
    expect(queue.documents).toMatchObject([{ scimType: "tooMany" }]);
    const fits = new FakeQueue();
    await writer(fits, { stream: false }).write(list(users(6)), NEVER);
    expect(fits.documents).toMatchObject([{ totalResults: 6 }]);
    const streamed = new FakeQueue();
    await writer(streamed).write(list(users(6), { end }), NEVER);
    expect(streamed.documents).toMatchObject([{ itemsPerPage: 6 }, { ...end, itemsPerPage: 0 }]);
  });

  it("answers tooMany for a document that is too large", async () => {
    const queue = new FakeQueue();
    const body = { members: "é".repeat(MAX_BODY_BYTES / 2) };
    await writer(queue).write({ kind: "document", status: 200, body }, NEVER);
    expect(queue.documents).toMatchObject([{ status: "400", scimType: "tooMany" }]);
  });

  it("compresses what is worth it, for those who take it", async () => {
    const packed = new FakeQueue();
    const summary = await writer(packed, { acceptsGzip: true }).write(list(users(30)), NEVER);
    expect(
      packed.sent.every(
        ({ applicationProperties: properties }) => properties?.["content-encoding"] === "gzip",
      ),
    ).toBe(true);
    expect(summary.bytes).toBeLessThan(10_000);
    expect(await receive(packed.sent.toReversed())).toEqual({ status: 200, elements: users(30) });
    const small = new FakeQueue();
    await writer(small, { acceptsGzip: true }).write(list([]), NEVER);
    expect(small.sent[0]?.applicationProperties).not.toHaveProperty("content-encoding");
    const plain = new FakeQueue();
    await writer(plain).write(list(users(30)), NEVER);
    expect(
      plain.sent.every(
        ({ applicationProperties: properties }) => properties?.["content-encoding"] === undefined,
      ),
    ).toBe(true);
    expect(plain.sent.every(({ body }) => body.length <= MAX_BODY_BYTES)).toBe(true);
  });

  it("keeps two minutes for a reply whose requester has no time left, or did not say", async () => {
    for (const expiresAt of [400_001, undefined]) {
      const queue = new FakeQueue();
      await writer(queue, { expiresAt }).write({ kind: "document", status: 200, body: {} }, NEVER);
      expect(queue.sent[0]?.timeToLive).toBe(120_000);
    }
  });

  it.each([0, 2, "last"])(
    "throws what the queue threw for part %s, and sends no last part after it",
    async (which) => {
      const queue = new FakeQueue();
      const throttled = new AgentError("bus.busy", "throttled");
      queue.accept = async (index) => {
        await settle();
        const isLast = queue.headers[index]?.end !== undefined;
        if (which === "last" ? isLast : index === which) throw throttled;
      };
      const answer = list(users(60));
      await expect(writer(queue).write(answer, NEVER)).rejects.toBe(throttled);
      expect(answer.state.isLeft).toBe(true);
      const lasts = queue.headers.filter((header) => header?.end !== undefined);
      expect(lasts).toHaveLength(which === "last" ? 1 : 0);
    },
  );

  it("does not call a list's failure an answer when the queue failed too", async () => {
    const queue = new FakeQueue();
    const throttled = new AgentError("bus.busy", "throttled");
    queue.accept = () => Promise.reject(throttled);
    const failure = new AgentError("directory.unreachable", "cut");
    await expect(writer(queue).write(list(users(30), { failure }), NEVER)).rejects.toBeInstanceOf(
      AgentError,
    );
    expect(queue.headers.every((header) => header?.end === undefined)).toBe(true);
  });

  describe("when the lock was lost", () => {
    const reason = new Error("the lock was lost");

    it("stops reading and sends no last part", async () => {
      const queue = new FakeQueue();
      const controller = new AbortController();
      queue.accept = async (index) => {
        if (index === 1) controller.abort(reason);
      };
      const answer = list(users(60));
      await expect(writer(queue).write(answer, controller.signal)).rejects.toBe(reason);
      expect(answer.state.isLeft).toBe(true);
      expect(answer.state.read).toBeLessThan(60);
      expect(queue.headers.every((header) => header?.end === undefined)).toBe(true);
    });

    it("sends no last part though all is read and only waits to be accepted", async () => {
      const queue = new FakeQueue();
      const controller = new AbortController();
      const open: (() => void)[] = [];
      queue.accept = () => new Promise((resolve) => open.push(resolve));
      const answer = list(users(20));
      const refused = expect(writer(queue).write(answer, controller.signal)).rejects.toBe(reason);
      for (let n = 0; n < 20; n++) await settle();
      expect(answer.state.isLeft).toBe(true);
      controller.abort(reason);
      for (const accept of open.splice(0)) accept();
      for (let n = 0; n < 20; n++) await settle();
      for (const accept of open.splice(0)) accept();
      await refused;
      expect(queue.headers.every((header) => header?.end === undefined)).toBe(true);
    });

    it("sends nothing of an answer that has not begun", async () => {
      for (const answer of [list(users(1)), { kind: "document", status: 200, body: {} } as const]) {
        const queue = new FakeQueue();
        await expect(writer(queue).write(answer, AbortSignal.abort(reason))).rejects.toBe(reason);
        expect(queue.sent).toEqual([]);
      }
    });

    it("takes what the aborted list throws for no answer", async () => {
      const queue = new FakeQueue();
      const controller = new AbortController();
      async function* elements(): AsyncGenerator<readonly AnswerElement[], ListEnd> {
        yield [];
        controller.abort(reason);
        throw new AgentError("directory.unreachable", "abandoned");
      }
      const answer = { kind: "list", schema: LIST, elements: elements() } as const;
      await expect(writer(queue).write(answer, controller.signal)).rejects.toBeInstanceOf(Error);
      expect(queue.sent).toEqual([]);
    });
  });
});
