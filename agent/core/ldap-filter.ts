import type { Value } from "./entry.ts";

/** An LDAP search filter (RFC 4511 section 4.5.1.7), as much of it as the agent builds. */
export type LdapFilter =
  | { readonly kind: "and"; readonly filters: readonly LdapFilter[] }
  | { readonly kind: "or"; readonly filters: readonly LdapFilter[] }
  | { readonly kind: "not"; readonly filter: LdapFilter }
  | { readonly kind: "present"; readonly attribute: string }
  | { readonly kind: "equality"; readonly attribute: string; readonly value: Value }
  | { readonly kind: "greaterOrEqual"; readonly attribute: string; readonly value: Value }
  | { readonly kind: "lessOrEqual"; readonly attribute: string; readonly value: Value }
  | {
      readonly kind: "substrings";
      readonly attribute: string;
      readonly initial?: string;
      readonly any?: readonly string[];
      readonly final?: string;
    };

/** Matches every entry. `(&)` of RFC 4526 is not understood by Active Directory. */
export const EVERY_ENTRY: LdapFilter = { kind: "present", attribute: "objectClass" };

/** All of them; one filter stands for itself, none matches every entry. */
export function allOf(filters: readonly LdapFilter[]): LdapFilter {
  const [first, ...rest] = filters;
  if (first === undefined) return EVERY_ENTRY;
  return rest.length === 0 ? first : { kind: "and", filters };
}

/**
 * Any of them; one filter stands for itself.
 * @throws RangeError when there is none, since nothing that every server understands matches no entry
 */
export function anyOf(filters: readonly LdapFilter[]): LdapFilter {
  const [first, ...rest] = filters;
  if (first === undefined) throw new RangeError("anyOf needs at least one filter");
  return rest.length === 0 ? first : { kind: "or", filters };
}

/** The filter in the notation of RFC 4515. */
export function printLdapFilter(filter: LdapFilter): string {
  switch (filter.kind) {
    case "and":
      return `(&${filter.filters.map(printLdapFilter).join("")})`;
    case "or":
      return `(|${filter.filters.map(printLdapFilter).join("")})`;
    case "not":
      return `(!${printLdapFilter(filter.filter)})`;
    case "present":
      return `(${filter.attribute}=*)`;
    case "equality":
      return `(${filter.attribute}=${printValue(filter.value)})`;
    case "greaterOrEqual":
      return `(${filter.attribute}>=${printValue(filter.value)})`;
    case "lessOrEqual":
      return `(${filter.attribute}<=${printValue(filter.value)})`;
    case "substrings": {
      const parts = [filter.initial ?? "", ...(filter.any ?? []), filter.final ?? ""];
      return `(${filter.attribute}=${parts.map(printValue).join("*")})`;
    }
  }
}

/** The filter in the notation of RFC 4515 with `?` in place of every value, for logs. */
export function printLdapFilterShape(filter: LdapFilter): string {
  return printLdapFilter(withoutValues(filter));
}

function withoutValues(filter: LdapFilter): LdapFilter {
  switch (filter.kind) {
    case "and":
    case "or":
      return { kind: filter.kind, filters: filter.filters.map(withoutValues) };
    case "not":
      return { kind: "not", filter: withoutValues(filter.filter) };
    case "present":
      return filter;
    case "equality":
    case "greaterOrEqual":
    case "lessOrEqual":
      return { ...filter, value: "?" };
    case "substrings": {
      const { initial, any = [], final } = filter;
      return {
        ...filter,
        ...(initial === undefined ? {} : { initial: "?" }),
        any: any.map(() => "?"),
        ...(final === undefined ? {} : { final: "?" }),
      };
    }
  }
}

/** The attributes that the filter asks about, in lower case. */
export function ldapFilterAttributes(filter: LdapFilter): ReadonlySet<string> {
  switch (filter.kind) {
    case "and":
    case "or":
      return new Set(filter.filters.flatMap((part) => [...ldapFilterAttributes(part)]));
    case "not":
      return ldapFilterAttributes(filter.filter);
    default:
      return new Set([filter.attribute.toLowerCase()]);
  }
}

function printValue(value: Value): string {
  if (typeof value !== "string") return Array.from(value, escapeByte).join("");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 4515 section 3 escapes NUL
  return value.replace(/[*()\\\u0000]/g, (c) => escapeByte(c.charCodeAt(0)));
}

function escapeByte(byte: number): string {
  return `\\${byte.toString(16).padStart(2, "0")}`;
}
