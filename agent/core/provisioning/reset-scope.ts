/** What an operator starts a job again with (Graph `synchronizationJobRestartCriteria.resetScope`). */
export const RESET_SCOPES = [
  "None",
  "Escrows",
  "Watermark",
  "QuarantineState",
  "ConnectorDataStore",
  "Full",
  "ForceDeletes",
] as const;

export type ResetScope = (typeof RESET_SCOPES)[number];

/** What is cleared before the next cycle. */
export interface RestartPlan {
  /** Entries that failed are forgotten: all are tried again. */
  readonly escrows: boolean;
  /** The next cycle is an initial one. */
  readonly watermark: boolean;
  readonly quarantine: boolean;
  /** Links and what was last exported are forgotten: every entry is matched again. */
  readonly shadows: boolean;
  /** Removals that were held are sent. */
  readonly forceDeletes: boolean;
}

const NOTHING: RestartPlan = {
  escrows: false,
  watermark: false,
  quarantine: false,
  shadows: false,
  forceDeletes: false,
};

const ALL = { escrows: true, watermark: true, quarantine: true } as const;

const EFFECTS: Readonly<Record<ResetScope, Partial<RestartPlan>>> = {
  None: {},
  Escrows: { escrows: true },
  Watermark: { watermark: true },
  QuarantineState: { quarantine: true },
  // Changes alone would not bring back the links of what has not changed.
  ConnectorDataStore: { shadows: true, watermark: true },
  Full: { ...ALL, shadows: true },
  // It is the held removals that quarantined the job.
  ForceDeletes: { forceDeletes: true, quarantine: true },
};

/**
 * What the scopes clear together; none means what the portal's "Restart" does (QuarantineState, Watermark and Escrows). `None`
 * clears nothing, whatever else stands beside it is cleared all the same.
 */
export function planRestart(scopes: readonly ResetScope[]): RestartPlan {
  if (scopes.length === 0) return { ...NOTHING, ...ALL };
  return Object.assign({ ...NOTHING }, ...scopes.map((scope) => EFFECTS[scope]));
}

/** Reads scopes as Graph writes them, separated by commas, in any letter case; undefined when one is unknown. */
export function parseResetScopes(text: string): readonly ResetScope[] | undefined {
  const names = text.split(",").map((name) => name.trim().toLowerCase());
  const scopes = names
    .filter((name) => name !== "")
    .map((name) => RESET_SCOPES.find((scope) => scope.toLowerCase() === name));
  return scopes.every((scope) => scope !== undefined) ? scopes : undefined;
}
