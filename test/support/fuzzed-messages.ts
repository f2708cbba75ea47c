import { deflateSync, gzipSync } from "node:zlib";
import type { ServiceBusMessageBatch } from "@azure/service-bus";
import fc from "fast-check";
import { scimFilters } from "./scim-filters.ts";

/** What the client sends, AMQP sections and all. */
type Sendable = Parameters<ServiceBusMessageBatch["tryAddMessage"]>[0];

/** A message of the fuzzer. Its id, or else the application property `n`, tells it from all others. */
export interface FuzzedMessage {
  readonly n: number;
  readonly message: Sendable;
  readonly messageId: unknown;
}

/** Sessions of the queue `replies` that are answered to; the fuzzer names no other one. */
export const REPLY_SESSIONS = ["s", "__proto__", "größe 😀", "x".repeat(128)] as const;

const SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/** Random filters; each message takes one of them. */
const FILTERS = 1000;
const NESTING = 100_000;
const BOMB_BYTES = 20 << 20;
/** Of a session id; no queue takes a message with a longer one. */
const MAX_ID_CHARACTERS = 128;
/** Bytes of a body beside which no large header fits into a message of Service Bus Standard. */
const LARGE_BODY_BYTES = 150_000;

interface Draft {
  properties: Record<string, unknown>;
  header: Record<string, unknown>;
  applicationProperties: Record<string, unknown> | undefined;
  messageAnnotations: Record<string, unknown> | undefined;
  bodyType: "data" | "value" | "sequence";
  body: unknown;
}

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  number(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.number() * limit);
  }

  chance(probability: number): boolean {
    return this.number() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

const NAMES = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "valueOf",
  "",
];
const ODD_TEXTS = [
  ...["", " ", "\u0000", "\ud83d\ude00", "a\r\nb: c", "../..", "%2e%2e", "${env:HOME}", "null"],
  ...[...NAMES, "x".repeat(127), "x".repeat(4000), "\u202e", "'; drop table", "é".repeat(300)],
];

const oddValue = (draw: Draw): unknown =>
  draw.pick<() => unknown>([
    () => draw.pick(ODD_TEXTS),
    () => null,
    () => draw.chance(0.5),
    () => draw.below(1 << 30) - (1 << 29),
    () => 0.5 + draw.number() / 3,
    () => Number.NaN,
    () => Number.NEGATIVE_INFINITY,
    () => new Date(draw.below(1 << 30) * 1000),
    () => draw.bytes(draw.below(64)),
    () => [1, "two", null, [draw.pick(NAMES)]],
    () => ({ [draw.pick(NAMES)]: { [draw.pick(NAMES)]: draw.pick(ODD_TEXTS) } }),
  ])();

/** Sets a member whatever its name is. */
function put(holder: object, name: string, value: unknown): void {
  const traits = { enumerable: true, configurable: true, writable: true };
  Object.defineProperty(holder, name, { value, ...traits });
}

/** The client itself cannot read a message with a time in a property of this name. */
function withoutTime(name: string, value: unknown): unknown {
  return name === "__proto__" && value instanceof Date ? String(value) : value;
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

const METHODS = [
  "GET",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "get",
  "Post",
  "HEAD",
  "OPTIONS",
  "QUERY",
];
const ODD_METHODS = [...ODD_TEXTS, "GET /", "G-E-T", "X".repeat(17), "ПОСТ", "GET\u0000"];
const PATHS = [
  ...["/Users", "/Groups", "/.search", "/Users/.search", "/Groups/.search", "/.delta"],
  ...["/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/Me", "/Bulk", "/agent/health"],
  ...["/agent/explain", "/agent", "/ServiceProviderConfig/x", "/Schemas/urn:x", "/Users/1/2"],
  ...["/Users/00000000-0000-4000-8000-000000000001", "/Users/*", "/Groups/__proto__"],
];
const ODD_PATHS = [
  ...[
    "",
    "/",
    "//",
    "Users",
    "http://x/Users",
    "/Users/../agent/health",
    "/__proto__",
    "/toString",
  ],
  ...["/constructor/constructor", "/agent/__proto__", "/Users/.search/.search", "/Users?filter=x"],
  ...["/Users/%00", "/Users/\u0000", "/users", "/Users/", `/${"a/".repeat(1023)}`],
  ...[`/${"x".repeat(2048)}`, `/Users/${"é".repeat(1000)}`, "/Users/(uid=*)", "/.delta/"],
];

/** Bodies that are JSON and say something odd. */
function searchBody(draw: Draw, filters: readonly string[]): Record<string, unknown> {
  const filter = draw.pick(filters);
  const body: Record<string, unknown> = { schemas: [SEARCH_REQUEST], filter };
  if (draw.chance(0.3)) body["attributes"] = ["userName", draw.pick(ODD_TEXTS), "emails.value"];
  if (draw.chance(0.1)) body["excludedAttributes"] = [draw.pick(ODD_TEXTS), "name"];
  if (draw.chance(0.1)) body[draw.pick(["count", "startIndex", "cursor"])] = oddValue(draw);
  if (draw.chance(0.1)) put(body, draw.pick(["SORTBY", "sortOrder", ...NAMES]), oddValue(draw));
  if (draw.chance(0.1)) body[draw.pick(["filter", "attributes", "schemas"])] = oddValue(draw);
  if (draw.chance(0.05)) body["filter"] = mutate(filter, draw);
  return body;
}

/** A filter that was cut, doubled, or had a character changed. */
function mutate(filter: string, draw: Draw): string {
  const at = draw.below(filter.length + 1);
  const mutations = [
    () => filter.slice(0, at),
    () => filter.slice(at),
    () => filter.slice(0, at) + draw.pick(ODD_TEXTS) + filter.slice(at),
    () => `${"(".repeat(draw.below(200))}${filter}`,
    () => `${"not ".repeat(draw.below(200))}${filter}`,
    () => `${filter} or `.repeat(draw.below(300)).slice(0, LARGE_BODY_BYTES / 4),
  ];
  return draw.pick(mutations)();
}

function deltaBody(draw: Draw): Record<string, unknown> {
  const token = draw.pick<() => unknown>([
    () => draw.bytes(draw.below(300)).toString("base64url"),
    () => Buffer.from(`{"v":1,"${draw.pick(NAMES)}":1}`).toString("base64url"),
    () => oddValue(draw),
    () => "x".repeat(20_000),
    () => undefined,
  ])();
  return { deltaToken: token, DeltaToken: null, attributes: draw.pick([undefined, ["id"], "id"]) };
}

/** What may stand for a body, besides what is right. */
const BODIES: readonly ((draw: Draw, draft: Draft) => unknown)[] = [
  (draw) => draw.bytes(draw.below(500)),
  () => Buffer.from([0x22, 0xff, 0xfe, 0xc3, 0x28, 0x22]),
  () => Buffer.from('"\\ud800"'),
  (draw, { body }) => Buffer.from(String(body)).subarray(0, draw.below(40)),
  () => Buffer.from("\ufeff{}"),
  () => Buffer.from("[".repeat(NESTING)),
  () => Buffer.from("[".repeat(NESTING) + "]".repeat(NESTING)),
  () => Buffer.from(`${'{"a":'.repeat(30_000)}1${"}".repeat(30_000)}`),
  () =>
    Buffer.from(
      `{"schemas":["${SEARCH_REQUEST}"],"attributes":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
    ),
  () => Buffer.from(`{"count":1${"0".repeat(400)}}`),
  () => Buffer.from(`{"schemas":["${SEARCH_REQUEST}"],"count":1e400,"startIndex":-1e400}`),
  () => Buffer.from(`{"schemas":["${SEARCH_REQUEST}"],"filter":"id pr","filter":"userName co"}`),
  () => Buffer.from('{"__proto__":{"schemas":["x"]},"constructor":{"prototype":{"a":1}}}'),
  () => Buffer.from(`{"schemas":["${SEARCH_REQUEST}"],"filter":"${"(".repeat(16_000)}"}`),
  () => Buffer.from(`{"schemas":["${SEARCH_REQUEST}"],"filter":"${"a pr or ".repeat(3_000)}a pr"}`),
  (draw) => json(Array.from({ length: draw.below(3000) }, () => draw.pick(NAMES))),
  (draw) => json(draw.pick([null, true, 0, "text", [], [[]], {}])),
  () => json({ schemas: [SEARCH_REQUEST], attributes: Array(5000).fill("userName") }),
  () => json({ schemas: Array(2000).fill(SEARCH_REQUEST), filter: "id pr" }),
  () => Buffer.alloc(200_000, 0x20),
];

const GZIP_BOMB = gzipSync(Buffer.alloc(BOMB_BYTES, 0x5b));
const DEFLATE_BOMB = deflateSync(Buffer.alloc(BOMB_BYTES, 0x20));

/** Each spoils one thing. */
const SPOILERS: readonly ((draft: Draft, draw: Draw) => void)[] = [
  ({ properties }) => delete properties["subject"],
  ({ properties }, draw) => (properties["subject"] = draw.pick(ODD_METHODS)),
  ({ properties }, draw) => (properties["subject"] = draw.pick(METHODS)),
  ({ properties }) => delete properties["to"],
  ({ properties }, draw) => (properties["to"] = draw.pick(ODD_PATHS)),
  ({ properties }, draw) => (properties["to"] = draw.pick(ODD_TEXTS)),
  ({ properties }) => delete properties["replyTo"],
  ({ properties }, draw) =>
    (properties["replyTo"] = draw.pick([...ODD_TEXTS, "requests", "sb://elsewhere/replies"])),
  ({ properties }) => (properties["replyTo"] = "PLAIN-replies"),
  ({ properties }, draw) =>
    (properties["replyToGroupId"] = draw.pick(ODD_TEXTS).slice(0, MAX_ID_CHARACTERS)),
  ({ properties }) => delete properties["messageId"],
  ({ properties }, draw) =>
    (properties["messageId"] = draw.pick<unknown>(["", "x".repeat(81), "y".repeat(128), 5, 0])),
  ({ properties }, draw) => (properties["messageId"] = draw.bytes(16)),
  ({ properties }, draw) => (properties["messageId"] = `${draw.pick(NAMES)}\n${draw.number()}`),
  ({ properties }, draw) =>
    (properties["correlationId"] = draw.pick<unknown>([
      ...NAMES,
      7,
      Buffer.alloc(8),
      "c".repeat(5e3),
    ])),
  ({ properties }, draw) => (properties["contentType"] = draw.pick([...ODD_TEXTS, "text/html"])),
  ({ properties }, draw) => (properties["contentEncoding"] = draw.pick(["gzip", "br", "zip"])),
  ({ properties }, draw) => (properties["groupSequence"] = draw.below(1 << 30)),
  (draft) => (draft.applicationProperties = undefined),
  (draft) => (draft.applicationProperties = {}),
  ({ applicationProperties: headers }, draw) => {
    if (headers !== undefined) headers["http:request"] = draw.pick(["1.0", "2", 1.1, "", ["1.1"]]);
  },
  ({ applicationProperties: headers }, draw) => {
    if (headers === undefined) return;
    for (const name of NAMES.slice(0, -1)) {
      put(headers, name, withoutTime(name, oddValue(draw)));
    }
  },
  ({ applicationProperties: headers }, draw) => {
    for (let i = 0; headers !== undefined && i < 1500; i++) headers[`h${i}`] = draw.below(9);
  },
  ({ applicationProperties: headers }, draw) => {
    if (headers !== undefined) headers["x-huge"] = draw.pick(["x", "é", "\u0000"]).repeat(15_000);
  },
  ({ applicationProperties: headers }, draw) => {
    const names = ["prefer", "accept-encoding", "directory", "if-match", "traceparent", "Prefer"];
    if (headers !== undefined) headers[draw.pick(names)] = oddValue(draw);
  },
  ({ applicationProperties: headers }, draw) => {
    const texts = ["stream", "stream;q=0, gzip", ",,;=,", "STREAM", "respond-async", "company"];
    const names = ["prefer", "accept-encoding", "directory", "content-encoding"];
    if (headers !== undefined) headers[draw.pick(names)] = draw.pick(texts);
  },
  (draft, draw) => (draft.messageAnnotations = { "x-opt-odd": oddValue(draw), odd: draw.number() }),
  ({ header }, draw) => (header["priority"] = draw.below(256)),
  ({ header }, draw) => (header["timeToLive"] = 1 + draw.below(30)),
  ({ header }) => delete header["timeToLive"],
  ({ header }) => (header["timeToLive"] = 2 ** 32 - 1),
  (draft, draw) => (draft.body = draw.pick(BODIES)(draw, draft)),
  (draft, draw) => (draft.body = draw.pick(BODIES)(draw, draft)),
  (draft) => {
    draft.body = GZIP_BOMB;
    draft.properties["contentEncoding"] = "gzip";
    if (draft.applicationProperties) draft.applicationProperties["content-encoding"] = "gzip";
  },
  (draft) => {
    draft.body = DEFLATE_BOMB;
    if (draft.applicationProperties) draft.applicationProperties["content-encoding"] = "deflate";
  },
  (draft, draw) => {
    draft.bodyType = "value";
    draft.body = oddValue(draw);
  },
  (draft) => {
    draft.bodyType = "value";
    draft.body = { schemas: [SEARCH_REQUEST], filter: "userName pr", attributes: ["id"] };
  },
  (draft) => {
    draft.bodyType = "value";
    draft.body = JSON.stringify({ schemas: [SEARCH_REQUEST], filter: 'id eq "1"' });
  },
  (draft, draw) => {
    draft.bodyType = "sequence";
    draft.body = [[oddValue(draw), oddValue(draw)], [oddValue(draw)]];
  },
];

function plainDraft(n: number, draw: Draw, filters: readonly string[]): Draft {
  const to = draw.chance(0.6)
    ? draw.pick(["/Users", "/Groups", ""]).concat("/.search")
    : draw.pick(PATHS);
  const isSearch = to.endsWith(".search");
  const isDelta = to === "/.delta";
  const isPlain = draw.chance(0.6);
  const body = isSearch
    ? json(searchBody(draw, filters))
    : isDelta
      ? json(deltaBody(draw))
      : Buffer.alloc(0);
  const headers: Record<string, unknown> = { "http:request": "1.1" };
  if (draw.chance(0.5)) headers["prefer"] = "stream";
  if (draw.chance(0.5)) headers["accept-encoding"] = "gzip";
  return {
    properties: {
      messageId: `m-${n}`,
      subject: isSearch || isDelta ? "POST" : "GET",
      to,
      replyTo: isPlain ? "plain-replies" : "replies",
      contentType: "application/scim+json",
      ...(isPlain ? {} : { replyToGroupId: draw.pick(REPLY_SESSIONS) }),
    },
    header: { timeToLive: 300_000 },
    applicationProperties: headers,
    messageAnnotations: undefined,
    bodyType: "data",
    body,
  };
}

/** Whether the answer of this message could go to a session that nobody listens to, or to none where one is needed. */
function isUnheard({ properties }: Draft): boolean {
  const { replyTo, replyToGroupId } = properties;
  return (
    String(replyTo).toLowerCase() === "replies" &&
    !(REPLY_SESSIONS as readonly unknown[]).includes(replyToGroupId)
  );
}

/** The n-th message of a seed; the same one each time. */
export function* fuzzMessages(count: number, seed: number): Generator<FuzzedMessage> {
  const draw = new Draw(seed);
  const filters = fc.sample(scimFilters, { numRuns: FILTERS, seed });
  for (let n = 0; n < count; n++) {
    const draft = plainDraft(n, draw, filters);
    const spoiled = draw.chance(0.35) ? 0 : 1 + draw.below(3);
    for (let i = 0; i < spoiled; i++) draw.pick(SPOILERS)(draft, draw);
    if (isUnheard(draft)) draft.properties["replyToGroupId"] = REPLY_SESSIONS[0];
    if (Buffer.isBuffer(draft.body) && draft.body.length > LARGE_BODY_BYTES) {
      draft.applicationProperties = { "http:request": "1.1" };
    }
    if (draft.properties["messageId"] !== `m-${n}`) {
      draft.applicationProperties = { ...draft.applicationProperties, n };
    }
    yield { n, message: draft as unknown as Sendable, messageId: draft.properties["messageId"] };
  }
}
