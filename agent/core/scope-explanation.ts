import { dnKey, isUnder } from "./dn.ts";
import { type Entry, type Value, valuesOf } from "./entry.ts";
import type { ResourceTypeName, Scope } from "./scope.ts";
import {
  evaluateClauses,
  evaluateScope,
  type ResolvedGroup,
  type ResolvedScope,
  type ScopeVerdict,
} from "./scope-verdict.ts";

/** A rule about an organizational unit, deepest first in a list. */
export interface UnitRule {
  readonly dn: string;
  readonly rule: "include" | "exclude";
  /** Whether the entry is the unit or below it. */
  readonly covers: boolean;
  /** Whether it is the deepest that covers the entry, which alone counts. */
  readonly decides: boolean;
}

export interface GroupRule {
  /** The scope group. */
  readonly dn: string;
  readonly holds: boolean;
  /** Whether the entry is the scope group. */
  readonly isEntry: boolean;
  /** Whether members of groups within it count. */
  readonly nested: boolean;
  /**
   * DNs from the scope group to the group that lists the entry, by the fewest groups; empty when it is no member. One
   * alone is a direct membership.
   */
  readonly path: readonly string[];
}

export interface ClauseRule {
  /** The clause as a sentence, with configured values alone. */
  readonly rule: string;
  readonly attribute: string;
  readonly holds: boolean;
  /** The entry's own values; empty when it has none. Values of a person. */
  readonly values: readonly Value[];
}

/** Every rule of a scope with what it says of one entry, whatever the others say. */
export interface ScopeExplanation {
  readonly verdict: ScopeVerdict;
  /** Whether the entry is below the directory's base. */
  readonly belowBase: boolean;
  /** Named by the configuration, so that neither units nor memberships are asked. */
  readonly isScopeGroup: boolean;
  readonly organizationalUnits: readonly UnitRule[];
  readonly groups: readonly GroupRule[];
  readonly combine: Scope["combine"];
  readonly clauses: readonly ClauseRule[];
}

/** `entry` must hold the attributes that `clauseAttributes` names; `configured` is what `scope` was made of. */
export function explainScope(
  entry: Entry,
  options: {
    readonly resourceType: ResourceTypeName;
    readonly scope: ResolvedScope;
    readonly configured: Scope;
  },
): ScopeExplanation {
  const { resourceType, scope, configured } = options;
  const key = dnKey(entry.dn);
  const deciding = scope.rules.find((rule) => isUnder(key, rule.key));
  const nestedKeys = new Set(
    configured.groups.filter(({ nested }) => nested).map(({ dn }) => dnKey(dn)),
  );
  return {
    verdict: evaluateScope(entry, options),
    belowBase: isUnder(key, scope.baseKey),
    isScopeGroup: scope.groupKeys.has(key),
    organizationalUnits: scope.rules.map((rule) => ({
      dn: rule.dn,
      rule: rule.include ? "include" : "exclude",
      covers: isUnder(key, rule.key),
      decides: rule === deciding,
    })),
    groups: scope.groups.map((group) => {
      const { dn } = group;
      const groupKey = dnKey(dn);
      const path = nestingPath(group, key);
      const nested = nestedKeys.has(groupKey);
      return { dn, holds: path.length > 0, isEntry: groupKey === key, nested, path };
    }),
    combine: scope.combine,
    clauses: explainClauses(entry, { resourceType, scope }),
  };
}

function explainClauses(
  entry: Entry,
  {
    resourceType,
    scope,
  }: { readonly resourceType: ResourceTypeName; readonly scope: ResolvedScope },
): readonly ClauseRule[] {
  return scope.clauses.flatMap((clause) => {
    const { attribute } = clause;
    const verdicts = evaluateClauses(entry, {
      resourceType,
      scope: { ...scope, clauses: [clause] },
    });
    return verdicts.map((verdict) => ({
      ...verdict,
      attribute,
      values: valuesOf(entry, attribute),
    }));
  });
}

/**
 * The groups between a scope group and its member. Members are found level by level, so that the group which is kept
 * for each is one of the shortest way.
 */
function nestingPath(group: ResolvedGroup, memberKey: string): readonly string[] {
  const top = dnKey(group.dn);
  const path: string[] = [];
  const seen = new Set<string>();
  for (let key = memberKey; !seen.has(key); ) {
    seen.add(key);
    const via = group.members.get(key);
    if (via === undefined) return [];
    path.unshift(via);
    key = dnKey(via);
    if (key === top) return path;
  }
  return [];
}
