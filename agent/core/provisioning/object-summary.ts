/** What became of one change of one object (Graph `provisioningAction`). */
export type ProvisioningAction =
  | "create"
  | "update"
  | "delete"
  | "stageddelete"
  | "disable"
  | "other";

export type ProvisioningStatus = "success" | "warning" | "failure" | "skipped";

export type ProvisioningStepType =
  | "import"
  | "scoping"
  | "matching"
  | "processing"
  | "referenceResolution"
  | "export";

export interface ProvisioningStep {
  readonly name: string;
  readonly provisioningStepType: ProvisioningStepType;
  readonly status: ProvisioningStatus;
  readonly description: string;
  readonly details: Readonly<Record<string, string>>;
}

/** One attribute; values of redacted attributes are redacted before they come here. Null for no value. */
export interface ModifiedProperty {
  readonly displayName: string;
  readonly oldValue: string | null;
  readonly newValue: string | null;
}

export interface ProvisionedIdentity {
  readonly id: string;
  readonly displayName: string;
  readonly identityType: string;
  readonly details: Readonly<Record<string, string>>;
}

export interface ProvisioningSystem {
  readonly id: string;
  readonly displayName: string;
  readonly details: Readonly<Record<string, string>>;
}

export interface ProvisioningErrorInformation {
  readonly errorCode: string;
  readonly reason: string;
  readonly additionalDetails: string | null;
  readonly errorCategory: "failure" | "nonServiceFailure" | "success" | null;
  readonly recommendedAction: string | null;
}

/** One row of the provisioning log (Graph `provisioningObjectSummary`, with `correlationId` besides). */
export interface ProvisioningObjectSummary {
  readonly id: string;
  /** RFC 3339, UTC, with milliseconds. */
  readonly activityDateTime: string;
  readonly jobId: string;
  readonly cycleId: string;
  readonly changeId: string;
  readonly correlationId: string;
  readonly durationInMilliseconds: number;
  readonly provisioningAction: ProvisioningAction;
  readonly provisioningStatusInfo: {
    readonly status: ProvisioningStatus;
    readonly errorInformation: ProvisioningErrorInformation | null;
  };
  readonly provisioningSteps: readonly ProvisioningStep[];
  readonly modifiedProperties: readonly ModifiedProperty[];
  readonly sourceIdentity: ProvisionedIdentity;
  /** Null when there is none in the target (yet). */
  readonly targetIdentity: ProvisionedIdentity | null;
  readonly sourceSystem: ProvisioningSystem;
  readonly targetSystem: ProvisioningSystem;
  readonly initiatedBy: {
    readonly id: string;
    readonly displayName: string;
    readonly initiatorType: "user" | "application" | "system";
  };
}
