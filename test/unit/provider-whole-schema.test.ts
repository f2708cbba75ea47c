import { describe, expect, it } from "vitest";
import { ENTERPRISE_USER_SCHEMA, USER_SCHEMA } from "../../agent/core/scim/urn.ts";
import { createRequestHandler } from "../../agent/provider/request-handler.ts";
import { BASE, FakeDirectory, person, uuid } from "../support/fake-directory.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { idsOf, readList, search, serve } from "../support/provider.ts";

const ada = person(`uid=ada,${BASE}`, uuid(1), { employeeNumber: "7" });
const bob = person(`uid=bob,${BASE}`, uuid(2), { manager: ada.dn });
const cy = person(`uid=cy,${BASE}`, uuid(3));

async function idsFound(body: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
  const handler = createRequestHandler({
    agent: { name: "agent-1", version: "1.0.0", configuration: "c1-x" },
    served: [serve(new FakeDirectory([ada, bob, cy]))],
    clock: { now: () => 0 },
    startedAt: 0,
    log: new MemoryLog(),
    logValues: false,
  });
  const answer = await handler(search("/Users", body), new AbortController().signal);
  return idsOf(await readList(answer));
}

describe("a filter on a whole schema", () => {
  it("reads the extension that it asks about, though the answer is to leave it out", async () => {
    const filter = `${ENTERPRISE_USER_SCHEMA} pr`;
    expect(await idsFound({ filter, attributes: ["userName"] })).toEqual([ada.id, bob.id]);
    const not = `not (${filter})`;
    expect(await idsFound({ filter: not, excludedAttributes: [ENTERPRISE_USER_SCHEMA] })).toEqual([
      cy.id,
    ]);
  });

  it("finds an extension that holds nothing but a reference", async () => {
    expect(await idsFound({ filter: `${ENTERPRISE_USER_SCHEMA}[manager pr]` })).toEqual([bob.id]);
  });

  it("finds everybody by the core schema", async () => {
    const filter = `${USER_SCHEMA} pr`;
    expect(await idsFound({ filter, attributes: ["id"] })).toEqual([ada.id, bob.id, cy.id]);
  });
});
