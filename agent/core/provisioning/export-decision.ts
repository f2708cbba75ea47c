import type { MatchResult } from "./matching.ts";

/** What an agent reported of an entry, after it was asked for where that is needed. */
export type SourceChange =
  /** Deleted in the directory, in so many words. */
  | { readonly kind: "deleted" }
  /** Left the agent's scope. */
  | { readonly kind: "outOfScope"; readonly detail: string }
  | {
      readonly kind: "upsert";
      /** The verdict of the job's own scoping filters. */
      readonly scoping: { readonly inScope: boolean; readonly detail: string };
      /** Undefined where the resource type has none, which counts as active. */
      readonly active: boolean | undefined;
    };

/** Where an entry stands in the target. */
export type TargetState =
  | {
      readonly kind: "linked";
      /** As it was last exported. */
      readonly active: boolean;
      /** Whether the service still manages it: not after it has left the scope. */
      readonly inScope: boolean;
      /** Whether what would be exported differs from what was. */
      readonly differs: boolean;
    }
  /** There is no link, and nothing was looked for: what is out of scope or deleted needs no look-up. */
  | { readonly kind: "unlinked" }
  | { readonly kind: "matched"; readonly match: MatchResult<unknown> };

export interface ExportRules {
  readonly create: boolean;
  /** Disables too: Entra disables by an update. */
  readonly update: boolean;
  readonly delete: boolean;
  readonly skipOutOfScopeDeletions: boolean;
  /** Whether resources of this type have `active`. Groups have not. */
  readonly disableable: boolean;
}

/** What to do with one entry. Texts hold no values of it. */
export type ExportDecision =
  | {
      readonly action: "create" | "update" | "disable" | "delete";
      readonly detail: string;
      /** What becomes of the link: `leave` keeps it, and the service manages it no more. */
      readonly link: "manage" | "leave" | "remove";
    }
  | {
      readonly action: "none";
      readonly status: "skipped" | "failure";
      /** As Entra names it in its log. */
      readonly errorCode:
        | "EntrySynchronizationSkipped"
        | "ImportSkipped"
        | "DuplicateTargetEntries"
        | "DuplicateSourceEntries";
      readonly detail: string;
      /** `leave`: it is linked, and the service manages it no more; `manage`: linked as before, or now. */
      readonly link: "manage" | "leave" | "none";
    };

/**
 * Decides what is sent for one entry. An entry in scope must come with its link or the result of matching.
 * @throws TypeError for one that comes with neither
 */
export function decideExport(
  change: SourceChange,
  { target, rules }: { readonly target: TargetState; readonly rules: ExportRules },
): ExportDecision {
  if (change.kind === "deleted") return decideDeleted(target, rules);
  if (change.kind === "outOfScope") return decideOutOfScope(change.detail, { target, rules });
  const { scoping, active } = change;
  if (!scoping.inScope) return decideOutOfScope(scoping.detail, { target, rules });
  if (target.kind === "linked") return decideLinked(target, { active: active !== false, rules });
  if (target.kind === "unlinked") throw new TypeError("an entry in scope was not matched");
  return decideMatched(target.match, { active: active !== false, rules });
}

function decideDeleted(target: TargetState, rules: ExportRules): ExportDecision {
  if (target.kind !== "linked") return skip("it was deleted and is not linked", "none");
  // Entra sends no DELETE for what it has let go of.
  if (!target.inScope) {
    return skip("it was deleted after it had left the scope, and is no longer managed", "leave");
  }
  // Entra disables what is deleted softly, and its switch is for the DELETE that follows: a directory deletes at once.
  if (!rules.delete) {
    const why = "it was deleted, and deletes are switched off";
    return decideOutOfScope(why, { target, rules });
  }
  return { action: "delete", detail: "it was deleted at the source", link: "remove" };
}

function decideOutOfScope(
  why: string,
  { target, rules }: { readonly target: TargetState; readonly rules: ExportRules },
): ExportDecision {
  if (target.kind !== "linked") return skip(`not in scope: ${why}`, "none");
  if (!target.inScope) return skip(`still not in scope: ${why}`, "leave");
  const left = `it left the scope: ${why}`;
  if (rules.skipOutOfScopeDeletions) {
    return skip(`${left}; skipOutOfScopeDeletions leaves it as it is`, "leave");
  }
  if (!rules.disableable) return skip(`${left}; its type cannot be disabled`, "leave");
  if (!target.active) return skip(`${left}; it is disabled already`, "leave");
  if (!rules.update) return skip(`${left}; updates are switched off`, "leave");
  return { action: "disable", detail: left, link: "leave" };
}

function decideLinked(
  target: Extract<TargetState, { kind: "linked" }>,
  { active, rules }: { readonly active: boolean; readonly rules: ExportRules },
): ExportDecision {
  if (!target.differs) return skip("nothing has changed", "manage");
  if (!rules.update) return skip("it has changed, and updates are switched off", "manage");
  if (!active && target.active && rules.disableable) {
    return { action: "disable", detail: "it was disabled at the source", link: "manage" };
  }
  const back = target.inScope ? "it was enabled again" : "it is in scope again";
  const detail = active && (!target.active || !target.inScope) ? back : "it has changed";
  return { action: "update", detail, link: "manage" };
}

function decideMatched(
  match: MatchResult<unknown>,
  { active, rules }: { readonly active: boolean; readonly rules: ExportRules },
): ExportDecision {
  const { detail } = match;
  const refuse = { action: "none", link: "none", detail } as const;
  switch (match.kind) {
    case "noKey":
      return { ...refuse, status: "skipped", errorCode: "ImportSkipped" };
    case "ambiguous":
      return { ...refuse, status: "failure", errorCode: "DuplicateTargetEntries" };
    case "taken":
      return { ...refuse, status: "failure", errorCode: "DuplicateSourceEntries" };
    case "none":
      // Entra never creates what is disabled at the source.
      if (!active) return skip(`${detail}; disabled at the source, so not created`, "none");
      if (!rules.create) return skip(`${detail}; creates are switched off`, "none");
      return { action: "create", detail, link: "manage" };
    case "one":
      if (!rules.update) return skip(`${detail}; linked, and updates are switched off`, "manage");
      if (active || !rules.disableable) return { action: "update", detail, link: "manage" };
      return {
        action: "disable",
        detail: `${detail}; it is disabled at the source`,
        link: "manage",
      };
  }
}

function skip(detail: string, link: "manage" | "leave" | "none"): ExportDecision {
  return {
    action: "none",
    status: "skipped",
    errorCode: "EntrySynchronizationSkipped",
    detail,
    link,
  };
}

/**
 * What an id without data asks for: nothing is said about its content, only that it is in scope. What is not known, or held as
 * disabled or out of scope, must be asked for.
 */
export function decidePresent(
  target: { readonly active: boolean; readonly inScope: boolean } | undefined,
): "ask" | "none" {
  return target?.active && target.inScope ? "none" : "ask";
}
