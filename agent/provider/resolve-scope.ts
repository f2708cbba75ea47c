import { dnKey } from "../core/dn.ts";
import { textsOf } from "../core/entry.ts";
import { AgentError } from "../core/error.ts";
import { anyOf } from "../core/ldap-filter.ts";
import type { ScopeGroup } from "../core/scope.ts";
import { prepareScope, type ResolvedGroup, type ResolvedScope } from "../core/scope-verdict.ts";
import type { Directory } from "../ports.ts";
import { PrimaryGroups, primaryGroupAttributes } from "./primary-groups.ts";
import { readWhole } from "./read-whole.ts";
import { findScopeObjects } from "./scope-objects.ts";
import type { ServedDirectory } from "./served-directory.ts";

/** How deep groups may be nested in a scope group. Deeper is taken for a mistake and refused. */
const MAX_NESTING = 64;
/** How many members the scope groups of a directory may have together, nested ones included. */
const MAX_MEMBERS = 500_000;

/**
 * Reads what the configured scope points at. Every organizational unit and group must be there: one that was renamed
 * would otherwise empty the scope, or let in whom it excluded.
 * @throws AgentError `scope.missing`, or what the directory throws
 */
export async function resolveScope(
  { directory, scope, mappings }: ServedDirectory,
  signal: AbortSignal,
): Promise<ResolvedScope> {
  const objects = await findScopeObjects({ directory, scope }, signal);
  const groups: ResolvedGroup[] = [];
  if (scope.groups.length > 0) {
    const reader = new GroupReader(directory, mappings.Group.objectClasses);
    for (const group of scope.groups) groups.push(await reader.resolve(group, signal));
  }
  return prepareScope(scope, { baseDn: directory.baseDn, groups, objects });
}

/** Reads the members of scope groups, for one resolution of the scope. */
class GroupReader {
  readonly #directory: Directory;
  readonly #objectClasses: readonly string[];
  readonly #primaryGroups: PrimaryGroups;
  #nestable: Promise<ReadonlyMap<string, string>> | undefined;
  #members = 0;

  constructor(directory: Directory, objectClasses: readonly string[]) {
    this.#directory = directory;
    this.#objectClasses = objectClasses;
    this.#primaryGroups = new PrimaryGroups(directory);
  }

  async resolve(group: ScopeGroup, signal: AbortSignal): Promise<ResolvedGroup> {
    const members = new Map<string, string>();
    const direct = await this.#readMembers(group.dn, signal);
    if (direct === undefined) {
      throw new AgentError("scope.missing", `not in the directory: ${group.dn}`, {
        hint: `scope.groups of directory ${this.#directory.name} names it: was it renamed, or may the account not read it?`,
      });
    }
    if (direct.length === 0) await this.#requireGroup(group.dn, signal);
    let level = this.#add(members, direct, group.dn);
    const visited = new Set([dnKey(group.dn)]);
    for (let depth = 1; group.nested && level.length > 0; depth++) {
      if (depth > MAX_NESTING) throw tooLarge(group, `nested deeper than ${MAX_NESTING} levels`);
      level = await this.#readLevel({ members, level, visited }, signal);
    }
    return { dn: group.dn, members };
  }

  /** Follows the groups among the members of one level; each group once, so that a cycle ends. */
  async #readLevel(
    walk: {
      readonly members: Map<string, string>;
      readonly level: readonly string[];
      readonly visited: Set<string>;
    },
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    this.#nestable ??= this.#readGroupDns(signal);
    const nestable = await this.#nestable;
    const next: string[] = [];
    for (const key of walk.level) {
      const dn = nestable.get(key);
      if (dn === undefined || walk.visited.has(key)) continue;
      walk.visited.add(key);
      const members = await this.#readMembers(dn, signal);
      next.push(...this.#add(walk.members, members ?? [], dn));
    }
    return next;
  }

  /** @returns keys of the members that were not known yet */
  #add(members: Map<string, string>, dns: readonly string[], via: string): readonly string[] {
    const added: string[] = [];
    for (const dn of dns) {
      const key = dnKey(dn);
      if (members.has(key)) continue;
      members.set(key, via);
      added.push(key);
    }
    this.#members += added.length;
    if (this.#members > MAX_MEMBERS) {
      throw tooLarge({ dn: via }, `the scope groups have more than ${MAX_MEMBERS} members`);
    }
    return added;
  }

  /** An organizational unit or a person has no members either, and would empty the scope. */
  async #requireGroup(dn: string, signal: AbortSignal): Promise<void> {
    const entry = await this.#directory.read(dn, ["objectClass"], signal);
    const classes = entry === undefined ? [] : textsOf(entry, "objectClass");
    const groups = new Set(
      [...this.#objectClasses, "groupOfUniqueNames"].map((name) => name.toLowerCase()),
    );
    if (classes.some((name) => groups.has(name.toLowerCase()))) return;
    throw new AgentError("scope.missing", `is in the directory, but is no group: ${dn}`, {
      hint: `scope.groups of directory ${this.#directory.name} takes groups; units go to scope.organizationalUnits`,
    });
  }

  async #readMembers(dn: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const more = primaryGroupAttributes(this.#directory);
    const entry = await this.#directory.read(dn, ["member", "uniqueMember", ...more], signal);
    if (entry === undefined) return undefined;
    const primary = await this.#primaryGroups.membersOf(entry, signal);
    return [...textsOf(entry, "member"), ...textsOf(entry, "uniqueMember"), ...primary];
  }

  /**
   * DNs of all groups by key. Asking for them once is cheaper than asking for every member whether it is a group, and
   * needs no `memberOf`, which OpenLDAP may not keep.
   */
  async #readGroupDns(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const dns = new Map<string, string>();
    const classes = this.#objectClasses.map(
      (value) => ({ kind: "equality", attribute: "objectClass", value }) as const,
    );
    const query = {
      baseDn: this.#directory.baseDn,
      searchScope: "sub",
      ldapFilter: anyOf(classes),
      attributes: [],
    } as const;
    for await (const batch of readWhole(this.#directory, query, signal)) {
      for (const entry of batch) dns.set(dnKey(entry.dn), entry.dn);
    }
    return dns;
  }
}

function tooLarge(group: { readonly dn: string }, problem: string): AgentError {
  return new AgentError("directory.refused", `scope group ${group.dn}: ${problem}`, {
    hint: "scope a smaller group, or organizational units",
  });
}
