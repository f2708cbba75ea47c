import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../agent/config/agent-config.ts";

const BASE = `version: 1
bus: { connectionString: "\${env:BUS}", requestQueue: requests, replyQueues: [replies] }
directories:
  - name: company
    kind: openLdap
    urls: [ldaps://ldap.example.com]
    baseDn: dc=example,dc=com
    bind: { dn: "cn=sync,dc=example,dc=com", password: "\${env:PASSWORD}" }
    mapping: openldap
`;

describe("the scim section", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "config-scim-"));
    for (const name of ["token", "scim.key"]) await writeFile(join(folder, name), "x");
    await writeFile(join(folder, "scim.crt"), "x", { mode: 0o644 });
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function load(scim: string) {
    const path = join(folder, "agent.yaml");
    await writeFile(path, `${BASE}scim: ${scim}\n`);
    return loadConfig(path, { env: {} });
  }

  it("takes an address that other machines reach with TLS, and says whose files they can read", async () => {
    await chmod(join(folder, "token"), 0o644);
    await chmod(join(folder, "scim.key"), 0o640);
    const { config, warnings } = await load(
      '{ enabled: true, listen: "0.0.0.0:443", allowRemote: true, token: "${file:token}", tls: { certificate: scim.crt, key: scim.key } }',
    );
    expect(config.scim.listen).toEqual({ host: "0.0.0.0", port: 443 });
    expect(config.scim.tls).toEqual({
      certificate: join(folder, "scim.crt"),
      key: join(folder, "scim.key"),
    });
    expect(warnings).toEqual([
      `scim.token: ${join(folder, "token")} can be read by other accounts of this machine (mode 644), expected 600`,
      `scim.tls.key: ${join(folder, "scim.key")} can be read by other accounts of this machine (mode 640), expected 600`,
    ]);
  });

  it("takes one without TLS only when it is told so in words", async () => {
    const remote = 'listen: "ldap.example.com:80", allowRemote: true';
    await expect(load(`{ ${remote} }`)).rejects.toThrow("scim.tls: is missing");
    const { config } = await load(`{ ${remote}, allowPlaintext: true }`);
    expect(config.scim.tls).toBeUndefined();
  });

  it("names the files of TLS that are not there", async () => {
    await expect(load("{ tls: { certificate: gone.crt, key: scim.key } }")).rejects.toThrow(
      `scim.tls.certificate: ${join(folder, "gone.crt")} cannot be read (ENOENT), expected a PEM file`,
    );
  });
});
