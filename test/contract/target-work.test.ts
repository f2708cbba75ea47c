import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { AgentError } from "../../agent/core/error.ts";
import type { TargetExchange } from "../../agent/target/request-sender.ts";
import { CERTIFICATE_FILES, writeCertificates } from "../support/openldap-certificates.ts";
import { type Answer, errorReply, listReply } from "../support/scim-endpoint.ts";
import { openTarget, queryOf, TARGET_TOKEN } from "../support/scim-target.ts";

const signal = AbortSignal.timeout(60_000);

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: readonly { readonly value: string }[];
}

/** Answers after a while, so that what may run at a time does. */
const slow: Answer = async ({ method }) => {
  await new Promise((resolve) => setTimeout(resolve, 10));
  return method === "POST" ? { status: 201, body: { id: "1" } } : { status: 204 };
};

describe("requests at a time", () => {
  it("are as many as allowed, and one for one resource, in the order of the calls", async () => {
    const { target, endpoint, asked } = await openTarget(slow, { options: { concurrency: 3 } });
    const titles = ["a", "b", "c", "d"];
    const work = titles.flatMap((title) =>
      ["1", "2", "3", "4", "5"].map((id) =>
        target.update("User", id, { before: {}, after: { title } }, signal),
      ),
    );
    await Promise.all([...work, target.delete("User", "1", signal)]);
    expect(endpoint.most).toBe(3);
    for (const id of ["1", "2", "3", "4", "5"]) {
      const bodies = endpoint.requests
        .filter(({ method, target: path }) => method === "PATCH" && path === `/scim/Users/${id}`)
        .map(({ text }) => JSON.parse(text).Operations[0].value);
      expect(bodies).toEqual(titles);
    }
    const ofOne = asked().filter((line) => line.endsWith("/Users/1"));
    expect(ofOne.at(-1)).toBe("DELETE /scim/Users/1");
  });

  it("of one resource go on after a failure", async () => {
    let first = true;
    const { target } = await openTarget(() => {
      if (!first) return { status: 204 };
      first = false;
      return errorReply(401);
    });
    const failed = target.delete("User", "1", signal);
    const next = target.delete("User", "1", signal);
    await expect(failed).rejects.toMatchObject({ code: "target.denied" });
    expect(await next).toMatchObject({ kind: "deleted" });
  });
});

describe("members", () => {
  const operationsOf = (text: string): readonly Operation[] => JSON.parse(text).Operations;
  const valuesOf = (text: string) => operationsOf(text)[0]?.value?.map(({ value }) => value);

  it("are changed in batches, each of them once", async () => {
    const { target, endpoint } = await openTarget(() => ({ status: 204 }), {
      options: { style: "entra", memberBatch: 100 },
    });
    const add = Array.from({ length: 250 }, (_, at) => `a${at}`);
    const remove = Array.from({ length: 101 }, (_, at) => `r${at}`);
    const changed = await target.changeMembers("9", { add: [...add, "a0"], remove }, signal);
    const sent = endpoint.requests.map(({ text }) => operationsOf(text).map(({ op }) => op));
    expect(sent).toEqual([["Add"], ["Add"], ["Add"], ["Remove"], ["Remove"]]);
    expect(endpoint.requests.map(({ text }) => valuesOf(text)?.length)).toEqual([
      ...[100, 100, 50],
      ...[100, 1],
    ]);
    expect(changed).toMatchObject({ kind: "changed", applied: { add, remove }, refused: [] });
    expect(endpoint.requests.flatMap(({ text }) => valuesOf(text) ?? [])).toEqual([
      ...add,
      ...remove,
    ]);
  });

  it("that the target does not know are found out and keep nobody out", async () => {
    const { target, endpoint } = await openTarget(
      ({ text }) =>
        text.includes('"gone"') ? errorReply(400, "invalidValue", "who?") : { status: 204 },
      { options: { memberBatch: 8 } },
    );
    const add = ["1", "2", "3", "gone", "4", "5", "6", "7"];
    const changed = await target.changeMembers("9", { add, remove: ["8"] }, signal);
    expect(changed).toEqual({
      kind: "changed",
      applied: { add: ["1", "2", "3", "4", "5", "6", "7"], remove: ["8"] },
      refused: [
        {
          add: ["gone"],
          remove: [],
          refusal: expect.objectContaining({ status: 400, detail: "who?" }),
        },
      ],
      requestIds: endpoint.requests.map(({ headers }) => headers["x-request-id"]),
    });
    expect(endpoint.requests.map(({ text }) => operationsOf(text)[0]?.value?.length ?? 0)).toEqual([
      ...[8, 4, 2, 2, 1, 1, 4],
      ...[0],
    ]);
  });

  it.each([403, 500])("that are refused with %i are not divided", async (status) => {
    const { target, endpoint } = await openTarget(() => errorReply(status));
    const changed = await target.changeMembers("9", { add: ["1", "2"], remove: ["3"] }, signal);
    expect(changed).toMatchObject({
      applied: { add: [], remove: [] },
      refused: [
        { add: ["1", "2"], remove: [], refusal: { status } },
        { add: [], remove: ["3"], refusal: { status } },
      ],
    });
    expect(endpoint.requests).toHaveLength(2);
  });

  it("cost at most 64 divisions when all are refused", async () => {
    const { target, endpoint } = await openTarget(() => errorReply(400));
    const add = Array.from({ length: 300 }, (_, at) => `a${at}`);
    const changed = await target.changeMembers("9", { add, remove: [] }, signal);
    expect(endpoint.requests).toHaveLength(3 + 2 * 64);
    if (changed.kind !== "changed") throw new Error(changed.kind);
    expect(changed.refused.flatMap((each) => each.add)).toEqual(add);
  });

  it("are left alone by an update of the group", async () => {
    const { target, endpoint } = await openTarget(() => ({ status: 204 }));
    const before = { displayName: "a", members: [{ value: "1" }] };
    const after = { displayName: "a", members: [] };
    expect(await target.update("Group", "9", { before, after }, signal)).toEqual({
      kind: "updated",
      resource: undefined,
      requestIds: [],
    });
    expect(endpoint.requests).toEqual([]);
  });
});

describe("what is sent", () => {
  it("leaves out what the target sets and what is set later", async () => {
    const { target, endpoint } = await openTarget(() => ({ status: 201, body: { id: "1" } }));
    const extension = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    await target.create(
      "User",
      {
        schemas: ["urn:something:else"],
        id: "source",
        meta: { created: "2030" },
        groups: [{ value: "9" }],
        userName: "ada",
        title: null,
        emails: [],
        [extension]: { manager: { value: "2" } },
        "urn:x:Custom": { shoe: 42 },
      },
      signal,
    );
    expect(JSON.parse(endpoint.requests[0]?.text ?? "")).toEqual({
      schemas: ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:x:Custom"],
      userName: "ada",
      "urn:x:Custom": { shoe: 42 },
    });
  });

  it("keeps the path and the parameters of the base URL, but for the flag of the style", async () => {
    const { target, endpoint } = await openTarget(() => ({ status: 204 }));
    await target.close();
    for (const suffix of ["/v2/?tenant=a%26b&aadOptscim062020", "/?AzureAdScimPatch2017"]) {
      const world = await openTarget(() => listReply([]), {
        options: { url: `${endpoint.url}${suffix}` },
      });
      endpoint.answer = () => listReply([]);
      await world.target.find("User", { path: "userName", value: "a" }, signal);
    }
    expect(endpoint.requests.map((request) => request.target)).toEqual([
      "/scim/v2/Users?tenant=a%26b&filter=userName%20eq%20%22a%22",
      "/scim/Users?filter=userName%20eq%20%22a%22",
    ]);
  });

  it.each(["ftp://host/scim", "host/scim", "https://user:secret@host/scim"])(
    "does not go to %s",
    async (url) => {
      const opened = openTarget(() => listReply([]), { options: { url } });
      const error = await opened.catch((thrown: unknown) => thrown);
      expect((error as AgentError).code).toBe("config.invalid");
      expect((error as AgentError).message).not.toContain("secret");
    },
  );

  it("is told back as the target keeps it, when the target says so", async () => {
    const { target, endpoint } = await openTarget(() => ({
      status: 200,
      body: { id: "1", title: "x" },
    }));
    const change = { before: {}, after: { title: "x" } };
    expect(await target.update("User", "1", change, signal)).toMatchObject({
      resource: { id: "1", title: "x" },
    });
    endpoint.answer = () => ({ status: 200, body: { id: "2" } });
    expect(await target.update("User", "1", change, signal)).toMatchObject({ resource: undefined });
  });

  it("asks for references as the style has it", async () => {
    const { target } = await openTarget(({ target: path }) =>
      queryOf(path)["filter"]?.endsWith('"2"') ? listReply([{ id: "1" }]) : listReply([]),
    );
    const ask = async (id: string) =>
      await target.hasReference("User", "1", { attribute: "manager", id }, signal);
    expect(await ask("2")).toMatchObject({ kind: "answered", holds: true });
    expect(await ask("3")).toMatchObject({ kind: "answered", holds: false });
  });
});

describe("the request id", () => {
  it("is the same in the header, the log, the outcome and the record", async () => {
    const exchanges: TargetExchange[] = [];
    let failures = 0;
    const { target, endpoint, log } = await openTarget(
      () => (failures++ === 0 ? errorReply(503) : { status: 204 }),
      { parts: { onExchange: (exchange) => exchanges.push(exchange) } },
    );
    const deleted = await target.delete("User", "1", signal);
    const id = endpoint.requests[0]?.headers["x-request-id"];
    expect(endpoint.requests.map(({ headers }) => headers["x-request-id"])).toEqual([id, id]);
    expect(deleted).toEqual({ kind: "deleted", requestId: id });
    const request = { requestId: id, method: "DELETE", path: "/Users/1", ms: 0 };
    expect(log.lines).toEqual([
      { level: "debug", event: "target.request", fields: { ...request, attempt: 1, status: 503 } },
      {
        level: "warn",
        event: "target.retried",
        fields: { requestId: id, attempt: 1, because: "status 503", delayMs: 250 },
      },
      { level: "debug", event: "target.request", fields: { ...request, attempt: 2, status: 204 } },
    ]);
    expect(exchanges.map(({ requestId, attempt }) => [requestId, attempt])).toEqual([
      [id, 1],
      [id, 2],
    ]);
    expect(JSON.stringify(exchanges)).not.toContain(TARGET_TOKEN);
    expect(exchanges[0]).toMatchObject({
      request: { method: "DELETE", path: "/scim/Users/1" },
      result: { kind: "answered", status: 503 },
    });
  });

  it("comes without the values of a look-up", async () => {
    const { target, log } = await openTarget(() => listReply([]));
    await target.find("User", { path: "userName", value: "ada@example.com" }, signal);
    expect(JSON.stringify(log.lines)).not.toContain("ada");
    expect(log.lines).toHaveLength(1);
  });
});

describe("TLS", () => {
  it("is verified, with the authority that was given", async () => {
    const folder = await mkdtemp(join(tmpdir(), "target-tls-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeCertificates(folder);
    const read = (name: string) => readFile(join(folder, name), "utf8");
    const [ca, cert, key] = await Promise.all([
      read(CERTIFICATE_FILES.ca),
      read(CERTIFICATE_FILES.certificate),
      read(CERTIFICATE_FILES.key),
    ]);
    const tls = { cert, key };
    const trusted = await openTarget(() => listReply([]), { tls, options: { ca } });
    await trusted.target.test(signal);
    const strange = await openTarget(() => listReply([]), { tls });
    const error = (await strange.target.test(signal).catch((e: unknown) => e)) as AgentError;
    expect(error).toBeInstanceOf(AgentError);
    expect(error.code).toBe("target.unreachable");
    expect(error.hint).toContain("certificate");
    expect(strange.endpoint.requests).toEqual([]);
    expect(strange.pauses).toEqual([]);
  });
});
