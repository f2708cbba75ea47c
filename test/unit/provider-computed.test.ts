import { expect, it } from "vitest";
import { loadMapping } from "../../agent/config/mapping-file.ts";
import { compileMapping } from "../../agent/core/compiled-mapping.ts";
import { BASE, entry, FakeDirectory, uuid } from "../support/fake-directory.ts";
import { answering, idsOf, readList, request, search, serve } from "../support/provider.ts";

const mappings = compileMapping(await loadMapping({ kind: "shipped", name: "active-directory" }));

/** A FILETIME, of milliseconds since 1970. */
const fileTime = (ms: number) => ((BigInt(ms) + 11_644_473_600_000n) * 10_000n).toString();
const account = (name: string, id: number, attributes: Readonly<Record<string, string>>) =>
  entry(`CN=${name},${BASE}`, uuid(id), {
    objectClass: ["top", "person", "user"],
    userPrincipalName: `${name}@example.com`,
    userAccountControl: "512",
    ...attributes,
  });

/** When every request of the test's agent comes. */
const NOW = 65_000;
const active = account("ada", 1, { accountExpires: fileTime(NOW + 1) });
const expired = account("bob", 2, { accountExpires: fileTime(NOW) });
const disabled = account("cy", 3, { userAccountControl: "514" });
const directory = () => new FakeDirectory([active, expired, disabled], { name: "ad" });

it("works values out for the time when the request came, in a list and by id", async () => {
  const ask = answering({ ...serve(directory()), mappings });
  const { elements } = await readList(await ask(search("/Users")));
  expect(
    elements.map((element) => element.kind === "resource" && element.resource["active"]),
  ).toEqual([true, false, false]);
  for (const [id, state] of [
    [active.id, true],
    [expired.id, false],
  ] as const) {
    expect(await ask(request("GET", `/Users/${id}`))).toMatchObject({ body: { active: state } });
  }
});

it("finds by what is worked out, without asking the directory about it", async () => {
  const from = directory();
  const ask = answering({ ...serve(from), mappings });
  const found = async (filter: string) =>
    idsOf(await readList(await ask(search("/Users", { filter }))));
  expect(await found("active eq true")).toEqual([active.id]);
  expect(await found("active eq false")).toEqual([expired.id, disabled.id]);
  expect(await found('active eq false and userName eq "bob@example.com"')).toEqual([expired.id]);
  expect(from.filters).toEqual([
    "(objectClass=user)",
    "(objectClass=user)",
    "(&(objectClass=user)(userPrincipalName=bob@example.com))",
  ]);
});

it("says in the schema what a value is worked out of", async () => {
  const ask = answering({ ...serve(directory()), mappings });
  const answer = await ask(request("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User"));
  const { attributes } = (answer as { body: { attributes: readonly { name: string }[] } }).body;
  expect(attributes.find(({ name }) => name === "active")).toMatchObject({
    type: "boolean",
    description: "accountActive of the directory's userAccountControl, accountExpires",
  });
});
