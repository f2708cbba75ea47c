import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { AgentError } from "../../agent/core/error.ts";
import { HttpConnection } from "../../agent/target/http-connection.ts";
import {
  type Answer,
  errorReply,
  listReply,
  type RecordedRequest,
} from "../support/scim-endpoint.ts";
import { openTarget, TARGET_TOKEN } from "../support/scim-target.ts";

const signal = AbortSignal.timeout(60_000);
const ADA = { schemas: [], userName: "ada" };
const NAME = { path: "userName", value: "ada" };
const RENAME = { before: { userName: "ada" }, after: { userName: "ada.king" } };

function isProbe({ target }: RecordedRequest): boolean {
  return /eq%20%22[0-9a-f-]{36}%22$/.test(target);
}

/** Fails every request but those that find out whether the target is there. */
function failing(answer: Answer): Answer {
  return (request, response) => (isProbe(request) ? listReply([]) : answer(request, response));
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    (value) => `no error: ${JSON.stringify(value)}`,
    (error: unknown) => (error instanceof AgentError ? error.code : String(error)),
  );
}

describe("a connection test", () => {
  it("passes with an empty list, however plain", async () => {
    const body = '\ufeff{"totalResults":"0","resources":[]}';
    const { target, asked } = await openTarget(() => ({
      status: 200,
      headers: { "content-type": "application/json" },
      body,
    }));
    await target.test(signal);
    expect(asked()).toEqual(["GET /scim/Users"]);
  });

  it.each<[string, Answer, string]>([
    ["401", () => errorReply(401), "target.denied"],
    ["403", () => errorReply(403), "target.denied"],
    ["404", () => errorReply(404), "target.refused"],
    ["400", () => errorReply(400, "invalidFilter"), "target.refused"],
    ["500", () => errorReply(500), "target.refused"],
    ["somebody", () => listReply([{ id: "1", userName: "eve" }]), "target.refused"],
    ["a page for people", () => ({ status: 200, body: "<html>login</html>" }), "target.refused"],
    ["an error with 200", () => ({ ...errorReply(500), status: 200 }), "target.refused"],
    ["a denial with 200", () => ({ ...errorReply(401), status: 200 }), "target.denied"],
  ])("fails with %s", async (_, answer, code) => {
    const { target } = await openTarget(answer);
    expect(await codeOf(target.test(signal))).toBe(code);
  });

  it("names a redirect's host and does not follow it", async () => {
    const elsewhere = await openTarget(() => listReply([]));
    const location = `${elsewhere.endpoint.url}/Users?secret=1`;
    const { target } = await openTarget(() => ({ status: 307, headers: { location } }));
    const error = await target.test(signal).catch((thrown: unknown) => thrown);
    const { origin } = new URL(location);
    expect(error).toBeInstanceOf(AgentError);
    expect((error as AgentError).code).toBe("target.refused");
    expect((error as AgentError).message).toContain(`a redirect to ${origin}, and`);
    expect(elsewhere.endpoint.requests).toEqual([]);
  });

  it("says where nobody listens, after four attempts", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const url = `http://127.0.0.1:${port}`;
    const { target, pauses } = await openTarget(() => listReply([]), { options: { url } });
    const error = await target.test(signal).catch((thrown: unknown) => thrown);
    expect((error as AgentError).code).toBe("target.unreachable");
    expect((error as AgentError).message).toMatch(
      new RegExp(`^127.0.0.1:${port}: no connection \\(ECONNREFUSED\\), request [0-9a-f-]{36}$`),
    );
    expect(pauses).toEqual([250, 500, 1000]);
  });
});

describe("answers that are about one resource", () => {
  it("are values, with the target's words", async () => {
    const { target, log } = await openTarget(() => errorReply(409, "uniqueness", "ada is taken"));
    const refusal = await target.create("User", ADA, signal);
    expect(refusal).toEqual({
      kind: "refused",
      status: 409,
      scimType: "uniqueness",
      detail: "ada is taken",
      retryable: false,
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(JSON.stringify(log.lines)).not.toContain("taken");
  });

  it.each<[number, boolean]>([
    [400, false],
    [403, false],
    [412, false],
    [423, true],
    [500, true],
    [501, false],
  ])("with status %i are retryable: %s", async (status, retryable) => {
    const { target, asked } = await openTarget(() => errorReply(status));
    expect(await target.update("User", "1", RENAME, signal)).toMatchObject({
      kind: "refused",
      status,
      retryable,
    });
    expect(asked()).toEqual(["PATCH /scim/Users/1"]);
  });

  it("with 404 say that it is gone, and count as deleted", async () => {
    const { target } = await openTarget(() => errorReply(404));
    expect(await target.update("User", "1", RENAME, signal)).toMatchObject({ kind: "gone" });
    expect(await target.read("User", "1", signal)).toMatchObject({ kind: "gone" });
    expect(await target.changeMembers("1", { add: ["2"], remove: [] }, signal)).toMatchObject({
      kind: "gone",
    });
    expect(await target.delete("User", "1", signal)).toMatchObject({ kind: "deleted" });
  });

  it("never name another path by an id", async () => {
    const { target, endpoint } = await openTarget(() => ({ status: 204 }));
    await target.delete("User", "../Groups/1?x#y", signal);
    expect(endpoint.requests.map((request) => request.target)).toEqual([
      "/scim/Users/..%2FGroups%2F1%3Fx%23y",
    ]);
    await expect(target.delete("User", "..", signal)).rejects.toThrow(RangeError);
  });

  it.each<[string, Answer]>([
    ["no JSON", () => ({ status: 200, body: '{"id":' })],
    ["another resource", () => ({ status: 200, body: { id: "2" } })],
    ["no id", () => ({ status: 200, body: { userName: "ada" } })],
    ["a list", () => listReply([])],
  ])("are not taken for the resource: %s", async (_, answer) => {
    const { target } = await openTarget(answer);
    expect(await target.read("User", "1", signal)).toMatchObject({
      kind: "refused",
      detail: "the answer is not this resource",
    });
  });
});

describe("a look-up", () => {
  it("believes what it is given, whatever the case and the spelling", async () => {
    const body = { RESOURCES: [{ id: 7, USERNAME: "Ada" }, { id: "8" }], TotalResults: "2" };
    const { target } = await openTarget(() => ({ status: 200, body }));
    const found = await target.find("User", NAME, signal);
    expect(found).toMatchObject({
      kind: "found",
      resources: [
        { id: "7", schemas: [] },
        { id: "8", schemas: [] },
      ],
    });
  });

  it.each<[string, Answer, object]>([
    [
      "a target that ignores the filter",
      () => listReply([{ id: "1", userName: "eve" }]),
      { kind: "refused", retryable: false },
    ],
    [
      "a count without resources",
      () => listReply([], { totalResults: 1 }),
      { kind: "refused", retryable: true },
    ],
    ["no list", () => ({ status: 200, body: "[]" }), { kind: "refused", status: 200 }],
    ["an object", () => ({ status: 200, body: {} }), { kind: "refused", status: 200 }],
    ["a resource without id", () => listReply([{}]), { kind: "refused", status: 200 }],
    ["an id that is a path", () => listReply([{ id: ".." }]), { kind: "refused", status: 200 }],
    ["a refused filter", () => errorReply(400, "invalidFilter"), { scimType: "invalidFilter" }],
  ])("never reads as nobody: %s", async (_, answer, outcome) => {
    const { target } = await openTarget(answer);
    expect(await target.find("User", NAME, signal)).toMatchObject(outcome);
  });

  it("stops the job when the endpoint is not there or forbidden", async () => {
    const missing = await openTarget(() => errorReply(404));
    expect(await codeOf(missing.target.find("User", NAME, signal))).toBe("target.refused");
    const forbidden = await openTarget(() => errorReply(403));
    expect(await codeOf(forbidden.target.find("User", NAME, signal))).toBe("target.denied");
  });

  it("takes values with any character", async () => {
    const value = 'a"b\\c & d=e+f%20 ü';
    const { target, endpoint } = await openTarget(() => listReply([]), {
      options: { style: "entra" },
    });
    await target.find("User", { path: "userName", value }, signal);
    const { searchParams } = new URL(endpoint.requests[0]?.target ?? "", "http://host");
    expect(searchParams.get("filter")).toBe('userName eq "a\\"b\\\\c & d=e+f%20 ü"');
  });
});

describe("failures that may pass", () => {
  it.each([408, 502, 503, 504])("like %i are tried again, but a POST is not", async (status) => {
    let failures = 0;
    const { target, asked, pauses } = await openTarget(
      failing(({ method }) => {
        if (failures++ < 2) return errorReply(status);
        return method === "POST" ? { status: 201, body: { id: "1" } } : { status: 204 };
      }),
    );
    expect(await target.update("User", "1", RENAME, signal)).toMatchObject({ kind: "updated" });
    expect(pauses).toEqual([250, 500]);
    failures = 0;
    const created = await target.create("User", ADA, signal);
    expect(created.kind).toBe(status === 408 ? "created" : "unknown");
    const posts = asked().filter((line) => line.startsWith("POST"));
    expect(posts).toHaveLength(status === 408 ? 3 : 1);
  });

  it("are the resource's own when the target answers others", async () => {
    const { target, asked } = await openTarget(failing(() => errorReply(503)));
    expect(await target.delete("User", "1", signal)).toMatchObject({
      kind: "refused",
      status: 503,
      retryable: true,
    });
    expect(asked()).toEqual([...Array(4).fill("DELETE /scim/Users/1"), "GET /scim/Users"]);
  });

  it("are the target's when it answers nobody", async () => {
    const { target } = await openTarget(() => errorReply(503));
    expect(await codeOf(target.delete("User", "1", signal))).toBe("target.unreachable");
  });

  it("are waited for as long as retry-after says, also by a POST", async () => {
    let failures = 0;
    const { target, asked, pauses } = await openTarget(() =>
      failures++ < 1
        ? { ...errorReply(503), headers: { "retry-after": "7" } }
        : { status: 201, body: { id: "1" } },
    );
    expect(await target.create("User", ADA, signal)).toMatchObject({ kind: "created", id: "1" });
    expect(asked()).toEqual(["POST /scim/Users", "POST /scim/Users"]);
    expect(pauses).toEqual([7000]);
  });

  it("leave a POST in doubt when the connection is cut", async () => {
    const { target, asked } = await openTarget((_, response) => {
      response.destroy();
      return undefined;
    });
    expect(await target.create("User", ADA, signal)).toMatchObject({
      kind: "unknown",
      detail: "no whole answer: cut",
    });
    expect(asked()).toEqual(["POST /scim/Users"]);
  });

  it("leave a POST in doubt when its answer names no id, unless the location does", async () => {
    const headers: Record<string, string> = {};
    const { target, endpoint } = await openTarget(() => ({ status: 201, headers }));
    expect(await target.create("User", ADA, signal)).toMatchObject({ kind: "unknown" });
    headers["location"] = `${endpoint.url}/Users/a%20b`;
    expect(await target.create("User", ADA, signal)).toMatchObject({
      kind: "created",
      id: "a b",
      resource: undefined,
    });
    headers["location"] = `${endpoint.url}/Groups/1`;
    expect(await target.create("User", ADA, signal)).toMatchObject({ kind: "unknown" });
  });
});

describe("throttling", () => {
  it("is waited out by everybody together", async () => {
    let budget = 3;
    let waits = 0;
    const { target, endpoint } = await openTarget(
      () => {
        if (budget-- > 0) return { status: 204 };
        return { ...errorReply(429), headers: { "retry-after": "2" } };
      },
      {
        options: { concurrency: 4 },
        parts: {
          async pause() {
            waits++;
            await new Promise((resolve) => setTimeout(resolve, 5));
            budget = 3;
          },
          clock: { now: () => waits * 10_000 },
        },
      },
    );
    const ids = Array.from({ length: 40 }, (_, at) => String(at));
    const outcomes = await Promise.all(ids.map((id) => target.delete("User", id, signal)));
    expect(outcomes.map(({ kind }) => kind)).toEqual(ids.map(() => "deleted"));
    expect(endpoint.most).toBeLessThanOrEqual(4);
  });

  it("that does not end stops the job after ten attempts", async () => {
    const { target, endpoint, pauses } = await openTarget(() => errorReply(429));
    expect(await codeOf(target.create("User", ADA, signal))).toBe("target.throttled");
    expect(endpoint.requests).toHaveLength(10);
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  });

  it("for longer than two minutes stops the job at once", async () => {
    const later = new Date("2030-01-01T00:03:00Z").toUTCString();
    const { target, pauses } = await openTarget(() => ({
      ...errorReply(429),
      headers: { "retry-after": later },
    }));
    const error = (await target.delete("User", "1", signal).catch((e: unknown) => e)) as AgentError;
    expect(error.code).toBe("target.throttled");
    expect(error.hint).toContain("180 s");
    expect(pauses).toEqual([]);
  });
});

describe("the token", () => {
  it("is read again after a refusal, once", async () => {
    const tokens = ["old", "new", "newest"];
    const { target, endpoint, log } = await openTarget(
      ({ headers }) => (headers.authorization === "Bearer new" ? { status: 204 } : errorReply(401)),
      { parts: { readToken: async () => tokens.shift() } },
    );
    expect(await target.delete("User", "1", signal)).toMatchObject({ kind: "deleted" });
    expect(endpoint.requests.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer old",
      "Bearer new",
    ]);
    expect(JSON.stringify(log.lines)).not.toMatch(/old|Bearer/);
    endpoint.answer = () => errorReply(401);
    expect(await codeOf(target.delete("User", "1", signal))).toBe("target.denied");
    expect(endpoint.requests).toHaveLength(4);
  });

  it("that is refused and stays the same is not sent twice", async () => {
    const { target, endpoint } = await openTarget(() => errorReply(401));
    const error = (await target.delete("User", "1", signal).catch((e: unknown) => e)) as AgentError;
    expect(error.code).toBe("target.denied");
    expect(JSON.stringify([error.message, error.hint])).not.toContain(TARGET_TOKEN);
    expect(endpoint.requests).toHaveLength(1);
  });

  it("that has been used for 30 s is read again", async () => {
    let now = 0;
    let reads = 0;
    const { target, endpoint } = await openTarget(() => ({ status: 204 }), {
      parts: { clock: { now: () => now }, readToken: async () => `token-${++reads}` },
    });
    for (now of [0, 29_999, 30_000]) await target.delete("User", "1", signal);
    expect(endpoint.requests.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer token-1",
      "Bearer token-1",
      "Bearer token-2",
    ]);
  });

  it("with a line break in it reaches no header and no message", async () => {
    const { target, endpoint } = await openTarget(() => listReply([]), {
      parts: { readToken: async () => "secret\r\nx-evil: 1" },
    });
    const error = (await target.test(signal).catch((e: unknown) => e)) as AgentError;
    expect(error.code).toBe("config.invalid");
    expect(error.message).not.toContain("secret");
    expect(endpoint.requests).toEqual([]);
  });
});

describe("hostile servers", () => {
  it.each<[string, Answer]>([
    ["never answers", () => undefined],
    [
      "sends half a body and stops",
      (_, response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write("{");
        return undefined;
      },
    ],
    [
      "sends a byte now and then",
      (_, response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write(" "), 20);
        response.on("close", () => clearInterval(timer));
        return undefined;
      },
    ],
  ])("one that %s costs four attempts and no more", async (_, answer) => {
    const { target, asked, endpoint } = await openTarget(failing(answer), {
      options: { timeoutMs: 150 },
    });
    expect(await target.read("User", "1", signal)).toMatchObject({
      kind: "refused",
      status: undefined,
      retryable: true,
    });
    expect(asked()).toEqual([...Array(4).fill("GET /scim/Users/1"), "GET /scim/Users"]);
    // Whoever was given up is cut off; the last one answered.
    await expect.poll(() => endpoint.sockets).toBe(1);
  });

  it("one that cuts its answers short is not believed", async () => {
    const { target } = await openTarget(
      failing((_, response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write('{"totalResults":0}', () => response.destroy());
        return undefined;
      }),
    );
    expect(await target.find("User", NAME, signal)).toMatchObject({
      kind: "refused",
      detail: "the connection was cut, time and again",
    });
  });

  it("a giant answer is given up before it is read", async () => {
    let written = 0;
    const { target, asked } = await openTarget(
      failing((_, response) => {
        const chunk = Buffer.alloc(1024 * 1024, " ");
        const write = (): void => {
          if (response.destroyed || written > 200) return;
          written++;
          response.write(chunk, write);
        };
        response.writeHead(200);
        write();
        return undefined;
      }),
    );
    expect(await target.read("User", "1", signal)).toMatchObject({
      kind: "refused",
      retryable: false,
      detail: "the answer is too large to be read",
    });
    expect(written).toBeLessThan(100);
    expect(asked()).toEqual(["GET /scim/Users/1"]);
  });

  it("names that mean something to JavaScript change nothing", async () => {
    const text = '{"id":"1","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const { target } = await openTarget(() => ({ status: 200, body: text }));
    await target.read("User", "1", signal);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
    const body = `{"totalResults":1,"Resources":[${text}]}`;
    const listing = await openTarget(() => ({ status: 200, body }));
    expect(await listing.target.find("User", NAME, signal)).toMatchObject({ kind: "found" });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("a long detail is cut", async () => {
    const { target } = await openTarget(() => errorReply(400, "invalidValue", "x".repeat(5000)));
    const refusal = await target.delete("User", "1", signal);
    expect(refusal).toMatchObject({ kind: "refused", detail: "x".repeat(1000) });
  });
});

describe("stopping", () => {
  it("takes back a request that still waits for a connection", async () => {
    let release = (): void => undefined;
    const { endpoint } = await openTarget(async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return { status: 204 };
    });
    const { origin } = new URL(endpoint.url);
    const connection = new HttpConnection({ origin, connections: 1, timeoutMs: 5_000 });
    onTestFinished(() => connection.close());
    const send = (path: string, until: AbortSignal) =>
      connection.send({ method: "DELETE", path, headers: {}, body: undefined }, until);
    const first = send("/1", signal);
    await expect.poll(() => endpoint.requests.length).toBe(1);
    const stop = new AbortController();
    const second = send("/2", stop.signal);
    const third = send("/3", signal);
    stop.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    release();
    expect(await first).toMatchObject({ kind: "answered", status: 204 });
    await expect.poll(() => endpoint.requests.length).toBe(2);
    release();
    await third;
    expect(endpoint.requests.map(({ target }) => target)).toEqual(["/1", "/3"]);
  });

  it("by the signal ends a request and its wait in the queue", async () => {
    const { target, asked } = await openTarget(() => undefined, { options: { concurrency: 1 } });
    const stop = new AbortController();
    const running = target.delete("User", "1", stop.signal);
    const waiting = target.delete("User", "2", stop.signal);
    const outcomes = Promise.allSettled([running, waiting]);
    await expect.poll(asked).toEqual(["DELETE /scim/Users/1"]);
    const reason = new Error("enough");
    stop.abort(reason);
    expect(await outcomes).toEqual([
      { status: "rejected", reason },
      { status: "rejected", reason },
    ]);
    expect(asked()).toEqual(["DELETE /scim/Users/1"]);
  });

  it("by close leaves no connection", async () => {
    const { target, endpoint } = await openTarget(() => ({ status: 204 }));
    await target.delete("User", "1", signal);
    expect(endpoint.sockets).toBe(1);
    await target.close();
    await expect.poll(() => endpoint.sockets).toBe(0);
  });
});
