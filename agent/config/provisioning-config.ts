import { dirname, resolve } from "node:path";
import { AgentError } from "../core/error.ts";
import { fingerprintOf } from "../core/fingerprint.ts";
import type { Job, ObjectRules } from "../core/provisioning/job.ts";
import { compileScoping } from "../core/provisioning/scoping.ts";
import { type LoadOptions, MAX_CONFIG_BYTES } from "./agent-config.ts";
import { problemsOf, reportProblems } from "./problem.ts";
import { createProvisioningSchema, type ProvisioningConfig } from "./provisioning-schema.ts";
import { readText } from "./text-file.ts";
import { parseYaml } from "./yaml-source.ts";

type JobFile = ProvisioningConfig["jobs"][number];
type ObjectFile = JobFile["users"];

/** How a job reaches its target. */
export type TargetConfig = JobFile["target"];

export interface ConfiguredJob {
  readonly job: Job;
  readonly target: TargetConfig;
  /** Of node-cron. */
  readonly schedule: string;
}

export interface LoadedProvisioning {
  readonly config: ProvisioningConfig;
  readonly jobs: readonly ConfiguredJob[];
}

/**
 * The configuration in a file. Secrets are not read yet.
 * @throws AgentError `config.invalid` with every problem and its line
 */
export async function loadProvisioning(
  path: string,
  options: Pick<LoadOptions, "env"> = {},
): Promise<LoadedProvisioning> {
  const file = resolve(path);
  const read = await readText(file, MAX_CONFIG_BYTES);
  if (read.ok) return parseProvisioning(read.text, { ...options, file });
  throw new AgentError("config.invalid", `${file} ${read.because}`, {
    cause: read.cause,
    hint: "say where the configuration is with --config",
  });
}

/** @throws AgentError as `loadProvisioning` */
export function parseProvisioning(
  input: string,
  {
    file = "provisioning.yaml",
    env = process.env,
  }: Pick<LoadOptions, "env"> & { readonly file?: string } = {},
): LoadedProvisioning {
  if (Buffer.byteLength(input) > MAX_CONFIG_BYTES) {
    throw new AgentError("config.invalid", `${file} is larger than ${MAX_CONFIG_BYTES} bytes`);
  }
  const source = parseYaml(input, { code: "config.invalid", file });
  const folder = dirname(resolve(file));
  const parsed = createProvisioningSchema({ folder, env }).safeParse(source.value);
  if (!parsed.success) {
    const report = { code: "config.invalid", file, lineOf: source.lineOf } as const;
    throw reportProblems(problemsOf(parsed.error), report);
  }
  const config: ProvisioningConfig = parsed.data;
  return { config, jobs: config.jobs.map(configureJob) };
}

function configureJob(file: JobFile): ConfiguredJob {
  const { id, target, source, users, groups, deleteGuard, redact, schedule } = file;
  const job: Job = {
    id,
    rules: {
      ...(users.enabled ? { User: rulesOf(users) } : {}),
      ...(groups.enabled ? { Group: rulesOf(groups) } : {}),
    },
    source: { directory: source.directory, importTimeoutMs: source.importTimeout },
    skipOutOfScopeDeletions: file.skipOutOfScopeDeletions,
    deleteGuard,
    redact: redact.map((name) => name.toLowerCase()),
    targetName: target.name ?? new URL(target.url).host,
    configuration: jobFingerprint(file),
  };
  return { job, target, schedule };
}

function rulesOf({ matching, scoping, actions }: ObjectFile): ObjectRules {
  const compiled = compileScoping(scoping);
  if ("problems" in compiled) throw new TypeError("the schema lets no such filter through");
  return { matching, scoping: compiled.scoping, actions };
}

/** Changes when, and only when, something changed that decides what is provisioned. */
function jobFingerprint({ source, target, users, groups, ...rest }: JobFile): string {
  const { skipOutOfScopeDeletions } = rest;
  const { url, style } = target;
  const { directory } = source;
  return fingerprintOf({ directory, url, style, users, groups, skipOutOfScopeDeletions });
}
