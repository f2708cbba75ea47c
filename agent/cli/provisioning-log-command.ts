import type { Command } from "commander";
import { AgentError } from "../core/error.ts";
import type {
  ProvisioningAction,
  ProvisioningObjectSummary,
  ProvisioningStatus,
} from "../core/provisioning/object-summary.ts";
import type { SummaryFilter } from "../ports.ts";
import { findJob } from "../service/provisioning.ts";
import { write, writeLine } from "./output.ts";
import { type ProvisioningFlags, readProvisioning, withStore } from "./provisioning-context.ts";
import { printSummary } from "./provisioning-run-command.ts";
import { integer } from "./simulator.ts";
import { csvLine, printTable } from "./table.ts";

const ACTIONS: readonly ProvisioningAction[] = [
  "create",
  "update",
  "delete",
  "stageddelete",
  "disable",
  "other",
];
const STATUSES: readonly ProvisioningStatus[] = ["success", "warning", "failure", "skipped"];
const MAX_ROWS = 1_000_000;

interface LogFlags extends ProvisioningFlags {
  readonly cycle?: string;
  readonly action?: readonly ProvisioningAction[];
  readonly status?: readonly ProvisioningStatus[];
  readonly from?: number;
  readonly to?: number;
  readonly source?: string;
  readonly target?: string;
  readonly text?: string;
  readonly limit: number;
  readonly csv?: boolean;
  readonly details?: boolean;
}

export function addProvisioningLogCommand(provisioning: Command): void {
  provisioning
    .command("logs")
    .description("the provisioning log: what became of each object, newest first")
    .argument("[job]", "id of the job; the only one when not given")
    .option("--cycle <id>", "of one cycle")
    .option("--action <actions>", `separated by commas: ${ACTIONS.join(", ")}`, listOf(ACTIONS))
    .option("--status <statuses>", `separated by commas: ${STATUSES.join(", ")}`, listOf(STATUSES))
    .option("--from <time>", "not before, such as 2026-01-31 or 2026-01-31T08:00:00Z", timeOf)
    .option("--to <time>", "before", timeOf)
    .option("--source <id>", "id in the directory")
    .option("--target <id>", "id at the target")
    .option("--text <text>", "found in ids, names, details, codes or values")
    .option("--limit <count>", "at most so many", integer(1, MAX_ROWS), 100)
    .option("--details", "every step and every changed attribute")
    .option("--json", "one line of JSON an object")
    .option("--csv", "one line of CSV an object")
    .option("-c, --config <file>", "configuration file")
    .action(logs);
}

async function logs(jobId: string | undefined, flags: LogFlags): Promise<void> {
  const loaded = await readProvisioning(flags.config);
  const { job } = findJob(loaded.jobs, jobId);
  const { cycle, action, status, from, to, source, target, text, limit } = flags;
  const filter: SummaryFilter = {
    ...{ jobId: job.id, order: "newest", limit },
    ...(cycle === undefined ? {} : { cycleId: cycle }),
    ...(action === undefined ? {} : { actions: action }),
    ...(status === undefined ? {} : { statuses: status }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(source === undefined ? {} : { sourceId: source }),
    ...(target === undefined ? {} : { targetId: target }),
    ...(text === undefined ? {} : { text }),
  };
  const print = printerOf(flags);
  if (flags.csv === true) await writeLine(csvLine(HEAD));
  await withStore(loaded, async (store) => {
    for await (const batch of store.summaries(filter)) await write(print(batch));
  });
}

const HEAD = ["time", "action", "status", "name", "source", "target", "reason"];

function printerOf({
  json,
  csv,
  details,
}: LogFlags): (rows: readonly ProvisioningObjectSummary[]) => string {
  if (json === true) return (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  if (csv === true) return (rows) => rows.map((row) => `${csvLine(cellsOf(row))}\n`).join("");
  if (details === true) return (rows) => rows.map((row) => `${printSummary(row)}\n\n`).join("");
  return (rows) => (rows.length === 0 ? "" : `${printTable(HEAD, rows.map(cellsOf))}\n`);
}

function cellsOf(row: ProvisioningObjectSummary): readonly string[] {
  const { status, errorInformation } = row.provisioningStatusInfo;
  return [
    row.activityDateTime,
    row.provisioningAction,
    status,
    row.sourceIdentity.displayName,
    row.sourceIdentity.id,
    row.targetIdentity?.id ?? "",
    errorInformation === null ? "" : `${errorInformation.errorCode}: ${errorInformation.reason}`,
  ];
}

function listOf<T extends string>(known: readonly T[]): (text: string) => readonly T[] {
  return (text) =>
    text.split(",").map((name) => {
      const found = known.find((one) => one === name.trim().toLowerCase());
      if (found !== undefined) return found;
      throw new AgentError("usage", `${name} is none of ${known.join(", ")}`);
    });
}

function timeOf(text: string): number {
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new AgentError("usage", `${text} is no time, expected one such as 2026-01-31T08:00:00Z`);
}
