import type { ResourceTypeName } from "../scope.ts";
import type { DeleteGuardPolicy } from "./delete-guard.ts";
import type { MatchingAttribute } from "./matching.ts";
import type { Scoping } from "./scoping.ts";

/** How objects of one type are provisioned. */
export interface ObjectRules {
  readonly matching: readonly MatchingAttribute[];
  readonly scoping: Scoping;
  readonly actions: {
    readonly create: boolean;
    readonly update: boolean;
    readonly delete: boolean;
  };
}

/** One source, one target, and the rules between them. Durations are milliseconds. */
export interface Job {
  readonly id: string;
  /** Types that are provisioned; objects of another type are passed over. */
  readonly rules: Readonly<Partial<Record<ResourceTypeName, ObjectRules>>>;
  readonly source: {
    /** Which of the agents' directories; undefined where they serve one. */
    readonly directory: string | undefined;
    /** How long an import may take, retries included. */
    readonly importTimeoutMs: number;
  };
  readonly skipOutOfScopeDeletions: boolean;
  readonly deleteGuard: DeleteGuardPolicy;
  /** SCIM attribute names, in lower case, whose values are not written to the provisioning log. */
  readonly redact: readonly string[];
  /** For the provisioning log. */
  readonly targetName: string;
  /** Fingerprint of all that decides what is provisioned: another one makes the next cycle read everything. */
  readonly configuration: string;
}
