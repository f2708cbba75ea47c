import type { Job } from "../../agent/core/provisioning/job.ts";
import type { ProvisioningObjectSummary } from "../../agent/core/provisioning/object-summary.ts";
import { compileScoping, type ScopingFilter } from "../../agent/core/provisioning/scoping.ts";
import type { JobStore, Store } from "../../agent/ports.ts";
import type { CycleReport } from "../../agent/provisioning/conclude-cycle.ts";
import { type CycleOptions, type CycleParts, runCycle } from "../../agent/provisioning/cycle.ts";
import { ScimTarget } from "../../agent/target/scim-target.ts";
import { MemoryLog } from "./memory-log.ts";
import { type AppUnderTest, appUnderTest, ENTERPRISE, type Json } from "./scim-app.ts";
import { ScriptedAgent } from "./scripted-agent.ts";
import { gather, JOB, StoreFolder, takeJob } from "./store.ts";

export const NEVER = new AbortController().signal;

export function jobOf(
  change: Partial<Job> = {},
  filters: readonly ScopingFilter[] = [],
  matchedBy = "userName",
): Job {
  const compiled = compileScoping(filters);
  if ("problems" in compiled) throw new Error(JSON.stringify(compiled.problems));
  const { scoping } = compiled;
  const everybody = compileScoping([]);
  if ("problems" in everybody) throw new Error("no filter is one");
  const actions = { create: true, update: true, delete: true };
  const userName = { source: matchedBy, target: matchedBy, precedence: 1 };
  const displayName = { source: "displayName", target: "displayName", precedence: 1 };
  return {
    id: JOB,
    rules: {
      User: { matching: [userName], scoping, actions },
      Group: { matching: [displayName], scoping: everybody.scoping, actions },
    },
    source: { directory: undefined, importTimeoutMs: 60_000 },
    skipOutOfScopeDeletions: false,
    deleteGuard: { limit: 500, percent: 10 },
    redact: [],
    targetName: "app",
    configuration: JSON.stringify(filters),
    ...change,
  };
}

/** A scripted agent, a store on disk and an embedded app with the target that talks to it. */
export class ProvisioningWorld {
  readonly agent = new ScriptedAgent();
  readonly folder = new StoreFolder();
  readonly log = new MemoryLog();
  readonly #app: AppUnderTest;
  readonly #target: ScimTarget;
  #store: Store | undefined;
  #jobStore: JobStore | undefined;
  job: Job = jobOf();

  constructor(app: AppUnderTest) {
    this.#app = app;
    this.#target = new ScimTarget(
      { url: app.app.url, style: "entra", timeoutMs: 5_000 },
      {
        readToken: async () => undefined,
        clock: this.folder.clock,
        random: () => 0,
        log: this.log,
        pause: async () => undefined,
      },
    );
  }

  static async open(): Promise<ProvisioningWorld> {
    return new ProvisioningWorld(await appUnderTest({ profile: "entra" }));
  }

  get app(): AppUnderTest {
    return this.#app;
  }

  get target(): ScimTarget {
    return this.#target;
  }

  async store(): Promise<Store> {
    this.#store ??= await this.folder.open();
    return this.#store;
  }

  async jobStore(): Promise<JobStore> {
    this.#jobStore ??= await takeJob(await this.store());
    return this.#jobStore;
  }

  async cycle(options: Partial<CycleOptions> = {}): Promise<CycleReport> {
    this.folder.clock.advance(120_000);
    const store = await this.jobStore();
    await store.renew();
    return runCycle({ ...this.parts(), store }, { initiatedBy: "system", ...options }, NEVER);
  }

  parts(): Omit<CycleParts, "store"> {
    const { agent: requester, log, job } = this;
    return { job, requester, target: this.#target, clock: this.folder.clock, log };
  }

  /** As after the death of the process: whoever comes next opens the file and takes the job. */
  async reopen(): Promise<void> {
    await this.#store?.close();
    this.#store = await this.folder.open();
    const options = { owner: "the next", leaseMs: 60_000, isGone: () => true };
    this.#jobStore = await this.#store.openJob(JOB, options);
  }

  async rows(
    filter: { readonly cycleId?: string } = {},
  ): Promise<readonly ProvisioningObjectSummary[]> {
    return gather((await this.store()).summaries({ jobId: JOB, order: "oldest", ...filter }));
  }

  /** People of the app by name: whether they are active, and whom they report to. */
  people(): Json {
    const users = this.#app.app.resources("User") as readonly Json[];
    const names = new Map(users.map((user) => [user["id"], user["displayName"]]));
    return Object.fromEntries(
      users.map((user) => {
        const extension = (user[ENTERPRISE] ?? {}) as { manager?: { value?: string } };
        const manager = names.get(extension.manager?.value);
        const state = user["active"] === false ? "disabled" : "active";
        return [
          String(user["displayName"]),
          manager === undefined ? state : `${state}, ${manager}`,
        ];
      }),
    );
  }

  groups(): Json {
    const users = this.#app.app.resources("User") as readonly Json[];
    const groups = this.#app.app.resources("Group") as readonly Json[];
    const names = new Map([...users, ...groups].map((one) => [one["id"], one["displayName"]]));
    return Object.fromEntries(
      groups.map((group) => {
        const members = (group["members"] ?? []) as readonly { value: string }[];
        return [
          String(group["displayName"]),
          members
            .map(({ value }) => String(names.get(value)))
            .sort()
            .join(" "),
        ];
      }),
    );
  }

  async close(): Promise<void> {
    await this.#target.close();
    await this.#app.app.close();
    await this.folder.clear();
  }
}
