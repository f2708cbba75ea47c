import { Attribute, Change, Client } from "ldapts";
import type { companyToLdif } from "../../agent/sim/company/ldif.ts";

export const BASE = "dc=example,dc=com";
export const PEOPLE = `ou=People,${BASE}`;
export const SCOPE_GROUP = `cn=scope,ou=Groups,${BASE}`;
const UNITS = ["A", "B", "Out"];
const UNITS_DN: Readonly<Record<string, string>> = Object.fromEntries(
  UNITS.map((name) => [name, `ou=${name},${PEOPLE}`]),
);
const GROUPS = ["scope", "inner", "g1", "g2", "g3"];
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
export function* driftingEntries(): Generator<Entry> {
  const unit = (dn: string) => entry(dn, { objectClass: ["organizationalUnit"] });
  yield entry(BASE, { objectClass: ["organization", "dcObject"], o: ["Example"], dc: ["example"] });
  yield unit(PEOPLE);
  yield unit(`ou=Groups,${BASE}`);
  for (const name of UNITS) yield unit(`ou=${name},${PEOPLE}`);
  for (let n = 0; n < PERSONS; n++) {
    const name = `p${n}`;
    yield entry(`uid=${name},ou=${UNITS[n % UNITS.length]},${PEOPLE}`, personAttributes(name, n));
  }
  yield unit(`ou=Sub,${UNITS_DN["A"]}`);
  for (let n = 0; n < 5; n++) {
    yield entry(`uid=s${n},ou=Sub,${UNITS_DN["A"]}`, personAttributes(`s${n}`, n));
  }
  for (const [at, name] of GROUPS.entries()) {
    const member = [at, at + 7, at + 14].map((n) => `uid=p${n},ou=${UNITS[n % 3]},${PEOPLE}`);
    if (name === "scope") member.push(`cn=inner,ou=Groups,${BASE}`);
    const dn = `cn=${name},ou=Groups,${BASE}`;
    yield entry(dn, { objectClass: ["groupOfNames"], cn: [name], member });
  }
}

function personAttributes(name: string, n: number): Readonly<Record<string, readonly string[]>> {
  const employeeType = [n % 2 === 0 ? "Staff" : "Guest"];
  return { objectClass: ["inetOrgPerson"], uid: [name], cn: [name], sn: [name], employeeType };
}

function entry(dn: string, attributes: Readonly<Record<string, readonly string[]>>): Entry {
  return { dn, attributes };
}

/** Changes a directory at random, in the ways that happen to one. */
export class DriftingDirectory {
  readonly #client: Client;
  readonly #random: () => number;
  readonly #people = new Map<string, string>();
  readonly #members = new Map<string, Set<string>>();
  #subBelow = "A";
  #added = PERSONS;

  private constructor(client: Client, random: () => number) {
    this.#client = client;
    this.#random = random;
  }

  static async open(
    server: { readonly url: string; readonly bindDn: string; readonly bindPassword: string },
    { seed }: { readonly seed: number },
  ): Promise<DriftingDirectory> {
    const client = new Client({ url: server.url });
    await client.bind(server.bindDn, server.bindPassword);
    const drifting = new DriftingDirectory(client, seeded(seed));
    for (let n = 0; n < PERSONS; n++) drifting.#people.set(`p${n}`, UNITS[n % UNITS.length] ?? "A");
    for (const [at, name] of GROUPS.entries()) {
      drifting.#members.set(name, new Set([at, at + 7, at + 14].map((n) => `p${n}`)));
    }
    return drifting;
  }

  /** @returns what was done, for whoever reads a failure */
  async drift(changes: number): Promise<readonly string[]> {
    const done: string[] = [];
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
    const turn = Math.floor(this.#random() * 9);
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
        return this.#rename(name, { uid: `r${this.#added++}`, unitName });
      case 6:
        return this.#rename(name, { uid: name, unitName });
      case 7:
        return this.#moveUnit(unitName);
      default:
        return this.#changeMember(groupName, name);
    }
  }

  #pick<T>(from: readonly T[]): readonly T[] {
    return from.slice(Math.floor(this.#random() * from.length)).slice(0, 1);
  }

  #dnOf(name = ""): string {
    return `uid=${name},${UNITS_DN[this.#people.get(name) ?? ""]}`;
  }

  async #hire(unitName: string): Promise<string> {
    const n = this.#added++;
    const name = `h${n}`;
    this.#people.set(name, unitName);
    const attributes = Object.entries(personAttributes(name, n)).map(
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
      await this.#modifyMember(groupName, "delete", name);
      members.delete(name);
    }
    await this.#client.del(this.#dnOf(name));
    this.#people.delete(name);
    return `remove ${name}`;
  }

  async #replace(name: string, type: string, value: string): Promise<string> {
    const modification = new Attribute({ type, values: [value] });
    await this.#client.modify(this.#dnOf(name), new Change({ operation: "replace", modification }));
    return `set ${type} of ${name} to ${value}`;
  }

  async #rename(
    name: string,
    { uid, unitName }: { readonly uid: string; readonly unitName: string },
  ): Promise<string> {
    const from = this.#dnOf(name);
    this.#people.delete(name);
    this.#people.set(uid, unitName);
    const to = this.#dnOf(uid);
    if (from !== to) await this.#client.modifyDN(from, to);
    for (const members of this.#members.values()) if (members.delete(name)) members.add(uid);
    return `rename ${from} to ${to}`;
  }

  /** What is below is moved along, and not one entry of it says so. */
  async #moveUnit(below: string): Promise<string> {
    const from = `ou=Sub,${UNITS_DN[this.#subBelow]}`;
    const to = `ou=Sub,${UNITS_DN[below]}`;
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
    const dn = `cn=${groupName},ou=Groups,${BASE}`;
    await this.#client.modify(dn, new Change({ operation, modification }));
  }
}
