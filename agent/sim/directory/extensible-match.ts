import { parseDn } from "./distinguished-name.ts";
import type { StoredEntry } from "./entry.ts";
import type { Filter } from "./filter.ts";
import {
  anyValue,
  type HeldValue,
  HIDDEN_ATTRIBUTE,
  type ValueTest,
  valuesReader,
} from "./held-values.ts";
import { normalizeValue } from "./matching.ts";
import { type AttributeDescription, attributeType, isSubtype, parseDescription } from "./schema.ts";
import type { DirectoryStore } from "./store.ts";
import type { Syntax } from "./syntax.ts";

type Rule = Syntax | "bits and" | "bits or";

/** Matching rules that an extensible match may name, with the syntax they compare in; bit rules test an integer. */
const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["caseignorematch", "text"],
  ["2.5.13.2", "text"],
  ["caseexactmatch", "exact"],
  ["2.5.13.5", "exact"],
  ["caseignoreia5match", "ia5"],
  ["1.3.6.1.4.1.1466.109.114.2", "ia5"],
  ["caseexactia5match", "exact"],
  ["1.3.6.1.4.1.1466.109.114.1", "exact"],
  ["integermatch", "integer"],
  ["2.5.13.14", "integer"],
  ["booleanmatch", "boolean"],
  ["2.5.13.13", "boolean"],
  ["octetstringmatch", "octets"],
  ["2.5.13.17", "octets"],
  ["telephonenumbermatch", "telephone"],
  ["2.5.13.20", "telephone"],
  ["generalizedtimematch", "time"],
  ["2.5.13.27", "time"],
  ["distinguishednamematch", "dn"],
  ["2.5.13.1", "dn"],
  ["objectidentifiermatch", "oid"],
  ["2.5.13.0", "oid"],
  ["uuidmatch", "uuid"],
  ["1.3.6.1.1.16.2", "uuid"],
  ["1.2.840.113556.1.4.803", "bits and"],
  ["1.2.840.113556.1.4.804", "bits or"],
]);

/** Which syntaxes of attributes a rule can be applied to. */
const TEXTUAL: readonly Syntax[] = ["text", "exact", "ia5"];

/** Undefined when the rule is unknown or makes no sense for the attribute: the filter is Undefined for every entry. */
export function compileExtensible(
  filter: Extract<Filter, { kind: "extensible" }>,
  store: DirectoryStore,
): ((entry: StoredEntry) => boolean) | undefined {
  const description =
    filter.attribute === undefined ? undefined : parseDescription(filter.attribute);
  if (filter.attribute !== undefined && description === undefined) return undefined;
  if (description?.type.name === HIDDEN_ATTRIBUTE) return undefined;
  const rule =
    filter.matchingRule === undefined
      ? description?.type.syntax
      : RULES.get(filter.matchingRule.toLowerCase());
  if (rule === undefined) return undefined;
  const test = compileRule(rule, filter.value);
  if (test === undefined) return undefined;
  if (description !== undefined && !applies(rule, description.type.syntax)) return undefined;
  const read =
    description === undefined
      ? (entry: StoredEntry) => valuesOfSyntax(entry, rule)
      : valuesReader(store, description);
  return (entry) => {
    const held = read(entry);
    if (anyValue(held, test)) return true;
    if (!filter.dnAttributes) return false;
    return namingValues(entry, description, rule).some((value) => test(value, "text"));
  };
}

function valuesOfSyntax(entry: StoredEntry, rule: Rule): HeldValue[] {
  return entry.attributes
    .filter(({ type }) => type.name !== HIDDEN_ATTRIBUTE && applies(rule, type.syntax))
    .flatMap(({ type, values }) => values.map((value) => ({ syntax: type.syntax, value })));
}

function applies(rule: Rule, syntax: Syntax): boolean {
  if (rule === "bits and" || rule === "bits or") return syntax === "integer";
  return rule === syntax || (TEXTUAL.includes(rule as Syntax) && TEXTUAL.includes(syntax));
}

function compileRule(rule: Rule, value: Buffer): ValueTest | undefined {
  if (rule === "bits and" || rule === "bits or") {
    const text = normalizeValue("integer", value);
    if (text === undefined) return undefined;
    const mask = BigInt(text);
    return (held) => {
      const number = normalizeValue("integer", held);
      if (number === undefined) return false;
      const common = BigInt(number) & mask;
      return rule === "bits and" ? common === mask : common !== 0n;
    };
  }
  const wanted = normalizeValue(rule, value);
  return wanted === undefined ? undefined : (held) => normalizeValue(rule, held) === wanted;
}

/** Values of the parts of the DN, for `:dn:` (RFC 4511 section 4.5.1.7.7). */
function namingValues(
  entry: StoredEntry,
  description: AttributeDescription | undefined,
  rule: Rule,
): string[] {
  return parseDn(entry.dn)
    .flat()
    .filter(({ type }) => {
      const known = attributeType(type);
      if (known === undefined) return false;
      return description === undefined
        ? applies(rule, known.syntax)
        : isSubtype(known, description.type);
    })
    .map(({ value }) => value);
}
