import { afterEach, expect, it } from "vitest";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { Directory } from "../../agent/ports.ts";
import { type LdapScript, startLdapScript, tlv } from "../support/ldap-script.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { answering, readList, request, search, serve } from "../support/provider.ts";

const BASE = "dc=example,dc=com";
const ID = "11111111-2222-4333-8444-555555555555";

let server: LdapScript | undefined;
let directory: Directory | undefined;

afterEach(async () => {
  await directory?.close();
  await server?.close();
});

async function ask(asked: Parameters<ReturnType<typeof answering>>[0]) {
  server = await startLdapScript({
    search: (_, reply) => {
      reply.entry(`uid=ada,${BASE}`, {
        entryUUID: [ID],
        uid: ["ada"],
        objectClass: ["inetOrgPerson"],
      });
      reply.result(0, { cookie: "" });
    },
  });
  directory = createLdapDirectory(
    {
      name: "script",
      kind: "openLdap",
      urls: [server.url],
      baseDn: BASE,
      bind: { dn: `cn=sync,${BASE}`, password: async () => "secret" },
    },
    { log: new MemoryLog() },
  );
  const answer = await answering(serve(directory))(asked);
  if (answer.kind === "list") await readList(answer);
  const searches = server.requests.filter(
    ({ kind, baseDn }) => kind === "search" && baseDn === BASE,
  );
  return searches.map(({ filter, searchScope }) => ({ filter, searchScope }));
}

/** RFC 4511 section 4.5.1: `and` is [0], `equalityMatch` [3], `substrings` [4]. */
const and = (...parts: readonly Buffer[]) => tlv(0xa0, ...parts);
const equality = (attribute: string, value: string) =>
  tlv(0xa3, tlv(4, Buffer.from(attribute)), tlv(4, Buffer.from(value)));
const isPerson = equality("objectClass", "inetOrgPerson");

it("asks for a user by name with one search for an equality, which an index of the server answers", async () => {
  const searches = await ask(search("/Users", { filter: 'userName eq "Ada"' }));
  expect(searches).toEqual([{ searchScope: 2, filter: and(isPerson, equality("uid", "Ada")) }]);
});

it("asks for a user by id with one search for an equality", async () => {
  const searches = await ask(request("GET", `/Users/${ID}`));
  expect(searches).toEqual([{ searchScope: 2, filter: and(isPerson, equality("entryUUID", ID)) }]);
});

it("asks for everybody where the attribute is not the directory's", async () => {
  const searches = await ask(search("/Users", { filter: 'nickName eq "Ada"' }));
  expect(searches).toEqual([{ searchScope: 2, filter: isPerson }]);
});

it("sends what a filter holds as a value, never as a filter", async () => {
  const value = "*)(uid=*\\2a\u00e9";
  const searches = await ask(search("/Users", { filter: `userName eq ${JSON.stringify(value)}` }));
  expect(searches).toEqual([{ searchScope: 2, filter: and(isPerson, equality("uid", value)) }]);
});
