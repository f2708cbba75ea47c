import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";

export interface ProvisioningFilesOptions {
  readonly connectionString: string;
  readonly url: string;
  /** Merged over the job of the tests. */
  readonly job?: object;
}

export interface ProvisioningFiles {
  readonly folder: string;
  readonly configPath: string;
  remove(): Promise<void>;
}

/** A provisioning.yaml with the job `people` in a folder of its own. */
export async function writeProvisioningFiles(
  options: ProvisioningFilesOptions,
): Promise<ProvisioningFiles> {
  const folder = await mkdtemp(join(tmpdir(), "provisioning-"));
  await writeFile(join(folder, "bus"), options.connectionString, { mode: 0o600 });
  const config = {
    version: 1,
    bus: {
      connectionString: `\${file:${join(folder, "bus")}}`,
      requestQueue: "requests",
      replyQueue: "replies",
    },
    state: { file: join(folder, "state", "provisioning.db") },
    jobs: [{ id: "people", target: { url: options.url }, ...options.job }],
    log: { console: "off" },
  };
  const configPath = join(folder, "provisioning.yaml");
  await writeFile(configPath, stringify(config), { mode: 0o600 });
  return { folder, configPath, remove: () => rm(folder, { recursive: true, force: true }) };
}
