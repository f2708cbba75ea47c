import { Attribute, Change, Client } from "ldapts";
import { expect, it } from "vitest";
import { LdapConnection } from "../../agent/directory/connection.ts";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import { createCompany } from "../../agent/sim/company/company.ts";
import { companyLandmarks, DEFAULT_BASE_DN } from "../../agent/sim/company/landmark.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { startOpenLdap } from "../support/openldap.ts";
import { answering, request, type ScopeParts, serve } from "../support/provider.ts";
import { startSamba } from "../support/samba.ts";
import { sambaCompany } from "../support/samba-company.ts";
import { SAMBA_BASE } from "../support/samba-domain.ts";

const LARGE = Number(process.env["BENCH_LARGE"] ?? 100_000);
const SAMBA_PEOPLE = Number(process.env["BENCH_SAMBA"] ?? 10_000);
const CHANGES = 10;
const MIB = 1 << 20;
const TIMEOUT_MS = 3_600_000;

let operations = 0;
const send = LdapConnection.prototype.send;
LdapConnection.prototype.send = function counted(...args) {
  operations++;
  return send.apply(this, args);
};

interface Measured {
  readonly what: string;
  readonly seconds: string;
  readonly items: number;
  readonly operations: number;
  readonly "peak RSS, MiB": number;
}

/** Time, items, LDAP operations and the most memory of one answer, which is thrown away as it comes. */
async function measure(
  what: string,
  ask: () => ReturnType<ReturnType<typeof answering>>,
): Promise<{ readonly row: Measured; readonly token: unknown }> {
  operations = 0;
  let peak = process.memoryUsage.rss();
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  const began = performance.now();
  const answer = await ask();
  if (answer.kind !== "list") throw new Error(JSON.stringify(answer.body));
  let items = 0;
  for (;;) {
    const next = await answer.elements.next();
    if (next.done !== true) {
      items += next.value.length;
      continue;
    }
    clearInterval(watch);
    const seconds = ((performance.now() - began) / 1000).toFixed(2);
    const row = { what, seconds, items, operations, "peak RSS, MiB": Math.round(peak / MIB) };
    return { row, token: next.value["nextDeltaToken"] };
  }
}

async function bench(options: {
  readonly name: string;
  readonly kind: "openLdap" | "activeDirectory";
  readonly server: {
    readonly url: string;
    readonly bindDn: string;
    readonly bindPassword: string;
    readonly adminDn: string;
    readonly adminPassword: string;
  };
  readonly baseDn: string;
}): Promise<void> {
  const { name, kind, server, baseDn } = options;
  const landmarks = companyLandmarks(baseDn);
  const directory = createLdapDirectory(
    {
      ...{ name, kind, urls: [server.url], baseDn, allowPlaintext: true },
      bind: { dn: server.bindDn, password: async () => server.bindPassword },
    },
    { log: new MemoryLog() },
  );
  const client = new Client({ url: server.url });
  await client.bind(server.adminDn, server.adminPassword);
  const mapping = kind === "openLdap" ? "openldap" : "active-directory";
  const deltaOf = (parts: ScopeParts) => {
    const handle = answering(serve(directory, parts, mapping));
    return (body: object) => handle(request("POST", "/.delta", { body }));
  };
  const rows: Measured[] = [];
  const { searchEntries } = await client.search(landmarks.people, {
    filter: "(telephoneNumber=*)",
    attributes: ["1.1"],
    sizeLimit: 0,
    paged: { pageSize: 500 },
  });
  const people = searchEntries.slice(0, CHANGES).map(({ dn }) => dn);
  const scopes: Readonly<Record<string, ScopeParts>> = {
    everything: {},
    "scope by nested group": { groups: [{ dn: landmarks.allStaff, nested: true }] },
  };
  for (const [scope, parts] of Object.entries(scopes)) {
    const delta = deltaOf(parts);
    const full = await measure(`${scope}: full listing`, () => delta({}));
    const idle = await measure(`${scope}: delta, nothing changed`, () =>
      delta({ deltaToken: full.token }),
    );
    for (const dn of people) {
      const values = [`Bench ${performance.now()}`];
      const modification = new Attribute({ type: "title", values });
      await client.modify(dn, new Change({ operation: "replace", modification }));
    }
    const changed = await measure(`${scope}: delta, ${CHANGES} changes`, () =>
      delta({ deltaToken: idle.token }),
    );
    rows.push(full.row, idle.row, changed.row);
    expect(changed.row.items).toBeLessThan(full.row.items);
  }
  console.log(name);
  console.table(rows);
  await client.unbind();
  await directory.close();
}

/** Where nothing was ever deleted, nothing shows that deletions are told, and the ids are listed. */
async function deleteSomebody(server: {
  readonly url: string;
  readonly adminDn: string;
  readonly adminPassword: string;
}): Promise<void> {
  const client = new Client({ url: server.url });
  await client.bind(server.adminDn, server.adminPassword);
  const dn = `cn=gone,cn=Users,${SAMBA_BASE}`;
  await client.add(dn, { objectClass: ["user"], sAMAccountName: ["gone"] });
  await client.del(dn);
  await client.unbind();
}

it(
  `deltas of ${LARGE} people in OpenLDAP, one group with half of them`,
  async () => {
    const server = await startOpenLdap({ ldif: companyToLdif(createCompany({ people: LARGE })) });
    try {
      const name = `OpenLDAP, ${LARGE} people`;
      await bench({ name, kind: "openLdap", server, baseDn: DEFAULT_BASE_DN });
    } finally {
      await server.close();
    }
  },
  TIMEOUT_MS,
);

it(
  `deltas of ${SAMBA_PEOPLE} people in Samba AD`,
  async () => {
    const ldif = [...companyToLdif(sambaCompany(SAMBA_PEOPLE))].join("");
    const samba = await startSamba({ ldif });
    try {
      const server = { ...samba, bindDn: samba.adminDn, bindPassword: samba.adminPassword };
      await deleteSomebody(server);
      const name = `Samba AD, ${SAMBA_PEOPLE} people`;
      await bench({ name, kind: "activeDirectory", server, baseDn: SAMBA_BASE });
    } finally {
      await samba.close();
    }
  },
  TIMEOUT_MS,
);
