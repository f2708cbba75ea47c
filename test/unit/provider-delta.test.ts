import { expect, it } from "vitest";
import { createRequestHandler } from "../../agent/provider/request-handler.ts";
import { BASE, FakeDirectory, group, person, unit, uuid } from "../support/fake-directory.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { readList, request, type ScopeParts, serve } from "../support/provider.ts";

const ADA = person(`uid=ada,ou=People,${BASE}`, uuid(1));
const STAFF = group(`cn=staff,ou=Groups,${BASE}`, uuid(2), [ADA.dn]);
const PEOPLE = unit(`ou=People,${BASE}`, uuid(3));
const EMPTY = group(`cn=empty,ou=Groups,${BASE}`, uuid(4), []);

function handler(parts: ScopeParts = {}) {
  const directory = new FakeDirectory([ADA, STAFF, PEOPLE, EMPTY]);
  const agent = { name: "test", version: "1.0.0", configuration: "c1-test" };
  const options = {
    agent,
    served: [serve(directory, parts)],
    clock: { now: () => 0 },
    startedAt: 0,
  };
  const handle = createRequestHandler({ ...options, log: new MemoryLog(), logValues: false });
  return {
    directory,
    ask: (body: unknown) => handle(request("POST", "/.delta", { body }), AbortSignal.timeout(5000)),
  };
}

it("lists only the attributes that were asked for, and reads no others", async () => {
  const { ask, directory } = handler();
  const { elements, end } = await readList(
    await ask({ excludedAttributes: ["members", "emails", "name"] }),
  );
  const staff = elements.find(
    (element) => element.kind === "change" && element.change.changedResourceId === STAFF.id,
  );
  expect(staff).toMatchObject({ resource: { displayName: "staff" } });
  expect(JSON.stringify(staff)).not.toContain("members");
  expect(end).toMatchObject({ listing: "full", nextDeltaToken: expect.any(String) });
  expect(JSON.stringify(directory.queries)).not.toMatch(/"member"|"mail"|"sn"/);
});

it("refuses attributes that are no list, and both lists at once", async () => {
  const { ask } = handler();
  for (const body of [
    { attributes: "userName" },
    { attributes: ["userName"], excludedAttributes: ["title"] },
  ]) {
    const answer = await ask(body)
      .then(async (reply) => (reply.kind === "list" ? readList(reply) : reply))
      .catch((error) => error);
    expect(answer).toMatchObject({ status: 400 });
  }
});

it("calls a scope group that is an organizational unit a mistake, and takes an empty group", async () => {
  const wrong = handler({ groups: [{ dn: PEOPLE.dn, nested: false }] });
  await expect(readList(await wrong.ask({}))).rejects.toMatchObject({ code: "scope.missing" });
  const right = handler({ groups: [{ dn: EMPTY.dn, nested: false }] });
  const { elements } = await readList(await right.ask({}));
  expect(elements).toMatchObject([{ change: { changedResourceId: EMPTY.id } }]);
});
