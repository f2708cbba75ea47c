import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";

export interface AgentFilesOptions {
  readonly connectionString: string;
  readonly url: string;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Sections or parts of them, merged over the defaults of the tests. */
  readonly scope?: object;
  readonly bus?: object;
  readonly agent?: object;
  readonly log?: object;
  readonly status?: object;
  readonly directory?: object;
  /** Its token is `SCIM_TOKEN` and stands in the file `scim-token`. */
  readonly scim?: object;
}

export const SCIM_TOKEN = "the-token-of-the-tests-0123456789";

export interface AgentFiles {
  readonly folder: string;
  readonly configPath: string;
  remove(): Promise<void>;
}

/** An agent.yaml in a folder of its own, secrets in files beside it. */
export async function writeAgentFiles(options: AgentFilesOptions): Promise<AgentFiles> {
  const folder = await mkdtemp(join(tmpdir(), "agent-"));
  await writeFile(join(folder, "bus"), options.connectionString, { mode: 0o600 });
  await writeFile(join(folder, "password"), options.bindPassword, { mode: 0o600 });
  await writeFile(join(folder, "scim-token"), SCIM_TOKEN, { mode: 0o600 });
  const config = {
    version: 1,
    agent: { name: "test", stopTimeout: "5s", ...options.agent },
    bus: {
      connectionString: `\${file:${join(folder, "bus")}}`,
      requestQueue: "requests",
      replyQueues: ["replies"],
      ...options.bus,
    },
    directories: [
      {
        name: "company",
        kind: "openLdap",
        urls: [options.url],
        baseDn: options.baseDn,
        bind: { dn: options.bindDn, password: `\${file:${join(folder, "password")}}` },
        scope: options.scope ?? {},
        mapping: "openldap",
        ...options.directory,
      },
    ],
    status: options.status ?? {},
    scim: options.scim && {
      token: `\${file:${join(folder, "scim-token")}}`,
      ...options.scim,
    },
    log: { level: "debug", console: "json", ...options.log },
  };
  const configPath = join(folder, "agent.yaml");
  await writeFile(configPath, stringify(config), { mode: 0o600 });
  return { folder, configPath, remove: () => rm(folder, { recursive: true, force: true }) };
}
