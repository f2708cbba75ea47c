import { Agent, request } from "node:http";
import { describe, expect, it } from "vitest";
import { formatRequest } from "../../agent/sim/scim-app/request-log.ts";
import type { ScimAppProfile } from "../../agent/sim/scim-app/server.ts";
import { appUnderTest, type Json } from "../support/scim-app.ts";
import { type HostileRequest, HostileRequests } from "../support/scim-app-fuzz.ts";

/** With both profiles together. */
const REQUESTS = 5_000;
const SEEDS = [1, 2] as const;

async function send(
  port: number,
  agent: Agent,
  { method, path, headers, body }: HostileRequest,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const length = Buffer.byteLength(body ?? "");
    const type =
      body === undefined
        ? {}
        : { "content-type": "application/scim+json", "content-length": `${length}` };
    const sent = request(
      { port, host: "127.0.0.1", agent, method, path, headers: { ...type, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: response.statusCode ?? 0, text });
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Own names of the objects that everything inherits from. */
function prototypes(): unknown {
  return [Object.prototype, Array.prototype, Function.prototype, String.prototype].map((each) =>
    Object.getOwnPropertyNames(each),
  );
}

/** What every resource has to be, whatever was sent. */
function problemsOf(people: readonly Json[], groups: readonly Json[]): readonly string[] {
  const problems: string[] = [];
  const ids = new Map([...people, ...groups].map((each) => [each["id"], each]));
  const names = people.map(({ userName }) => String(userName).toLowerCase());
  if (new Set(names).size !== names.length) problems.push("two people have the same userName");
  for (const group of groups) {
    for (const member of (group["members"] ?? []) as Json[]) {
      const target = ids.get(member["value"]);
      const type = (target?.["meta"] as Json | undefined)?.["resourceType"];
      if (type === undefined || type !== member["type"]) problems.push("a member is not there");
    }
  }
  for (const person of people) {
    const own = ((person["groups"] ?? []) as Json[]).map(({ value }) => value);
    const said = groups
      .filter(({ members = [] }) => (members as Json[]).some(({ value }) => value === person["id"]))
      .map(({ id }) => id);
    if ([...own].sort().join() !== said.sort().join()) problems.push("groups are not true");
    if ("password" in person) problems.push("a password is shown");
  }
  return problems;
}

describe("the SCIM app under hostile requests", () => {
  it.each(["rfc", "entra"] satisfies ScimAppProfile[])(
    "never fails, and keeps its resources true (profile %s)",
    { timeout: 300_000 },
    async (profile) => {
      const before = prototypes();
      const lines: string[] = [];
      const { app, errors } = await appUnderTest({
        profile,
        onRequest: (entry) => lines.push(formatRequest(entry)),
      });
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const statuses = new Map<number, number>();
      const failed: unknown[] = [];
      try {
        for (const seed of SEEDS) {
          const requests = new HostileRequests(seed);
          for (let n = 0; n < REQUESTS / 2 / SEEDS.length; n++) {
            const known = [...app.resources("User"), ...app.resources("Group")].slice(-8);
            const hostile = requests.next(["x", ...known.map(({ id }) => id)]);
            const { status, text } = await send(app.port, agent, hostile);
            statuses.set(status, (statuses.get(status) ?? 0) + 1);
            const body = text === "" ? undefined : (JSON.parse(text) as Json);
            const isTold =
              status < 400 || hostile.method === "HEAD" || body?.["status"] === `${status}`;
            if (status >= 500 || !isTold) failed.push({ hostile, status, body });
            if (/"(__proto__|polluted|password)":/.test(text)) failed.push({ hostile, text });
          }
        }
        expect(failed).toEqual([]);
        expect(errors).toEqual([]);
        expect(problemsOf(app.resources("User"), app.resources("Group"))).toEqual([]);
        expect(prototypes()).toEqual(before);
        expect(lines.length).toBe(REQUESTS / 2);
        expect(lines.filter((line) => /\p{C}/u.test(line))).toEqual([]);
        // Or the requests would have been refused at the door.
        for (const status of [200, 201, 204, 400, 404, 409]) {
          expect([status, (statuses.get(status) ?? 0) > 2]).toEqual([status, true]);
        }
        const after = await fetch(`${app.url}/Users?count=1`);
        expect(after.status).toBe(200);
      } finally {
        agent.destroy();
        await app.close();
      }
    },
  );
});
