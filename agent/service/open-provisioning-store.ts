import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ProvisioningConfig } from "../config/provisioning-schema.ts";
import type { Clock, Store } from "../ports.ts";
import { openStore } from "../state/open-store.ts";

/** For the account of the service alone. */
const FOLDER_MODE = 0o700;

/**
 * The store of the provisioning service; its folder is made when it is not there.
 * @throws AgentError `state.*`
 */
export async function openProvisioningStore(
  { state }: Pick<ProvisioningConfig, "state">,
  { clock }: { readonly clock: Clock },
): Promise<Store> {
  const { file, maxMebibytes } = state;
  await mkdir(dirname(file), { recursive: true, mode: FOLDER_MODE });
  return openStore({ file, clock, ...(maxMebibytes === undefined ? {} : { maxMebibytes }) });
}

/**
 * A copy of the store, so that whatever is written into it changes nothing.
 * @returns the copy, and what to do when it is closed
 * @throws AgentError `state.*`
 */
export async function copyProvisioningStore(
  config: Pick<ProvisioningConfig, "state">,
  { clock }: { readonly clock: Clock },
): Promise<{ readonly store: Store; readonly remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "hybrid-agent-dry-run-"));
  const file = join(folder, "provisioning.db");
  try {
    const original = await openProvisioningStore(config, { clock });
    try {
      await original.backup(file);
    } finally {
      await original.close();
    }
    const remove = () => rm(folder, { recursive: true, force: true });
    return { store: await openStore({ file, clock }), remove };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
