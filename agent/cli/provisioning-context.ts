import { findConfig } from "../config/find-config.ts";
import { type LoadedProvisioning, loadProvisioning } from "../config/provisioning-config.ts";
import type { Store } from "../ports.ts";
import { openProvisioningStore } from "../service/open-provisioning-store.ts";
import { type ProvisioningOptions, ProvisioningService } from "../service/provisioning.ts";
import { openCommandLog } from "./context.ts";

export interface ProvisioningFlags {
  readonly config?: string;
  readonly json?: boolean;
}

export const CLOCK = { now: () => Date.now() };

/** The configuration that a command of `provisioning` works with. */
export async function readProvisioning(explicit: string | undefined): Promise<LoadedProvisioning> {
  return loadProvisioning(await findConfig(explicit, process.env, process.cwd(), "provisioning"));
}

/** What the service remembers, for as long as `use` runs. */
export async function withStore<T>(
  { config }: LoadedProvisioning,
  use: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await openProvisioningStore(config, { clock: CLOCK });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** The service with nothing scheduled, for as long as `use` runs. */
export async function withService<T>(
  loaded: LoadedProvisioning,
  use: (service: ProvisioningService) => Promise<T>,
  watch: Pick<ProvisioningOptions, "onPlanned" | "onExchange"> = {},
): Promise<T> {
  const log = openCommandLog();
  const service = new ProvisioningService({ loaded, log, clock: CLOCK, ...watch });
  try {
    await service.open();
    return await use(service);
  } finally {
    await service.stop();
    await log.close();
  }
}
