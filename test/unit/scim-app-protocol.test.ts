import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { parseFaultPlan } from "../../agent/sim/scim-app/fault-plan.ts";
import { formatRequest, type RequestEntry } from "../../agent/sim/scim-app/request-log.ts";
import type { ScimAppOptions } from "../../agent/sim/scim-app/server.ts";
import {
  type AppUnderTest,
  appUnderTest,
  ERROR,
  found,
  LIST,
  patchOf,
  SEARCH,
  USER,
} from "../support/scim-app.ts";
import { sendRaw } from "../support/scim-client.ts";

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

async function app(
  options: ScimAppOptions = {},
): Promise<AppUnderTest & { log: readonly RequestEntry[] }> {
  const log: RequestEntry[] = [];
  const started = await appUnderTest({ onRequest: (entry) => log.push(entry), ...options });
  undo.push(() => started.app.close());
  return { ...started, log };
}

const ADA = { schemas: [USER], userName: "ada" };

describe("the SCIM app over HTTP", () => {
  it.each([
    ["GET /nothing", 404, null],
    ["GET /Users/a/b", 404, null],
    ["GET /scim/v2/Users", 404, null],
    ["GET //Users", 404, null],
    ["GET /Users/%ff", 400, null],
    ["GET /Users?a=%ff", 400, null],
    ["GET /Users?count=1&Count=2", 400, null],
    [`GET /Users?${"a=1&".repeat(40)}`, 400, null],
    ["GET /Me", 501, null],
    ["POST /Me", 501, null],
    ["DELETE /Me/x", 501, null],
    ["PATCH /Users", 405, "GET, HEAD, POST"],
    ["POST /Users/x", 405, "GET, HEAD, PUT, PATCH, DELETE"],
    ["GET /.search", 405, "POST"],
    ["GET /Users/.search", 405, "POST"],
    ["GET /Bulk", 405, "POST"],
    ["POST /", 405, "GET, HEAD"],
    ["OPTIONS /Users", 405, "GET, HEAD, POST"],
    ["GET /ServiceProviderConfig/x", 404, null],
    ["GET /Schemas/x", 404, null],
  ])("answers %s with %i", async (request, status, allow) => {
    const { ask } = await app();
    const reply = await ask(request);
    expect([reply.status, reply.headers.get("allow")]).toEqual([status, allow]);
    expect(reply.headers.get("content-type")).toBe("application/scim+json");
    expect(reply.body).toMatchObject({ schemas: [ERROR], status: String(status) });
  });

  it.each(["ServiceProviderConfig", "Schemas", "ResourceTypes"])(
    "lets nobody write to /%s, and reads no body before it says so",
    async (endpoint) => {
      const { ask } = await app();
      for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
        const reply = await ask(`${method} /${endpoint}`, { body: "test" });
        expect(reply).toMatchObject({ status: 405, body: { status: "405" } });
      }
      const filtered = await ask(`GET /${endpoint}?filter=id%20pr`);
      expect(filtered).toMatchObject({ status: 403, body: { status: "403" } });
    },
  );

  it("tells what it can do", async () => {
    const { ask, app: server } = await app({ maxResults: 50 });
    expect((await ask("GET /ServiceProviderConfig")).body).toEqual({
      schemas: ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
      patch: { supported: true },
      bulk: { supported: true, maxOperations: 1000, maxPayloadSize: 1048576 },
      filter: { supported: true, maxResults: 50 },
      changePassword: { supported: false },
      sort: { supported: true },
      etag: { supported: true },
      authenticationSchemes: [],
      meta: {
        resourceType: "ServiceProviderConfig",
        location: `${server.url}/ServiceProviderConfig`,
      },
    });
    const types = await ask("GET /ResourceTypes");
    expect(types.body).toMatchObject({ schemas: [LIST], totalResults: 2, itemsPerPage: 2 });
    const user = await ask("GET /ResourceTypes/User");
    expect(user.body).toEqual(found(types)[0]);
    expect(user.body).toMatchObject({ id: "User", endpoint: "/Users", schema: USER });
    const schemas = await ask("GET /Schemas");
    expect(found(schemas).map(({ name }) => name)).toEqual(["User", "EnterpriseUser", "Group"]);
    expect((await ask(`GET /Schemas/${USER.toUpperCase()}`)).body).toEqual(found(schemas)[0]);
  });

  it("tells of its token and of cursors when it is to", async () => {
    const { app: server, ask } = await app({ token: "t0ken", advertiseCursors: true });
    const reply = await ask("GET /ServiceProviderConfig", {
      headers: { authorization: "bearer t0ken" },
    });
    expect(reply.body).toMatchObject({
      pagination: {
        cursor: true,
        index: true,
        defaultPaginationMethod: "index",
        defaultPageSize: 100,
        maxPageSize: 1000,
        cursorTimeout: 600,
      },
      authenticationSchemes: [{ type: "oauthbearertoken", primary: true }],
    });
    for (const authorization of ["", "Bearer", "Bearer wrong", "Bearer t0kenx", "Basic t0ken"]) {
      const refused = await fetch(`${server.url}/Users`, { headers: { authorization } });
      expect(refused.status).toBe(401);
      expect(refused.headers.get("www-authenticate")).toBe('Bearer realm="scim"');
      expect(await refused.json()).toMatchObject({ schemas: [ERROR], status: "401" });
    }
  });

  it("answers HEAD as GET without the body", async () => {
    const { create, app: server } = await app();
    const { id } = await create("/Users", ADA);
    const head = await fetch(`${server.url}/Users/${id}`, { method: "HEAD" });
    const get = await fetch(`${server.url}/Users/${id}`);
    expect([head.status, await head.text()]).toEqual([200, ""]);
    for (const name of ["etag", "content-length", "content-type", "location"]) {
      expect(head.headers.get(name)).toBe(get.headers.get(name));
    }
  });

  it.each([
    ["application/scim+json; charset=utf-8", 201],
    ['application/json;charset="UTF-8"', 201],
    ["", 201],
    ["text/plain", 415],
    ["application/json; charset=latin1", 415],
  ])("takes a body of type %j with %i", async (type, status) => {
    const { ask } = await app();
    const reply = await ask("POST /Users", { body: ADA, headers: { "content-type": type } });
    expect(reply.status).toBe(status);
  });

  it("takes neither a body that is encoded, nor one that is too large, nor one that is no UTF-8", async () => {
    const { ask, app: server } = await app();
    const gzip = await ask("POST /Users", { body: ADA, headers: { "content-encoding": "gzip" } });
    expect(gzip.status).toBe(415);
    const large = await ask("POST /Users", { body: { ...ADA, title: "x".repeat(5_000_000) } });
    expect(large).toMatchObject({ status: 413, body: { status: "413" } });
    const latin = await fetch(`${server.url}/Users`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: Buffer.from([0x22, 0xff, 0x22]),
    });
    expect(latin.status).toBe(400);
    const marked = `\ufeff${JSON.stringify(ADA)}`;
    expect((await ask("POST /Users", { body: marked })).status).toBe(201);
  });

  it("answers the absolute form, and names itself where the client does not", async () => {
    const { app: server } = await app();
    const named = await sendRaw(
      server.url,
      "GET http://scim.example:8080/ResourceTypes/User HTTP/1.1\r\nHost: scim.example:8080\r\n\r\n",
    );
    expect(named).toContain('"location":"http://scim.example:8080/ResourceTypes/User"');
    const odd = await sendRaw(
      server.url,
      'GET /ResourceTypes/User HTTP/1.1\r\nHost: a"b<c>\r\n\r\n',
    );
    expect(odd).toContain(`"location":"${server.url}/ResourceTypes/User"`);
  });

  it("stops while a client keeps its connection and another one has not finished", async () => {
    const { app: server } = await app();
    await fetch(`${server.url}/Users`).then((response) => response.text());
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("POST /Users HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
    await new Promise((resolve) => socket.once("connect", resolve));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await server.close();
    await closed;
    await expect(fetch(`${server.url}/Users`)).rejects.toThrow();
  });
});

describe("the faults of the SCIM app", () => {
  it("befall the share of requests that the plan says, the same for the same seed", async () => {
    const plan = parseFaultPlan("429:0.3,500:0.1,seed:5");
    const run = async () => {
      const { ask } = await app({ faults: plan });
      const statuses: number[] = [];
      for (let n = 0; n < 100; n++) statuses.push((await ask("GET /Users?count=0")).status);
      return statuses;
    };
    const statuses = await run();
    const count = (status: number) => statuses.filter((each) => each === status).length;
    expect(count(429)).toBeGreaterThan(15);
    expect(count(429)).toBeLessThan(45);
    expect(count(500)).toBeGreaterThan(1);
    expect(count(500) + count(429) + count(200)).toBe(100);
    expect(await run()).toEqual(statuses);
  });

  it("say when to come again, and do nothing before", async () => {
    const { ask, app: server } = await app({ faults: parseFaultPlan("429:1") });
    const reply = await ask("POST /Users", { body: ADA });
    expect([reply.status, reply.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(server.resources("User")).toEqual([]);
    server.setFaults(undefined);
    expect((await ask("POST /Users", { body: ADA })).status).toBe(201);
    expect(server.resources("User")).toMatchObject([{ userName: "ada" }]);
  });

  it("cut the connection before the work or after it", async () => {
    const { ask, app: server, log } = await app({ faults: parseFaultPlan("drop:1") });
    await expect(ask("POST /Users", { body: ADA })).rejects.toThrow("fetch failed");
    expect(server.resources("User")).toEqual([]);
    server.setFaults(parseFaultPlan("lost:1"));
    await expect(ask("POST /Users", { body: ADA })).rejects.toThrow("fetch failed");
    expect(server.resources("User")).toMatchObject([{ userName: "ada" }]);
    expect(log.map(({ status }) => status)).toEqual([undefined, undefined]);
  });

  it("hold a request up, but not the stop", async () => {
    const { ask, app: server } = await app({ faults: parseFaultPlan("slow:100ms") });
    const startedAt = performance.now();
    await ask("GET /Users");
    expect(performance.now() - startedAt).toBeGreaterThan(95);
    server.setFaults(parseFaultPlan("slow:60s"));
    const cut = expect(ask("GET /Users")).rejects.toThrow("fetch failed");
    await new Promise((resolve) => setTimeout(resolve, 200));
    const stoppedAt = performance.now();
    await server.close();
    // It waits two seconds for work, which this is not.
    expect(performance.now() - stoppedAt).toBeLessThan(1_900);
    await cut;
  });

  it.each([
    [
      "429:0.05,500:.01,slow:200ms",
      {
        seed: 1,
        rules: [
          { kind: "status", status: 429, probability: 0.05 },
          { kind: "status", status: 500, probability: 0.01 },
          { kind: "slow", ms: 200, probability: 1 },
        ],
      },
    ],
    [
      "seed:7, slow:2s:0.5,drop:0,lost:1",
      {
        seed: 7,
        rules: [
          { kind: "slow", ms: 2000, probability: 0.5 },
          { kind: "drop", probability: 0 },
          { kind: "lost", probability: 1 },
        ],
      },
    ],
  ])("are read from %j", (text, plan) => {
    expect(parseFaultPlan(text)).toEqual(plan);
  });

  it.each([
    ...["", "429", "429:2", "429:-1", "429:x", "200:0.5", "slow", "slow:200", "slow:99s"],
    ...["slow:1s:1:1", "slow:1s:2", "drop", "seed:x", "seed:1:2", "seed", "429:1e-3", "429:0.1:1"],
    ...["4299:0.1", "quick:1"],
  ])("are refused when the plan is %j", (text) => {
    expect(() => parseFaultPlan(text)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

describe("the request log of the SCIM app", () => {
  it("tells on one line what was asked and what came, and no values of people", async () => {
    const { ask, create, log } = await app();
    const { id } = await create("/Users", ADA);
    const headers = { "x-request-id": "r-1" };
    const changed = await ask(`PATCH /Users/${id}`, {
      headers,
      body: patchOf(
        { op: "Replace", path: "active", value: false },
        { op: "add", path: 'emails[type eq "work"].value', value: "ada@x.org" },
        { op: "add", value: { title: "Countess", nickName: "A" } },
      ),
    });
    expect(changed.headers.get("x-request-id")).toBe("r-1");
    await ask('GET /Users?filter=userName%20eq%20"ada"%20and%20externalId%20eq%20secret');
    await ask("POST /Users", { body: ADA });
    await ask("POST /Users/.search", { body: { schemas: [SEARCH], filter: 'title sw "C' } });
    await ask("GET /\u202e%0a%1b[31m");
    const odd = { toString: 1 };
    const many = Array.from({ length: 9 }, () => ({ op: odd, path: odd, value: 1 }));
    await ask(`PATCH /Users/${id}`, { body: patchOf(7 as never, ...many) });
    const time = new Date(2026, 0, 1, 12, 0, 1);
    const lines = log.map((entry) => formatRequest({ ...entry, time, ms: 3.2 }));
    const short = `${id.slice(0, 8)}…`;
    expect(lines).toEqual([
      "12:00:01 POST   /Users 201 3 ms",
      `12:00:01 PATCH  /Users/${short} 400 3 ms  replace active, add emails[type eq "work"].value, add title nickName - noTarget: operation 1: the filter of the path matches nothing [r-1]`,
      '12:00:01 GET    /Users 200 3 ms  userName eq "…" and externalId eq …',
      "12:00:01 POST   /Users 409 3 ms  uniqueness: another User has this userName",
      '12:00:01 POST   /Users/.search 400 3 ms  title sw "…" - invalidFilter: the string at 9 has no end',
      "12:00:01 GET    /%E2%80%AE%0a%1b[31m 404 3 ms  there is no such endpoint",
      `12:00:01 PATCH  /Users/${short} 400 3 ms  ?, ?, ?, ?, ?, 5 more - invalidSyntax: operation 0 is not an object`,
    ]);
    expect(formatRequest({ ...(log[0] as RequestEntry), time, ms: 0, status: undefined })).toBe(
      "12:00:01 POST   /Users cut 0 ms",
    );
  });
});
