import { afterEach, describe, expect, it } from "vitest";
import { AgentError } from "../../agent/core/error.ts";
import type { RequestHandler, ScimRequest } from "../../agent/core/exchange.ts";
import { createRequestHandler } from "../../agent/provider/request-handler.ts";
import { ScimServer, type ScimServerOptions } from "../../agent/web/scim-server.ts";
import { SCIM_TOKEN } from "../support/agent-files.ts";
import { BASE, FakeDirectory, person, uuid } from "../support/fake-directory.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { serve } from "../support/provider.ts";
import { type ScimAsk, ScimClient, sendRaw } from "../support/scim-client.ts";

const ERROR = "urn:ietf:params:scim:api:messages:2.0:Error";
const LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const AGENT = { name: "agent-1", version: "1.0.0", configuration: "c1-x" };

function people(count: number) {
  return Array.from({ length: count }, (_, n) =>
    person(`uid=p${String(n).padStart(2, "0")},${BASE}`, uuid(n), { displayName: `Person ${n}` }),
  );
}

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

interface Face {
  readonly url: string;
  readonly directory: FakeDirectory;
  readonly log: MemoryLog;
  readonly server: ScimServer;
  /** What the handler was asked. */
  readonly asked: readonly ScimRequest[];
  readonly clock: { time: number };
  ask(path: string, ask?: ScimAsk): ReturnType<ScimClient["ask"]>;
}

async function face(
  options: Partial<ScimServerOptions> & {
    readonly directory?: FakeDirectory;
    readonly wrap?: (handler: RequestHandler) => RequestHandler;
  } = {},
): Promise<Face> {
  const { directory = new FakeDirectory(people(5)), wrap = (h) => h, ...rest } = options;
  const log = new MemoryLog();
  const clock = { time: 1_000_000, now: () => clock.time };
  const asked: ScimRequest[] = [];
  const handler = wrap(
    createRequestHandler({
      agent: AGENT,
      served: [serve(directory)],
      clock,
      startedAt: 0,
      log,
      logValues: false,
    }),
  );
  const server = new ScimServer({
    listen: { host: "127.0.0.1", port: 0 },
    readCertificate: undefined,
    readToken: async () => SCIM_TOKEN,
    handler: (request, signal) => {
      asked.push(request);
      return handler(request, signal);
    },
    agent: AGENT,
    concurrency: 8,
    requestTimeoutMs: 10_000,
    stopTimeoutMs: 1_000,
    defaultPageSize: 3,
    maxPageSize: 4,
    cursorTimeoutMs: 60_000,
    snapshotBytes: 1024 * 1024,
    log,
    clock,
    ...rest,
  });
  const url = await server.start();
  undo.push(() => server.stop());
  const client = new ScimClient(url);
  undo.push(() => client.close());
  return { url, directory, log, server, asked, clock, ask: (path, ask) => client.ask(path, ask) };
}

/** The user names of a page. */
function namesIn(body: Readonly<Record<string, unknown>> | undefined): readonly unknown[] {
  const resources = body?.["Resources"];
  return Array.isArray(resources) ? resources.map(({ userName }) => userName) : [];
}

/** Status, keyword and words of an error; the schema and the media type are checked on the way. */
function refusal({ status, headers, body }: Awaited<ReturnType<ScimClient["ask"]>>) {
  expect(headers["content-type"]).toBe("application/scim+json");
  expect(body).toMatchObject({ schemas: [ERROR], status: String(status) });
  const scimType = body?.["scimType"];
  return scimType === undefined ? `${status}` : `${status} ${scimType}`;
}

describe("the token of the HTTP face", () => {
  it("is asked for before anything else is looked at", async () => {
    const { ask, asked } = await face();
    for (const token of [undefined, "", "wrong", `${SCIM_TOKEN}x`, SCIM_TOKEN.toUpperCase()]) {
      const reply = await ask("/Users", { token });
      expect(refusal(reply)).toBe("401");
      expect(reply.headers["www-authenticate"]).toBe('Bearer realm="scim"');
    }
    const headers = { authorization: `Basic ${SCIM_TOKEN}` };
    expect(refusal(await ask("/%zz", { token: undefined, headers }))).toBe("401");
    expect(refusal(await ask("/nowhere", { method: "PUT", token: "x", body: {} }))).toBe("401");
    expect(asked).toEqual([]);
    const lower = { authorization: `bearer ${SCIM_TOKEN}` };
    expect((await ask("/Users", { token: undefined, headers: lower })).status).toBe(200);
  });

  it("is the new one as soon as it changes, and the old one is worth nothing a second later", async () => {
    let token = SCIM_TOKEN;
    let reads = 0;
    const readToken = async () => {
      reads++;
      return token;
    };
    const { ask, clock } = await face({ readToken });
    for (let n = 0; n < 5; n++) expect((await ask("/Users")).status).toBe(200);
    expect(reads).toBe(1);
    token = "another-token-0123456789";
    expect((await ask("/Users", { token })).status).toBe(200);
    expect((await ask("/Users")).status).toBe(401);
    token = SCIM_TOKEN;
    clock.time += 1_000;
    expect((await ask("/Users", { token: "another-token-0123456789" })).status).toBe(401);
  });

  it("lets nobody in, and says nothing of why, while it cannot be read", async () => {
    let failure: Error | undefined;
    const readToken = async () => {
      if (failure !== undefined) throw failure;
      return SCIM_TOKEN;
    };
    const { ask, clock, log } = await face({ readToken });
    expect((await ask("/Users")).status).toBe(200);
    failure = new AgentError("config.invalid", "secret ${file:/a/path} cannot be read");
    clock.time += 1_000;
    const reply = await ask("/Users");
    expect(refusal(reply)).toBe("503");
    expect(reply.headers["retry-after"]).toBe("1");
    expect(reply.text).not.toContain("/a/path");
    await ask("/Users");
    expect(log.lines.filter(({ event }) => event === "scim.tokenUnreadable")).toHaveLength(1);
    failure = undefined;
    expect((await ask("/Users")).status).toBe(200);
  });

  it.each([
    ["short", "scim.token is too short"],
    ["sixteen characters and blanks", "scim.token cannot stand in an HTTP header"],
  ])("is refused at the start when it is %j", async (token, message) => {
    await expect(face({ readToken: async () => token })).rejects.toThrow(message);
  });
});

describe("searches over HTTP", () => {
  it("become the handler's searches, whatever way they are asked", async () => {
    const { ask, asked } = await face();
    const filter = 'displayName co "Person" and userName eq "p03"';
    const query = `filter=${encodeURIComponent(filter)}&attributes=userName,%20displayName`;
    const replies = [
      await ask(`/Users?${query}`),
      await ask(`/scim/v2/Users?${query}`),
      await ask(`/scim/v2/Users/?${query.replaceAll("%20", "+")}`),
      await ask(`http://elsewhere.example/Users?${query}`),
      await ask(`/?${query}`),
      await ask("/Users/.search", {
        method: "POST",
        body: { schemas: [SEARCH], filter, attributes: ["userName", "displayName"] },
      }),
    ];
    for (const { status, body } of replies) {
      expect(status).toBe(200);
      expect(body).toEqual({
        schemas: [LIST],
        totalResults: 1,
        itemsPerPage: 1,
        startIndex: 1,
        Resources: [
          {
            schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
            id: uuid(3),
            userName: "p03",
            displayName: "Person 3",
          },
        ],
      });
    }
    const search = { schemas: [SEARCH], filter, attributes: ["userName", "displayName"] };
    expect(asked.map(({ method, path, body }) => ({ method, path, body }))).toEqual(
      ["/Users", "/Users", "/Users", "/Users", "", "/Users"].map((endpoint) => ({
        method: "POST",
        path: `${endpoint}/.search`,
        body: search,
      })),
    );
  });

  it("pass on the headers that mean something, and never the token", async () => {
    const { ask, asked } = await face();
    await ask("/Users", {
      headers: { directory: "openldap", "x-request-id": "mine-1", "x-other": "1" },
    });
    const [request] = asked;
    expect([...(request?.headers ?? [])]).toEqual([["directory", "openldap"]]);
    expect(request?.correlationId).toBe("mine-1");
    expect(JSON.stringify(asked)).not.toContain(SCIM_TOKEN);
  });

  it("name what could not be mapped, with the first page", async () => {
    const entries = people(4);
    const broken = person(`cn=x,${BASE}`, uuid(9), { uid: [] });
    const { ask } = await face({ directory: new FakeDirectory([broken, ...entries]) });
    const first = await ask("/Users");
    expect(first.body).toMatchObject({ totalResults: 4, problems: [{ id: uuid(9) }] });
    expect((await ask("/Users?startIndex=4")).body).not.toHaveProperty("problems");
  });

  it("read one resource with the attributes that are wanted", async () => {
    const { ask, asked } = await face();
    const reply = await ask(`/Users/${uuid(1)}?attributes=userName`);
    expect(reply.status).toBe(200);
    expect(asked[0]).toMatchObject({ method: "GET", projection: { attributes: ["userName"] } });
    expect(refusal(await ask(`/Users/${uuid(77)}`))).toBe("404");
    expect(refusal(await ask(`/Users/a%2Fb`))).toBe("404");
  });

  it("answer HEAD with the headers alone", async () => {
    const { ask } = await face();
    const get = await ask("/Users");
    const head = await ask("/Users", { method: "HEAD" });
    expect([head.status, head.text]).toEqual([200, ""]);
    expect(head.headers["content-length"]).toBe(get.headers["content-length"]);
  });

  it("carry the agent and its configuration, and an id to find them in the log by", async () => {
    const { ask, log } = await face();
    const { headers } = await ask('/Users?filter=userName%20eq%20"p01"');
    expect(headers).toMatchObject({ agent: "agent-1/1.0.0", configuration: "c1-x" });
    await expect
      .poll(() => log.lines.find(({ event }) => event === "http.answered"))
      .toEqual({
        level: "info",
        event: "http.answered",
        fields: {
          requestId: headers["x-request-id"],
          correlationId: headers["x-request-id"],
          remote: "127.0.0.1",
          method: "GET",
          path: "/Users",
          status: 200,
          items: 1,
          ms: expect.any(Number),
        },
      });
  });
});

describe("pages by index", () => {
  it("count, clamp and stop as RFC 7644 section 3.4.2.4 says", async () => {
    const { ask } = await face();
    const cases = [
      ["", 1, ["p00", "p01", "p02"]],
      ["?startIndex=4", 4, ["p03", "p04"]],
      ["?startIndex=0&count=2", 1, ["p00", "p01"]],
      ["?startIndex=-7&count=%2B1", 1, ["p00"]],
      ["?startIndex=3&count=99", 3, ["p02", "p03", "p04"]],
      ["?count=99", 1, ["p00", "p01", "p02", "p03"]],
      ["?startIndex=6", 6, []],
      ["?startIndex=999999999999999", 999_999_999_999_999, []],
      ["?count=0", 1, []],
      ["?count=-3", 1, []],
    ] as const;
    for (const [query, startIndex, names] of cases) {
      const { body } = await ask(`/Users${query}`);
      const { schemas, totalResults, itemsPerPage, startIndex: found } = body ?? {};
      expect({ query, schemas, totalResults, itemsPerPage, found, names: namesIn(body) }).toEqual({
        query,
        schemas: [LIST],
        totalResults: 5,
        itemsPerPage: names.length,
        found: startIndex,
        names,
      });
    }
  });

  it.each([
    ["startIndex=one", "400 invalidValue"],
    ["count=", "400 invalidValue"],
    ["count=1.5", "400 invalidValue"],
    ["count=1e3", "400 invalidValue"],
    ["count=99999999999999999999", "400 invalidValue"],
    ["startIndex=1&cursor=", "400 invalidValue"],
    ["cursor=&count=many", "400 invalidCount"],
    ["filter=", "400 invalidFilter"],
    ["filter=userName%20eq", "400 invalidFilter"],
    ["attributes=userName&excludedAttributes=title", "400 invalidValue"],
    ["count=1&count=1", "400 invalidValue"],
    ["count=1&COUNT=1", "400 invalidValue"],
    ["filter=%E0%A4%A", "400 invalidSyntax"],
    [Array.from({ length: 33 }, (_, n) => `a${n}=1`).join("&"), "400 invalidValue"],
  ])("refuse %s", async (query, expected) => {
    const { ask } = await face();
    expect(refusal(await ask(`/Users?${query}`))).toBe(expected);
  });

  it("belong together: the directory is read once for all of them", async () => {
    const { ask, directory } = await face();
    await ask("/Users?count=2");
    const reads = directory.queries.length;
    const second = await ask("/Users?startIndex=3&count=2");
    const third = await ask("/Users?startIndex=5&count=2");
    expect([namesIn(second.body), namesIn(third.body)]).toEqual([["p02", "p03"], ["p04"]]);
    expect(directory.queries.length).toBe(reads);
    await ask("/Users?count=2");
    expect(directory.queries.length).toBe(2 * reads);
    await ask('/Users?startIndex=3&count=2&filter=userName+sw+"p"');
    expect(directory.queries.length).toBe(3 * reads);
    await ask("/Groups?startIndex=3");
    await ask("/Users?startIndex=3", { headers: { directory: "openldap" } });
    expect(directory.queries.length).toBe(5 * reads);
  });

  it("are read anew once the list is too old", async () => {
    const { ask, directory, clock } = await face();
    await ask("/Users?count=2");
    const reads = directory.queries.length;
    clock.time += 59_999;
    await ask("/Users?startIndex=3&count=1");
    clock.time += 60_000;
    expect(directory.queries.length).toBe(reads);
    expect(namesIn((await ask("/Users?startIndex=3&count=1")).body)).toEqual(["p02"]);
    expect(directory.queries.length).toBe(2 * reads);
  });

  it("work from the body of a search too, in any letter case", async () => {
    const { ask } = await face();
    const search = (body: object) =>
      ask("/Users/.search", { method: "POST", body: { schemas: [SEARCH], ...body } });
    expect(namesIn((await search({ STARTINDEX: 2, Count: 2 })).body)).toEqual(["p01", "p02"]);
    expect(namesIn((await search({ startIndex: null, count: 1 })).body)).toEqual(["p00"]);
    expect(refusal(await search({ count: "1" }))).toBe("400 invalidValue");
    expect(refusal(await search({ cursor: 1 }))).toBe("400 invalidValue");
    expect(refusal(await search({ cursor: "", count: 1.5 }))).toBe("400 invalidCount");
  });
});

describe("pages by cursor (RFC 9865)", () => {
  it("go through the list to its end, with pages of any size, without reading again", async () => {
    const { ask, directory } = await face();
    const first = await ask("/Users?cursor=&count=2");
    const reads = directory.queries.length;
    const { nextCursor, ...rest } = first.body ?? {};
    expect(nextCursor).toMatch(/^[A-Za-z0-9._~-]+$/);
    expect(rest).toMatchObject({ schemas: [LIST], totalResults: 5, itemsPerPage: 2 });
    expect(rest).not.toHaveProperty("startIndex");
    expect(rest).not.toHaveProperty("previousCursor");
    const none = await ask(`/Users?cursor=${nextCursor}&count=0`);
    expect(none.body).toMatchObject({ totalResults: 5, itemsPerPage: 0, nextCursor });
    const second = await ask(`/Users?cursor=${nextCursor}&count=1`);
    expect(namesIn(second.body)).toEqual(["p02"]);
    const again = await ask(`/Users?cursor=${nextCursor}&count=1`);
    expect(again.body).toEqual(second.body);
    const third = await ask(`/Users?count=4&cursor=${second.body?.["nextCursor"]}`);
    expect(namesIn(third.body)).toEqual(["p03", "p04"]);
    expect(third.body).not.toHaveProperty("nextCursor");
    expect(directory.queries.length).toBe(reads);
  });

  it("have no cursor when everything is on the first page", async () => {
    const { ask } = await face();
    expect((await ask('/Users?cursor=&filter=userName+sw+"p0"&count=4')).body).toHaveProperty(
      "nextCursor",
    );
    const { body } = await ask('/Users?cursor=&filter=userName+eq+"p01"');
    expect(body).toEqual(expect.not.objectContaining({ nextCursor: expect.anything() }));
  });

  it("are bound to the query, and to this process", async () => {
    const { ask } = await face();
    const other = await face();
    const { body } = await ask("/Users?cursor=&count=1&attributes=userName");
    const cursor = String(body?.["nextCursor"]);
    const asks = [
      `/Users?cursor=${cursor}`,
      `/Users?cursor=${cursor}&attributes=userName,title`,
      `/Users?cursor=${cursor}&attributes=userName&filter=userName+pr`,
      `/Users?cursor=${cursor}&attributes=userName&sortBy=userName`,
      `/Groups?cursor=${cursor}&attributes=userName`,
      `/?cursor=${cursor}&attributes=userName`,
      `/Users?cursor=${cursor}x&attributes=userName`,
      `/Users?cursor=x&attributes=userName`,
      `/Users?cursor=${cursor.slice(0, -1)}&attributes=userName`,
      `/Users?cursor=${cursor.slice(0, -1)}%00&attributes=userName`,
      `/Users?cursor=${"A".repeat(cursor.length)}&attributes=userName`,
    ];
    for (const path of asks)
      expect([path, refusal(await ask(path))]).toEqual([path, "400 invalidCursor"]);
    const same = `/Users?attributes=userName&cursor=${cursor}`;
    expect(refusal(await ask(same, { headers: { directory: "openldap" } }))).toBe(
      "400 invalidCursor",
    );
    expect(refusal(await other.ask(same))).toBe("400 invalidCursor");
    expect((await ask(same)).status).toBe(200);
    const search = { schemas: [SEARCH], attributes: ["userName"], cursor };
    expect((await ask("/Users/.search", { method: "POST", body: search })).status).toBe(200);
  });

  it("end with their time, which each page prolongs", async () => {
    const { ask, clock } = await face();
    const { body } = await ask("/Users?cursor=&count=1");
    const path = `/Users?count=1&cursor=${body?.["nextCursor"]}`;
    for (let n = 0; n < 3; n++) {
      clock.time += 59_999;
      expect((await ask(path)).status).toBe(200);
    }
    clock.time += 60_000;
    expect(refusal(await ask(path))).toBe("400 expiredCursor");
  });

  it("push out the oldest list when there is no more room", async () => {
    const directory = new FakeDirectory(people(40));
    const { ask } = await face({ directory, snapshotBytes: 20_000 });
    const first = await ask("/Users?cursor=&count=1");
    const next = (body: typeof first.body) => `/Users?count=1&cursor=${body?.["nextCursor"]}`;
    expect((await ask(next(first.body))).status).toBe(200);
    const others = [await ask("/Users?cursor=&count=1"), await ask("/Users?cursor=&count=1")];
    expect(refusal(await ask(next(first.body)))).toBe("400 expiredCursor");
    expect((await ask(next(others[1]?.body))).status).toBe(200);
  });
});

describe("a list that is too large to be kept", () => {
  it("is refused with what to do, and leaves nothing behind", async () => {
    const directory = new FakeDirectory(people(90));
    const { ask } = await face({ directory, snapshotBytes: 8_000 });
    const reply = await ask("/Users");
    expect(refusal(reply)).toBe("400 tooMany");
    expect(reply.body?.["detail"]).toContain("narrow the filter");
    expect(directory.abandoned).toBe(1);
    expect((await ask("/Users?count=0")).body).toMatchObject({ totalResults: 90 });
    for (let n = 0; n < 3; n++) {
      expect((await ask('/Users?filter=userName+sw+"p0"')).status).toBe(200);
    }
  });
});

describe("bodies", () => {
  const post = { method: "POST" } as const;
  const search = JSON.stringify({ schemas: [SEARCH], filter: "userName pr" });

  it.each([
    ["application/scim+json", 200],
    ["application/json", 200],
    ['Application/SCIM+JSON; charset="UTF-8"', 200],
    [undefined, 200],
    ["application/json; charset=utf-16", 415],
    ["text/plain", 415],
    ["application/x-www-form-urlencoded", 415],
  ])("of media type %j are answered with %i", async (type, status) => {
    const { ask } = await face();
    const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
    const reply = await ask("/Users/.search", { ...post, body: search, headers });
    expect(reply.status).toBe(status);
    if (status !== 200) expect(refusal(reply)).toBe("415");
  });

  it("may begin with a byte order mark", async () => {
    const { ask } = await face();
    const body = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(search)]);
    expect((await ask("/Users/.search", { ...post, body })).status).toBe(200);
  });

  it.each([
    ["{", "400 invalidSyntax"],
    ["[]", "400 invalidSyntax"],
    ["{}", "400 invalidSyntax"],
    [Buffer.from([0x22, 0xff, 0x22]), "400 invalidSyntax"],
    ["", "400 invalidSyntax"],
  ])("such as %j are refused", async (body, expected) => {
    const { ask } = await face();
    expect(refusal(await ask("/Users/.search", { ...post, body }))).toBe(expected);
  });

  it("of more than a mebibyte are refused, declared or not", async () => {
    const { ask, url } = await face();
    const body = " ".repeat(1024 * 1024 + 1);
    const declared = await sendRaw(
      url,
      `POST /Users/.search HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${SCIM_TOKEN}\r\ncontent-length: 1048577\r\n\r\n`,
    );
    expect(declared).toMatch(/^HTTP\/1\.1 413 .*connection: close.*"status":"413"/is);
    const chunked = await sendRaw(
      url,
      `POST /Users/.search HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${SCIM_TOKEN}\r\ntransfer-encoding: chunked\r\n\r\n100001\r\n${body}\r\n0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
    expect((await ask("/Users")).status).toBe(200);
  });

  it("that are encoded are refused", async () => {
    const { ask } = await face();
    const headers = { "content-encoding": "gzip" };
    expect(refusal(await ask("/Users/.search", { ...post, body: search, headers }))).toBe("415");
  });

  it("are asked for when the client waits to be", async () => {
    const { url } = await face();
    const head = `POST /Users/.search HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: ${search.length}\r\n`;
    const good = await sendRaw(url, `${head}authorization: Bearer ${SCIM_TOKEN}\r\n\r\n${search}`);
    expect(good).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(await sendRaw(url, `${head}\r\n`)).toMatch(/^HTTP\/1\.1 401 /);
    const other = head.replace("100-continue", "wonders");
    const wonders = await sendRaw(url, `${other}authorization: Bearer ${SCIM_TOKEN}\r\n\r\n`);
    expect(wonders).toMatch(/^HTTP\/1\.1 417 /);
  });
});

describe("methods and paths", () => {
  it("that do not go together are refused with those that do", async () => {
    const { ask } = await face();
    const cases = [
      ["GET", "/Users/.search", "405", "POST"],
      ["GET", "/.delta", "405", "POST"],
      ["POST", "/ServiceProviderConfig", "405", "GET, HEAD"],
      ["PATCH", "/agent/health", "405", "GET, HEAD"],
      ["OPTIONS", "/Users", "405", "GET, HEAD"],
      ["PROPFIND", `/Users/${uuid(1)}`, "405", "GET, HEAD"],
      ["DELETE", `/Users/${uuid(1)}`, "403", undefined],
      ["POST", "/Users", "403", undefined],
      ["GET", "/nowhere", "404", undefined],
      ["GET", "/Users/a/b", "404", undefined],
      ["GET", "//Users", "404", undefined],
      ["GET", "/scim/v2/nowhere", "404", undefined],
      ["GET", "/scim/v1/Users", "404", undefined],
      ["GET", "/%E0%A4%A", "400 invalidSyntax", undefined],
      ["GET", "/ServiceProviderConfig?filter=a+pr", "403", undefined],
      ["POST", "/Users/.search?count=1", "400 invalidValue", undefined],
    ] as const;
    for (const [method, path, expected, allow] of cases) {
      const reply = await ask(path, { method, ...(method === "POST" ? { body: "test" } : {}) });
      expect([method, path, refusal(reply), reply.headers["allow"]]).toEqual([
        method,
        path,
        expected,
        allow,
      ]);
    }
  });

  it("are never answered with 500", async () => {
    const { url } = await face();
    const auth = `authorization: Bearer ${SCIM_TOKEN}\r\n`;
    const raw = [
      [`GET /Users HTTP/1.1\r\n${auth}\r\n`, 400],
      [`BREW /Users HTTP/1.1\r\nhost: x\r\n${auth}\r\n`, 400],
      [`OPTIONS * HTTP/1.1\r\nhost: x\r\n${auth}\r\n`, 404],
      [`CONNECT a:1 HTTP/1.1\r\nhost: x\r\n${auth}\r\n`, 405],
      [`GET /Users HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(40_000)}\r\n\r\n`, 431],
      ["\u0016\u0003\u0001 no HTTP at all\r\n\r\n", 400],
      [`GET /Users HTTP/1.0\r\n${auth}\r\n`, 200],
    ] as const;
    for (const [bytes, status] of raw) {
      const answer = await sendRaw(url, bytes);
      expect([bytes.slice(0, 20), answer.slice(0, 12)]).toEqual([
        bytes.slice(0, 20),
        `HTTP/1.1 ${status}`,
      ]);
      expect(answer).toMatch(/content-type: application\/scim\+json/i);
    }
  });
});
