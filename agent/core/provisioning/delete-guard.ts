import type { ResourceTypeName } from "../scope.ts";

/** When removals are held back until an operator has looked at them. */
export interface DeleteGuardPolicy {
  /** Removals of one cycle from which on they are held; Entra's default is 500, which lets 499 pass. */
  readonly limit: number;
  /** Percent of what is linked that may be removed; more is held. */
  readonly percent: number;
}

/** Fewer linked objects than this are not held for a percentage: one of three people who leaves is 33 %. */
const PERCENTAGE_FROM_LINKED = 20;

/** What one cycle would remove of one type, or from one group. */
export interface RemovalCount {
  readonly resourceType: ResourceTypeName;
  /** Anchor of the group whose members are counted; undefined counts the objects of the type. */
  readonly group?: string | undefined;
  /** Deletes and disables together; or members to be removed. */
  readonly removals: number;
  /** Linked and in scope before the cycle; or members before. */
  readonly linked: number;
}

/** Removals that must wait for an operator. */
export interface HeldRemoval extends RemovalCount {
  readonly because: "limit reached" | "percentage exceeded";
  readonly detail: string;
}

/**
 * Which removals are to be held, counted before any is sent. Each object type is judged on its own, and so are the members of
 * each group; what is not listed may be sent.
 */
export function evaluateDeleteGuard(
  counts: readonly RemovalCount[],
  policy: DeleteGuardPolicy,
): readonly HeldRemoval[] {
  return counts.flatMap((count) => evaluateCount(count, policy) ?? []);
}

function evaluateCount(
  count: RemovalCount,
  { limit, percent }: DeleteGuardPolicy,
): HeldRemoval | undefined {
  const { resourceType, group, removals, linked } = count;
  if (removals === 0) return undefined;
  const what = group === undefined ? `resources of type ${resourceType}` : `members of ${group}`;
  const would = `${removals} of ${linked} ${what} would be removed`;
  if (removals >= limit) {
    return { ...count, because: "limit reached", detail: `${would}, the limit is ${limit}` };
  }
  if (linked >= PERCENTAGE_FROM_LINKED && removals * 100 > linked * percent) {
    return { ...count, because: "percentage exceeded", detail: `${would}, more than ${percent} %` };
  }
  return undefined;
}
