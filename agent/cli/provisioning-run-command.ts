import type { Command } from "commander";
import type { ProvisioningObjectSummary } from "../core/provisioning/object-summary.ts";
import type { CycleReport } from "../provisioning/conclude-cycle.ts";
import { type OnDemandReport, provisionOnDemand } from "../provisioning/on-demand.ts";
import { openLog } from "../service/log.ts";
import { findJob, ProvisioningService, type TargetExchange } from "../service/provisioning.ts";
import { interruptSignal } from "./context.ts";
import { writeJson, writeLine } from "./output.ts";
import { Progress } from "./progress.ts";
import {
  CLOCK,
  type ProvisioningFlags,
  readProvisioning,
  withService,
} from "./provisioning-context.ts";
import { Plan } from "./provisioning-plan.ts";
import { printable, printTable } from "./table.ts";

/** STYLE: removals are held, or the job is quarantined. */
const HELD_EXIT = 3;
/** STYLE: a dry run would change something. */
export const WOULD_CHANGE_EXIT = 2;
const FAILED_EXIT = 1;

export function addProvisioningRunCommands(provisioning: Command): void {
  provisioning
    .command("run")
    .description("run the jobs at their times until it is told to stop (SIGINT, SIGTERM)")
    .option("-c, --config <file>", "configuration file")
    .action(run);
  provisioning
    .command("cycle")
    .description("run one cycle of a job now, also when it waits in quarantine")
    .argument("[job]", "id of the job; the only one when not given")
    .option("-c, --config <file>", "configuration file")
    .option("--dry-run", "send nothing that writes and remember nothing; print what would be sent")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExit code 1 when entries failed, 2 when a dry run would change something, 3 when removals are held.",
    )
    .action(cycle);
  provisioning
    .command("provision")
    .description("provision one object now, and say what every step came to")
    .argument("<subject>", "DN, id of the directory, or userName")
    .option("--job <id>", "job; the only one when not given")
    .option("--dry-run", "send nothing that writes and remember nothing; print what would be sent")
    .option("-c, --config <file>", "configuration file")
    .option("--json", "print JSON")
    .action(provision);
}

async function run(flags: ProvisioningFlags): Promise<void> {
  const loaded = await readProvisioning(flags.config);
  const log = openLog(loaded.config.log);
  const service = new ProvisioningService({ loaded, log, clock: CLOCK });
  const stopped = interruptSignal();
  process.on("uncaughtExceptionMonitor", (error) => log.error("provisioning.crashed", { error }));
  try {
    await service.start();
    process.send?.({ ready: true });
    await new Promise<void>((resolve) => {
      stopped.addEventListener("abort", () => resolve());
      if (process.connected) process.once("disconnect", resolve);
    });
  } finally {
    await service.stop();
    await log.close();
  }
}

interface WriteFlags extends ProvisioningFlags {
  readonly dryRun?: boolean;
}

async function cycle(jobId: string | undefined, flags: WriteFlags): Promise<void> {
  const loaded = await readProvisioning(flags.config);
  const { job } = findJob(loaded.jobs, jobId);
  const progress = new Progress("entries worked on");
  const plan = flags.dryRun === true ? new Plan() : undefined;
  const report = await withService(
    loaded,
    async (service) => {
      const runner = await service.runner(job.id);
      const onProgress = ({ counts }: { readonly counts: { readonly imported: number } }) =>
        progress.update(counts.imported);
      const options = { initiatedBy: "user", force: true, onProgress } as const;
      const report = await runner.cycle(options, interruptSignal());
      await plan?.check((signal) => runner.targetSchemas(signal), interruptSignal());
      return report;
    },
    plan?.watch,
  ).finally(() => progress.end());
  if (flags.json === true) await writeJson({ ...withoutError(report), ...plan?.toJson() });
  else await writeLine([...(plan?.printTable() ?? []), printReport(report)].join("\n"));
  if (report.kind !== "ran") return;
  const { state, execution } = report;
  if (state.quarantine !== undefined) process.exitCode = HELD_EXIT;
  else if (execution.state !== "Succeeded") process.exitCode = FAILED_EXIT;
  else if ((plan?.size ?? 0) > 0) process.exitCode = WOULD_CHANGE_EXIT;
}

function withoutError(report: CycleReport) {
  if (report.kind === "waiting") return report;
  const { execution, held, state } = report;
  return { kind: report.kind, execution, held, quarantine: state.quarantine };
}

/** What a cycle came to, for a person. */
export function printReport(report: CycleReport): string {
  if (report.kind === "waiting") return `it waits in quarantine: ${report.verdict.reason}`;
  const { execution, held, state, error } = report;
  const { imported, entitled, exported, escrowed, skipped } = execution.counts;
  const ms = execution.timeEnded - execution.timeBegan;
  const lines = [
    `${execution.kind} cycle: ${execution.state} in ${(ms / 1000).toFixed(1)} s`,
    `imported ${imported}, in scope ${entitled}, exported ${exported}, failed ${escrowed}, nothing to do ${skipped}`,
    ...held.map(({ detail }) => `held: ${detail}`),
  ];
  if (error !== undefined) {
    lines.push(`${error.code}: ${error.message}`);
    if (error.hint !== undefined) lines.push(`  hint: ${error.hint}`);
  }
  if (state.quarantine !== undefined) {
    const { reason, nextAttempt } = state.quarantine;
    lines.push(`the job is in quarantine (${reason}), next cycle ${timeOf(nextAttempt)}`);
  }
  if (held.length > 0) {
    lines.push("look at them with: hybrid-agent provisioning staged, then approve or reject");
  }
  return lines.map(printable).join("\n");
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

async function provision(
  subject: string,
  flags: WriteFlags & { readonly job?: string },
): Promise<void> {
  const loaded = await readProvisioning(flags.config);
  const { job } = findJob(loaded.jobs, flags.job);
  const plan = flags.dryRun === true ? new Plan() : undefined;
  const sent: SentRequest[] = [];
  const onExchange = (exchange: TargetExchange) => {
    if (exchange.request.method !== "GET") sent.push(toSent(exchange));
  };
  const report = await withService(
    loaded,
    async (service) => {
      const runner = await service.runner(job.id);
      const report = await runner.holding(
        (parts, signal) => provisionOnDemand(parts, subject, signal),
        interruptSignal(),
      );
      await plan?.check((signal) => runner.targetSchemas(signal), interruptSignal());
      return report;
    },
    plan?.watch ?? { onExchange },
  );
  if (flags.json === true) await writeJson({ ...report, ...plan?.toJson(), sent });
  else {
    const lines = [
      printOnDemand(report),
      ...(plan?.printRequests() ?? []),
      ...sent.flatMap(printSent),
    ];
    await writeLine(lines.join("\n"));
  }
  if (report.kind === "notImported") process.exitCode = FAILED_EXIT;
  else if (report.summaries.some(hasFailed)) process.exitCode = FAILED_EXIT;
  else if ((plan?.size ?? 0) > 0) process.exitCode = WOULD_CHANGE_EXIT;
}

function hasFailed({ provisioningStatusInfo }: ProvisioningObjectSummary): boolean {
  return provisioningStatusInfo.status === "failure";
}

/** A request that changed something, or should have, and its answer. */
interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  /** Undefined where no answer came. */
  readonly status: number | undefined;
  readonly answer: string;
}

function toSent({ request, result }: TargetExchange): SentRequest {
  const { method, path, body } = request;
  if (result.kind === "failed") return { method, path, body, status: undefined, answer: "" };
  return { method, path, body, status: result.status, answer: result.text };
}

function printSent({ method, path, body, status, answer }: SentRequest): readonly string[] {
  return [
    `-> ${method} ${path}`,
    ...(body === undefined ? [] : [`   ${body}`]),
    `<- ${status ?? "no answer"}`,
    ...(answer === "" ? [] : [`   ${answer}`]),
  ].map(printable);
}

function printOnDemand(report: OnDemandReport): string {
  if (report.kind === "notImported") {
    const { explanation } = report;
    const why =
      explanation === undefined
        ? "the agent knows no such object"
        : `${String(explanation["because"] ?? "not in scope")}: ${String(explanation["detail"] ?? "")}`;
    return `import: ${printable(why)}`;
  }
  return report.summaries.map(printSummary).join("\n\n");
}

/** One row of the provisioning log with its steps, for a person. */
export function printSummary(summary: ProvisioningObjectSummary): string {
  const { provisioningStatusInfo, provisioningSteps, modifiedProperties } = summary;
  const { status, errorInformation } = provisioningStatusInfo;
  const { sourceIdentity, targetIdentity, provisioningAction } = summary;
  const head = `${summary.activityDateTime} ${provisioningAction} ${status}: ${sourceIdentity.displayName} (${sourceIdentity.id} -> ${targetIdentity?.id ?? "-"})`;
  const reason =
    errorInformation === null
      ? []
      : [`  ${errorInformation.errorCode}: ${errorInformation.reason}`];
  const steps = provisioningSteps.flatMap(({ provisioningStepType, ...step }) => [
    [`  ${provisioningStepType}`, step.status, step.description],
    ...Object.entries(step.details).map(([name, value]) => ["", "", `${name} = ${value}`]),
  ]);
  const modified = modifiedProperties.map(({ displayName, oldValue, newValue }) => [
    `  ${displayName}`,
    oldValue ?? "(none)",
    `-> ${newValue ?? "(none)"}`,
  ]);
  return [
    printable(head),
    ...reason.map(printable),
    printTable(["  step", "status", ""], steps),
    ...(modified.length === 0 ? [] : [printTable(["  attribute", "old", "new"], modified)]),
  ].join("\n");
}
