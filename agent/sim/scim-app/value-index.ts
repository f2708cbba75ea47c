const NONE: ReadonlySet<string> = new Set();

/** Ids by a value that their resources have. */
export class ValueIndex {
  readonly #ids = new Map<string, Set<string>>();

  add(value: string, id: string): void {
    const known = this.#ids.get(value);
    if (known === undefined) this.#ids.set(value, new Set([id]));
    else known.add(id);
  }

  delete(value: string, id: string): void {
    const known = this.#ids.get(value);
    if (known === undefined) return;
    known.delete(id);
    if (known.size === 0) this.#ids.delete(value);
  }

  idsOf(value: string): ReadonlySet<string> {
    return this.#ids.get(value) ?? NONE;
  }
}
