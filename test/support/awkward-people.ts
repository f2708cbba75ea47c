import { BASE, uuid } from "./fake-directory.ts";

/** An entry as both the embedded directory and an LDIF file take it. */
export interface AwkwardEntry {
  readonly dn: string;
  readonly attributes: Readonly<Record<string, readonly string[]>>;
}

const PEOPLE = 180;
const LONG_LENGTH = 3000;

/**
 * Text that is compared differently by different programs: letter case beyond ASCII, white space, composed and
 * decomposed accents, compatibility forms, letters younger than a server's tables, characters that mean something to
 * LDAP filters, numbers and times that are text.
 */
export const AWKWARD_TEXTS: readonly string[] = [
  ...["ada", "Ada", "ADA", "aDa", "Ada Lovelace", "ada  lovelace", " Ada", "Ada ", "Ada\tLovelace"],
  ...["*", "(", ")", "\\", "a*b", "a\\b", "(a)", "\\2a", "\\00", "*)(uid=*", "a\\2ab", '"', '\\"'],
  ...["Jos\u00e9", "Jose\u0301", "JOS\u00c9", "Jose", "jose\u0301 maria", "Jose Maria", "Josep"],
  ...["e\u0323\u0301", "e\u0301\u0323", "\u1eb9\u0301", "\u00e9", "e", "\u0301x", "x\u0301"],
  ...["\u0130stanbul", "istanbul", "\u0131stanbul", "ISTANBUL", "i\u0307stanbul", "I\u0307stanbul"],
  ...["Stra\u00dfe", "STRASSE", "strasse", "STRA\u1e9eE", "Strase", "Stra\u017fse"],
  ...["\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c2", "\u03bf\u03b4\u03bf\u03c3"],
  ...[
    "\u212aelvin",
    "kelvin",
    "KELVIN",
    "\u212bngstr\u00f6m",
    "\u00c5ngstr\u00f6m",
    "A\u030angstro\u0308m",
  ],
  ...[
    "\u041f\u0440\u0438\u0432\u0435\u0442",
    "\u041f\u0420\u0418\u0412\u0415\u0422",
    "\u0401\u043b",
    "\u0415\u0308\u043b",
  ],
  ...[
    "\u65e5\u672c\u8a9e",
    "\u65e5\u672c",
    "\uac00",
    "\u1100\u1161",
    "\uac01",
    "\uac00\u11a8",
    "\u304c",
    "\u304b\u3099",
  ],
  ...[
    "\u{1f600}",
    "a\u{1f600}b",
    "\u{1d400}da",
    "\u{10400}x",
    "\u{10428}x",
    "\u{1e900}x",
    "\u{1e922}x",
  ],
  ...[
    "\u01c4",
    "\u01c5",
    "\u01c6",
    "\u10a0y",
    "\u2d00y",
    "\u1c90y",
    "\u10d0y",
    "\u13a0y",
    "\uab70y",
  ],
  ...["\u023ay", "\u2c65y", "\u0370y", "\u0371y", "\u04c0y", "\u04cfy", "\u2c6dy", "\u0251y"],
  ...[
    "\ufb01ne",
    "fine",
    "\uff26ull",
    "full",
    "Full",
    "\u2163",
    "\u2173",
    "IV",
    "\u00b2",
    "2",
    "\u00b5m",
    "\u03bcm",
  ],
  ...[
    "a\u00b4b",
    "a \u0301b",
    "a\u00a0b",
    "a\u2003b",
    "a\u3000b",
    "a b",
    "a  b",
    "a\nb",
    "a\u0085b",
  ],
  ...["so\u00adft", "soft", "zero\u200bwidth", "zerowidth", "\ufeffbom", "bom", "\ue000p", "p"],
  ...["0", "7", "007", "+7", "-7", "7.0", "42", "1e3", "1000", "9007199254740993", "true", "False"],
  ...["2011-05-13T04:42:34Z", "20110513044234Z", "2011-05-13T04:42:34.1234567+02:00", "2011-05-13"],
  ...[
    "a@example.com",
    "A@EXAMPLE.COM",
    "a.b+c@example.com",
    "<a>=b",
    "a=\u0338b",
    "a\u2260b",
    "-",
    ".",
  ],
  ...["nul\u0000nul", "\u0000", "__proto__", "constructor", "null", "undefined", " ", "\u00a0"],
  `${"x".repeat(LONG_LENGTH)}y`,
  `${"X".repeat(LONG_LENGTH)}z`,
  "\u00e9".repeat(LONG_LENGTH),
];

const ASCII = AWKWARD_TEXTS.filter((text) => /^[ -~]*[!-~][ -~]*$/.test(text));
const TELEPHONES = ["+1 555 0100", "+1-555-0100", "15550100", "+15550100", "0", "(1) 5", "a"];
const INTEGERS = ["0", "7", "42", "-7", "1000", "2147483648", "999999999999999"];
/** What `preferredLanguage` holds: text that every server compares as SCIM does. */
export const LANGUAGES: readonly string[] = ["de", "en-US", "EN-us", "fr-CH", "de-de"];
/** With and without the last second that AD and the first second that Unix know. */
const TIMES = [
  "16010101000000Z",
  "19700101000000Z",
  "20110513044234Z",
  "20110513044235Z",
  "99991231235959Z",
];

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
function createDraw(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How servers tell whether an attribute has a value twice, or coarser. */
function foldOf(text: string): string {
  return text
    .normalize("NFKC")
    .toUpperCase()
    .toLowerCase()
    .normalize("NFKC")
    .replace(/(?:\p{C}|\s|\u034f|-)+/gu, "")
    .replaceAll("\u03c2", "\u03c3");
}

const PEOPLE_UNIT = `ou=people,${BASE}`;
const GROUPS_UNIT = `ou=groups,${BASE}`;
const personDn = (index: number) => `ou=p${index},${PEOPLE_UNIT}`;
const groupDn = (index: number) => `ou=g${index},${GROUPS_UNIT}`;

interface Letter {
  readonly upper: string;
  /** What `toLowerCase` makes of it; more than one character of U+0130. */
  readonly lower: string;
}

/** Every character beyond ASCII that `toLowerCase` changes. */
export const LETTERS: readonly Letter[] = Array.from({ length: 0x20000 }, (_, code) => code)
  .filter((code) => code > 0x7f && (code < 0xd800 || code > 0xdfff))
  .map((code) => String.fromCodePoint(code))
  .map((upper) => ({ upper, lower: upper.toLowerCase() }))
  .filter(({ upper, lower }) => upper !== lower);

/** The entry with a word for each case of each letter in its `roomNumber`. */
export const LETTERS_DN = `ou=letters,${BASE}`;

/** A number in hexadecimal, unlike any other letter's, that begins and ends with a digit. */
export function codeOf(upper: string): string {
  return `0${upper.codePointAt(0)?.toString(16)}0`;
}

/** The word of a letter, with one of its cases in it. */
export function wordOf(upper: string, letter: string): string {
  return `${codeOf(upper)}${letter}${codeOf(upper)}`;
}

/** Values that are the same to a server are there once: it takes no more. */
function lettersEntry(): AwkwardEntry {
  const words = LETTERS.map(({ upper, lower }, index) => wordOf(upper, index % 2 ? upper : lower));
  return {
    dn: LETTERS_DN,
    attributes: {
      objectClass: ["organizationalUnit", "extensibleObject"],
      ou: ["letters"],
      roomNumber: words,
    },
  };
}

/** 180 people and 20 groups, the same ones at each call. Ids are `uuid(n)`; nobody is named by what is mapped. */
export function* awkwardEntries(): Generator<AwkwardEntry> {
  const draw = createDraw(7);
  yield {
    dn: BASE,
    attributes: { objectClass: ["dcObject", "organization"], dc: ["example"], o: ["Example"] },
  };
  for (const dn of [PEOPLE_UNIT, GROUPS_UNIT]) {
    const ou = dn.slice(3, dn.indexOf(","));
    yield { dn, attributes: { objectClass: ["organizationalUnit"], ou: [ou] } };
  }
  yield lettersEntry();
  for (let index = 0; index < PEOPLE; index++) yield person(index, draw);
  for (let index = 0; index < 20; index++) yield group(index, draw);
}

type Draw = () => number;

function pick<T>(from: readonly T[], draw: Draw): T {
  return from[Math.floor(draw() * from.length)] as T;
}

/** Values that no server takes for the same, `least` of them at least. */
function values(
  from: readonly string[],
  { least, most }: { readonly least: number; readonly most: number },
  draw: Draw,
): readonly string[] {
  const count = least + Math.floor(draw() * (most - least + 1));
  const chosen = new Map<string, string>();
  while (chosen.size < count) {
    const text = pick(from, draw);
    if (!chosen.has(foldOf(text))) chosen.set(foldOf(text), text);
  }
  return [...chosen.values()];
}

function person(index: number, draw: Draw): AwkwardEntry {
  const one = { least: 1, most: 1 };
  const atMostOne = { least: 0, most: 1 };
  const some = { least: 0, most: 3 };
  // Each text is somebody's userName and displayName, as long as there are people.
  const text = AWKWARD_TEXTS[index % AWKWARD_TEXTS.length] as string;
  const isAccount = index % 3 > 0;
  const account = {
    uidNumber: values(INTEGERS, one, draw),
    gidNumber: ["1"],
    homeDirectory: values(ASCII, one, draw),
    loginShell: values(ASCII, atMostOne, draw),
    gecos: draw() < 0.7 ? [pick(["TRUE", "FALSE", "true", "False"], draw)] : [],
  };
  const manager = pick(
    [
      personDn(Math.floor(draw() * PEOPLE)),
      personDn(0).toUpperCase(),
      groupDn(0),
      `ou=gone,${BASE}`,
    ],
    draw,
  );
  const attributes: Record<string, readonly string[]> = {
    objectClass: ["inetOrgPerson", "extensibleObject", ...(isAccount ? ["posixAccount"] : [])],
    ou: [`p${index}`],
    // Without a userName somebody is reported, not listed.
    uid: index % 17 === 3 && !isAccount ? [] : uidsOf(text, draw),
    cn: values(AWKWARD_TEXTS, { least: 1, most: 2 }, draw),
    sn: values(AWKWARD_TEXTS, one, draw),
    displayName: [AWKWARD_TEXTS[(index + 60) % AWKWARD_TEXTS.length] as string],
    givenName: values(AWKWARD_TEXTS, some, draw),
    initials: values(AWKWARD_TEXTS, some, draw),
    title: values(AWKWARD_TEXTS, some, draw),
    description: values(AWKWARD_TEXTS, some, draw),
    mail: values(ASCII, some, draw),
    info: values(AWKWARD_TEXTS, some, draw),
    telephoneNumber: values(TELEPHONES, { least: 0, most: 2 }, draw),
    labeledURI: values(ASCII, some, draw),
    departmentNumber: values(AWKWARD_TEXTS, some, draw),
    employeeType: values(AWKWARD_TEXTS, some, draw),
    employeeNumber: values(AWKWARD_TEXTS, atMostOne, draw),
    preferredLanguage: values(LANGUAGES, atMostOne, draw),
    street: values(AWKWARD_TEXTS, some, draw),
    l: values(AWKWARD_TEXTS, atMostOne, draw),
    st: values(AWKWARD_TEXTS, atMostOne, draw),
    postalCode: values(AWKWARD_TEXTS, atMostOne, draw),
    o: values(AWKWARD_TEXTS, some, draw),
    manager: draw() < 0.5 ? [manager] : [],
    ...(isAccount ? account : {}),
    createTimestamp: [pick(TIMES, draw)],
    entryUUID: [uuid(index + 1)],
  };
  return { dn: personDn(index), attributes: withoutEmpty(attributes) };
}

function uidsOf(text: string, draw: Draw): readonly string[] {
  if (draw() < 0.8) return [text];
  const other = pick(AWKWARD_TEXTS, draw);
  return foldOf(other) === foldOf(text) ? [text] : [text, other];
}

function group(index: number, draw: Draw): AwkwardEntry {
  const members = Array.from({ length: 1 + Math.floor(draw() * 4) }, () =>
    draw() < 0.8 ? personDn(Math.floor(draw() * PEOPLE)) : groupDn(Math.floor(draw() * 20)),
  );
  return {
    dn: groupDn(index),
    attributes: {
      objectClass: ["groupOfNames"],
      ou: [`g${index}`],
      cn: [pick(AWKWARD_TEXTS, draw)],
      member: [...new Set(members)],
      createTimestamp: [pick(TIMES, draw)],
      entryUUID: [uuid(PEOPLE + index + 1)],
    },
  };
}

function withoutEmpty(
  attributes: Readonly<Record<string, readonly string[]>>,
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(Object.entries(attributes).filter(([, held]) => held.length > 0));
}
