import type { StoredAttribute, StoredEntry } from "./entry.ts";
import { normalizeValue } from "./matching.ts";
import { type AttributeType, knownType } from "./schema.ts";

/** Looked up by value instead of read through. `member` also answers memberOf, `objectClass` finds groups among people. */
const INDEXED = [
  "uid",
  "mail",
  "cn",
  "sn",
  "employeeNumber",
  "manager",
  "member",
  "objectClass",
  "sAMAccountName",
  "userPrincipalName",
  "objectGUID",
  "mS-DS-ConsistencyGuid",
] as const;

type Holders = Map<string, Set<StoredEntry> | StoredEntry>;

const NOBODY: ReadonlySet<StoredEntry> = new Set();

/** Which entries hold a value, by attribute. Values with options are indexed with their attribute. */
export class EqualityIndex {
  readonly #byType = new Map<AttributeType, Holders>(
    INDEXED.map((name) => [knownType(name), new Map()]),
  );

  covers(type: AttributeType): boolean {
    return this.#byType.has(type);
  }

  /** Attributes that are the same object before and after are left alone: a change costs what it changes. */
  replace(
    entry: StoredEntry,
    before: readonly StoredAttribute[],
    after: readonly StoredAttribute[],
  ): void {
    for (const attribute of before) {
      if (!after.includes(attribute))
        this.#each(attribute, (values, value) => drop(values, value, entry));
    }
    const changed = new Set(
      after.filter((attribute) => !before.includes(attribute)).map(({ type }) => type),
    );
    const dropped = new Set(
      before.filter((attribute) => !after.includes(attribute)).map(({ type }) => type),
    );
    // By type: what was dropped may still be held with other options.
    for (const attribute of after) {
      if (!changed.has(attribute.type) && !dropped.has(attribute.type)) continue;
      this.#each(attribute, (values, value) => put(values, value, entry));
    }
  }

  /** @param value normalized */
  find(type: AttributeType, value: string): ReadonlySet<StoredEntry> {
    const held = this.#byType.get(type)?.get(value);
    if (held === undefined) return NOBODY;
    return held instanceof Set ? held : new Set([held]);
  }

  #each({ type, values }: StoredAttribute, visit: (holders: Holders, value: string) => void): void {
    const holders = this.#byType.get(type);
    if (holders === undefined) return;
    for (const value of values) {
      const normal = normalizeValue(type.syntax, value);
      if (normal !== undefined) visit(holders, normal);
    }
  }
}

function put(holders: Holders, value: string, entry: StoredEntry): void {
  const held = holders.get(value);
  // One holder is kept bare: most values are unique, and a set each would double the memory.
  if (held === undefined) holders.set(value, entry);
  else if (held instanceof Set) held.add(entry);
  else if (held !== entry) holders.set(value, new Set([held, entry]));
}

function drop(holders: Holders, value: string, entry: StoredEntry): void {
  const held = holders.get(value);
  if (held === entry) holders.delete(value);
  else if (held instanceof Set && held.delete(entry) && held.size === 0) holders.delete(value);
}
