import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { parsePartHeader, toPartMessage } from "../../agent/bus/part-message.ts";
import { parseRequest } from "../../agent/bus/request-envelope.ts";

const REPLIES = { replyQueues: ["replies", "other-replies"] };

type Message = Partial<Record<keyof ServiceBusReceivedMessage, unknown>>;

const GOOD: Message = {
  messageId: "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
  correlationId: "cycle-1",
  subject: "POST",
  to: "/Users/.search",
  replyTo: "replies",
  replyToSessionId: "session-1",
  body: Buffer.from('{"filter":"x"}'),
  expiresAtUtc: new Date(60_000),
  applicationProperties: { "http:request": "1.1", Prefer: "stream", "accept-encoding": "gzip" },
};

const parse = (changes: Message) =>
  parseRequest({ ...GOOD, ...changes } as unknown as ServiceBusReceivedMessage, REPLIES);

function envelopeOf(changes: Message) {
  const parsed = parse(changes);
  if ("refusal" in parsed) throw new Error(parsed.refusal.description);
  return parsed.envelope;
}

function refusalOf(changes: Message) {
  const parsed = parse(changes);
  return "refusal" in parsed ? parsed.refusal : undefined;
}

describe("parseRequest", () => {
  it("reads a whole request", () => {
    expect(parse({})).toEqual({
      envelope: {
        request: {
          method: "POST",
          path: "/Users/.search",
          headers: new Map([
            ["http:request", "1.1"],
            ["prefer", "stream"],
            ["accept-encoding", "gzip"],
          ]),
          body: { filter: "x" },
          requestId: GOOD.messageId,
          correlationId: "cycle-1",
        },
        replyTo: { queue: "replies", sessionId: "session-1" },
        expiresAt: 60_000,
        acceptsGzip: true,
        stream: true,
      },
    });
  });

  it("takes the least that can be answered", () => {
    const least = {
      correlationId: undefined,
      replyToSessionId: undefined,
      expiresAtUtc: undefined,
      subject: "get",
      body: undefined,
      applicationProperties: { "http:request": "1.1" },
    };
    expect(envelopeOf(least)).toEqual({
      request: {
        method: "GET",
        path: "/Users/.search",
        headers: new Map([["http:request", "1.1"]]),
        body: undefined,
        requestId: GOOD.messageId,
        correlationId: GOOD.messageId,
      },
      replyTo: { queue: "replies", sessionId: undefined },
      expiresAt: undefined,
      acceptsGzip: false,
      stream: false,
    });
  });

  it("knows queues in any letter case, and answers to the one of its own list", () => {
    expect(envelopeOf({ replyTo: "REPLIES", replyToSessionId: "" }).replyTo).toEqual({
      queue: "replies",
      sessionId: undefined,
    });
  });

  it.each([
    ["bytes", Buffer.from("{}"), {}],
    ["bytes of another kind", new Uint8Array([123, 125]), {}],
    ["text", "[1]", [1]],
    ["an object", { a: 1 }, { a: 1 }],
    ["no bytes", Buffer.alloc(0), undefined],
    ["null", null, undefined],
    ["JSON null", "null", null],
  ])("takes a body of %s", (_, body, expected) => {
    expect(envelopeOf({ body }).request.body).toEqual(expected);
  });

  it.each([
    ["no JSON", Buffer.from("{")],
    ["text that is none", "ada@example.com"],
    ["a number", 5],
    ["too large", Buffer.alloc(256 * 1024 + 1, 32)],
  ])("dead-letters a body that is %s, without quoting it", (_, body) => {
    const refusal = refusalOf({ body });
    expect(refusal?.reason).toBe("RequestNotJson");
    expect(refusal?.description).toMatch(
      /^The body .* Send a SCIM message as application\/scim\+json\.$/,
    );
    expect(refusal?.description).not.toContain("ada");
  });

  it.each([undefined, ""])("dead-letters a request without replyTo: %j", (replyTo) => {
    expect(refusalOf({ replyTo })).toEqual({
      reason: "ReplyToMissing",
      description:
        "The message has no replyTo, so there is nowhere to answer. Set replyTo to one of: replies, other-replies.",
    });
  });

  it.each(["elsewhere", "replies2", "replies/x", "xreplies", "*"])(
    "dead-letters a request that wants its answer in %s",
    (replyTo) => {
      const refusal = refusalOf({ replyTo });
      expect(refusal?.reason).toBe("ReplyToForbidden");
      expect(refusal?.description).toContain(replyTo);
      expect(refusal?.description).toContain("replies, other-replies");
    },
  );

  it("keeps its reasons short enough for the broker, whatever came", () => {
    const refusal = refusalOf({ replyTo: "x".repeat(100_000) });
    expect(refusal?.description.length).toBeLessThan(1024);
  });

  it.each<[string, Message]>([
    ["no message id", { messageId: undefined }],
    ["an empty message id", { messageId: "" }],
    ["a message id that is a number", { messageId: 5 }],
    ["a message id that is too long", { messageId: "x".repeat(129) }],
    ["a session id that is too long", { replyToSessionId: "x".repeat(129) }],
    ["no method", { subject: undefined }],
    ["a method that is none", { subject: "GET /Users" }],
    ["an empty method", { subject: "" }],
    ["no path", { to: undefined }],
    ["a relative path", { to: "Users" }],
    ["a path that is too long", { to: `/${"x".repeat(2048)}` }],
    ["no properties", { applicationProperties: undefined }],
    ["another version", { applicationProperties: { "http:request": "2.0" } }],
    ["a version that is a number", { applicationProperties: { "http:request": 1.1 } }],
  ])("dead-letters a message with %s", (_, changes) => {
    expect(refusalOf(changes)).toMatchObject({ reason: "RequestIncomplete" });
  });

  it.each([
    ["stream", true],
    ["STREAM", true],
    ["return=minimal, stream; wait=5", true],
    ["streaming", false],
    ["", false],
  ])("reads prefer: %s as %s", (prefer, stream) => {
    const applicationProperties = { "http:request": "1.1", prefer };
    expect(envelopeOf({ applicationProperties }).stream).toBe(stream);
  });

  it("leaves headers that are no text out, and keeps names of the prototype as names", () => {
    const applicationProperties = Object.fromEntries([
      ["http:request", "1.1"],
      ["count", 5],
      ["__proto__", "x"],
    ]);
    const { headers } = envelopeOf({ applicationProperties }).request;
    expect([...headers.keys()]).toEqual(["http:request", "__proto__"]);
  });

  it("takes no message id with which a part's would be longer than the broker allows", () => {
    for (let length = 1; length <= 128; length++) {
      const parsed = parse({ messageId: "x".repeat(length) });
      if ("refusal" in parsed) continue;
      const { messageId } = part({ requestId: parsed.envelope.request.requestId }, 9_999_999);
      expect(String(messageId).length, `length ${length}`).toBeLessThanOrEqual(128);
    }
    expect(refusalOf({ messageId: "x".repeat(64) })).toBeUndefined();
  });
});

const OPTIONS = {
  requestId: "request-1",
  sessionId: "session-1",
  body: Buffer.from("{}"),
  gzip: false,
  agent: "agent-1/1.0.0",
  configuration: "c1-x",
  headers: {},
  restMs: 300_000,
};
const ANSWER = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

function part(changes: Partial<typeof OPTIONS> & { sessionId?: never } = {}, number = 3) {
  const header = { answer: ANSWER, part: number, status: 200 };
  return toPartMessage(header, { ...OPTIONS, ...changes });
}

describe("toPartMessage", () => {
  it("makes the message of the contract", () => {
    expect(part()).toEqual({
      messageId: `request-1:${ANSWER}:3`,
      correlationId: "request-1",
      subject: "200",
      contentType: "application/scim+json",
      timeToLive: 300_000,
      sessionId: "session-1",
      body: Buffer.from("{}"),
      applicationProperties: {
        "http:response": "1.1",
        answer: ANSWER,
        part: 3,
        last: false,
        agent: "agent-1/1.0.0",
        configuration: "c1-x",
      },
    });
  });

  it("says on the last part what the answer is", () => {
    const end = { parts: 4, items: 9, digest: "abc" };
    const message = toPartMessage(
      { answer: ANSWER, part: 3, status: 503, end },
      { ...OPTIONS, sessionId: undefined, gzip: true, headers: { "retry-after": "30" } },
    );
    expect(message).not.toHaveProperty("sessionId");
    expect(message.applicationProperties).toEqual({
      "http:response": "1.1",
      answer: ANSWER,
      part: 3,
      last: true,
      ...end,
      "content-encoding": "gzip",
      agent: "agent-1/1.0.0",
      configuration: "c1-x",
      "retry-after": "30",
    });
  });

  it("lives for two minutes at least", () => {
    expect(part({ restMs: 1 }).timeToLive).toBe(120_000);
    expect(part({ restMs: -5 }).timeToLive).toBe(120_000);
  });
});

describe("parsePartHeader", () => {
  it("reads what toPartMessage wrote", () => {
    const end = { parts: 4, items: 9, digest: "abc" };
    for (const header of [
      { answer: ANSWER, part: 0, status: 200 },
      { answer: ANSWER, part: 3, status: 503, end },
    ]) {
      const { subject, applicationProperties } = toPartMessage(header, OPTIONS);
      expect(parsePartHeader({ subject, applicationProperties })).toEqual(header);
    }
  });

  const good = {
    "http:response": "1.1",
    answer: ANSWER,
    part: 3,
    last: true,
    parts: 4,
    items: 0,
    digest: "x",
  };

  it.each<[string, unknown, object]>([
    ["no status", undefined, {}],
    ["an empty status", "", {}],
    ["a status that is none", "OK", {}],
    ["a status of other digits", "0xC8", {}],
    ["another version", "200", { "http:response": "2" }],
    ["no answer", "200", { answer: undefined }],
    ["a part that is text", "200", { part: "3" }],
    ["a negative part", "200", { part: -1 }],
    ["half a part", "200", { part: 0.5 }],
    ["a part without end", "200", { part: Number.POSITIVE_INFINITY }],
    ["no word on whether it is the last", "200", { last: undefined }],
    ["no parts", "200", { parts: undefined }],
    ["no items", "200", { items: undefined }],
    ["no digest", "200", { digest: undefined }],
  ])("refuses a message with %s", (_, subject, changes) => {
    const applicationProperties = { ...good, ...changes };
    expect(parsePartHeader({ subject: subject as string, applicationProperties })).toBeUndefined();
    expect(parsePartHeader({ subject: "200", applicationProperties: good })).toBeDefined();
  });

  it("refuses a message without properties", () => {
    expect(parsePartHeader({ subject: "200" })).toBeUndefined();
  });
});
