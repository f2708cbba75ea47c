import { type Entry, textsOf } from "./entry.ts";
import { anyOf, type LdapFilter } from "./ldap-filter.ts";

/**
 * What a directory holds besides people and groups and what is never provisioned, whatever the mapping and the scope say.
 * One condition on one attribute, so that server and agent decide it alike; letter case does not count.
 */
export type LeftOutRule = {
  /** For a person: "critical system object". */
  readonly name: string;
  readonly attribute: string;
} & ({ readonly equals: string } | { readonly contains: string });

/** Finds everything that the rules do not leave out; undefined when there are none. */
export function leftOutFilter(rules: readonly LeftOutRule[]): LdapFilter | undefined {
  if (rules.length === 0) return undefined;
  // An absent attribute, or one that the account may not read (MS-ADTS section 3.1.1.4.3), fails the inner test: the
  // entry stays.
  return { kind: "not", filter: anyOf(rules.map(filterOf)) };
}

function filterOf(rule: LeftOutRule): LdapFilter {
  const { attribute } = rule;
  return "equals" in rule
    ? { kind: "equality", attribute, value: rule.equals }
    : { kind: "substrings", attribute, any: [rule.contains] };
}

/** The name of the first rule that leaves the entry out. It must hold the attributes that `leftOutAttributes` names. */
export function leftOutAs(entry: Entry, rules: readonly LeftOutRule[]): string | undefined {
  return rules.find((rule) => holds(rule, entry))?.name;
}

function holds(rule: LeftOutRule, entry: Entry): boolean {
  const wanted = ("equals" in rule ? rule.equals : rule.contains).toLowerCase();
  return textsOf(entry, rule.attribute).some((text) => {
    const folded = text.toLowerCase();
    return "equals" in rule ? folded === wanted : folded.includes(wanted);
  });
}

/** The attributes that the rules look at, in lower case. */
export function leftOutAttributes(rules: readonly LeftOutRule[]): readonly string[] {
  return [...new Set(rules.map(({ attribute }) => attribute.toLowerCase()))];
}
