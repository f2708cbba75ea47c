import { once } from "node:events";
import { get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { AnswerElement, RequestHandler } from "../../agent/core/exchange.ts";
import { ScimServer, type ScimServerOptions } from "../../agent/web/scim-server.ts";
import { SCIM_TOKEN } from "../support/agent-files.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { ScimClient, sendRaw } from "../support/scim-client.ts";

const AUTHORIZATION = `authorization: Bearer ${SCIM_TOKEN}\r\n`;
const DELTA = "urn:ietf:params:scim:api:messages:2.0:delta:response";
const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

async function face(handler: RequestHandler, options: Partial<ScimServerOptions> = {}) {
  const log = new MemoryLog();
  const server = new ScimServer({
    listen: { host: "127.0.0.1", port: 0 },
    readCertificate: undefined,
    readToken: async () => SCIM_TOKEN,
    handler,
    agent: { name: "agent-1", version: "1.0.0", configuration: "c1-x" },
    concurrency: 2,
    requestTimeoutMs: 10_000,
    stopTimeoutMs: 5_000,
    defaultPageSize: 3,
    maxPageSize: 4,
    cursorTimeoutMs: 60_000,
    snapshotBytes: 1024 * 1024,
    log,
    clock: { now: () => Date.now() },
    ...options,
  });
  const url = await server.start();
  undo.push(() => server.stop());
  const client = new ScimClient(url);
  undo.push(() => client.close());
  const events = () => log.lines.map(({ event }) => event);
  const ask: ScimClient["ask"] = (path, how) => client.ask(path, how);
  return { url, server, log, events, ask };
}

const OK: RequestHandler = async () => ({ kind: "document", status: 200, body: { ok: true } });

/** A handler that answers when it is told to, or gives up when it is aborted. */
function waiting() {
  const state = { begun: 0, aborted: 0, release: () => {} };
  const released = new Promise<void>((resolve) => {
    state.release = resolve;
  });
  const handler: RequestHandler = async (request, signal) => {
    state.begun++;
    const aborted = once(signal, "abort").then(() => {
      state.aborted++;
      throw signal.reason;
    });
    await Promise.race([released, aborted]);
    return OK(request, signal);
  };
  return { state, handler };
}

function change(n: number): AnswerElement {
  const id = String(n);
  const resource = { schemas: ["urn:x"], id, text: "x".repeat(1000) };
  const about = { resourceType: "User", changeType: "create", changedResourceId: id } as const;
  return { kind: "change", change: about, resource };
}

/** A delta of so many batches of 100; `pulled` counts those that were asked for. */
function stream({ batches, failAt = -1 }: { readonly batches: number; readonly failAt?: number }) {
  const state = { pulled: 0, ended: false };
  const handler: RequestHandler = async () => {
    async function* elements() {
      try {
        for (let batch = 0; batch < batches; batch++) {
          if (batch === failAt) throw new Error("the read failed");
          state.pulled++;
          yield Array.from({ length: 100 }, (_, n) => change(batch * 100 + n));
        }
        return { listing: "full", nextDeltaToken: "t" };
      } finally {
        state.ended = true;
      }
    }
    return { kind: "list", schema: DELTA, elements: elements() };
  };
  return { state, handler };
}

describe("work over HTTP", () => {
  it("beyond the limit is answered with 503 and when to come again", async () => {
    const { state, handler } = waiting();
    const { ask } = await face(handler);
    const begun = [ask("/agent/health"), ask("/agent/health")];
    await expect.poll(() => state.begun).toBe(2);
    const third = await ask("/agent/health");
    expect([third.status, third.headers["retry-after"]]).toEqual([503, "1"]);
    expect((await ask("/agent/health", { token: "wrong" })).status).toBe(401);
    state.release();
    expect((await Promise.all(begun)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await ask("/agent/health")).status).toBe(200);
  });

  it("ends when the client goes away, and makes room", async () => {
    const { state, handler } = waiting();
    const { url, ask, events } = await face(handler, { concurrency: 3 });
    const line = `GET /agent/health HTTP/1.1\r\nhost: x\r\n${AUTHORIZATION}\r\n`;
    // Three at once on one connection: two of the answers wait behind the first one.
    await sendRaw(url, line.repeat(3), { quietMs: 100 });
    await expect.poll(() => state.aborted).toBe(3);
    await expect.poll(events).toEqual(["http.cut", "http.cut", "http.cut"]);
    state.release();
    expect((await ask("/agent/health")).status).toBe(200);
  });

  it("that takes too long is answered with 503", async () => {
    const { state, handler } = waiting();
    const { ask } = await face(handler, { requestTimeoutMs: 50 });
    const reply = await ask("/agent/health");
    expect([reply.status, reply.body?.["detail"]]).toEqual([503, "the request took too long"]);
    expect(state.aborted).toBe(1);
  });

  it("that breaks is a 500 without details, and the log has them", async () => {
    const { ask, log } = await face(async () => {
      throw new Error("of a person");
    });
    const reply = await ask("/agent/health");
    expect(reply.status).toBe(500);
    expect(reply.text).not.toContain("of a person");
    expect(log.lines.find(({ event }) => event === "request.crashed")?.level).toBe("error");
  });

  it("may finish when the agent stops, and new work is refused", async () => {
    const { state, handler } = waiting();
    const { url, ask, server } = await face(handler);
    const reply = ask("/agent/health");
    await expect.poll(() => state.begun).toBe(1);
    const stopped = server.stop();
    await delay(50);
    state.release();
    expect((await reply).status).toBe(200);
    await stopped;
    expect(await sendRaw(url, "GET / HTTP/1.1\r\n\r\n")).toBe("");
  });

  it("is cut when it does not finish in time once the agent stops", async () => {
    const { state, handler } = waiting();
    const { ask, server } = await face(handler, { stopTimeoutMs: 50 });
    const reply = ask("/agent/health");
    reply.catch(() => undefined);
    await expect.poll(() => state.begun).toBe(1);
    await server.stop();
    expect(state.aborted).toBe(1);
    await expect(reply).rejects.toThrow();
  });
});

describe("a delta over HTTP", () => {
  const post = { method: "POST" } as const;

  it("is one document", async () => {
    const { ask } = await face(stream({ batches: 3 }).handler);
    const { status, headers, body } = await ask("/.delta", post);
    expect([status, headers["content-type"]]).toEqual([200, "application/scim+json"]);
    const { Resources: elements, ...rest } = body ?? {};
    expect(rest).toEqual({
      schemas: [DELTA],
      listing: "full",
      nextDeltaToken: "t",
      totalResults: 300,
      itemsPerPage: 300,
    });
    expect(elements).toHaveLength(300);
    expect(Array.isArray(elements) && elements[299]).toMatchObject({
      resourceType: "User",
      changeType: "create",
      changedResourceId: "299",
      data: { id: "299" },
    });
  });

  it("that fails in the middle breaks the transfer, and never looks whole", async () => {
    const { handler, state } = stream({ batches: 30, failAt: 20 });
    const { url, ask, events } = await face(handler);
    await expect(ask("/.delta", post)).rejects.toThrow(/aborted|hang up/);
    const request = `POST /.delta HTTP/1.1\r\nhost: x\r\n${AUTHORIZATION}content-length: 0\r\n\r\n`;
    const raw = await sendRaw(url, request);
    expect(raw).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(raw).toMatch(/transfer-encoding: chunked/i);
    expect(raw.endsWith("0\r\n\r\n")).toBe(false);
    expect(raw).not.toContain("nextDeltaToken");
    expect(state.ended).toBe(true);
    expect(events()).toEqual(["request.crashed", "http.cut", "request.crashed", "http.cut"]);
  });

  it("that fails at once is an error like any other", async () => {
    const { ask } = await face(stream({ batches: 1, failAt: 0 }).handler);
    expect((await ask("/.delta", post)).status).toBe(500);
  });

  it("is read no faster than the client takes it, and ends with the client", async () => {
    const { handler, state } = stream({ batches: 1_000_000 });
    const { url } = await face(handler);
    const headers = { authorization: `Bearer ${SCIM_TOKEN}` };
    const request = get(`${url}/.delta`, { method: "POST", headers });
    const [response] = await once(request, "response");
    response.pause();
    let before = -1;
    while (before !== state.pulled) {
      before = state.pulled;
      await delay(200);
    }
    // A batch is 100 KB; what the kernel and both ends hold is a few megabytes.
    expect(state.pulled).toBeLessThan(200);
    expect(state.ended).toBe(false);
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    request.destroy();
    await expect.poll(() => state.ended).toBe(true);
  });

  it("is cut when the client takes nothing for too long", async () => {
    const { handler, state } = stream({ batches: 1_000_000 });
    const { url, events } = await face(handler, { requestTimeoutMs: 300 });
    const headers = { authorization: `Bearer ${SCIM_TOKEN}` };
    const request = get(`${url}/.delta`, { method: "POST", headers });
    request.on("error", () => undefined);
    const [response] = await once(request, "response");
    response.on("error", () => undefined);
    response.pause();
    await expect.poll(() => state.ended).toBe(true);
    await expect.poll(events).toEqual(["http.cut"]);
    request.destroy();
  });
});
