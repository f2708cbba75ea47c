import { describe, expect, it } from "vitest";
import { isWrite, keepRole } from "../../agent/bus/queue-role.ts";
import type { RequestHandler } from "../../agent/core/exchange.ts";
import { request } from "../support/provider.ts";

const { signal } = new AbortController();
const reached: RequestHandler = async () => ({ kind: "document", status: 200, body: "reached" });

const WRITES = [
  ["POST", "/Users"],
  ["PUT", "/Users/1"],
  ["PATCH", "/Groups/1"],
  ["DELETE", "/Groups/1"],
  ["POST", "/Bulk"],
] as const;
const READS = [
  ["GET", "/Users/1"],
  ["POST", "/Users/.search"],
  ["POST", "/Groups/.search"],
  ["POST", "/.search"],
  ["POST", "/.delta"],
  ["GET", "/agent/health"],
  ["POST", "/agent/explain"],
] as const;

describe("the role of a queue", () => {
  it("tells writes from what is none", () => {
    const writes = [...WRITES, ...READS].filter(([method, path]) => isWrite(request(method, path)));
    expect(writes).toEqual(WRITES);
  });

  it.each([
    ["reads", READS, WRITES, "writes come through the write queue"],
    ["writes", WRITES, READS, "only writes come through the write queue"],
  ] as const)(
    "%s lets its own through and answers 403 to others",
    async (role, own, others, detail) => {
      const handler = keepRole(reached, role);
      for (const [method, path] of own) {
        expect(await handler(request(method, path), signal)).toMatchObject({ body: "reached" });
      }
      for (const [method, path] of others) {
        expect(await handler(request(method, path), signal)).toMatchObject({
          status: 403,
          body: { status: "403", detail: expect.stringContaining(detail) },
        });
      }
    },
  );
});
