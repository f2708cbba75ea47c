import { draw, pick } from "../company/draw.ts";
import { companyLandmarks } from "../company/landmark.ts";
import { dnKey, parentText } from "./distinguished-name.ts";
import type { StoredEntry } from "./entry.ts";
import type { DirectoryStore } from "./store.ts";

/** Of `draw`: apart from what the company itself draws. */
const PURPOSE = 900;

const KINDS = ["hired", "renamed", "promoted", "moved out", "left", "joined", "parted"] as const;

/** A person or a group as the directory has it, for whoever compares. */
export interface DirectoryObject {
  /** entryUUID */
  readonly id: string;
  readonly dn: string;
  readonly kind: "person" | "group";
  /** `uid`, or `cn` of a group. */
  readonly name: string;
  readonly displayName: string;
  /** DN */
  readonly manager: string | undefined;
  /** DNs */
  readonly members: readonly string[];
}

/** What happens in a company: the same seed gives the same days. */
export class CompanyDrift {
  readonly #store: DirectoryStore;
  readonly #seed: number;
  #drawn = 0;

  constructor(store: DirectoryStore, { seed }: { readonly seed: number }) {
    this.#store = store;
    this.#seed = seed;
  }

  /**
   * Lets things happen, each kind in turn.
   * @returns what happened, a line each
   */
  drift(changes: number): readonly string[] {
    return Array.from({ length: changes }, (_, index) => this.#change(index));
  }

  #change(index: number): string {
    const { newsletter, contractors } = companyLandmarks(this.#store.baseDn);
    const person = this.#pick(this.#people());
    const uid = textOf(person, "uid");
    switch (KINDS[index % KINDS.length] ?? "promoted") {
      case "hired":
        return this.#hire();
      case "renamed": {
        const name = `${uid}-${this.#serial()}`;
        this.#set(person, "displayName", `${textOf(person, "displayName")} (new name)`);
        this.#set(person, "uid", name, textOf(person, "uid"));
        return `${uid} is now called ${name}`;
      }
      case "promoted":
        this.#set(person, "title", `Head of ${this.#serial()}`);
        return `${uid} has a new title`;
      case "moved out": {
        const newRdn = person.dn.slice(0, person.dn.length - parentText(person.dn).length - 1);
        this.#store.rename(person.dn, { newRdn, newParentDn: contractors });
        return `${uid} is a contractor now, which is out of scope`;
      }
      case "left":
        this.#store.delete(person.dn);
        return `${uid} has left`;
      case "joined": {
        const members = new Set(membersOf(this.#entry(newsletter)).map(dnKey));
        const outsider = this.#people().find(({ key }) => !members.has(key));
        if (outsider === undefined) return "everybody has the newsletter";
        this.#member(newsletter, { operation: "add", dn: outsider.dn });
        return `${textOf(outsider, "uid")} has the newsletter now`;
      }
      case "parted": {
        const [member] = membersOf(this.#entry(newsletter));
        if (member === undefined) return "nobody has the newsletter";
        this.#member(newsletter, { operation: "delete", dn: member });
        return `${member} has the newsletter no more`;
      }
    }
  }

  /** Everybody and every group there is now. */
  objects(): readonly DirectoryObject[] {
    return [...this.#store.entries()].flatMap((entry): DirectoryObject[] => {
      const classes = valuesOf(entry, "objectClass");
      const isPerson = classes.includes("inetOrgPerson");
      if (!isPerson && !classes.includes("groupOfNames")) return [];
      const { dn, uuid: id } = entry;
      const [manager] = valuesOf(entry, "manager");
      return [
        {
          ...{ id, dn, manager, kind: isPerson ? "person" : "group" },
          name: textOf(entry, isPerson ? "uid" : "cn"),
          displayName: textOf(entry, isPerson ? "displayName" : "cn"),
          members: membersOf(entry),
        },
      ];
    });
  }

  #hire(): string {
    const { engineering } = companyLandmarks(this.#store.baseDn);
    const uid = `new.${this.#serial()}`;
    const manager = this.#pick(this.#people());
    this.#store.add({
      dn: `uid=${uid},${engineering}`,
      attributes: {
        objectClass: ["inetOrgPerson"],
        ...{ uid: [uid], cn: [uid], sn: ["New"], displayName: [`New ${this.#drawn}`] },
        ...{ employeeType: ["Employee"], manager: [manager.dn], mail: [`${uid}@example.com`] },
      },
    });
    return `${uid} was hired, and reports to ${textOf(manager, "uid")}`;
  }

  /** Those in scope of the demo, heads of the company left out: they are too well known. */
  #people(): readonly StoredEntry[] {
    const { people, legal } = companyLandmarks(this.#store.baseDn);
    const [included, excluded] = [`,${dnKey(people)}`, `,${dnKey(legal)}`];
    const all = [...this.#store.entries()].filter(
      (entry) =>
        valuesOf(entry, "objectClass").includes("inetOrgPerson") &&
        entry.key.endsWith(included) &&
        !entry.key.endsWith(excluded),
    );
    return all.slice(Math.floor(all.length / 4));
  }

  #pick(from: readonly StoredEntry[]): StoredEntry {
    return pick(from, draw(this.#seed, PURPOSE, this.#serial()));
  }

  #serial(): number {
    return ++this.#drawn;
  }

  #entry(dn: string): StoredEntry {
    const found = this.#store.byKey(dnKey(dn));
    if (found === undefined) throw new RangeError(`there is no ${dn}`);
    return found;
  }

  #set(entry: StoredEntry, attribute: string, value: string, named?: string): void {
    // What the entry is named by changes with its name.
    if (named !== undefined && entry.dn.startsWith(`${attribute}=`)) {
      this.#store.rename(entry.dn, { newRdn: `${attribute}=${value}` });
      return;
    }
    this.#store.modify(entry.dn, [{ operation: "replace", attribute, values: [value] }]);
  }

  #member(group: string, change: { readonly operation: "add" | "delete"; readonly dn: string }) {
    const { operation, dn } = change;
    this.#store.modify(group, [{ operation, attribute: "member", values: [dn] }]);
  }
}

function valuesOf(entry: StoredEntry, attribute: string): readonly string[] {
  const found = entry.attributes.find(({ type }) => type.name === attribute);
  return (found?.values ?? []).map(String);
}

function membersOf(entry: StoredEntry): readonly string[] {
  return valuesOf(entry, "member");
}

function textOf(entry: StoredEntry, attribute: string): string {
  return valuesOf(entry, attribute)[0] ?? "";
}
