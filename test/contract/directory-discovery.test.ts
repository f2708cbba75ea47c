import { execFile } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { LdapDirectoryOptions } from "../../agent/directory/options.ts";
import { DiscoveredServers } from "../../agent/directory/server-list.ts";
import type { Directory } from "../../agent/ports.ts";
import { type DnsScript, type ScriptedRecord, startDnsScript } from "../support/dns-script.ts";
import { type LdapScript, startLdapScript } from "../support/ldap-script.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { CERTIFICATE_FILES, writeCertificates } from "../support/openldap-certificates.ts";

const never = new AbortController().signal;
const NAME = "_ldap._tcp.dc._msdcs.ad.example.com";
const SITE = "_ldap._tcp.oslo._sites.dc._msdcs.ad.example.com";
const MINUTE_MS = 60_000;

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function dnsOf(records: Record<string, readonly ScriptedRecord[]> = {}): Promise<DnsScript> {
  const dns = await startDnsScript(records);
  open.push(dns);
  return dns;
}

function resolverOf({ port }: DnsScript): Resolver {
  const resolver = new Resolver({ timeout: 100, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return resolver;
}

function listOf(
  dns: DnsScript,
  options: Partial<ConstructorParameters<typeof DiscoveredServers>[0]> = {},
) {
  const log = new MemoryLog();
  const clock = { time: 1_000_000_000, now: () => clock.time };
  const list = new DiscoveredServers({
    names: [NAME],
    globalCatalog: false,
    startTls: false,
    timeoutMs: 1000,
    resolver: resolverOf(dns),
    clock,
    random: () => 0,
    log,
    ...options,
  });
  const urls = async (of: "current" | "renewed" = "current"): Promise<readonly string[]> =>
    (await list[of](never)).map(({ url }) => url);
  return { urls, clock, log };
}

const at = (target: string, priority = 0): ScriptedRecord => ({ target, port: 389, priority });

describe("servers from DNS", () => {
  it("are those of the records, with ldaps on its own port", async () => {
    const dns = await dnsOf({ [NAME]: [at("DC2.ad.example.com", 1), at("dc1.ad.example.com")] });
    expect(await listOf(dns).urls()).toEqual([
      "ldaps://dc1.ad.example.com:636",
      "ldaps://dc2.ad.example.com:636",
    ]);
  });

  it("take the port of the record with StartTLS, and 3269 for a global catalog without", async () => {
    const dns = await dnsOf({ [NAME]: [{ target: "dc1", port: 3268 }] });
    expect(await listOf(dns, { startTls: true }).urls()).toEqual(["ldap://dc1:3268"]);
    expect(await listOf(dns, { globalCatalog: true }).urls()).toEqual(["ldaps://dc1:3269"]);
  });

  it("of the site come before all others, and each one once", async () => {
    const dns = await dnsOf({
      [SITE]: [at("near.example.com", 5)],
      [NAME]: [at("far.example.com"), at("near.example.com")],
    });
    const { urls } = listOf(dns, { names: [SITE, NAME] });
    expect(await urls()).toEqual(["ldaps://near.example.com:636", "ldaps://far.example.com:636"]);
  });

  it("do without a site that has no record, and say so", async () => {
    const dns = await dnsOf({ [NAME]: [at("far.example.com")] });
    const { urls, log } = listOf(dns, { names: [SITE, NAME] });
    expect(await urls()).toEqual(["ldaps://far.example.com:636"]);
    expect(log.lines.filter(({ level }) => level === "warn")).toEqual([
      { level: "warn", event: "directory.discovery", fields: { name: SITE, reason: "ENOTFOUND" } },
    ]);
  });

  it("are looked up again every 15 minutes, and keep their order when they are the same", async () => {
    const dns = await dnsOf({ [NAME]: [at("a.example.com"), at("b.example.com")] });
    // The last one of the answer comes first.
    const { urls, clock } = listOf(dns, { random: () => 0.999 });
    const first = await urls();
    expect(first).toEqual(["ldaps://b.example.com:636", "ldaps://a.example.com:636"]);
    clock.time += 15 * MINUTE_MS - 1;
    expect([await urls(), dns.asked.length]).toEqual([first, 1]);
    clock.time += 1;
    dns.records.set(NAME, [at("b.example.com"), at("a.example.com")]);
    expect([await urls(), dns.asked.length]).toEqual([first, 2]);
    clock.time += 15 * MINUTE_MS;
    dns.records.set(NAME, [at("c.example.com")]);
    expect([await urls(), dns.asked.length]).toEqual([["ldaps://c.example.com:636"], 3]);
  });

  it("are looked up once for all who ask together, and at most every 10 seconds for who found none to answer", async () => {
    const dns = await dnsOf({ [NAME]: [at("a.example.com")] });
    const { urls, clock } = listOf(dns);
    await Promise.all([urls(), urls(), urls("renewed")]);
    await urls("renewed");
    expect(dns.asked.length).toBe(1);
    clock.time += 10_000;
    await urls("renewed");
    expect(dns.asked.length).toBe(2);
  });

  it("stay known while no name server answers", async () => {
    const dns = await dnsOf({ [NAME]: [at("a.example.com")] });
    const { urls, clock, log } = listOf(dns);
    const first = await urls();
    dns.silent = true;
    clock.time += 15 * MINUTE_MS;
    expect(await urls()).toEqual(first);
    expect(log.lines.at(-1)).toEqual({
      level: "warn",
      event: "directory.discovery",
      fields: { name: NAME, reason: "ETIMEOUT" },
    });
  });

  it("are at most 16, and none with a name that is no host", async () => {
    const many = Array.from({ length: 40 }, (_, n) => at(`dc${n}.example.com`, n));
    const dns = await dnsOf({ [NAME]: [at("evil host/"), at("x@evil"), ...many] });
    expect(await listOf(dns).urls()).toEqual(
      Array.from({ length: 16 }, (_, n) => `ldaps://dc${n}.example.com:636`),
    );
  });

  it("that are not there are an error that a retry may mend, with the names that were asked for", async () => {
    const dns = await dnsOf({ [NAME]: [at(".")] });
    await expect(listOf(dns, { names: [SITE, NAME] }).urls()).rejects.toThrow(
      expect.objectContaining({
        code: "directory.unreachable",
        message: `no servers in DNS: ${SITE} (ENOTFOUND), ${NAME} (no servers)`,
      }),
    );
  });
});

describe("a directory that finds its servers in DNS", () => {
  let folder = "";
  const pem = { ca: "", cert: "", key: "" };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "directory-dns-"));
    await writeCertificates(folder);
    pem.ca = await readFile(join(folder, CERTIFICATE_FILES.ca), "utf8");
    pem.cert = await readFile(join(folder, CERTIFICATE_FILES.certificate), "utf8");
    pem.key = await readFile(join(folder, CERTIFICATE_FILES.key), "utf8");
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function serverWithTls(cert = pem.cert): Promise<LdapScript> {
    const server = await startLdapScript({
      search: (_, reply) => reply.result(0, { cookie: "" }),
      extended: (_, reply) => reply.startTls(),
      tls: { key: pem.key, cert, ldaps: false },
    });
    open.push(server);
    return server;
  }

  function directoryIn(dns: DnsScript, options: Partial<LdapDirectoryOptions> = {}) {
    const clock = { time: 1_000_000_000, now: () => clock.time };
    const directory = createLdapDirectory(
      {
        name: "discovered",
        kind: "activeDirectory",
        discovery: { domain: "ad.example.com", site: "oslo" },
        baseDn: "dc=example",
        bind: { dn: "cn=sync,dc=example", password: () => Promise.resolve("secret") },
        startTls: true,
        tls: { ca: pem.ca },
        ...options,
      },
      { log: new MemoryLog(), clock, random: () => 0, resolver: resolverOf(dns) },
    );
    open.push(directory);
    return { directory, clock };
  }

  const urlOf = ({ port }: LdapScript): string => `ldap://localhost:${port}`;
  const recordOf = ({ port }: LdapScript): ScriptedRecord => ({ target: "localhost.", port });
  const serverOf = (directory: Directory): Promise<string> => directory.pin().server(never);

  it("goes to the site's servers, then to the others, then to those that are new in DNS", async () => {
    const [near, far] = [await serverWithTls(), await serverWithTls()];
    const dns = await dnsOf({ [SITE]: [recordOf(near)], [NAME]: [recordOf(far)] });
    const { directory, clock } = directoryIn(dns);
    expect(await serverOf(directory)).toBe(urlOf(near));
    await near.close();
    await expect.poll(() => serverOf(directory)).toBe(urlOf(far));
    expect(dns.asked.length).toBe(2);
    await far.close();
    const added = await serverWithTls();
    dns.records.set(NAME, [recordOf(far), recordOf(added)]);
    clock.time += 10_000;
    await expect.poll(() => serverOf(directory)).toBe(urlOf(added));
    expect(dns.asked.length).toBe(4);
  });

  it("checks the certificate against the host that the record names", async () => {
    await writeFile(join(folder, "other.ext"), "subjectAltName=DNS:other.example.com\n");
    const openssl = (...args: string[]) => promisify(execFile)("openssl", args, { cwd: folder });
    await openssl(
      ...["x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key"],
      ...["-CAcreateserial", "-days", "2", "-extfile", "other.ext", "-out", "other.crt"],
    );
    const server = await serverWithTls(await readFile(join(folder, "other.crt"), "utf8"));
    const dns = await dnsOf({ [NAME]: [recordOf(server)] });
    const { directory } = directoryIn(dns);
    await expect(serverOf(directory)).rejects.toThrow(
      expect.objectContaining({
        code: "directory.refused",
        message: `${urlOf(server)}: certificate refused (ERR_TLS_CERT_ALTNAME_INVALID)`,
      }),
    );
  });

  it("takes the server that a run wants, or says that DNS has it no more", async () => {
    const [first, second] = [await serverWithTls(), await serverWithTls()];
    const dns = await dnsOf({ [NAME]: [recordOf(first), recordOf(second)] });
    const { directory, clock } = directoryIn(dns);
    for (const server of [second, first]) {
      expect(await directory.pin({ server: urlOf(server) }).server(never)).toBe(urlOf(server));
    }
    dns.records.set(NAME, [recordOf(second)]);
    clock.time += 15 * MINUTE_MS;
    await expect(directory.pin({ server: urlOf(first) }).server(never)).rejects.toThrow(
      `${urlOf(first)} is no server of this directory`,
    );
  });
});
