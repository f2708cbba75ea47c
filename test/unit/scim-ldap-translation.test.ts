import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printGeneralizedTime } from "../../agent/core/directory-value/generalized-time.ts";
import { type LdapFilter, printLdapFilter } from "../../agent/core/ldap-filter.ts";
import {
  type CompareOperator,
  parseFilter,
  type ScimFilter,
} from "../../agent/core/scim/filter.ts";
import { compileFilter } from "../../agent/core/scim/filter-match.ts";
import type { LdapTranslation } from "../../agent/core/scim/ldap-algebra.ts";
import { indexLdapSources, type LdapSource } from "../../agent/core/scim/ldap-source.ts";
import { toLdapFilter } from "../../agent/core/scim/ldap-translation.ts";
import { parsePath } from "../../agent/core/scim/path.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA, USER_SCHEMA } from "../../agent/core/scim/urn.ts";

const direct = (attribute: string) =>
  ({ kind: "attribute", attribute, matching: "caseIgnore", substrings: true }) as const;
const equality = (attribute: string, value: string): LdapFilter => ({
  kind: "equality",
  attribute,
  value,
});

const UUID = /^[0-9a-f]{4}$/;
const idFilter = (id: string) => (UUID.test(id) ? equality("entryUUID", id) : undefined);

const MAPPING: readonly (readonly [string, LdapSource])[] = [
  ["userName", direct("uid")],
  [
    "externalId",
    { kind: "attribute", attribute: "anchor", matching: "caseExact", substrings: false },
  ],
  ["title", direct("title")],
  ["title", direct("description")],
  ["nickName", { ...direct("nick"), exact: true }],
  ["costCode", { ...direct("costA"), exact: true }],
  ["costCode", { ...direct("costB"), exact: true }],
  ["displayName", { kind: "computed" }],
  ["userType", { kind: "constant", value: "Employee" }],
  ["locale", { kind: "constant", value: "" }],
  [
    "active",
    {
      kind: "boolean",
      whenTrue: { kind: "not", filter: equality("locked", "TRUE") },
      whenFalse: equality("locked", "TRUE"),
    },
  ],
  ["name.givenName", direct("givenName")],
  ["name.familyName", direct("sn")],
  ['emails[type eq "work"].value', direct("mail")],
  ['emails[type eq "WORK"].primary', { kind: "constant", value: true }],
  ['emails[type eq "other" and display eq "O"].value', direct("proxy")],
  ['ims[type eq "x" or type eq "y"].value', direct("im")],
  ["phoneNumbers.value", direct("phone")],
  ["phoneNumbers.type", { kind: "constant", value: "work" }],
  ['roles[type eq "a"].value', direct("role")],
  ['roles[type eq "a"].type', { kind: "computed" }],
  ["photos", { kind: "attribute", attribute: "photo", matching: "none", substrings: true }],
  ["x509Certificates.value", direct("cert")],
  ["meta.created", { kind: "time", attribute: "created", fraction: false }],
  ["meta.lastModified", { kind: "time", attribute: "changed", fraction: true }],
  ["preferredLanguage", { kind: "time", attribute: "lang", fraction: true }],
  ["timezone", { kind: "boolean", whenTrue: equality("a", "1"), whenFalse: equality("a", "0") }],
  ["profileUrl", { kind: "attribute", attribute: "url", matching: "caseExact", substrings: true }],
  ["meta.version", { ...direct("version"), exact: true }],
  ["nickname2", { kind: "attribute", attribute: "n2", matching: "caseExact", substrings: true }],
  [
    `${ENTERPRISE_USER_SCHEMA}:manager`,
    {
      kind: "lookup",
      attribute: "manager",
      filterFor: (id) => (UUID.test(id) ? equality("manager", `cn=${id}`) : undefined),
    },
  ],
];

const sources = indexLdapSources(
  MAPPING.map(([path, source]) => ({ path: parsePath(path), source })),
  { resourceType: "User" },
);

function print(translation: LdapTranslation): string {
  const text =
    translation.kind === "filter" ? printLdapFilter(translation.ldapFilter) : translation.kind;
  return translation.exact ? `${text} exactly` : text;
}

const translate = (filter: string) =>
  print(toLdapFilter(parseFilter(filter), { sources, idFilter }));

describe("toLdapFilter", () => {
  it.each([
    ["userName eq Ada", "(uid=Ada)"],
    ["USERNAME eq 42", "(uid=42)"],
    [`${USER_SCHEMA}:userName eq "a*b"`, "(uid=a\\2ab)"],
    ["userName co adx", "(uid=*ad*)"],
    ["userName co a", "(uid=*)"],
    ["userName co a5", "(uid=*a5*)"],
    ["userName sw adx", "(uid=ad*)"],
    ["userName ew a", "(uid=*a)"],
    ['userName co " a  b "', "(uid=*a*b*)"],
    ['userName sw "a bx"', "(uid=a*b*)"],
    ['userName sw " ax"', "(uid=*a*)"],
    ['userName ew "a b"', "(uid=*a*b)"],
    ['userName ew "a "', "(uid=*a*)"],
    ["userName gt a", "(uid=*)"],
    ["userName pr", "(uid=*)"],
    ["userName ne null", "(uid=*)"],
    ['userName eq ""', "(uid=*)"],
    ['userName eq " "', "(uid=*)"],
    ['userName eq "a\\u0000"', "(uid=*)"],
    ['userName co "\\u00ad"', "(uid=*)"],
    ["userName eq true", "(uid=*)"],
    ["userName ne a", "everything"],
    ["userName eq null", "everything"],
    ["userName gt null", "everything"],
    ["not (userName eq a)", "everything"],
    ["userName.value eq a", "everything"],
    ["userName.value pr", "everything"],
  ])("asks about text that is mapped directly: %s", (filter, expected) => {
    expect(translate(filter)).toBe(expected);
  });

  it.each([
    ["externalId eq A", "(anchor=A)"],
    ["externalId co A", "(anchor=*)"],
    ["nickname2 eq A", "(n2=*)"],
    ["profileUrl sw AB", "(url=A*)"],
    ["photos.value eq A", "(photo=*)"],
    ["photos pr", "(photo=*)"],
    ["x509Certificates.value eq A", "(cert=*)"],
  ])("asks no more than the server's rule can tell: %s", (filter, expected) => {
    expect(translate(filter)).toBe(expected);
  });

  it.each([
    ["nickName eq a", "(nick=a) exactly"],
    ["nickName ne a", "(!(nick=a)) exactly"],
    ["not (nickName ne a)", "(!(!(nick=a))) exactly"],
    ["nickName pr", "(nick=*) exactly"],
    ["nickName eq null", "(!(nick=*)) exactly"],
    ['nickName ne ""', "everything"],
    ['nickName ne "a b"', "everything"],
    ["nickName sw ax", "(nick=a*)"],
    ["costCode ne a", "(|(!(costA=a))(!(costB=a)))"],
    ["meta.version eq a", "(version=a)"],
    ["nickName lt a", "(nick=*)"],
  ])("negates what the server decides exactly: %s", (filter, expected) => {
    expect(translate(filter)).toBe(expected);
  });

  it.each([
    ["userType eq employee", "everything exactly"],
    ["userType eq x", "nothing exactly"],
    ["userType ne x", "everything exactly"],
    ["userType ne EMPLOYEE", "nothing exactly"],
    ["userType pr", "everything exactly"],
    ["userType eq null", "nothing exactly"],
    ["locale pr", "nothing exactly"],
    ["userType eq x or userName eq a", "(uid=a)"],
    ["userType eq employee and userName eq a", "(uid=a)"],
    ["userType eq x and userName eq a", "nothing exactly"],
    ["userType eq employee or displayName eq a", "everything exactly"],
    ["userType eq x or locale pr", "nothing exactly"],
    ["userType eq employee and userType ne x", "everything exactly"],
    ["not (userType eq x and displayName eq a)", "everything exactly"],
  ])("decides constants at once: %s", (filter, expected) => {
    expect(translate(filter)).toBe(expected);
  });

  it.each([
    ["userName eq a and displayName eq b", "(uid=a)"],
    ["userName eq a and title eq b", "(&(uid=a)(|(title=b)(description=b)))"],
    ["userName eq a or displayName eq b", "everything"],
    ["userName eq a or userName eq b", "(|(uid=a)(uid=b))"],
    ["nickName eq a or nickName eq b", "(|(nick=a)(nick=b)) exactly"],
    ["displayName eq a and displayName eq b", "everything"],
    ["not (displayName eq a)", "everything"],
    ["displayName pr", "everything"],
    ["unheard eq a", "everything"],
    ["password eq a", "everything"],
  ])("combines: %s", (filter, expected) => {
    expect(translate(filter)).toBe(expected);
  });

  it.each([
    ["id eq 00ff", "(entryUUID=00ff)"],
    ["id eq x", "nothing exactly"],
    ["not (id eq x)", "everything exactly"],
    ["id ne 00ff", "everything"],
    ["id pr", "everything"],
    ["id sw 00", "everything"],
    ["id eq true", "everything"],
    ["urn:x:y:id eq 00ff", "everything"],
    ["manager eq 00ff", "(manager=cn=00ff)"],
    ["manager.value eq x", "nothing exactly"],
    ["manager.value co 0", "(manager=*)"],
    ["manager pr", "(manager=*)"],
    ["manager.displayName eq a", "everything"],
    ["id eq 00ff and manager eq 00aa", "(&(entryUUID=00ff)(manager=cn=00aa))"],
  ])("looks ids up: %s", (filter, expected) => {
    expect(translate(filter)).toBe(expected);
  });

  it.each([
    ["active eq true", "(!(locked=TRUE))"],
    ["active eq False", "(locked=TRUE)"],
    ['active eq "False"', "(locked=TRUE)"],
    ["active eq 1", "nothing exactly"],
    ["active ne true", "everything"],
    ["active pr", "everything"],
    ["active co t", "everything"],
    ["timezone eq true", "everything"],
  ])("asks for booleans by their filters: %s", (filter, expected) => {
    expect(translate(filter)).toBe(expected);
  });

  it.each([
    ["meta.created gt 2011-05-13T04:42:34.5Z", "(created>=20110513044234Z)"],
    ["meta.created ge 2011-05-13T04:42:34Z", "(created>=20110513044234Z)"],
    ["meta.created lt 2011-05-13T04:42:34.5Z", "(created<=20110513044235Z)"],
    ["meta.lastModified le 2011-05-13T06:42:34+02:00", "(changed<=20110513044234.0Z)"],
    [
      "meta.created eq 2011-05-13T04:42:34Z",
      "(&(created>=20110513044234Z)(created<=20110513044234Z))",
    ],
    ["meta.created ge 0001-01-01T00:00:00Z", "(created>=16010101000000Z)"],
    ["meta.created le 9999-12-31T23:59:59-10:00", "(created<=99991231235959Z)"],
    ["meta.created co 2011", "(created=*)"],
    ["meta.created sw 2011", "(created=*)"],
    ["meta.created ew 2011", "(created=*)"],
    ["meta.created gt yesterday", "(created=*)"],
    ["meta.created gt 5", "(created=*)"],
    ["meta.created eq yesterday", "nothing exactly"],
    ["meta.created pr", "(created=*)"],
    ["preferredLanguage eq 2011-05-13T04:42:34Z", "(lang=*)"],
  ])("asks for times in whole seconds: %s", (filter, expected) => {
    expect(translate(filter)).toBe(expected);
  });

  it.each([
    ["emails eq a", "(|(mail=a)(proxy=a))"],
    ["emails.value eq a", "(|(mail=a)(proxy=a))"],
    ["emails.value ne a", "everything"],
    ["emails.value pr", "(|(mail=*)(proxy=*))"],
    ["emails.type eq work", "everything"],
    ["emails.type eq home", "nothing exactly"],
    ["emails.type pr", "everything"],
    ["emails.primary eq true", "everything"],
    ["name pr", "(|(givenName=*)(sn=*))"],
    ["name.givenName eq a", "(givenName=a)"],
    ["name.formatted eq a", "everything"],
    ['emails[type eq "other"]', "(proxy=*)"],
    ['emails[type eq "other" and value eq "a"]', "(proxy=a)"],
    ['emails[type eq "other"].value eq "a"', "(proxy=a)"],
    ['emails[type eq "other"].value pr', "(proxy=*)"],
    ['emails[type eq "other"].value ne null', "(proxy=*)"],
    ['emails[type eq "other"].value ne "a"', "everything"],
    ['emails[type eq "other"].value eq null', "everything"],
    ['emails[type eq "home"].value eq "a"', "nothing exactly"],
    ['emails[value eq "a"]', "(|(mail=a)(proxy=a))"],
    ['emails[not (type eq "work") and value eq "a"]', "(proxy=a)"],
    ['emails[type ne "work" and (value eq "a" or value sw "bx")]', "(|(proxy=a)(proxy=b*))"],
    ['emails[not (value eq "a")]', "everything"],
    ["emails[type eq null]", "nothing exactly"],
    ["emails[type.x eq a or type eq other]", "everything"],
    ["emails[urn:x:y:type eq a]", "everything"],
    ["ims[type eq x]", "(im=*)"],
    ["ims.value eq a", "everything"],
    ["phoneNumbers[type eq work and value eq 5]", "(phone=5)"],
    ["phoneNumbers.type ne work", "everything"],
    ["roles[type eq a]", "everything"],
    ["roles[type ne a and value eq x]", "(role=x)"],
    ["roles[type pr and value eq x]", "(role=x)"],
    ["roles[type eq null and value eq x]", "(role=x)"],
    ["roles[value gt null and value eq x]", "(role=x)"],
    ["roles[type ne null and value eq x]", "(role=x)"],
    ["unheard[value eq x]", "everything"],
  ])("asks each element that mapping writes: %s", (filter, expected) => {
    expect(translate(filter)).toBe(expected);
  });

  it("asks of a filter that nests deeper than servers take what stands above", () => {
    let filter = "userName eq x";
    for (let depth = 0; depth < 60; depth++) {
      filter = `title eq t ${depth % 2 === 0 ? "or" : "and"} (${filter})`;
    }
    const text = translate(filter);
    expect(text.slice(0, 44)).toBe("(&(|(title=t)(description=t))(|(|(title=t)(d");
    expect(text).not.toContain("uid");
    let nesting = 0;
    const levels = [...text].map((c) => (c === "(" ? ++nesting : c === ")" ? --nesting : 0));
    expect(Math.max(...levels)).toBeLessThan(40);
  });

  it("asks of a value filter that nests deeper than servers take what stands above", () => {
    let filter = "value eq x";
    for (let depth = 0; depth < 60; depth++) {
      filter = `value eq t ${depth % 2 === 0 ? "or" : "and"} (${filter})`;
    }
    const text = translate(`emails[type eq other and (${filter})]`);
    expect(text.slice(0, 30)).toBe("(&(proxy=t)(|(proxy=t)(&(proxy");
    expect(text).not.toContain("proxy=x");
  });

  it("knows no absence of what the bracket fixes", () => {
    const index = indexLdapSources(
      [{ path: parsePath("roles[type eq a].type"), source: direct("roleType") }],
      { resourceType: "User" },
    );
    const found = toLdapFilter(parseFilter("roles.type pr"), { sources: index, idFilter });
    expect(print(found)).toBe("everything");
  });

  it("takes a bracket of any other shape for unknown", () => {
    const brackets = ["type eq null", "type eq a and type eq b", "type pr", "type ne a"];
    for (const bracket of brackets) {
      const index = indexLdapSources(
        [{ path: parsePath(`emails[${bracket}].value`), source: direct("mail") }],
        { resourceType: "User" },
      );
      const found = toLdapFilter(parseFilter("emails.value eq a"), { sources: index, idFilter });
      expect([bracket, print(found)]).toEqual([bracket, "everything"]);
    }
  });

  it("asks nothing of a value path that was nested by hand", () => {
    const filter: ScimFilter = {
      kind: "valuePath",
      path: { attribute: "phoneNumbers" },
      filter: {
        kind: "valuePath",
        path: { attribute: "value" },
        filter: { kind: "present", path: { attribute: "x" } },
      },
    };
    expect(print(toLdapFilter(filter, { sources, idFilter }))).toBe("everything");
  });

  it("prefers a source for the id that mapping names", () => {
    const index = indexLdapSources([{ path: parsePath("id"), source: direct("guid") }], {
      resourceType: "Group",
    });
    const found = toLdapFilter(parseFilter("id eq x"), { sources: index, idFilter });
    expect(print(found)).toBe("(guid=x)");
  });
});

type Entry = Readonly<Record<string, readonly string[]>>;

/** caseIgnoreMatch as servers do it: letter case and insignificant white space do not count. */
const fold = (value: string) => value.toLowerCase().trim().replace(/\s+/g, " ");

function ldapMatches(filter: LdapFilter, entry: Entry): boolean {
  switch (filter.kind) {
    case "and":
      return filter.filters.every((part) => ldapMatches(part, entry));
    case "or":
      return filter.filters.some((part) => ldapMatches(part, entry));
    case "not":
      return !ldapMatches(filter.filter, entry);
    case "present":
      return (entry[filter.attribute] ?? []).length > 0;
    default:
      return (entry[filter.attribute] ?? []).some((value) => valueMatches(filter, value));
  }
}

function valueMatches(filter: Extract<LdapFilter, { attribute: string }>, stored: string): boolean {
  if (filter.kind === "present") return true;
  const caseExact = filter.attribute === "anchor" || filter.attribute === "url";
  const value = caseExact ? stored : fold(stored);
  if (filter.kind !== "substrings") {
    const asserted = caseExact ? String(filter.value) : fold(String(filter.value));
    if (filter.kind === "equality") return value === asserted;
    return filter.kind === "greaterOrEqual" ? value >= asserted : value <= asserted;
  }
  const { initial = "", any = [], final = "" } = filter;
  let rest = value;
  for (const [index, part] of [initial, ...any].entries()) {
    const piece = caseExact ? part : part.toLowerCase();
    const at = rest.indexOf(piece);
    if (at < 0 || (index === 0 && at > 0)) return false;
    rest = rest.slice(at + piece.length);
  }
  return rest.endsWith(caseExact ? final : final.toLowerCase());
}

const SECONDS = [-11_644_473_600, 0, 1_305_261_754, 1_305_261_755];
const iso = (seconds: number) => new Date(seconds * 1000).toISOString();

const texts = fc.constantFrom("a", "A", "b", "aB", "a b", "a  b", " a", "b ", "00ff", "ä", "x*");
const oneOf = (least: number) => fc.array(texts, { minLength: least, maxLength: 2 });
const people = fc.record({
  uid: oneOf(1),
  anchor: oneOf(0),
  title: oneOf(0),
  description: oneOf(0),
  costA: fc.array(fc.constantFrom("a", "b", "aB"), { maxLength: 1 }),
  costB: fc.array(fc.constantFrom("a", "b", "aB"), { maxLength: 1 }),
  nick: fc.array(fc.constantFrom("a", "b", "aB"), { maxLength: 1 }),
  locked: fc.constantFrom<string[][]>([], ["TRUE"], ["FALSE"]),
  givenName: oneOf(0),
  sn: oneOf(0),
  mail: oneOf(0),
  proxy: oneOf(0),
  im: oneOf(0),
  phone: oneOf(0),
  role: oneOf(0),
  photo: oneOf(0),
  url: oneOf(0),
  created: fc.array(fc.constantFrom(...SECONDS), { minLength: 1, maxLength: 1 }),
  manager: fc.array(fc.constantFrom("00ff", "00aa"), { maxLength: 1 }),
  entryUUID: fc.array(fc.constantFrom("00ff", "00aa"), { minLength: 1, maxLength: 1 }),
});
type Person = typeof people extends fc.Arbitrary<infer T> ? T : never;

function toEntry(person: Person): Entry {
  return {
    ...person,
    created: person.created.map((seconds) => printGeneralizedTime(seconds, false)),
    manager: person.manager.map((id) => `cn=${id}`),
  };
}

function toResource(person: Person): ScimResource {
  const elements = (values: readonly string[], fixed: object) =>
    values.map((value) => ({ value, ...fixed }));
  const only = (name: string, values: readonly string[]) =>
    values[0] === undefined ? {} : { [name]: values[0] };
  return {
    schemas: [USER_SCHEMA],
    id: String(person.entryUUID[0]),
    ...only("userName", person.uid),
    ...only("externalId", person.anchor),
    ...only("title", [...person.title, ...person.description]),
    ...only("nickName", person.nick),
    ...only("costCode", [...person.costA, ...person.costB]),
    ...only("profileUrl", person.url),
    displayName: `${person.uid[0]} computed`,
    userType: "Employee",
    active: person.locked[0] !== "TRUE",
    name: { ...only("givenName", person.givenName), ...only("familyName", person.sn) },
    emails: [
      ...elements(person.mail, { type: "work", primary: true }),
      ...elements(person.proxy, { type: "other", display: "O" }),
    ],
    ims: elements(person.im, { type: "x" }),
    phoneNumbers: elements(person.phone, { type: "work" }),
    roles: elements(person.role, { type: "A" }),
    photos: elements(person.photo, {}),
    meta: { created: iso(Number(person.created[0])) },
    [ENTERPRISE_USER_SCHEMA]:
      person.manager[0] === undefined ? {} : { manager: { value: person.manager[0] } },
  };
}

const operators = fc.constantFrom<CompareOperator>(
  ...(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"] as const),
);
const literals = fc.oneof(
  texts,
  fc.constantFrom("", " ", "Employee", "work", "other", "O", "a*", true, false, null, 5),
  fc.constantFrom(...SECONDS).map(iso),
);
const testOf = (names: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(names, operators, literals, fc.boolean())
    .map(([name, operator, literal, present]) =>
      present ? `${name} pr` : `${name} ${operator} ${JSON.stringify(literal)}`,
    );
const combined = (test: fc.Arbitrary<string>): fc.Arbitrary<string> => {
  const { filter } = fc.letrec((tie) => {
    const part = tie("filter") as fc.Arbitrary<string>;
    const chain = (word: string) => fc.tuple(part, part).map(([a, b]) => `(${a}) ${word} (${b})`);
    return {
      filter: fc.oneof(
        { maxDepth: 3 },
        test,
        chain("and"),
        chain("or"),
        part.map((inner) => `not (${inner})`),
      ),
    };
  });
  return filter as fc.Arbitrary<string>;
};
const names = fc.constantFrom(
  ...["userName", "externalId", "title", "nickName", "displayName", "userType", "active", "id"],
  ...["name", "name.givenName", "name.familyName", "emails", "emails.value", "emails.type"],
  ...["emails.primary", "emails.display", "ims.value", "ims.type", "phoneNumbers.type"],
  ...["phoneNumbers", "roles.type", "roles", "photos", "profileUrl", "meta.created", "manager"],
  ...["manager.value", "unheard", "costCode", "userName.value", "meta"],
);
const plural = fc.constantFrom("emails", "ims", "phoneNumbers", "roles", "photos");
const inner = fc.constantFrom("type", "value", "primary", "display");
const valuePaths = fc
  .tuple(plural, combined(testOf(inner)), fc.option(testOf(inner)))
  .map(([name, filter, test]) => `${name}[${filter}]${test === null ? "" : `.${test}`}`);
const filters = combined(fc.oneof(testOf(names), valuePaths));

function compileIfValid(filter: ScimFilter): ((resource: ScimResource) => boolean) | undefined {
  try {
    return compileFilter(filter, "User");
  } catch {
    return undefined;
  }
}

describe("the translation of any filter", () => {
  it("finds every entry that the filter matches, and no other when it says that it is exact", () => {
    const seen = { matched: 0, spared: 0, asked: 0, exact: 0 };
    fc.assert(
      fc.property(filters, fc.array(people, { minLength: 4, maxLength: 8 }), (text, all) => {
        const filter = parseFilter(text);
        const matches = compileIfValid(filter);
        fc.pre(matches !== undefined);
        const translation = toLdapFilter(filter, { sources, idFilter });
        if (translation.kind === "filter") seen.asked++;
        for (const person of all) {
          const found =
            translation.kind === "filter"
              ? ldapMatches(translation.ldapFilter, toEntry(person))
              : translation.kind === "everything";
          const wanted = matches(toResource(person));
          if (wanted) seen.matched++;
          if (!found) seen.spared++;
          if (translation.exact) seen.exact++;
          if (wanted && !found) throw new Error(`${print(translation)} misses a match of ${text}`);
          if (found && !wanted && translation.exact) {
            throw new Error(`${print(translation)} is not exact for ${text}`);
          }
        }
      }),
      { numRuns: 4000, seed: 1515 },
    );
    // The property is worth nothing when the server is never asked, or everything always matches.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(500);
  });
});
