import { BULK, ENTERPRISE, GROUP, PATCH, SEARCH, USER } from "./scim-app.ts";

export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const METHODS =
  "GET GET HEAD DELETE POST POST POST PUT PUT PATCH PATCH PATCH PATCH DELETE OPTIONS".split(" ");
const NAMES = [
  ...["userName", "displayName", "externalId", "active", "name", "name.givenName", "emails", "id"],
  ...["members", "meta", "groups", "schemas", "password", "title", "roles", "addresses", "$ref"],
  ...[
    "__proto__",
    "constructor",
    "prototype",
    "__proto__.polluted",
    "constructor.prototype.polluted",
  ],
  ...[
    "toString",
    "hasOwnProperty",
    "valueOf",
    "value",
    "type",
    "primary",
    "",
    " ",
    "\u0000",
    "a:b",
  ],
  ...[
    USER,
    GROUP,
    ENTERPRISE,
    `${ENTERPRISE}:manager`,
    `${ENTERPRISE}.manager`,
    `${USER}:userName`,
  ],
  ...[
    `${ENTERPRISE}:__proto__`,
    `${USER}:constructor.prototype`,
    "manager",
    "department",
    "USERNAME",
  ],
  ...[
    'emails[type eq "work"].value',
    'emails[type eq "__proto__"]',
    "emails[",
    "members[value pr]",
  ],
  ...["emails[constructor eq 1].__proto__", "emails.__proto__", "name.__proto__", "x".repeat(300)],
  ...["emails[not (type eq 1) and value co 2].type", "addresses[primary eq true].constructor"],
];
const TEXTS = [
  ...["ada", "Ada", "", "True", "false", "x@y", "work", "2026-01-01T00:00:00Z", "\ud800", "\u0000"],
  ...[
    "__proto__",
    "constructor",
    "bulkId:a",
    "bulkId:__proto__",
    "../Users/x",
    '"',
    "\\",
    "%",
    "☃",
  ],
];
const OPERATORS = "eq ne co sw ew gt ge lt le pr xx EQ".split(" ");
const HEADERS: readonly (readonly [string, string])[] = [
  ...(["*", 'W/"1"', '"', "", 'W/"1", W/"2"'] as const).flatMap((tag) => [
    ["if-match", tag] as const,
    ["if-none-match", tag] as const,
  ]),
  ["content-type", "text/html"],
  ["content-type", "application/json; charset=utf-16"],
  ["content-type", ";;;"],
  ["content-encoding", "gzip"],
  ["x-request-id", "a b"],
  ["prefer", "return=minimal"],
  ["authorization", "Bearer"],
  ["x-long", "l".repeat(8_000)],
];

/** Requests as somebody would send them who wants to break the server; the same for the same seed. */
export class HostileRequests {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** @param ids of resources that are there */
  next(ids: readonly string[]): HostileRequest {
    const headers: Record<string, string> = {};
    while (this.#chance(0.2)) {
      const [name, value] = this.#pick(HEADERS);
      headers[name] = value;
    }
    const method = this.#pick(METHODS);
    const path = this.#path(ids);
    const hasBody = method !== "GET" && method !== "HEAD" && this.#chance(0.9);
    return { method, path, headers, body: hasBody ? this.#body(method, path, ids) : undefined };
  }

  #path(ids: readonly string[]): string {
    const endpoint = this.#pick([
      ...[
        "/Users",
        "/Users",
        "/Users",
        "/Users",
        "/Users",
        "/Groups",
        "/Groups",
        "/Groups",
        "/Bulk",
      ],
      ...["", "/.search", "/Users/.search", "/Schemas", "/ServiceProviderConfig", "/__proto__"],
    ]);
    const isCollection = endpoint === "/Users" || endpoint === "/Groups";
    const id = this.#chance(0.8) ? this.#pick(ids) : encodeURIComponent(this.#odd(NAMES));
    const path = isCollection && this.#chance(0.6) ? `${endpoint}/${id}` : endpoint;
    const parameters: string[] = [];
    while (this.#chance(0.4)) {
      const name = this.#pick([
        ...["filter", "filter", "sortBy", "sortOrder", "attributes", "excludedAttributes", "count"],
        ...["startIndex", "cursor", "__proto__", "x"],
      ]);
      parameters.push(new URLSearchParams([[name, this.#parameter(name, ids)]]).toString());
    }
    return `${path === "" ? "/" : path}${parameters.length === 0 ? "" : `?${parameters.join("&")}`}`;
  }

  #parameter(name: string, ids: readonly string[]): string {
    if (name === "filter") return this.#filter(ids, 0);
    if (name === "count" || name === "startIndex") {
      return this.#pick(["0", "1", "-1", "2", "1e9", "x", "99999999999999999999", ""]);
    }
    return this.#pick([this.#odd(NAMES), `${this.#odd(NAMES)},${this.#odd(NAMES)}`, "descending"]);
  }

  #filter(ids: readonly string[], depth: number): string {
    if (depth < 4 && this.#chance(0.4)) {
      const left = this.#filter(ids, depth + 1);
      const right = this.#filter(ids, depth + 1);
      return this.#pick([
        ...[`${left} and ${right}`, `${left} or ${right}`, `not (${left})`, `(${left})`],
        ...[`emails[${left}]`, `${left})`, `members[${left}].value ${right}`],
      ]);
    }
    const value = this.#pick([
      ...[`"${this.#pick(TEXTS)}"`, "1", "true", "null", this.#pick(TEXTS), `"${this.#pick(ids)}"`],
      ...[JSON.stringify(this.#pick(TEXTS)), "-1.5e9", "1e999"],
    ]);
    return `${this.#odd(NAMES)} ${this.#pick(OPERATORS)} ${value}`;
  }

  #body(method: string, path: string, ids: readonly string[]): string {
    if (this.#chance(0.05))
      return this.#pick(["", "{", "[]", "null", "7", '"x"', "[".repeat(50_000)]);
    const body = this.#message(method, path, ids);
    const text = JSON.stringify(body);
    // An own member of that name, which no literal of this language has.
    const polluted =
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},';
    return this.#chance(0.3) && text.startsWith('{"') ? `${polluted}${text.slice(1)}` : text;
  }

  #message(method: string, path: string, ids: readonly string[]): unknown {
    if (path.startsWith("/Bulk"))
      return { ...this.#bulk(ids), failOnErrors: this.#pick([1, 5, null]) };
    if (path.includes("/.search")) {
      const filter = this.#filter(ids, 0);
      return {
        schemas: [SEARCH],
        filter,
        sortBy: this.#odd(NAMES),
        count: this.#pick([0, 3, "x"]),
      };
    }
    return method === "PATCH" ? this.#patch(ids) : this.#resource(path, ids);
  }

  #resource(path: string, ids: readonly string[]): unknown {
    const members: [string, unknown][] = [];
    // Some are to get in.
    if (this.#chance(0.4)) members.push(["title", this.#pick(TEXTS)]);
    else while (this.#chance(0.8)) members.push([this.#odd(NAMES), this.#value(ids, 0)]);
    if (this.#chance(0.1)) return Object.fromEntries(members);
    const fresh = this.#chance(0.5) ? `u${Math.floor(this.#draw() * 1e6)}` : this.#pick(TEXTS);
    return {
      schemas: [path.startsWith("/Groups") ? GROUP : USER],
      ...Object.fromEntries(members),
      userName: fresh,
      displayName: fresh,
    };
  }

  #patch(ids: readonly string[]): unknown {
    const operations: unknown[] = [];
    // Some are to get in.
    const kind = this.#pick(["members", "active", "odd", "odd"]);
    if (kind === "members") {
      operations.push({ op: "Add", path: "members", value: [{ value: this.#pick(ids) }] });
    } else if (kind === "active") {
      operations.push({ op: "replace", value: { active: this.#chance(0.5) } });
    }
    while (operations.length === 0 || (kind === "odd" && this.#chance(0.5))) {
      const path = this.#chance(0.7) ? { path: this.#odd(NAMES) } : {};
      const value = this.#chance(0.9) ? { value: this.#value(ids, 0) } : {};
      operations.push({ op: this.#pick(["add", "Replace", "remove", "move"]), ...path, ...value });
    }
    return { schemas: [PATCH], Operations: operations };
  }

  #bulk(ids: readonly string[]): object {
    const operations: unknown[] = [];
    do {
      const path = this.#pick([
        ...["/Users", "/Groups", `/Users/${this.#pick(ids)}`, "/Groups/bulkId:a", "/Bulk", "x"],
        ...["/Users/__proto__", "/Schemas", ""],
      ]);
      const method = this.#pick(["POST", "POST", "PUT", "PATCH", "DELETE", "GET", "x"]);
      const bulkId = this.#pick(["a", "b", "c", "__proto__", undefined, 7]);
      const members = [{ value: this.#pick(["bulkId:a", "bulkId:b", "bulkId:x"]) }];
      const data =
        method === "PATCH"
          ? this.#patch(ids)
          : { ...(this.#resource(path, ids) as object), members };
      operations.push({
        method,
        path,
        bulkId,
        data,
        version: this.#pick([undefined, 'W/"1"', "x"]),
      });
    } while (this.#chance(0.7));
    return { schemas: [BULK], Operations: operations };
  }

  #value(ids: readonly string[], depth: number): unknown {
    const simple = [...TEXTS, null, true, false, 0, -1.5, 1e308, this.#pick(ids)];
    if (depth > 3 || this.#chance(0.4)) return this.#pick(simple);
    if (this.#chance(0.4)) {
      return Array.from({ length: Math.floor(this.#draw() * 4) }, () =>
        this.#value(ids, depth + 1),
      );
    }
    const members: [string, unknown][] = [];
    while (this.#chance(0.6)) members.push([this.#odd(NAMES), this.#value(ids, depth + 1)]);
    return Object.fromEntries(members);
  }

  /** Mostly as it stands, sometimes in other letters. */
  #odd(list: readonly string[]): string {
    const text = this.#pick(list);
    return this.#chance(0.15) ? text.toUpperCase() : text;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#draw() * list.length)] as T;
  }

  #chance(probability: number): boolean {
    return this.#draw() < probability;
  }

  /** From 0 to below 1 (mulberry32). */
  #draw(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
}
