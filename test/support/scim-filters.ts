import fc from "fast-check";
import { AWKWARD_TEXTS, LANGUAGES } from "./awkward-people.ts";
import { uuid } from "./fake-directory.ts";

const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CORE = "urn:ietf:params:scim:schemas:core:2.0:User";

const OPERATORS = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"] as const;

const PATHS: readonly string[] = [
  ...["userName", "displayName", "nickName", "profileUrl", "title", "userType", "locale"],
  ...["preferredLanguage", "timezone", "active", "password", "unheard", "unheard.of", "schemas"],
  ...["name", "name.formatted", "name.familyName", "name.givenName", "name.middleName"],
  ...["name.honorificPrefix", "name.unheard", "userName.value", "id", "id.value", "externalId"],
  ...["emails", "emails.value", "emails.type", "emails.primary", "emails.display"],
  ...["phoneNumbers", "phoneNumbers.value", "phoneNumbers.type", "ims", "ims.value", "ims.type"],
  ...["photos", "photos.value", "roles", "roles.value", "roles.type", "entitlements.value"],
  ...["entitlements.type", "x509Certificates", "x509Certificates.value", "addresses"],
  ...["addresses.locality", "addresses.type", "addresses.country", "addresses.streetAddress"],
  ...["meta", "meta.resourceType", "meta.created", "meta.lastModified", "meta.version"],
  ...["meta.location", "groups", "groups.value", "members", "members.value", "members.type"],
  ...["employeeNumber", "manager", "manager.value", "manager.$ref", "manager.displayName"],
  ...["employeeNumber", "costCenter", "organization", "division", "department", "manager"].map(
    (name) => `${ENTERPRISE}:${name}`,
  ),
  ...[`${ENTERPRISE}:manager.value`, ENTERPRISE, CORE, `${CORE}:userName`, `${CORE}:emails.value`],
  ...["urn:x:y:id", "urn:ietf:params:scim:schemas:core:2.0:Group:displayName", "constructor"],
];
/** Those about which servers are asked something. */
const ASKED: readonly string[] = [
  ...["userName", "displayName", "title", "emails.value", "preferredLanguage", "profileUrl"],
  ...["roles", "active", "userType", "id", "meta.created", "manager.value"],
];
const PLURALS: readonly string[] = [
  ...["emails", "phoneNumbers", "ims", "photos", "roles", "entitlements", "addresses", "members"],
  ...["x509Certificates", "userName", "name", "manager", "unheard", `${CORE}:emails`],
];
const MEMBERS: readonly string[] = [
  ...["value", "type", "primary", "display", "locality", "country", "streetAddress", "unheard"],
  ...["givenName", "$ref", "region"],
];

const WORDS: readonly (string | number | boolean | null)[] = [
  ...["work", "home", "Work", "Employee", "employee", "User", "Group", "Dr.", "DE", "a", "b", ""],
  ...["en-US", "EN-US", "de", "+1 555 0100", "15550100", "TRUE", uuid(1), uuid(2).toUpperCase()],
  ...[uuid(150), uuid(9999), uuid(3).replaceAll("-", ""), `{${uuid(4)}}`, CORE, ENTERPRISE],
  ...["2011-05-13T04:42:34Z", "2011-05-13T04:42:34.5Z", "2011-05-13T06:42:35+02:00", "2011-05-13"],
  ...["0001-01-01T00:00:00.0000000Z", "9999-12-31T23:59:59Z", "1601-01-01T00:00:00Z", "yesterday"],
  ...[true, false, null, 0, 7, 42, -7, 7.5, 1e3, 1e300, 9007199254740991],
];

/** What is done to a text to ask for it otherwise. */
export const MUTATIONS: readonly ((text: string) => string)[] = [
  (text) => text.toLowerCase(),
  (text) => text.toUpperCase(),
  (text) => text.normalize("NFC"),
  (text) => text.normalize("NFD"),
  (text) => text.normalize("NFKC"),
  (text) => ` ${text}`,
  (text) => `${text} `,
  (text) => text.replace(" ", "  "),
  (text) => text.replaceAll(" ", ""),
  (text) => text.trim(),
  (text) => `${text}x`,
];

/** A text of the directory, as it is, as a part of it, or changed a little. */
const texts: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...AWKWARD_TEXTS),
    fc.array(fc.constantFrom(...MUTATIONS), { maxLength: 2 }),
    fc.option(fc.tuple(fc.double({ max: 1, min: 0, noNaN: true }), fc.nat({ max: 8 }))),
  )
  .map(([text, mutations, part]) => {
    const changed = mutations.reduce((current, mutate) => mutate(current), text);
    if (part === null) return changed;
    // Cut anywhere, also between the halves of a character.
    const [from, length] = part;
    const start = Math.floor(from * changed.length);
    return changed.slice(start, start + length + 1);
  });

const startsAndEnds: fc.Arbitrary<string> = fc
  .tuple(texts, fc.boolean(), fc.nat({ max: 4 }))
  .map(([text, isStart, cut]) => (isStart ? text.slice(0, text.length - cut) : text.slice(cut)));

const literals: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 4, arbitrary: texts },
    { weight: 2, arbitrary: startsAndEnds },
    { weight: 3, arbitrary: fc.constantFrom(...WORDS) },
  )
  .map((value) => JSON.stringify(value));

function testsOf(names: fc.Arbitrary<string>, values = literals): fc.Arbitrary<string> {
  const present = names.map((name) => `${name} pr`);
  const compared = fc
    .tuple(names, fc.constantFrom(...OPERATORS), values)
    .map(([name, operator, literal]) => `${name} ${operator} ${literal}`);
  return fc.oneof({ weight: 1, arbitrary: present }, { weight: 7, arbitrary: compared });
}

const languages = fc.constantFrom(...LANGUAGES, "x", "").map((text) => JSON.stringify(text));

/** On both sides of the seconds that entries were made in. */
const moments = fc
  .tuple(
    fc.constantFrom(0, 1_305_261_754, 1_305_261_755, 253_402_300_799),
    fc.integer({ min: -2, max: 2 }),
  )
  .map(([second, halves]) => JSON.stringify(new Date(second * 1000 + halves * 500).toISOString()));

function combined(test: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const { filter } = fc.letrec<{ filter: string }>((tie) => {
    const chain = (word: string) =>
      fc
        .array(tie("filter"), { minLength: 2, maxLength: 4 })
        .map((parts) => parts.map((part) => `(${part})`).join(` ${word} `));
    return {
      filter: fc.oneof(
        { maxDepth: 4, depthSize: "small" },
        { weight: 6, arbitrary: test },
        { weight: 2, arbitrary: chain("and") },
        { weight: 2, arbitrary: chain("or") },
        { weight: 2, arbitrary: tie("filter").map((inner) => `not (${inner})`) },
      ),
    };
  });
  return filter;
}

const spelled = (names: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...names), fc.nat({ max: 5 }))
    .map(([name, spelling]) =>
      spelling === 0 ? name.toUpperCase() : spelling === 1 ? name.toLowerCase() : name,
    );

const valuePaths: fc.Arbitrary<string> = fc
  .tuple(
    spelled(PLURALS),
    combined(testsOf(spelled(MEMBERS))),
    fc.option(testsOf(spelled(MEMBERS)), { freq: 2 }),
  )
  .map(([name, filter, test]) => `${name}[${filter}]${test === null ? "" : `.${test}`}`);

/** SCIM filters over the attributes and values of the awkward people, as text. Some of them are refused. */
export const scimFilters: fc.Arbitrary<string> = combined(
  fc.oneof(
    { weight: 4, arbitrary: testsOf(spelled(PATHS)) },
    { weight: 2, arbitrary: testsOf(fc.constantFrom(...ASKED)) },
    { weight: 2, arbitrary: testsOf(fc.constant("preferredLanguage"), languages) },
    { weight: 1, arbitrary: testsOf(fc.constant("meta.created"), moments) },
    { weight: 1, arbitrary: valuePaths },
  ),
);
