import type { Entry } from "../core/entry.ts";
import { type EntryName, type NameAttempt, parseEntryName } from "../core/entry-name.ts";
import type { LdapFilter } from "../core/ldap-filter.ts";
import type { Directory } from "../ports.ts";
import { readWhole } from "./read-whole.ts";

/** Entries of the same name that are read; whoever has more of them has to say it more exactly anyway. */
const MAX_CANDIDATES = 20;

export type FoundEntry =
  | { readonly kind: "one"; readonly entry: Entry; readonly foundBy: string }
  | {
      readonly kind: "several";
      readonly entries: readonly Entry[];
      /** Whether there are more than these. */
      readonly more: boolean;
      readonly foundBy: string;
    }
  | {
      readonly kind: "none";
      /** For a person, without what was typed: what it was taken for. */
      readonly lookedFor: string;
    };

/**
 * The entry that an operator means: by DN wherever the account may read, by everything else below the base.
 * @throws AgentError as `readWhole` and `Directory.read`
 */
export async function findEntry(
  directory: Directory,
  wanted: { readonly text: string; readonly attributes: readonly string[] },
  signal: AbortSignal,
): Promise<FoundEntry> {
  const name = parseEntryName(wanted.text);
  if (name === undefined) return { kind: "none", lookedFor: "nothing" };
  const { attributes } = wanted;
  if (name.kind === "dn") {
    const entry = await directory.read(name.dn, attributes, signal);
    if (entry === undefined) return { kind: "none", lookedFor: "DN" };
    return { kind: "one", entry, foundBy: "DN" };
  }
  const attempts = attemptsFor(name, directory);
  for (const { attributes: compared, ldapFilter } of attempts) {
    const foundBy = compared.join(" or ");
    const found = await search(directory, { ldapFilter, attributes }, signal);
    const [entry] = found;
    if (entry === undefined) continue;
    if (found.length === 1) return { kind: "one", entry, foundBy };
    const more = found.length > MAX_CANDIDATES;
    return { kind: "several", entries: found.slice(0, MAX_CANDIDATES), more, foundBy };
  }
  const looked = attempts.flatMap(({ attributes: compared }) => compared);
  return { kind: "none", lookedFor: [...new Set(looked)].join(", ") };
}

function attemptsFor(
  name: Exclude<EntryName, { readonly kind: "dn" }>,
  directory: Directory,
): readonly NameAttempt[] {
  switch (name.kind) {
    case "id":
      return name.ids.flatMap((id, at) => {
        const ldapFilter = directory.idFilter(id);
        const attributes = [at === 0 ? "id" : "id in the other byte order"];
        return ldapFilter === undefined ? [] : [{ attributes, ldapFilter }];
      });
    case "sid":
      return [{ attributes: ["SID"], ldapFilter: name.ldapFilter }];
    case "account":
      return name.attempts;
  }
}

async function search(
  directory: Directory,
  options: { readonly ldapFilter: LdapFilter; readonly attributes: readonly string[] },
  signal: AbortSignal,
): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  const query = { ...options, baseDn: directory.baseDn, searchScope: "sub" } as const;
  for await (const batch of readWhole(directory, query, signal)) {
    found.push(...batch);
    if (found.length > MAX_CANDIDATES) break;
  }
  return found;
}
