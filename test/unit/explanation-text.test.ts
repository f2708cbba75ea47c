import { expect, it } from "vitest";
import { explanationDocument } from "../../agent/cli/explanation-document.ts";
import { printExplanation } from "../../agent/cli/explanation-text.ts";
import { inspectEntry } from "../../agent/provider/inspect-entry.ts";
import { BASE, entry, FakeDirectory, person, unit, uuid } from "../support/fake-directory.ts";
import { type ScopeParts, serve } from "../support/provider.ts";

const signal = new AbortController().signal;
const many = Array.from({ length: 13 }, (_, n) => n);
const units = many.map((n) => unit(`ou=u${n},${BASE}`, uuid(100 + n)));
const crowd = many.map((n) => person(`uid=p${n},ou=u0,${BASE}`, uuid(200 + n)));
const gone = many.map((n) => `uid=gone${n},${BASE}`);
const strange = entry(
  `cn=\u001b[2J\u202e,ou=u0,${BASE}`,
  uuid(1),
  {
    objectClass: ["inetOrgPerson", "groupOfNames"],
    cn: "crew",
    description: many.map((n) => `d${n}`),
    title: "x".repeat(500),
    jpegPhoto: Buffer.from([1, 2, 3]),
    member: [...crowd.map(({ dn }) => dn), ...gone],
  },
  "another-anchor",
);
const SCOPE: ScopeParts = {
  include: units.map(({ dn }) => dn),
  clauses: ["description", "title", "jpegPhoto"].map((attribute) => {
    return { resourceType: "Group", attribute, operator: "present" } as const;
  }),
};

async function inspect() {
  const served = serve(new FakeDirectory([...units, ...crowd, strange]), SCOPE);
  const request = {
    name: uuid(1),
    resourceType: "Group",
    now: 0,
    onStep: () => undefined,
  } as const;
  const found = await inspectEntry(served, request, signal);
  if ("kind" in found) throw new Error(found.kind);
  return found;
}

it("shows the beginning of what is long, and says how much there is", async () => {
  const text = printExplanation(await inspect());
  expect(text).toContain("  anchor     another-anchor\n");
  expect(text).toContain("make it a User and Group, judged as a Group\n");
  expect(text).toContain(
    'the entry has "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9" and 3 more\n',
  );
  expect(text).toContain(`the entry has "${"x".repeat(200)}…"\n`);
  expect(text).toContain("the entry has (3 bytes)\n");
  expect(text).toContain("    -  unit    2 more that do not cover it\n");
  expect(text.match(/does not cover it$/gm)).toHaveLength(10);
  expect(text).toContain('"… 3 more, --json shows all"\n');
  expect(text.match(/^ {2}… 3 more, --json shows all$/gm)).toHaveLength(2);
  expect(text.match(/"value": /g)).toHaveLength(10);
});

it("shows nothing that a terminal would obey", async () => {
  const text = printExplanation(await inspect());
  expect(text.split("\n")[0]).toBe(`cn=\\x1b[2J\\x202e,ou=u0,${BASE}`);
});

it("is a document with everything, bytes in base64", async () => {
  const document = explanationDocument(await inspect());
  expect(JSON.parse(JSON.stringify(document))).toEqual({
    directory: "openldap",
    baseDn: BASE,
    dn: strange.dn,
    id: uuid(1),
    anchor: "another-anchor",
    foundBy: "id",
    resourceTypes: ["User", "Group"],
    resourceType: "Group",
    inScope: true,
    detail: `below ou=u0,${BASE}`,
    belowBase: true,
    isScopeGroup: false,
    combine: "all",
    organizationalUnits: units.map(({ dn }, n) => {
      return { dn, rule: "include", covers: n === 0, decides: n === 0 };
    }),
    groups: [],
    clauses: [
      {
        rule: "description is present",
        attribute: "description",
        holds: true,
        values: many.map((n) => `d${n}`),
      },
      { rule: "title is present", attribute: "title", holds: true, values: ["x".repeat(500)] },
      { rule: "jpegPhoto is present", attribute: "jpegPhoto", holds: true, values: ["AQID"] },
    ],
    wouldSend: true,
    resource: {
      schemas: ["urn:ietf:params:scim:schemas:core:2.0:Group"],
      id: uuid(1),
      externalId: "another-anchor",
      meta: { resourceType: "Group" },
      displayName: "crew",
      members: crowd.map(({ id }) => ({ value: id })),
    },
    references: [
      ...crowd.map(({ dn, id }) => ({ dn, id })),
      ...gone.map((dn) => ({ dn, id: null })),
    ],
  });
});
