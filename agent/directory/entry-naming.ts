import type { Entry } from "../core/entry.ts";
import { AgentError } from "../core/error.ts";
import type { Dialect } from "./dialect.ts";
import type { RawEntry } from "./entry-decoding.ts";

/** Gives entries their id and anchor, and takes away the attributes that were read only for that. */
export class EntryNaming {
  /** What to ask the server for. */
  readonly attributes: readonly string[];
  readonly #dialect: Dialect;
  readonly #id: string;
  readonly #anchor: string | undefined;
  readonly #keepsId: boolean;
  readonly #keepsAnchor: boolean;

  /** @param asked the attributes that the reader wants */
  constructor(dialect: Dialect, asked: readonly string[]) {
    this.#dialect = dialect;
    this.#id = dialect.idAttribute.toLowerCase();
    this.#anchor = dialect.anchorAttribute?.toLowerCase();
    const wanted = new Map(asked.map((name) => [name.toLowerCase(), name]));
    this.#keepsId = wanted.has(this.#id);
    this.#keepsAnchor = this.#anchor !== undefined && wanted.has(this.#anchor);
    wanted.set(this.#id, dialect.idAttribute);
    if (this.#anchor !== undefined && dialect.anchorAttribute !== undefined) {
      wanted.set(this.#anchor, dialect.anchorAttribute);
    }
    this.attributes = [...wanted.values()];
  }

  /** @throws AgentError `directory.refused` when the entry has no id */
  name({ dn, attributes }: RawEntry): Entry {
    const idValue = attributes.get(this.#id)?.[0];
    const id = idValue === undefined ? undefined : this.#dialect.printId(idValue);
    if (id === undefined) {
      // An entry that cannot be named cannot be listed, and what is not listed counts as gone: its resource would be
      // disabled because of a missing right. So the read fails instead.
      const { idAttribute } = this.#dialect;
      throw new AgentError("directory.refused", `an entry has no readable ${idAttribute}`, {
        hint: `the bind account needs the right to read ${idAttribute} of every entry that it may find`,
      });
    }
    if (!this.#keepsId) attributes.delete(this.#id);
    return { dn, id, anchor: this.#anchorOf(attributes) ?? id, attributes };
  }

  #anchorOf(attributes: RawEntry["attributes"]): string | undefined {
    if (this.#anchor === undefined) return undefined;
    const value = attributes.get(this.#anchor)?.[0];
    if (value === undefined) return undefined;
    if (!this.#keepsAnchor) attributes.delete(this.#anchor);
    return this.#dialect.printAnchor(value);
  }
}
