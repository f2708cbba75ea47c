import { dnKey } from "../core/dn.ts";
import { AgentError } from "../core/error.ts";
import type { Scope } from "../core/scope.ts";
import type { Directory } from "../ports.ts";
import { readWhole } from "./read-whole.ts";

/** A unit or group that the scope names, as it was found. */
export interface ScopeObject {
  /** As configured. */
  readonly dn: string;
  readonly id: string;
}

/** Of each configured scope the ids of what it names, for as long as the process lasts. */
const memories = new WeakMap<Scope, Map<string, string>>();

/** The units and groups that a scope names, in the order of the configuration. */
function scopeDns({ organizationalUnits, groups }: Scope): readonly string[] {
  const { include, exclude } = organizationalUnits;
  return [...include, ...exclude, ...groups.map(({ dn }) => dn)];
}

/**
 * Remembers what the scope named before, so that it is found again by its id when it is renamed. What is known already stays:
 * it was seen by this process.
 * @param ids in the order of `scopeDns`
 */
export function rememberScope(scope: Scope, ids: readonly string[]): void {
  const memory = memoryOf(scope);
  for (const [at, dn] of scopeDns(scope).entries()) {
    const id = ids[at];
    if (id !== undefined && !memory.has(dnKey(dn))) memory.set(dnKey(dn), id);
  }
}

function memoryOf(scope: Scope): Map<string, string> {
  const known = memories.get(scope);
  if (known !== undefined) return known;
  const memory = new Map<string, string>();
  memories.set(scope, memory);
  return memory;
}

/**
 * Finds everything that the scope names. What was renamed is found by its id, and said; a name that somebody else has taken
 * since counts as renamed too, as long as the one who had it before is there.
 * @throws AgentError `scope.missing`, with the new name or the nearest parent of each; as `Directory.resolve`
 */
export async function findScopeObjects(
  { directory, scope }: { readonly directory: Directory; readonly scope: Scope },
  signal: AbortSignal,
): Promise<readonly ScopeObject[]> {
  const dns = scopeDns(scope);
  if (dns.length === 0) return [];
  const memory = memoryOf(scope);
  const ids = await directory.resolve(dns, signal);
  const objects: ScopeObject[] = [];
  const problems: string[] = [];
  for (const [at, dn] of dns.entries()) {
    const id = ids[at];
    const before = memory.get(dnKey(dn));
    if (id !== undefined && (before === undefined || before === id)) {
      objects.push({ dn, id });
      continue;
    }
    const now = before === undefined ? undefined : await findById(before, directory, signal);
    if (now !== undefined) problems.push(`${dn} is now ${now} (found by its id ${before})`);
    else if (id !== undefined) objects.push({ dn, id });
    else problems.push(`${dn} (${await nearestParent(dn, directory, signal)})`);
  }
  if (problems.length > 0) {
    throw new AgentError("scope.missing", `not in the directory: ${problems.join("; ")}`, {
      hint: `the scope of directory ${directory.name} names it: was it renamed, or may the account not read it? Nothing is read until the configuration is right.`,
    });
  }
  for (const { dn, id } of objects) memory.set(dnKey(dn), id);
  return objects;
}

async function findById(
  id: string,
  directory: Directory,
  signal: AbortSignal,
): Promise<string | undefined> {
  const ldapFilter = directory.idFilter(id);
  if (ldapFilter === undefined) return undefined;
  const { baseDn } = directory;
  const query = { baseDn, searchScope: "sub", ldapFilter, attributes: [] } as const;
  let found: string | undefined;
  for await (const [entry] of readWhole(directory, query, signal)) found ??= entry?.dn;
  return found;
}

/** For a person: how far the name is right. */
async function nearestParent(
  dn: string,
  directory: Directory,
  signal: AbortSignal,
): Promise<string> {
  for (let parent = parentDn(dn); parent !== undefined; parent = parentDn(parent)) {
    const [id] = await directory.resolve([parent], signal);
    if (id !== undefined) return `the nearest existing parent is ${parent}`;
  }
  return "no parent of it is visible to the bind account either";
}

/** @returns undefined at the top */
function parentDn(dn: string): string | undefined {
  for (let at = 0; at < dn.length; at++) {
    if (dn[at] === "\\") at++;
    else if (dn[at] === ",") return dn.slice(at + 1).trim();
  }
  return undefined;
}
