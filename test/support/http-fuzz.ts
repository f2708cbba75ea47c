import { SCIM_TOKEN } from "./agent-files.ts";

/** Numbers from 0 to below 1 that are the same for the same seed (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const METHODS = "GET GET GET GET POST POST HEAD PUT PATCH DELETE OPTIONS PROPFIND TRACE".split(" ");
const NO_METHODS = ["get", "BREW", "", "G\u0000T", "GET\tGET", "PRI", "CONNECT", "\u00ff"];
const PATHS = [
  ...["/", "/Users", "/Groups", "/Users/.search", "/Groups/.search", "/.search", "/.delta"],
  ...[
    "/ServiceProviderConfig",
    "/Schemas",
    "/ResourceTypes",
    "/ResourceTypes/User",
    "/Me",
    "/Bulk",
  ],
  ...["/agent/health", "/agent/explain", "/agent", "/scim/v2", "/scim/v2/", "/scim/v2/Users"],
  ...["/Users/", "/Users//", "/Users/..", "/Users/%2e%2e", "/Users/%2F", "/Users/%", "/Users/%ff"],
  ...["/Users/00000000-0000-4000-8000-000000000001", "/Groups/x", "//", "*", "", "?", "#", "/%00"],
  ...[
    "/__proto__",
    "/constructor/prototype",
    "/Users/__proto__",
    "http://x/Users",
    "http://",
    "/\\",
  ],
];
const ATTRIBUTES = [
  ...["userName", "emails.value", "name.familyName", "meta", "id", "members", "active", "password"],
  ...[
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "__proto__",
    "x.y.z",
    "",
  ],
];
const OPERATORS = "eq ne co sw ew gt ge lt le pr xx".split(" ");
const LITERALS = ['"a"', '"Ada*)(uid=*"', "1", "-1.5e9", "true", "null", '"\\u0000"', "x", "", '"'];
const PARAMETERS = [
  ...["filter", "attributes", "excludedAttributes", "startIndex", "count", "cursor", "sortBy"],
  ...["sortOrder", "FILTER", "Count", "__proto__", "", "%zz", "x"],
];
const NUMBERS = [
  "1",
  "0",
  "-1",
  "2147483648",
  "99999999999999999999",
  "1.5",
  "NaN",
  "",
  "+3",
  "1e2",
];
const HEADERS = [
  ...["content-type: application/scim+json", "content-type: text/html", "content-type: ;;;"],
  ...["content-type: application/json; charset=utf-16", "content-encoding: gzip", "accept: */*"],
  ...[
    "directory: company",
    "directory: nowhere",
    "if-none-match: *",
    'if-match: W/"x"',
    "prefer: stream",
  ],
  ...["x-request-id: a", "x-request-id: \u0001", "expect: 100-continue", "expect: miracles"],
  ...["upgrade: websocket", "connection: upgrade", "connection: close", "te: trailers", "host: y"],
  ...["transfer-encoding: chunked", "content-length: 5", "content-length: -1", "cookie: a=b"],
  ...[`x-long: ${"l".repeat(5_000)}`, "no colon at all", ": nameless", "traceparent: 00-1-1-00"],
];
const SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/** Makes up requests: right ones, wrong ones and what is none. */
export class HttpFuzz {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** What one connection sends: one request, several, a part of one, or bytes. */
  bytes(): Buffer {
    const kind = this.#random();
    if (kind < 0.04) return this.#garbage(this.#below(2_000));
    if (kind < 0.06) return this.#oversized();
    const requests = kind < 0.12 ? 1 + this.#below(5) : 1;
    const whole = Buffer.concat(Array.from({ length: requests }, () => this.#request()));
    if (kind < 0.2) return whole.subarray(0, this.#below(whole.length));
    if (kind < 0.26) return this.#mutated(whole);
    return whole;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)] as T;
  }

  #garbage(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.#below(256)));
  }

  #mutated(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    for (let n = 1 + this.#below(4); n > 0; n--) copy[this.#below(copy.length)] = this.#below(256);
    return copy;
  }

  #oversized(): Buffer {
    const long = "a".repeat(8_000 + this.#below(60_000));
    const line = this.#pick([
      `GET /Users?filter=${long} HTTP/1.1\r\nhost: x\r\n\r\n`,
      `GET /${long} HTTP/1.1\r\nhost: x\r\n${this.#token()}\r\n`,
      `GET /Users HTTP/1.1\r\nhost: x\r\nx: ${long}\r\n\r\n`,
      `GET /Users HTTP/1.1\r\nhost: x\r\n${`a: b\r\n`.repeat(3_000)}\r\n`,
      `POST /.search HTTP/1.1\r\nhost: x\r\n${this.#token()}content-length: 99999999\r\n\r\n${long}`,
    ]);
    return Buffer.from(line, "latin1");
  }

  #request(): Buffer {
    const method = this.#random() < 0.03 ? this.#pick(NO_METHODS) : this.#pick(METHODS);
    const body = method === "GET" || this.#random() < 0.3 ? "" : this.#body();
    const framing =
      this.#random() < 0.9
        ? `content-length: ${Buffer.byteLength(body)}\r\n`
        : "transfer-encoding: chunked\r\n";
    const more = Array.from({ length: this.#below(3) }, () => `${this.#pick(HEADERS)}\r\n`);
    const version = this.#random() < 0.96 ? "HTTP/1.1" : this.#pick(["HTTP/1.0", "HTTP/2.0", "X"]);
    const host = this.#random() < 0.97 ? "host: localhost\r\n" : "";
    const head = `${method} ${this.#target()} ${version}\r\n${host}${this.#token()}${more.join("")}`;
    const isChunked = framing.startsWith("transfer");
    const sent = isChunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;
    return Buffer.from(`${head}${body === "" ? "" : framing}\r\n${body === "" ? "" : sent}`);
  }

  #token(): string {
    const chance = this.#random();
    if (chance < 0.9) return `authorization: Bearer ${SCIM_TOKEN}\r\n`;
    if (chance < 0.94) return "";
    return `authorization: ${this.#pick(["Bearer", "Bearer x", "Basic YTpi", `Bearer ${SCIM_TOKEN}x`])}\r\n`;
  }

  #target(): string {
    const path = this.#pick(PATHS);
    if (this.#random() < 0.4) return path;
    const pairs = Array.from({ length: this.#below(5) }, () => {
      const name = this.#pick(PARAMETERS);
      const value = this.#value(name);
      return `${name}=${this.#random() < 0.9 ? encodeURIComponent(value) : value.replaceAll(" ", "+")}`;
    });
    return `${path}?${pairs.join("&")}`;
  }

  #value(name: string): string {
    switch (name.toLowerCase()) {
      case "filter":
        return this.#filter(0);
      case "startindex":
      case "count":
        return this.#pick(NUMBERS);
      case "cursor":
        return this.#pick(["", "x", "A".repeat(38), "\u0000"]);
      default:
        return Array.from({ length: this.#below(4) }, () => this.#pick(ATTRIBUTES)).join(",");
    }
  }

  #filter(depth: number): string {
    const chance = this.#random();
    if (depth > 3 || chance < 0.6) {
      return `${this.#pick(ATTRIBUTES)} ${this.#pick(OPERATORS)} ${this.#pick(LITERALS)}`;
    }
    if (chance < 0.75) {
      return `${this.#filter(depth + 1)} ${this.#pick(["and", "or"])} ${this.#filter(depth + 1)}`;
    }
    if (chance < 0.85) return `not (${this.#filter(depth + 1)})`;
    if (chance < 0.95) return `emails[${this.#filter(depth + 1)}]`;
    return "(".repeat(this.#below(3_000));
  }

  #body(): string {
    const chance = this.#random();
    if (chance < 0.1)
      return this.#pick(["{", "[]", "null", '"x"', "\ufeff{}", "1", "{}", "\u0000"]);
    if (chance < 0.15) return "[".repeat(this.#below(50_000));
    const body = Object.fromEntries(
      Array.from({ length: this.#below(5) }, () => {
        const name = this.#pick([
          "filter",
          "attributes",
          "count",
          "startIndex",
          "cursor",
          "deltaToken",
        ]);
        return [name, this.#random() < 0.8 ? this.#member(name) : this.#pick([null, 1.5, {}, [1]])];
      }),
    );
    return JSON.stringify({ schemas: [SEARCH_REQUEST], id: "x", ...body });
  }

  #member(name: string): unknown {
    if (name === "filter") return this.#filter(0);
    if (name === "attributes") return [this.#pick(ATTRIBUTES), this.#pick(ATTRIBUTES)];
    return name === "count" || name === "startIndex" ? this.#below(10) - 2 : "x";
  }
}
