import { MAX_CHANGES } from "./strategy.ts";

/** Ids of what has changed, each once, and what is known of them last. */
export class ChangeSet {
  readonly #changed = new Set<string>();
  readonly #deleted = new Set<string>();

  get full(): boolean {
    return this.#changed.size + this.#deleted.size >= MAX_CHANGES;
  }

  get isEmpty(): boolean {
    return this.#changed.size + this.#deleted.size === 0;
  }

  change(id: string): void {
    this.#deleted.delete(id);
    this.#changed.add(id);
  }

  delete(id: string): void {
    this.#changed.delete(id);
    this.#deleted.add(id);
  }

  get changed(): readonly string[] {
    return [...this.#changed];
  }

  get deleted(): readonly string[] {
    return [...this.#deleted];
  }
}
