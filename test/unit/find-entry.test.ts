import { describe, expect, it } from "vitest";
import { candidatesDocument } from "../../agent/cli/explanation-document.ts";
import { findEntry } from "../../agent/provider/find-entry.ts";
import { BASE, FakeDirectory, group, person, uuid } from "../support/fake-directory.ts";

const signal = new AbortController().signal;
const id = "2c75a81e-58cb-59fc-8baf-9ea9722b6815";
const ada = person(`uid=ada,${BASE}`, id, {
  ...{ mail: "a.lovelace@example.com", proxyAddresses: ["SMTP:ada@example.com", "smtp:al@x.org"] },
  ...{ sAMAccountName: "alovelace", userPrincipalName: "ada@corp.example.com" },
});
const twin = person(`uid=twin,${BASE}`, uuid(2), { mail: "shared@example.com", cn: "crowd" });
const other = person(`uid=other,${BASE}`, uuid(3), { mail: "Shared@example.com" });
const adas = group(`cn=ada,${BASE}`, uuid(4), []);
const outside = person("uid=fay,o=elsewhere", uuid(5), { mail: "fay@example.com" });
const crowd = Array.from({ length: 30 }, (_, n) =>
  person(`uid=p${n},${BASE}`, uuid(100 + n), { mail: "crowd@example.com" }),
);

function find(text: string) {
  const directory = new FakeDirectory([ada, twin, other, adas, outside, ...crowd]);
  return findEntry(directory, { text, attributes: ["uid"] }, signal);
}

describe("an entry is found", () => {
  it.each([
    ["its DN", ada.dn.replace("uid=", "UID = "), "DN"],
    ["its id", id.toUpperCase(), "id"],
    ["its id in the other byte order", "1ea8752c-cb58-fc59-8baf-9ea9722b6815", undefined],
    ["its login", "ADA", undefined],
    ["its old login", "alovelace", undefined],
    ["its login with a domain", "CORP\\alovelace", "sAMAccountName"],
    ["its principal name", "ada@corp.example.com", undefined],
    ["its mail address", "a.lovelace@example.com", "mail or proxyAddresses"],
    ["a further mail address", "smtp:AL@x.org", "mail or proxyAddresses"],
  ])("by %s", async (_, text, foundBy) => {
    const attributes = new Map([["uid", ["ada"]]]);
    const by = foundBy ?? expect.any(String);
    expect(await find(text)).toEqual({ kind: "one", entry: { ...ada, attributes }, foundBy: by });
  });

  it("by DN wherever it is, by a name below the base alone", async () => {
    expect(await find(outside.dn)).toMatchObject({ kind: "one" });
    const below = new FakeDirectory([{ ...outside, dn: "uid=fay,o=elsewhere" }]);
    const wanted = { text: "fay@example.com", attributes: [] };
    expect(await findEntry(below, wanted, signal)).toMatchObject({ kind: "none" });
  });

  it("by the common name when it is nobody's login", async () => {
    expect(await find("crowd")).toMatchObject({ kind: "one", foundBy: "cn" });
    expect(await find("ada")).toMatchObject({ kind: "one", entry: { id } });
  });
});

it("lists who shares a name, and says when there are more", async () => {
  const shared = await find("shared@example.com");
  expect(shared).toMatchObject({ kind: "several", more: false });
  if (shared.kind !== "several") throw new Error(shared.kind);
  const candidates = [twin, other].map(({ dn, id: own }) => ({ dn, id: own }));
  expect(candidatesDocument(shared.entries, shared)).toEqual({ candidates, more: false });
  const many = await find("crowd@example.com");
  expect(many).toMatchObject({ kind: "several", more: true });
  expect(many.kind === "several" && many.entries.length).toBe(20);
});

it.each([
  ["nobody", "userPrincipalName, uid, sAMAccountName, cn"],
  ["nobody@example.com", "userPrincipalName, uid, sAMAccountName, mail, proxyAddresses"],
  [uuid(99), "id, id in the other byte order"],
  ["S-1-5-32-544", "SID"],
  [`uid=nobody,${BASE}`, "DN"],
  [" ", "nothing"],
])("says what it looked for, not what was typed: %s", async (text, lookedFor) => {
  expect(await find(text)).toEqual({ kind: "none", lookedFor });
});

it("is an error when the read was cut, never an entry that seems to be the only one", async () => {
  const directory = new FakeDirectory([ada]);
  directory.cutAfter(1);
  const found = findEntry(directory, { text: "ada", attributes: [] }, signal);
  await expect(found).rejects.toMatchObject({ code: "directory.incomplete" });
});
