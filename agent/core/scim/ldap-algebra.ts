import { allOf, anyOf, type LdapFilter } from "../ldap-filter.ts";

/**
 * What to ask a directory for. Never too little: every entry whose resource matches the SCIM filter is found.
 * `exact` = no other entry is found, so that the resources need not be matched again. Nothing is always exact.
 */
export type LdapTranslation =
  | { readonly kind: "everything"; readonly exact: boolean }
  | { readonly kind: "nothing"; readonly exact: true }
  | { readonly kind: "filter"; readonly ldapFilter: LdapFilter; readonly exact: boolean };

/** What the server cannot be asked: any entry may match. */
export const UNKNOWN: LdapTranslation = { kind: "everything", exact: false };
export const EVERYTHING: LdapTranslation = { kind: "everything", exact: true };
export const NOTHING: LdapTranslation = { kind: "nothing", exact: true };

export function ask(ldapFilter: LdapFilter, exact = false): LdapTranslation {
  return { kind: "filter", ldapFilter, exact };
}

/** The same question, its answer to be matched again. */
export function loosen(part: LdapTranslation): LdapTranslation {
  return part.kind === "nothing" ? part : { ...part, exact: false };
}

/** `and`: parts that cannot be asked are dropped. */
export function intersect(parts: readonly LdapTranslation[]): LdapTranslation {
  if (parts.some(({ kind }) => kind === "nothing")) return NOTHING;
  const exact = parts.every((part) => part.exact);
  const filters = filtersOf(parts);
  return filters.length === 0 ? { kind: "everything", exact } : ask(allOf(filters), exact);
}

/** `or`: one part that cannot be asked asks for everything. No parts match nothing. */
export function unite(parts: readonly LdapTranslation[]): LdapTranslation {
  const everything = parts.filter(({ kind }) => kind === "everything");
  if (everything.length > 0) return everything.some(({ exact }) => exact) ? EVERYTHING : UNKNOWN;
  const filters = filtersOf(parts);
  if (filters.length === 0) return NOTHING;
  return ask(
    anyOf(filters),
    parts.every((part) => part.exact),
  );
}

/** `not`: what is found too much would be missing, so that only exact parts can be negated. */
export function negate(part: LdapTranslation): LdapTranslation {
  if (!part.exact) return UNKNOWN;
  switch (part.kind) {
    case "everything":
      return NOTHING;
    case "nothing":
      return EVERYTHING;
    case "filter":
      return ask({ kind: "not", filter: part.ldapFilter }, true);
  }
}

function filtersOf(parts: readonly LdapTranslation[]): readonly LdapFilter[] {
  return parts.flatMap((part) => (part.kind === "filter" ? [part.ldapFilter] : []));
}
