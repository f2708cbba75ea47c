/** An attribute of the source object that finds its resource in the target. Tried in order of precedence. */
export interface MatchingAttribute {
  readonly source: string;
  /** A SCIM attribute that the target can filter by. */
  readonly target: string;
  /** 1 is tried first. */
  readonly precedence: number;
}

/** One look-up: the first that finds anything decides. */
export interface MatchingQuery {
  readonly attribute: string;
  readonly value: string;
}

/** What a look-up found. */
export interface MatchingAttempt<T> {
  readonly query: MatchingQuery;
  readonly candidates: readonly T[];
}

export type MatchResult<T> =
  /** The source object has none of the matching attributes: whether the target has it cannot be told. */
  | { readonly kind: "noKey"; readonly detail: string }
  | { readonly kind: "none"; readonly detail: string }
  | { readonly kind: "one"; readonly resource: T; readonly detail: string }
  | { readonly kind: "ambiguous"; readonly candidates: readonly T[]; readonly detail: string }
  /** The one that was found belongs to another entry. */
  | { readonly kind: "taken"; readonly resource: T; readonly by: string; readonly detail: string };

/**
 * The look-ups for one source object, in order. Attributes that it does not have, or has several values of, or that are not
 * text, a number or a boolean, are left out.
 */
export function planMatching(
  attributes: readonly MatchingAttribute[],
  read: (attribute: string) => unknown,
): readonly MatchingQuery[] {
  const ordered = [...attributes].sort((a, b) => a.precedence - b.precedence);
  return ordered.flatMap(({ source, target }) => {
    const value = read(source);
    if (value === "" || !/^(string|number|boolean)$/.test(typeof value)) return [];
    return [{ attribute: target, value: String(value) }];
  });
}

/**
 * The verdict of the look-ups that were made, in the order of `planMatching`, up to the first that found anything. Details
 * name attributes and no values.
 * @param options `anchor`: of the source object; `anchorOf`: of the entry that a resource is linked to, if any
 */
export function evaluateMatch<T>(
  attempts: readonly MatchingAttempt<T>[],
  {
    anchor,
    anchorOf,
  }: { readonly anchor: string; readonly anchorOf: (resource: T) => string | undefined },
): MatchResult<T> {
  if (attempts.length === 0) {
    return { kind: "noKey", detail: "the source has none of the matching attributes" };
  }
  const tried = attempts.map(({ query }) => query.attribute).join(", ");
  const found = attempts.find(({ candidates }) => candidates.length > 0);
  const [resource, second] = found?.candidates ?? [];
  if (found === undefined || resource === undefined) {
    return { kind: "none", detail: `no resource by ${tried}` };
  }
  const { query, candidates } = found;
  if (second !== undefined) {
    const detail = `${candidates.length} resources by ${query.attribute}`;
    return { kind: "ambiguous", candidates, detail };
  }
  const by = anchorOf(resource);
  if (by !== undefined && by !== anchor) {
    const detail = `the resource by ${query.attribute} is linked to another entry (${by})`;
    return { kind: "taken", resource, by, detail };
  }
  return { kind: "one", resource, detail: `one resource by ${query.attribute}` };
}
