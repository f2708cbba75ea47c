/** The two kinds of resource that are provisioned (RFC 7643 sections 4.1 and 4.2). */
export type ResourceTypeName = "User" | "Group";

/** Operators that compare with nothing. */
export const UNARY_OPERATORS = ["present", "absent", "isTrue", "isFalse"] as const;

/** Operators that compare with one text or number, besides `equals` and `notEquals`. */
export const TEXT_OPERATORS = [
  "matches",
  "notMatches",
  "greaterThan",
  "greaterThanOrEquals",
  "includes",
  "endsWith",
  "within",
  "notWithin",
  "hasBits",
  "lacksBits",
] as const;

/**
 * One condition on one attribute of an entry. An absent attribute fails every operator but `absent`, `notEquals` included (Entra:
 * "scoping filters return false if the value is null/empty").
 */
export type Clause = { readonly resourceType: ResourceTypeName; readonly attribute: string } & (
  | { readonly operator: "equals"; readonly value: string }
  | { readonly operator: "notEquals"; readonly value: string }
  | { readonly operator: (typeof UNARY_OPERATORS)[number] }
  | { readonly operator: (typeof TEXT_OPERATORS)[number]; readonly value: string }
  | { readonly operator: "in"; readonly values: readonly string[] }
);

export interface ScopeGroup {
  readonly dn: string;
  /** Members of member groups too, to any depth; otherwise direct members alone. */
  readonly nested: boolean;
}

/** Who is provisioned, as configured. Nothing configured means everybody below the directory's base. */
export interface Scope {
  readonly organizationalUnits: {
    /** Each with everything below it. Empty means the directory's base. */
    readonly include: readonly string[];
    /** Each with everything below it, unless a deeper `include` says otherwise. */
    readonly exclude: readonly string[];
  };
  readonly groups: readonly ScopeGroup[];
  /** How organizational units and groups work together when both are configured. */
  readonly combine: "all" | "any";
  /** All must hold. */
  readonly clauses: readonly Clause[];
}
