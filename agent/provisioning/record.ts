import { randomUUID } from "node:crypto";
import type { Job } from "../core/provisioning/job.ts";
import type {
  ModifiedProperty,
  ProvisionedIdentity,
  ProvisioningAction,
  ProvisioningErrorInformation,
  ProvisioningObjectSummary,
  ProvisioningStatus,
  ProvisioningStep,
  ProvisioningStepType,
} from "../core/provisioning/object-summary.ts";
import { equalJson } from "../core/scim/canonical-json.ts";
import { isObject } from "../core/scim/resource.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { Clock, TargetRefusal } from "../ports.ts";

type Json = Readonly<Record<string, unknown>>;

const REDACTED = "[redacted]";
/** Characters of a value in the log. */
const MAX_VALUE = 1024;

const STEP_NAMES: Readonly<Record<ProvisioningStepType, string>> = {
  import: "EntryImport",
  scoping: "EntryScoping",
  matching: "EntryMatching",
  processing: "EntrySynchronization",
  referenceResolution: "EntryReferenceResolution",
  export: "EntryExport",
};

export interface RecordContext {
  readonly job: Job;
  readonly clock: Clock;
  readonly cycleId: string;
  readonly correlationId: string;
  readonly initiatedBy: "system" | "user";
}

export interface RecordSubject {
  readonly sourceId: string;
  readonly resourceType: ResourceTypeName;
  readonly anchor?: string | undefined;
  readonly name?: string | undefined;
}

/** What becomes of one entry, step by step: a row of the provisioning log in the making. */
export class EntryRecord {
  readonly #context: RecordContext;
  readonly #beganAt: number;
  readonly #steps: ProvisioningStep[] = [];
  readonly #modified: ModifiedProperty[] = [];
  #subject: RecordSubject;
  #action: ProvisioningAction = "other";
  #status: ProvisioningStatus = "success";
  #error: ProvisioningErrorInformation | null = null;
  #target: { readonly id: string; readonly name: string } | undefined;

  constructor(context: RecordContext, subject: RecordSubject) {
    this.#context = context;
    this.#subject = subject;
    this.#beganAt = context.clock.now();
  }

  get status(): ProvisioningStatus {
    return this.#status;
  }

  subject(change: Partial<RecordSubject>): void {
    this.#subject = { ...this.#subject, ...change };
  }

  target(id: string, name: string): void {
    this.#target = { id, name };
  }

  step(
    type: ProvisioningStepType,
    status: ProvisioningStatus,
    {
      description,
      ...details
    }: { readonly description: string } & Readonly<Record<string, string>>,
  ): void {
    const name = STEP_NAMES[type];
    this.#steps.push({ name, provisioningStepType: type, status, description, details });
  }

  action(action: ProvisioningAction): void {
    this.#action = action;
  }

  /** The attributes that differ, values that are to be redacted left out. */
  modified(before: Json, after: Json): void {
    const { redact } = this.#context.job;
    for (const [name, oldValue, newValue] of differences(before, after)) {
      const hidden = redact.some((attribute) => isNamed(name, attribute));
      this.#modified.push({
        displayName: name,
        oldValue: hidden ? redacted(oldValue) : printValue(oldValue),
        newValue: hidden ? redacted(newValue) : printValue(newValue),
      });
    }
  }

  skip(errorCode: string, reason: string): void {
    this.#status = "skipped";
    this.#error = errorOf(errorCode, reason);
  }

  warn(errorCode: string, reason: string): void {
    this.#status = "warning";
    this.#error = errorOf(errorCode, reason);
  }

  fail(errorCode: string, reason: string): void {
    this.#status = "failure";
    this.#error = { ...errorOf(errorCode, reason), errorCategory: "failure" };
  }

  finish(): ProvisioningObjectSummary {
    const { job, clock, cycleId, correlationId, initiatedBy } = this.#context;
    const now = clock.now();
    const { sourceId, resourceType, anchor, name } = this.#subject;
    const sourceIdentity: ProvisionedIdentity = {
      id: sourceId,
      displayName: name ?? "",
      identityType: resourceType,
      details: anchor === undefined ? {} : { anchor },
    };
    const { directory = "" } = job.source;
    return {
      id: randomUUID(),
      activityDateTime: new Date(now).toISOString(),
      jobId: job.id,
      cycleId,
      changeId: randomUUID(),
      correlationId,
      durationInMilliseconds: now - this.#beganAt,
      provisioningAction: this.#action,
      provisioningStatusInfo: { status: this.#status, errorInformation: this.#error },
      provisioningSteps: this.#steps,
      modifiedProperties: this.#modified,
      sourceIdentity,
      targetIdentity:
        this.#target === undefined
          ? null
          : {
              id: this.#target.id,
              displayName: this.#target.name,
              identityType: resourceType,
              details: {},
            },
      sourceSystem: { id: directory, displayName: directory || "directory", details: {} },
      targetSystem: { id: job.targetName, displayName: job.targetName, details: {} },
      initiatedBy: { id: initiatedBy, displayName: initiatedBy, initiatorType: initiatedBy },
    };
  }
}

/** Entra's error code for what a target said no to. */
export function errorCodeOf({ status, scimType }: TargetRefusal): string {
  if (status === undefined) return "Timeout";
  if (status === 409 || scimType === "uniqueness") return "EntryConflict";
  if (status === 403) return "InsufficientRights";
  if (status === 405) return "MethodNotAllowed";
  if (status === 422) return "UnprocessableEntity";
  if (status === 501) return "NotImplemented";
  if (status === 429) return "TooManyRequests";
  if (status >= 500) return "InternalServerError";
  if (status < 400) return "SystemForCrossDomainIdentityManagementBadResponse";
  return "SystemForCrossDomainIdentityManagementServiceIncompatible";
}

function errorOf(errorCode: string, reason: string): ProvisioningErrorInformation {
  return {
    errorCode,
    reason,
    additionalDetails: null,
    errorCategory: null,
    recommendedAction: null,
  };
}

function* differences(
  before: Json,
  after: Json,
  prefix = "",
): Generator<readonly [string, unknown, unknown]> {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (name === "schemas") continue;
    const [oldValue, newValue] = [before[name], after[name]];
    if (equalJson(oldValue ?? null, newValue ?? null)) continue;
    // Complex attributes and extensions are told by their members.
    if (isObject(oldValue ?? {}) && isObject(newValue ?? {})) {
      const separator = name.includes(":") ? ":" : ".";
      const [from, to] = [(oldValue ?? {}) as Json, (newValue ?? {}) as Json];
      yield* differences(from, to, `${prefix}${name}${separator}`);
      continue;
    }
    yield [`${prefix}${name}`, oldValue, newValue];
  }
}

function isNamed(path: string, attribute: string): boolean {
  const folded = path.toLowerCase();
  const tail = folded.slice(folded.lastIndexOf(":") + 1);
  const [head] = tail.split(".");
  return [folded, tail, head].includes(attribute);
}

function printValue(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}

function redacted(value: unknown): string | null {
  return value === undefined || value === null ? null : REDACTED;
}
