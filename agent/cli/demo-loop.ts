import { loadProvisioning } from "../config/provisioning-config.ts";
import { dnKey, isUnder } from "../core/dn.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA } from "../core/scim/urn.ts";
import type { JobRunner } from "../service/job-runner.ts";
import { findJob, ProvisioningService } from "../service/provisioning.ts";
import type { Releasers } from "../service/releasers.ts";
import { LANDMARKS } from "../sim/company/landmark.ts";
import type { DirectoryObject } from "../sim/directory/company-drift.ts";
import { openCommandLog } from "./context.ts";
import type { DemoProcess } from "./demo-process.ts";
import { writeLine } from "./output.ts";
import { CLOCK } from "./provisioning-context.ts";
import { printReport } from "./provisioning-run-command.ts";

const ROUNDS = 3;
const CHANGES = 7;
const PAGE = 200;
const TIMEOUT_MS = 120_000;

export interface DemoLoopOptions {
  readonly configPath: string;
  readonly directory: DemoProcess;
  readonly app: { readonly url: string; readonly token: string };
  readonly releasers: Releasers;
}

/** The whole loop: an initial cycle, then what happens in the company and the cycles that follow it. */
export class DemoLoop {
  readonly #options: DemoLoopOptions;
  /** Ids of those who have been in scope once. */
  readonly #provisioned = new Set<string>();
  readonly #failures: string[] = [];

  constructor(options: DemoLoopOptions) {
    this.#options = options;
  }

  /** @returns how many objects of the app are not as directory, scope and mapping say */
  async play(): Promise<number> {
    const { configPath, directory, releasers } = this.#options;
    const loaded = await loadProvisioning(configPath);
    const service = new ProvisioningService({ loaded, log: openCommandLog(), clock: CLOCK });
    releasers.add(() => service.stop());
    await service.open();
    const runner = await service.runner(findJob(loaded.jobs, undefined).job.id);
    await writeLine("\nprovisioning the scim app, as Microsoft Entra does");
    await this.#cycle(runner);
    for (let round = 1; round <= ROUNDS; round++) {
      await writeLine(`\nday ${round} in the company`);
      const happened = await directory.ask<readonly string[]>({ drift: CHANGES });
      for (const line of happened) await writeLine(`  ${line}`);
      await this.#cycle(runner);
    }
    const verdict =
      this.#failures.length === 0
        ? "app and directory agree, object by object"
        : "app and directory do NOT agree:";
    await writeLine(["", verdict, ...this.#failures].join("\n"));
    return this.#failures.length;
  }

  async #cycle(runner: JobRunner): Promise<void> {
    const options = { initiatedBy: "user" } as const;
    const report = await runner.cycle(options, AbortSignal.timeout(TIMEOUT_MS));
    await writeLine(printReport(report));
    if (report.kind !== "ran" || report.execution.state !== "Succeeded") {
      this.#failures.push("  the cycle did not succeed");
    }
    await this.#compare();
  }

  /** What the app must have, worked out from the directory alone. */
  async #compare(): Promise<void> {
    const objects = await this.#options.directory.ask<readonly DirectoryObject[]>({
      objects: true,
    });
    const users = await this.#resources("Users");
    const groups = await this.#resources("Groups");
    const inScope = objects.filter(isInScope);
    for (const { id } of inScope) this.#provisioned.add(id);
    const appId = new Map([...users, ...groups].map((one) => [String(one["externalId"]), one.id]));
    const idOf = new Map(objects.map(({ id, dn }) => [dnKey(dn), id]));
    // Whoever has ever been provisioned keeps an account, if a disabled one.
    const wanted = new Map<string, string>([...this.#provisioned].map((id) => [id, "disabled"]));
    for (const { id, kind, name, displayName, manager, members } of inScope) {
      const refer = (dn: string) => appId.get(idOf.get(dnKey(dn)) ?? "");
      const references = kind === "person" ? [manager].flatMap((dn) => dn ?? []) : members;
      const ids = references.flatMap((dn) => refer(dn) ?? []).sort();
      wanted.set(id, JSON.stringify([name, displayName, ids]));
    }
    const found = new Map(
      [...users, ...groups].map((one) => [String(one["externalId"]), describe(one)]),
    );
    const ids = new Set([...wanted.keys(), ...found.keys()]);
    const wrong = [...ids].filter((id) => wanted.get(id) !== found.get(id));
    for (const id of wrong.slice(0, 10)) {
      this.#failures.push(`  ${id}: expected ${wanted.get(id)}, found ${found.get(id)}`);
    }
    const disabled = [...found.values()].filter((state) => state === "disabled").length;
    await writeLine(
      `the app has ${users.length} users (${disabled} disabled) and ${groups.length} groups: ${ids.size - wrong.length} of ${ids.size} are right`,
    );
  }

  async #resources(endpoint: "Users" | "Groups"): Promise<readonly ScimResource[]> {
    const { url, token } = this.#options.app;
    const all: ScimResource[] = [];
    for (;;) {
      const query = `startIndex=${all.length + 1}&count=${PAGE}`;
      const response = await fetch(`${url}/${endpoint}?${query}`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const page = (await response.json()) as {
        readonly totalResults: number;
        readonly Resources?: readonly ScimResource[];
      };
      all.push(...(page.Resources ?? []));
      if (all.length >= page.totalResults || page.Resources?.length === 0) return all;
    }
  }
}

/** What `config/demo.yaml` says. */
function isInScope({ dn, kind }: DirectoryObject): boolean {
  const key = dnKey(dn);
  if (kind === "group") return isUnder(key, dnKey(LANDMARKS.groups));
  return isUnder(key, dnKey(LANDMARKS.people)) && !isUnder(key, dnKey(LANDMARKS.legal));
}

function describe(resource: ScimResource): string {
  if (resource["active"] === false) return "disabled";
  const { userName, displayName, members } = resource;
  const extension = resource[ENTERPRISE_USER_SCHEMA] as
    | { readonly manager?: { readonly value?: string } }
    | undefined;
  const manager = extension?.manager?.value;
  const ids =
    userName === undefined
      ? ((members ?? []) as readonly { readonly value: string }[]).map(({ value }) => value)
      : manager === undefined
        ? []
        : [manager];
  return JSON.stringify([userName ?? displayName, displayName, ids.sort()]);
}
