import { Attribute, Change, Client, Control } from "ldapts";
import type { companyToLdif } from "../../agent/sim/company/ldif.ts";

export const BASE = "dc=example,dc=com";

/** What is different between the kinds of directories. */
export interface DriftKind {
  readonly base: string;
  readonly personRdn: "uid" | "cn";
  readonly isActiveDirectory: boolean;
  /** Whether deleted people come back; without their memberships, so that their deletion has to be seen. */
  readonly restores?: boolean;
}

export const OPEN_LDAP: DriftKind = { base: BASE, personRdn: "uid", isActiveDirectory: false };

const UNITS = ["A", "B", "Out"];
/** Each of the first three has the next one among its members. */
const GROUPS = ["scope", "inner", "deep", "g1", "g2", "g3"];

export function peopleDn({ base }: DriftKind): string {
  return `ou=People,${base}`;
}

export function groupDn({ base }: DriftKind, name: string): string {
  return `cn=${name},ou=Groups,${base}`;
}

function unitDn(kind: DriftKind, name = ""): string {
  return `ou=${name},${peopleDn(kind)}`;
}

function personDn(kind: DriftKind, name: string, unit: string): string {
  return `${kind.personRdn}=${name},${unit}`;
}
const PERSONS = 40;
/** Until a server has rewritten what refers to an entry that was renamed or removed. */
const INTEGRITY_MS = 250;

/** Numbers from 0 to below 1 that are the same in every run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Entry = Parameters<typeof companyToLdif>[0] extends Iterable<infer One> ? One : never;

/** People in three units, and groups with some of them, one within another. */
export function* driftingEntries(kind = OPEN_LDAP): Generator<Entry> {
  const { base } = kind;
  const unit = (dn: string) => entry(dn, { objectClass: ["organizationalUnit"] });
  if (!kind.isActiveDirectory) {
    const top = { objectClass: ["organization", "dcObject"], o: ["Example"], dc: ["example"] };
    yield entry(base, top);
  }
  yield unit(peopleDn(kind));
  yield unit(`ou=Groups,${base}`);
  for (const name of UNITS) yield unit(unitDn(kind, name));
  for (let n = 0; n < PERSONS; n++) {
    const name = `p${n}`;
    const dn = personDn(kind, name, unitDn(kind, UNITS[n % UNITS.length]));
    yield entry(dn, personAttributes(kind, name, n));
  }
  yield unit(`ou=Sub,${unitDn(kind, "A")}`);
  for (let n = 0; n < 5; n++) {
    const dn = personDn(kind, `s${n}`, `ou=Sub,${unitDn(kind, "A")}`);
    yield entry(dn, personAttributes(kind, `s${n}`, n));
  }
  // Active Directory takes only members that are there already.
  for (const [at, name] of [...GROUPS.entries()].reverse()) {
    const member = [at, at + 7, at + 14].map((n) =>
      personDn(kind, `p${n}`, unitDn(kind, UNITS[n % UNITS.length])),
    );
    const inner = at < 2 ? GROUPS[at + 1] : undefined;
    if (inner !== undefined) member.push(groupDn(kind, inner));
    yield entry(groupDn(kind, name), {
      objectClass: [kind.isActiveDirectory ? "group" : "groupOfNames"],
      cn: [name],
      ...(kind.isActiveDirectory ? { sAMAccountName: [name] } : {}),
      member,
    });
  }
}

function personAttributes(
  kind: DriftKind,
  name: string,
  n: number,
): Readonly<Record<string, readonly string[]>> {
  const employeeType = [n % 2 === 0 ? "Staff" : "Guest"];
  const common = { cn: [name], sn: [name], employeeType };
  if (!kind.isActiveDirectory) return { objectClass: ["inetOrgPerson"], uid: [name], ...common };
  return {
    objectClass: ["user"],
    ...common,
    sAMAccountName: [name],
    userPrincipalName: [`${name}@ad.example.test`],
    userAccountControl: ["544"],
  };
}

function entry(dn: string, attributes: Readonly<Record<string, readonly string[]>>): Entry {
  return { dn, attributes };
}

/** Changes a directory at random, in the ways that happen to one. */
export class DriftingDirectory {
  readonly #client: Client;
  readonly #kind: DriftKind;
  readonly #random: () => number;
  /** Deleted people that may be restored, by name. */
  readonly #deleted = new Set<string>();
  /** Those of them that were deleted before the last read. */
  #restorable: readonly string[] = [];
  readonly #people = new Map<string, string>();
  readonly #members = new Map<string, Set<string>>();
  #subBelow = "A";
  #added = PERSONS;

  private constructor(client: Client, { kind, seed }: { kind: DriftKind; seed: number }) {
    this.#client = client;
    this.#kind = kind;
    this.#random = seeded(seed);
  }

  static async open(
    server: { readonly url: string; readonly bindDn: string; readonly bindPassword: string },
    { seed, kind = OPEN_LDAP }: { readonly seed: number; readonly kind?: DriftKind },
  ): Promise<DriftingDirectory> {
    const client = new Client({ url: server.url });
    await client.bind(server.bindDn, server.bindPassword);
    const drifting = new DriftingDirectory(client, { kind, seed });
    for (let n = 0; n < PERSONS; n++) drifting.#people.set(`p${n}`, UNITS[n % UNITS.length] ?? "A");
    for (const [at, name] of GROUPS.entries()) {
      drifting.#members.set(name, new Set([at, at + 7, at + 14].map((n) => `p${n}`)));
    }
    return drifting;
  }

  /** @returns what was done, for whoever reads a failure */
  async drift(changes: number): Promise<readonly string[]> {
    const done: string[] = [];
    this.#restorable = [...this.#deleted];
    for (let n = 0; n < changes; n++) done.push(await this.#change());
    await new Promise((resolve) => setTimeout(resolve, INTEGRITY_MS));
    return done;
  }

  async close(): Promise<void> {
    await this.#client.unbind();
  }

  async #change(): Promise<string> {
    const [name = ""] = this.#pick([...this.#people.keys()]);
    const [groupName = ""] = this.#pick(GROUPS);
    const [unitName = ""] = this.#pick(UNITS);
    const turn = Math.floor(this.#random() * 12);
    switch (turn) {
      case 0:
        return this.#hire(unitName);
      case 1:
        return this.#remove(name);
      case 2:
        return this.#replace(name, "title", `t${Math.floor(this.#random() * 1000)}`);
      case 3:
        return this.#replace(name, "employeeType", this.#random() < 0.5 ? "Staff" : "Guest");
      case 4:
        return this.#replace(name, "manager", this.#dnOf(this.#pick([...this.#people.keys()])[0]));
      case 5:
        return this.#rename(name, { to: `r${this.#added++}`, unitName });
      case 6:
        return this.#rename(name, { to: name, unitName });
      case 7:
        return this.#moveUnit(unitName);
      case 8:
        return this.#disable(name);
      case 9:
        return this.#restore(unitName);
      default:
        return this.#changeMember(groupName, name);
    }
  }

  #pick<T>(from: readonly T[]): readonly T[] {
    return from.slice(Math.floor(this.#random() * from.length)).slice(0, 1);
  }

  #dnOf(name = ""): string {
    return personDn(this.#kind, name, unitDn(this.#kind, this.#people.get(name)));
  }

  async #hire(unitName: string): Promise<string> {
    const n = this.#added++;
    const name = `h${n}`;
    this.#people.set(name, unitName);
    const attributes = Object.entries(personAttributes(this.#kind, name, n)).map(
      ([type, values]) => new Attribute({ type, values: [...values] }),
    );
    await this.#client.add(this.#dnOf(name), attributes);
    return `hire ${name} in ${unitName}`;
  }

  async #remove(name: string): Promise<string> {
    for (const [groupName, members] of this.#members) {
      if (!members.has(name)) continue;
      // A group keeps a member; the others are taken out by hand, as not every server does it.
      if (members.size === 1) return `keep ${name}, the last of ${groupName}`;
      if (!this.#kind.isActiveDirectory) await this.#modifyMember(groupName, "delete", name);
      members.delete(name);
    }
    await this.#client.del(this.#dnOf(name));
    this.#people.delete(name);
    this.#deleted.add(name);
    return `remove ${name}`;
  }

  /** Only Active Directory keeps what was deleted. */
  async #restore(unitName: string): Promise<string> {
    const [name] = this.#pick(this.#restorable.filter((one) => this.#deleted.has(one)));
    if (name === undefined || this.#kind.restores !== true) return "restore nobody";
    const showDeleted = new Control("1.2.840.113556.1.4.417", { critical: true });
    const folder = `CN=Deleted Objects,${this.#kind.base}`;
    const filter = `(sAMAccountName=${name})`;
    const found = await this.#client.search(
      folder,
      { scope: "one", filter, attributes: ["1.1"] },
      showDeleted,
    );
    const dn = found.searchEntries[0]?.dn;
    if (dn === undefined) return `${name} is not to be found`;
    this.#deleted.delete(name);
    this.#people.set(name, unitName);
    await this.#client.modify(
      dn,
      [
        new Change({ operation: "delete", modification: new Attribute({ type: "isDeleted" }) }),
        new Change({
          operation: "replace",
          modification: new Attribute({ type: "distinguishedName", values: [this.#dnOf(name)] }),
        }),
      ],
      showDeleted,
    );
    // Without a recycle bin most of it is lost.
    await this.#replace(name, "userPrincipalName", `${name}@ad.example.test`);
    return `restore ${name} in ${unitName}`;
  }

  async #disable(name: string): Promise<string> {
    if (!this.#kind.isActiveDirectory) return this.#replace(name, "title", "disabled");
    return this.#replace(name, "userAccountControl", this.#random() < 0.5 ? "546" : "544");
  }

  async #replace(name: string, type: string, value: string): Promise<string> {
    const modification = new Attribute({ type, values: [value] });
    await this.#client.modify(this.#dnOf(name), new Change({ operation: "replace", modification }));
    return `set ${type} of ${name} to ${value}`;
  }

  async #rename(
    name: string,
    { to: newName, unitName }: { readonly to: string; readonly unitName: string },
  ): Promise<string> {
    const from = this.#dnOf(name);
    this.#people.delete(name);
    this.#people.set(newName, unitName);
    const to = this.#dnOf(newName);
    if (from !== to) await this.#client.modifyDN(from, to);
    for (const members of this.#members.values()) {
      if (members.delete(name)) members.add(newName);
    }
    if (newName !== name && this.#kind.isActiveDirectory) {
      await this.#replace(newName, "sAMAccountName", newName);
    }
    return `rename ${from} to ${to}`;
  }

  /** What is below is moved along, and not one entry of it says so. */
  async #moveUnit(below: string): Promise<string> {
    const from = `ou=Sub,${unitDn(this.#kind, this.#subBelow)}`;
    const to = `ou=Sub,${unitDn(this.#kind, below)}`;
    if (from !== to) await this.#client.modifyDN(from, to);
    this.#subBelow = below;
    return `move ${from} to ${to}`;
  }

  async #changeMember(groupName: string, name: string): Promise<string> {
    const members = this.#members.get(groupName) ?? new Set();
    if (members.has(name) && members.size === 1) return `keep ${name} in ${groupName}`;
    const operation = members.has(name) ? "delete" : "add";
    await this.#modifyMember(groupName, operation, name);
    if (operation === "add") members.add(name);
    else members.delete(name);
    return `${operation} ${name} in ${groupName}`;
  }

  async #modifyMember(groupName: string, operation: "add" | "delete", name: string) {
    const modification = new Attribute({ type: "member", values: [this.#dnOf(name)] });
    const dn = groupDn(this.#kind, groupName);
    await this.#client.modify(dn, new Change({ operation, modification }));
  }
}
