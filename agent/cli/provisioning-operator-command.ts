import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { LoadedProvisioning } from "../config/provisioning-config.ts";
import { AgentError } from "../core/error.ts";
import type { CycleExecution } from "../core/provisioning/job-state.ts";
import { parseResetScopes, planRestart, RESET_SCOPES } from "../core/provisioning/reset-scope.ts";
import type { StagedDelete, StagedDeleteStatus } from "../core/provisioning/shadow.ts";
import type { JobOverview, Store } from "../ports.ts";
import { isGone, leaseOwner } from "../service/lease-owner.ts";
import { findJob } from "../service/provisioning.ts";
import { writeJson, writeLine } from "./output.ts";
import { type ProvisioningFlags, readProvisioning, withStore } from "./provisioning-context.ts";
import { printable, printTable } from "./table.ts";

const LEASE_MS = 30_000;

export function addProvisioningOperatorCommands(provisioning: Command): void {
  const config = ["-c, --config <file>", "configuration file"] as const;
  const json = ["--json", "print JSON"] as const;
  provisioning
    .command("jobs")
    .description("the jobs and how they stand")
    .option(...config)
    .option(...json)
    .action(jobs);
  provisioning
    .command("status")
    .description("how a job stands: last cycles, quarantine, what is held")
    .argument("[job]", "id of the job; the only one when not given")
    .option(...config)
    .option(...json)
    .action(status);
  provisioning
    .command("staged")
    .description("removals that wait for an operator")
    .argument("[job]", "id of the job; the only one when not given")
    .option(...config)
    .option(...json)
    .action(staged);
  for (const verb of ["approve", "reject"] as const) {
    const what = verb === "approve" ? "sends them" : "leaves them out";
    provisioning
      .command(verb)
      .description(`${verb} removals that wait; the next cycle ${what}`)
      .argument("[names...]", "userName, displayName, anchor or id at the target")
      .option("--all", "all that wait")
      .option("--job <id>", "job; the only one when not given")
      .option(...config)
      .option(...json)
      .action((names: readonly string[], flags: DecideFlags) => decide(verb, names, flags));
  }
  provisioning
    .command("restart")
    .description("clear what a job remembers, so that its next cycle begins anew")
    .argument("[job]", "id of the job; the only one when not given")
    .option(
      "--scope <scopes>",
      `what is cleared, separated by commas: ${RESET_SCOPES.join(", ")}; QuarantineState, Watermark and Escrows when not given`,
    )
    .option(...config)
    .option(...json)
    .action(restart);
  provisioning
    .command("backup")
    .description("copy what the service remembers into a file, also while it runs")
    .argument("<file>", "a file that is not there yet")
    .option(...config)
    .option(...json)
    .addHelpText(
      "after",
      "\nTo go back to it, stop the service and put the copy in the place of state.file.",
    )
    .action(backup);
}

async function backup(file: string, flags: ProvisioningFlags): Promise<void> {
  const loaded = await readProvisioning(flags.config);
  const path = resolve(file);
  await withStore(loaded, (store) => store.backup(path));
  const { size } = await stat(path);
  if (flags.json === true) await writeJson({ file: path, bytes: size });
  else await writeLine(`copied to ${printable(path)} (${size} bytes)`);
}

interface DecideFlags extends ProvisioningFlags {
  readonly all?: boolean;
  readonly job?: string;
}

async function jobs(flags: ProvisioningFlags): Promise<void> {
  const loaded = await readProvisioning(flags.config);
  const overviews = await withStore(loaded, (store) => overviewsOf(loaded, store));
  if (flags.json === true) return writeJson(overviews);
  const rows = overviews.map(({ jobId, overview }) => [
    jobId,
    overview?.state.status ?? "NotRun",
    overview?.state.quarantine?.reason ?? "",
    String(overview?.shadows.User ?? 0),
    String(overview?.shadows.Group ?? 0),
    String(overview?.escrows ?? 0),
    String(overview?.stagedDeletes.pending ?? 0),
    lastOf(overview?.state.lastExecution),
  ]);
  const head = ["job", "status", "quarantine", "users", "groups", "failed", "held", "last cycle"];
  await writeLine(printTable(head, rows));
}

interface Known {
  readonly jobId: string;
  /** Undefined while it has never run. */
  readonly overview: JobOverview | undefined;
  readonly configured: boolean;
}

/** What is configured, and what the store remembers of jobs that are not any more. */
async function overviewsOf({ jobs }: LoadedProvisioning, store: Store): Promise<readonly Known[]> {
  const known = new Map((await store.jobs()).map((overview) => [overview.jobId, overview]));
  const configured = jobs.map(({ job }) => job.id);
  const ids = [...configured, ...[...known.keys()].filter((id) => !configured.includes(id))];
  return ids.map((jobId) => ({
    jobId,
    overview: known.get(jobId),
    configured: configured.includes(jobId),
  }));
}

function lastOf(execution: CycleExecution | undefined): string {
  if (execution === undefined) return "";
  return `${new Date(execution.timeEnded).toISOString()} ${execution.kind} ${execution.state}`;
}

async function status(jobId: string | undefined, flags: ProvisioningFlags): Promise<void> {
  const loaded = await readProvisioning(flags.config);
  const { job } = findJob(loaded.jobs, jobId);
  const overviews = await withStore(loaded, (store) => overviewsOf(loaded, store));
  const overview = overviews.find((one) => one.jobId === job.id)?.overview;
  if (flags.json === true) return writeJson(overview ?? { jobId: job.id, state: null });
  if (overview === undefined) return writeLine(`${job.id} has not run yet`);
  const { state, shadows, escrows, stagedDeletes, lease, executions } = overview;
  const { quarantine } = state;
  const lines = [
    `${job.id}: ${state.status}${lease === undefined ? "" : `, held by ${lease.owner}`}`,
    `linked: ${shadows.User} users, ${shadows.Group} groups; failed: ${escrows}; held: ${stagedDeletes.pending} pending, ${stagedDeletes.approved} approved, ${stagedDeletes.rejected} rejected`,
    `next cycle: ${state.watermark === undefined ? "initial" : "incremental"}`,
  ];
  if (quarantine !== undefined) {
    const since = new Date(quarantine.currentBegan).toISOString();
    const next = new Date(quarantine.nextAttempt).toISOString();
    lines.push(`quarantine: ${quarantine.reason} since ${since}, next attempt ${next}`);
    if (quarantine.error !== undefined) lines.push(`  ${quarantine.error.message}`);
  }
  await writeLine(lines.map(printable).join("\n"));
  const rows = executions
    .slice(0, 10)
    .map(({ timeEnded, kind, counts, ...execution }) => [
      new Date(timeEnded).toISOString(),
      kind,
      execution.state,
      ...[counts.imported, counts.entitled, counts.exported, counts.escrowed, counts.skipped].map(
        String,
      ),
      execution.error?.message ?? "",
    ]);
  const head = ["ended", "cycle", "state", "imported", "in scope", "exported", "failed", "skipped"];
  await writeLine(printTable([...head, "error"], rows));
}

async function staged(jobId: string | undefined, flags: ProvisioningFlags): Promise<void> {
  const loaded = await readProvisioning(flags.config);
  const { job } = findJob(loaded.jobs, jobId);
  const all: (StagedDelete & { readonly status: StagedDeleteStatus })[] = [];
  await withStore(loaded, async (store) => {
    for await (const batch of store.stagedDeletes(job.id)) all.push(...batch);
  });
  if (flags.json === true) return writeJson(all);
  if (all.length === 0) return writeLine("nothing is held");
  const rows = all.map((one) => [one.status, one.action, one.name, one.resourceType, one.because]);
  await writeLine(printTable(["status", "action", "name", "type", "because"], rows));
}

async function decide(
  verb: "approve" | "reject",
  names: readonly string[],
  flags: DecideFlags,
): Promise<void> {
  if (names.length > 0 === (flags.all === true)) {
    throw new AgentError("usage", "give names, or --all", {
      hint: "hybrid-agent provisioning staged lists what waits",
    });
  }
  const loaded = await readProvisioning(flags.config);
  const { job } = findJob(loaded.jobs, flags.job);
  const outcome = await withStore(loaded, (store) =>
    store.decideStagedDeletes(
      job.id,
      flags.all === true ? "all" : names,
      verb === "approve" ? "approved" : "rejected",
    ),
  );
  const { decided, unknown, ambiguous } = outcome;
  if (unknown.length + ambiguous.length > 0) {
    const said = [
      ...unknown.map((name) => `${name} is not held`),
      ...ambiguous.map((name) => `${name} means several objects: name the anchor`),
    ];
    throw new AgentError("usage", `nothing was decided: ${said.join("; ")}`, {
      hint: "hybrid-agent provisioning staged lists what waits",
    });
  }
  if (flags.json === true) return writeJson(outcome);
  const next = verb === "approve" ? "sends" : "leaves out";
  await writeLine(`${decided} decided; the next cycle ${next} them`);
}

async function restart(
  jobId: string | undefined,
  flags: ProvisioningFlags & { readonly scope?: string },
): Promise<void> {
  const loaded = await readProvisioning(flags.config);
  const { job } = findJob(loaded.jobs, jobId);
  const scopes = parseResetScopes(flags.scope ?? "");
  if (scopes === undefined) {
    throw new AgentError("usage", `${flags.scope} names an unknown scope`, {
      hint: `one or more of: ${RESET_SCOPES.join(", ")}`,
    });
  }
  const plan = planRestart(scopes);
  await withStore(loaded, async (store) => {
    const owner = leaseOwner();
    const held = await store.openJob(job.id, { owner, leaseMs: LEASE_MS, isGone });
    try {
      await held.reset(plan);
    } finally {
      await held.release();
    }
  });
  if (flags.json === true) return writeJson({ job: job.id, plan });
  const cleared = [
    plan.watermark ? "the watermark (the next cycle reads everything)" : "",
    plan.escrows ? "failed entries (all are tried again)" : "",
    plan.quarantine ? "the quarantine" : "",
    plan.shadows ? "all links (every entry is matched again)" : "",
    plan.forceDeletes ? "nothing; the next cycle sends removals whatever their number" : "",
  ].filter((text) => text !== "");
  await writeLine(`cleared of ${job.id}: ${cleared.join(", ") || "nothing"}`);
}
