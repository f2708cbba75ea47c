import fc from "fast-check";
import { expect } from "vitest";
import { type Entry, textsOf } from "../../agent/core/entry.ts";
import { allOf, type LdapFilter, printLdapFilter } from "../../agent/core/ldap-filter.ts";
import { mapEntry } from "../../agent/core/map-entry.ts";
import { ScimError } from "../../agent/core/scim/error.ts";
import { parseFilter } from "../../agent/core/scim/filter.ts";
import { compileFilter } from "../../agent/core/scim/filter-match.ts";
import type { LdapTranslation } from "../../agent/core/scim/ldap-algebra.ts";
import { indexLdapSources, type LdapSources } from "../../agent/core/scim/ldap-source.ts";
import { toLdapFilter } from "../../agent/core/scim/ldap-translation.ts";
import { parsePath } from "../../agent/core/scim/path.ts";
import type { Directory } from "../../agent/ports.ts";
import { ldapSourcesOf } from "../../agent/provider/ldap-sources.ts";
import { AWKWARD_TEXTS, codeOf, LETTERS, LETTERS_DN, wordOf } from "./awkward-people.ts";
import { uuid } from "./fake-directory.ts";
import { times } from "./run-length.ts";
import { MUTATIONS, scimFilters } from "./scim-filters.ts";
import { declaredSources, WIDE } from "./wide-mapping.ts";

/** Random filters of each property. A failure prints the seed, and the path to the smallest filter that fails. */
export const RUNS = times({ short: 200, long: 5000 });
export const SEED = Number(process.env["SEED"] ?? 20_260);

const SIGNAL = new AbortController().signal;

function isWorthATry(text: string): boolean {
  try {
    compileFilter(parseFilter(text), "User");
    return true;
  } catch (error) {
    if (error instanceof ScimError) return false;
    throw error;
  }
}

/** Random filters that are none of those that are refused. */
export const filters = scimFilters.filter(isWorthATry);

/** What was found against what should have been. */
export function differences(found: readonly string[], wanted: readonly string[]) {
  const once = new Set(found);
  return {
    missed: wanted.filter((id) => !once.has(id)),
    strange: found.filter((id) => !wanted.includes(id)),
    repeated: found.length - once.size,
  };
}

/** What the server finds by the translated filter alone, against the match in memory. */
export async function checkTranslations(directory: Directory): Promise<void> {
  const everybody = await readEverybody(directory);
  const counts = { asked: 0, exact: 0, negated: 0, spared: 0 };
  const property = fc.asyncProperty(filters, fc.boolean(), async (filter, isDeclared) => {
    const sources = isDeclared ? everybody.sources : ldapSourcesOf(WIDE);
    const translation = toLdapFilter(parseFilter(filter), {
      sources,
      idFilter: (id) => directory.idFilter(id),
    });
    const { found, wanted } = await everybody.ask(filter, translation);
    const { missed, strange } = differences(found, wanted);
    const asked = print(translation);
    expect({ asked, missed }).toEqual({ asked, missed: [] });
    if (translation.exact) expect({ asked, strange }).toEqual({ asked, strange: [] });
    if (translation.kind !== "filter") return;
    counts.asked++;
    if (found.length < everybody.size) counts.spared++;
    if (translation.exact) counts.exact++;
    if (JSON.stringify(translation.ldapFilter).includes('"not"')) counts.negated++;
  });
  await fc.assert(property, { numRuns: 10 * RUNS, seed: SEED });
  // Of no worth when the server is never asked, or everything is always found.
  expect(Math.min(counts.asked, counts.spared)).toBeGreaterThan(RUNS);
  expect(Math.min(counts.exact, counts.negated)).toBeGreaterThan(0);
}

/** Searches at a time. */
const AT_ONCE = 16;
/** Characters of a text that are asked for one by one, and two by two. */
const MAX_PARTS = 40;

export async function checkTexts(directory: Directory): Promise<void> {
  const everybody = await readEverybody(directory);
  const asked = new Set<string>();
  for (const text of AWKWARD_TEXTS) {
    for (const [operator, literal] of questionsAbout(text)) {
      const paths = operator === "eq" ? ["userName", "nickName", "emails.value"] : ["userName"];
      for (const path of paths) asked.add(`${path} ${operator} ${JSON.stringify(literal)}`);
    }
  }
  const id = uuid(1);
  for (const text of [id, id.toUpperCase(), id.replaceAll("-", ""), `{${id}}`, "x", "*", ""]) {
    asked.add(`id eq ${JSON.stringify(text)}`);
  }
  const wrong: string[] = [];
  const ask = async (filter: string): Promise<void> => {
    for (const sources of [everybody.sources, ldapSourcesOf(WIDE)]) {
      const idFilter = (text: string) => directory.idFilter(text);
      const translation = toLdapFilter(parseFilter(filter), { sources, idFilter });
      const { found, wanted } = await everybody.ask(filter, translation);
      const missed = wanted.filter((each) => !found.includes(each));
      if (missed.length > 0) wrong.push(`${filter} as ${print(translation)} misses ${missed}`);
    }
  };
  const rest = asked.values();
  const askRest = async () => {
    for (const filter of rest) await ask(filter);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, askRest));
  expect(wrong).toEqual([]);
}

function* questionsAbout(text: string): Generator<readonly [operator: string, literal: string]> {
  yield ["eq", text];
  for (const mutate of MUTATIONS) yield ["eq", mutate(text)];
  for (let at = 0; at < Math.min(text.length, MAX_PARTS); at++) {
    yield ["sw", text.slice(0, at + 1)];
    yield ["ew", text.slice(-at - 1)];
    yield ["co", text.slice(at, at + 1)];
    yield ["co", text.slice(at, at + 2)];
    yield ["co", text.slice(at, at + 4)];
  }
}

/** The people as the wide mapping makes them, to be found by the server and in memory. */
interface Everybody {
  readonly size: number;
  /** `declaredSources` of this directory. */
  readonly sources: LdapSources;
  /** Ids of what the server finds by the translation alone, and of what matches the filter. */
  ask(
    filter: string,
    translation: LdapTranslation,
  ): Promise<{ readonly found: readonly string[]; readonly wanted: readonly string[] }>;
}

async function readEverybody(directory: Directory): Promise<Everybody> {
  const isUser = { kind: "equality", attribute: "objectClass", value: "inetOrgPerson" } as const;
  const find = async (ldapFilter: LdapFilter, attributes: readonly string[]) => {
    const query = { baseDn: directory.baseDn, searchScope: "sub", ldapFilter, attributes } as const;
    const entries: Entry[] = [];
    for await (const batch of directory.search(query, SIGNAL)) entries.push(...batch);
    return entries;
  };
  const entries = await find(isUser, ["*", "createTimestamp"]);
  const idByDn = new Map(entries.map(({ dn, id }) => [dn.toLowerCase(), id]));
  const dnById = new Map(entries.map(({ dn, id }) => [id, dn]));
  const idOf = (dn: string) => idByDn.get(dn.toLowerCase());
  const resources = entries.flatMap((entry) => {
    const mapped = mapEntry(entry, { mapping: WIDE, idOf, now: 0 });
    if (mapped.kind === "problem") return [];
    const created = createdOf(entry);
    const meta = { resourceType: "User", ...(created === undefined ? {} : { created }) };
    return [{ ...mapped.resource, meta }];
  });
  const ids = resources.map(({ id }) => id);
  const known = new Set(ids);
  const foundBy = async (translation: LdapTranslation): Promise<readonly string[]> => {
    if (translation.kind === "nothing") return [];
    if (translation.kind === "everything") return ids;
    const found = await find(allOf([isUser, translation.ldapFilter]), ["cn"]);
    return found.map(({ id }) => id).filter((id) => known.has(id));
  };
  return {
    size: ids.length,
    sources: declaredSources((id) => {
      const value = dnById.get(id);
      return value === undefined ? undefined : { kind: "equality", attribute: "manager", value };
    }),
    async ask(filter, translation) {
      const matches = compileFilter(parseFilter(filter), "User");
      const wanted = resources.filter(matches).map(({ id }) => id);
      return { found: await foundBy(translation), wanted };
    },
  };
}

/** Every letter that `toLowerCase` changes is a word of a `roomNumber`, and so is what it becomes. */
export async function checkLetters(directory: Directory): Promise<void> {
  const sources = indexLdapSources(
    [
      {
        path: parsePath("title"),
        source: {
          kind: "attribute",
          attribute: "roomNumber",
          matching: "caseIgnore",
          substrings: true,
        },
      },
    ],
    { resourceType: "User" },
  );
  const isFound = async (filter: string): Promise<boolean> => {
    const translation = toLdapFilter(parseFilter(filter), { sources, idFilter: () => undefined });
    if (translation.kind !== "filter") return translation.kind === "everything";
    const { ldapFilter } = translation;
    const query = { baseDn: LETTERS_DN, searchScope: "base", ldapFilter, attributes: [] } as const;
    let found = 0;
    for await (const batch of directory.search(query, SIGNAL)) found += batch.length;
    return found > 0;
  };
  const missed: string[] = [];
  for (const { upper, lower } of LETTERS) {
    for (const letter of [upper, lower]) {
      const [code, all] = [codeOf(upper), wordOf(upper, letter)];
      const filters = [`eq "${all}"`, `sw "${code}${letter}"`, `ew "${letter}${code}"`];
      for (const filter of filters) {
        if (!(await isFound(`title ${filter}`))) missed.push(`title ${filter}`);
      }
    }
  }
  expect(missed).toEqual([]);
}

function print(translation: LdapTranslation): string {
  return translation.kind === "filter" ? printLdapFilter(translation.ldapFilter) : translation.kind;
}

/** The time in which an entry was made, as the agent would write it. */
function createdOf(entry: Entry): string | undefined {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(textsOf(entry, "createTimestamp")[0] ?? "") ??
    [];
  if (year === undefined) return undefined;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
}
