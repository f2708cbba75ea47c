import type { Job } from "../core/provisioning/job.ts";
import {
  evaluateMatch,
  type MatchingAttempt,
  type MatchResult,
  planMatching,
} from "../core/provisioning/matching.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import type { JobStore, Target, TargetRefusal } from "../ports.ts";
import type { SourceObject } from "./source-object.ts";

export interface MatchParts {
  readonly job: Job;
  readonly store: Pick<JobStore, "shadowsByTargetId">;
  readonly target: Pick<Target, "find">;
  /** Links that were made and are not written yet: anchors by the target's ids. */
  readonly newLinks: ReadonlyMap<string, string>;
}

/**
 * Looks for the resource of an object by its matching attributes, the first that finds any decides.
 * @returns a refusal where the target would not say
 * @throws AgentError as the target's and the store's
 */
export async function matchResource(
  source: SourceObject,
  { job, store, target, newLinks }: MatchParts,
  signal: AbortSignal,
): Promise<MatchResult<ScimResource> | TargetRefusal> {
  const { resourceType, anchor, read } = source;
  const queries = planMatching(job.rules[resourceType]?.matching ?? [], read);
  const attempts: MatchingAttempt<ScimResource>[] = [];
  for (const query of queries) {
    const lookup = { path: query.attribute, value: query.value };
    const outcome = await target.find(resourceType, lookup, signal);
    if (outcome.kind === "refused") return outcome;
    attempts.push({ query, candidates: outcome.resources });
    if (outcome.resources.length > 0) break;
  }
  const ids = attempts.flatMap(({ candidates }) => candidates.map(({ id }) => id));
  const owners = await store.shadowsByTargetId(ids);
  return evaluateMatch(attempts, {
    anchor,
    anchorOf: ({ id }) => newLinks.get(id) ?? owners.get(id)?.anchor,
  });
}
