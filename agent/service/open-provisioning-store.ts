import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
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
