import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../../agent/config/agent-config.ts";
import type { Directory } from "../../agent/ports.ts";
import { serveDirectories } from "../../agent/service/directories.ts";
import { MemoryLog } from "../support/memory-log.ts";
import { availablePlaces, type OpenLdap, startOpenLdap } from "../support/openldap.ts";
import {
  CLIENT_FILES,
  writeCertificates,
  writeClientCertificate,
} from "../support/openldap-certificates.ts";

const SIGNAL = AbortSignal.timeout(110_000);
const BASE = "dc=example,dc=com";

/** The socket is of this machine, so slapd has to be too. */
describe.runIf(availablePlaces().includes("native"))("signing in to OpenLDAP", () => {
  let openLdap: OpenLdap;
  let folder: string;
  const open: Directory[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sign-in-"));
    openLdap = await startOpenLdap({
      ldif: "",
      tls: true,
      clientCertificates: true,
      runsIn: "native",
    });
    const authority = dirname(openLdap.caFile as string);
    await writeClientCertificate(authority);
    for (const name of ["ca.crt", "client.crt", "client.key"]) {
      await copyFile(join(authority, name), join(folder, name));
    }
  });

  afterEach(async () => {
    for (const directory of open.splice(0)) await directory.close();
  });

  afterAll(async () => {
    await openLdap?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** The directory of a configuration file with these options. */
  async function directoryWith(options: string, url: string | undefined): Promise<Directory> {
    const text = `version: 1
bus: { connectionString: "\${env:BUS}", requestQueue: requests, replyQueues: [replies] }
directories:
  - name: company
    kind: openLdap
    urls: ["${url}"]
    baseDn: ${BASE}
    mapping: openldap
    ${options}
`;
    const { config } = await parseConfig(text, { file: join(folder, "agent.yaml") });
    const [served] = serveDirectories(config.directories, { log: new MemoryLog() });
    if (served === undefined) throw new Error("no directory");
    open.push(served.directory);
    return served.directory;
  }

  /** Without an identity slapd shows no entry. */
  const nameOf = async (directory: Directory): Promise<unknown> =>
    (await directory.read(BASE, ["o"], SIGNAL))?.attributes.get("o");

  const external = "bind: { mechanism: external }";
  const ownTls = "certificate: client.crt, key: client.key";

  it("works over ldapi as the account that runs the agent", async () => {
    expect(await nameOf(await directoryWith(external, openLdap.ldapiUrl))).toEqual(["example"]);
  });

  it("works with a client certificate over ldaps and StartTLS", async () => {
    const tls = `tls: { ca: ca.crt, ${ownTls}`;
    const ldaps = await directoryWith(`${external}\n    ${tls} }`, openLdap.ldapsUrl);
    expect(await nameOf(ldaps)).toEqual(["example"]);
    const startTls = await directoryWith(`${external}\n    ${tls}, startTls: true }`, openLdap.url);
    expect(await nameOf(startTls)).toEqual(["example"]);
  });

  it("fails with the certificate of a stranger, and works when the file has another one", async () => {
    const stranger = await mkdtemp(join(tmpdir(), "stranger-"));
    await writeCertificates(stranger);
    await writeClientCertificate(stranger);
    for (const name of Object.values(CLIENT_FILES)) {
      await copyFile(join(stranger, name), join(folder, `changing-${name}`));
    }
    await rm(stranger, { recursive: true });
    const tls = "tls: { ca: ca.crt, certificate: changing-client.crt, key: changing-client.key }";
    const directory = await directoryWith(`${external}\n    ${tls}`, openLdap.ldapsUrl);
    await expect(nameOf(directory)).rejects.toThrow(
      expect.objectContaining({ code: "directory.unreachable" }),
    );
    await copyFile(join(folder, "client.crt"), join(folder, "changing-client.crt"));
    await copyFile(join(folder, "client.key"), join(folder, "changing-client.key"));
    expect(await nameOf(directory)).toEqual(["example"]);
  });

  it("takes the password as it is when the server dropped the connections", async () => {
    const file = join(folder, "password");
    await writeFile(file, openLdap.bindPassword, { mode: 0o600 });
    const bind = `bind: { dn: "${openLdap.bindDn}", password: "\${file:password}" }`;
    const directory = await directoryWith(bind, openLdap.url);
    expect(await nameOf(directory)).toEqual(["example"]);
    await openLdap.ldapmodify(
      `dn: ${openLdap.bindDn}\nchangetype: modify\nreplace: userPassword\nuserPassword: rotated\n`,
    );
    expect(await nameOf(directory)).toEqual(["example"]);
    await openLdap.stop();
    // Its own check on starting uses the old password.
    await expect(openLdap.start()).rejects.toThrow("not `bindPassword`");
    await expect(nameOf(directory)).rejects.toThrow(
      expect.objectContaining({ code: "directory.denied" }),
    );
    await writeFile(file, "rotated\n", { mode: 0o600 });
    expect(await nameOf(directory)).toEqual(["example"]);
  });
});
