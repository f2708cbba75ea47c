// The least that a process can do for a look-up over HTTP: node:http in front, one ldapts search behind, no SCIM.
// Started by http-lookup.bench.ts with { url, baseDn, bindDn, bindPassword, attributes } as its first message.

import { once } from "node:events";
import { createServer } from "node:http";
import { Client } from "ldapts";

const [{ url, baseDn, bindDn, bindPassword, attributes }] = await once(process, "message");
const client = new Client({ url });
await client.bind(bindDn, bindPassword);

async function answer(request, response) {
  const uid = request.url.slice(1);
  const filter = `(&(objectClass=inetOrgPerson)(uid=${uid}))`;
  const { searchEntries } = await client.search(baseDn, { scope: "sub", filter, attributes });
  const body = JSON.stringify({ totalResults: searchEntries.length, Resources: searchEntries });
  response.writeHead(200, { "content-length": Buffer.byteLength(body) });
  response.end(body);
}

const server = createServer((request, response) => void answer(request, response));
server.listen(0, "127.0.0.1", () => process.send(server.address().port));
process.once("disconnect", () => process.exit());
