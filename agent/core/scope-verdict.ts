import { dnDepth, dnKey, isUnder } from "./dn.ts";
import type { Entry } from "./entry.ts";
import type { Clause, ResourceTypeName, Scope } from "./scope.ts";
import { clauseHolds, printClause } from "./scope-clause.ts";

/** Whether an entry is provisioned, and which rule said so. `detail` is for a person. */
export type ScopeVerdict =
  | { readonly inScope: true; readonly detail: string }
  | {
      readonly inScope: false;
      readonly because:
        | "left out"
        | "outside base"
        | "outside organizational units"
        | "organizational unit excluded"
        | "not a member"
        | "clause failed";
      readonly detail: string;
    };

/** A scope group with its members, as read from the directory. */
export interface ResolvedGroup {
  readonly dn: string;
  /** By `dnKey` of the member: the DN of the group that lists it (the scope group, or one nested in it). */
  readonly members: ReadonlyMap<string, string>;
}

/** A scope that is ready to be asked about entries. */
export interface ResolvedScope {
  readonly baseKey: string;
  readonly rules: readonly OrganizationalUnitRule[];
  readonly hasIncludes: boolean;
  readonly groups: readonly ResolvedGroup[];
  /** `dnKey`s of the scope groups themselves. */
  readonly groupKeys: ReadonlySet<string>;
  /** Ids of the units and groups that the scope names, in the order of the configuration. */
  readonly objectIds: readonly string[];
  readonly combine: Scope["combine"];
  readonly clauses: readonly Clause[];
}

interface OrganizationalUnitRule {
  readonly dn: string;
  readonly key: string;
  readonly include: boolean;
}

/** Puts a configured scope and the members of its groups together. `groups` are those of `scope.groups`. */
export function prepareScope(
  scope: Scope,
  {
    baseDn,
    groups,
    objects = [],
  }: {
    readonly baseDn: string;
    readonly groups: readonly ResolvedGroup[];
    readonly objects?: readonly { readonly id: string }[];
  },
): ResolvedScope {
  const { include, exclude } = scope.organizationalUnits;
  const rule = (isInclude: boolean) => (dn: string) => ({ dn, key: dnKey(dn), include: isInclude });
  const rules = [...include.map(rule(true)), ...exclude.map(rule(false))];
  // Deepest first: the most specific rule that covers an entry decides.
  rules.sort((a, b) => dnDepth(b.key) - dnDepth(a.key));
  return {
    baseKey: dnKey(baseDn),
    rules,
    hasIncludes: include.length > 0,
    groups,
    groupKeys: new Set(groups.map((group) => dnKey(group.dn))),
    objectIds: objects.map(({ id }) => id),
    combine: scope.combine,
    clauses: scope.clauses,
  };
}

/** Members of a scope group that are not below the base: whatever the scope says, they are never read. */
export interface OutsideMembers {
  /** DN of the scope group. */
  readonly group: string;
  readonly count: number;
  /** Keys of the first of them, for whoever may see names. */
  readonly examples: readonly string[];
}

/** Members that are named, of each group. */
const MAX_EXAMPLES = 3;

/** The scope groups with members outside of the base, foreign security principals of a domain below it not among them. */
export function outsideMembers({ groups, baseKey }: ResolvedScope): readonly OutsideMembers[] {
  return groups.flatMap(({ dn, members }) => {
    const outside = [...members.keys()].filter((key) => !isUnder(key, baseKey));
    if (outside.length === 0) return [];
    return { group: dn, count: outside.length, examples: outside.slice(0, MAX_EXAMPLES) };
  });
}

/** The verdict on one entry. `entry` must hold the attributes that `clauseAttributes` names. */
export function evaluateScope(
  entry: Entry,
  {
    resourceType,
    scope,
  }: { readonly resourceType: ResourceTypeName; readonly scope: ResolvedScope },
): ScopeVerdict {
  const key = dnKey(entry.dn);
  if (!isUnder(key, scope.baseKey)) {
    return { inScope: false, because: "outside base", detail: "not below the directory's base" };
  }
  const where = evaluatePlace(key, scope);
  if (!where.inScope) return where;
  for (const clause of scope.clauses) {
    if (clause.resourceType === resourceType && !clauseHolds(clause, entry)) {
      return { inScope: false, because: "clause failed", detail: printClause(clause) };
    }
  }
  return where;
}

/** What one rule of the scope says of an entry, whatever the others say. `rule` is for a person. */
export interface RuleVerdict {
  readonly rule: string;
  readonly holds: boolean;
}

/**
 * Every clause of the resource type, where `evaluateScope` stops at the first that fails. `entry` must hold the
 * attributes that `clauseAttributes` names.
 */
export function evaluateClauses(
  entry: Entry,
  {
    resourceType,
    scope,
  }: { readonly resourceType: ResourceTypeName; readonly scope: ResolvedScope },
): readonly RuleVerdict[] {
  const clauses = scope.clauses.filter((clause) => clause.resourceType === resourceType);
  return clauses.map((clause) => ({
    rule: printClause(clause),
    holds: clauseHolds(clause, entry),
  }));
}

/** What organizational units and groups say together. */
function evaluatePlace(key: string, scope: ResolvedScope): ScopeVerdict {
  // Named one by one in the configuration, which is more specific than any organizational unit.
  if (scope.groupKeys.has(key)) return { inScope: true, detail: "is a scope group" };
  if (scope.groups.length === 0) return evaluateUnit(key, scope);
  const group = evaluateMembership(key, scope);
  if (scope.rules.length === 0) return group;
  const unit = evaluateUnit(key, scope);
  const both = `${unit.detail}; ${group.detail}`;
  if (scope.combine === "any") {
    if (unit.inScope) return unit;
    return group.inScope ? group : { ...unit, detail: both };
  }
  if (!unit.inScope) return unit;
  return group.inScope ? { inScope: true, detail: both } : group;
}

function evaluateUnit(key: string, scope: ResolvedScope): ScopeVerdict {
  const rule = scope.rules.find((candidate) => isUnder(key, candidate.key));
  if (rule?.include === false) {
    return {
      inScope: false,
      because: "organizational unit excluded",
      detail: rule.dn,
    };
  }
  if (rule !== undefined) return { inScope: true, detail: `below ${rule.dn}` };
  if (!scope.hasIncludes) return { inScope: true, detail: "below the directory's base" };
  return {
    inScope: false,
    because: "outside organizational units",
    detail: "below none of the included organizational units",
  };
}

function evaluateMembership(key: string, scope: ResolvedScope): ScopeVerdict {
  for (const group of scope.groups) {
    const via = group.members.get(key);
    if (via === undefined) continue;
    const path = via === group.dn ? "" : ` through ${via}`;
    return { inScope: true, detail: `member of ${group.dn}${path}` };
  }
  return { inScope: false, because: "not a member", detail: "member of none of the scope groups" };
}

/** The attributes that the clauses of a resource type look at. */
export function clauseAttributes(scope: Scope, resourceType: ResourceTypeName): readonly string[] {
  const clauses = scope.clauses.filter((clause) => clause.resourceType === resourceType);
  return [...new Set(clauses.map((clause) => clause.attribute.toLowerCase()))];
}

/**
 * Where a search has to start so that it reaches everything that can be in scope: the included organizational units
 * that are not below another one, or the base.
 */
export function searchBases(scope: ResolvedScope, baseDn: string): readonly string[] {
  const groupsAddMore = scope.combine === "any" && scope.groups.length > 0;
  if (!scope.hasIncludes || groupsAddMore) return [baseDn];
  const includes = scope.rules.filter((rule) => rule.include);
  const isCovered = (rule: OrganizationalUnitRule) =>
    includes.some((other) => other.key !== rule.key && isUnder(rule.key, other.key));
  const isFirst = (rule: OrganizationalUnitRule) =>
    includes.find(({ key }) => key === rule.key) === rule;
  return includes
    .filter(isFirst)
    .filter((rule) => !isCovered(rule))
    .map((rule) => rule.dn)
    .sort();
}
